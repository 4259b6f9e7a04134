"""Gold of a scenario: which of it still judges people, and annotators' appeals against it."""

import dataclasses
from collections.abc import Sequence

from assets.stage import Work
from labeling.gold import Appeal, Retirement, Ruling, retirements
from lake import tables
from lake.errors import GateError, NotFound, SettingsError
from lake.records import Annotation, from_table, to_table

_NOBODY = {"min_answers": 0, "min_low": 1.1, "min_contradicting": 1}  # no accuracy is above 1: appeals alone retire


def standing(work: Work, answers: Sequence[Annotation]) -> dict[str, str]:
    """Gold answers that judge people: those of the deliveries so far, without what is retired.

    answers: all of the scenario (`annotations.mirror`).
    """
    gold = work.lake.gold(work.scenario.name, upto=work.batch_name or None)
    gone = {one.item_id for one in retired(work, answers)}
    return {item_id: answer for item_id, answer in gold.items() if item_id not in gone}


def retired(work: Work, answers: Sequence[Annotation]) -> tuple[Retirement, ...]:
    """Gold items that judge nobody any more: an appeal was upheld, or good annotators contradict (`gold.retire`)."""
    rule, raised = work.scenario.labeling.gold.retire, appeals(work)
    if rule is None and not raised:
        return ()
    gold = work.lake.gold(work.scenario.name, upto=work.batch_name or None)
    return retirements(answers, gold, raised, **(_NOBODY if rule is None else rule.model_dump()))


def appeals(work: Work) -> list[Appeal]:
    """All of the scenario, by item and annotator."""
    path = _path(work)
    return list(from_table(tables.read_table(work.lake.blobs, path), Appeal)) if work.lake.blobs.exists(path) else []


def appeal(work: Work, answers: Sequence[Annotation], *, item: str, annotator: str, reason: str) -> Appeal:
    """Record an annotator's word against a gold answer, in the audit log too; said again it stands as it is.

    item: an item's id, or its first digits. Raises NotFound for what is no gold, or what that person did not answer
    otherwise; SpecError without a reason.
    """
    with work.lake.lock(f"gold-{work.scenario.name}"):
        gold = work.lake.gold(work.scenario.name)
        item_id = _one_of(item, list(gold), "gold items")
        said = [one for one in answers if (one.item_id, one.annotator) == (item_id, annotator) and not one.cancelled]
        if not said or said[-1].answer == gold[item_id]:
            what = "has not answered it" if not said else "says what the gold answer says"
            raise NotFound(
                f"{annotator} cannot appeal about {item_id[:12]}: {annotator} {what}",
                remedy=f"name who answered it otherwise; `trialbase gold {work.scenario.name}` shows how each did",
            )
        made = Appeal(task_id=said[-1].task_id, item_id=item_id, annotator=annotator, reason=reason)
        found = [one for one in appeals(work) if (one.item_id, one.annotator) == (item_id, annotator)]
        if found:
            return found[0]
        _keep(work, made, who=annotator, action="gold appeal", detail=reason)
    return made


def rule(work: Work, *, item: str, annotator: str | None, decision: Ruling, by: str, why: str) -> Appeal:
    """Uphold or dismiss an open appeal, in the audit log too; an upheld one retires the item.

    annotator: whose appeal; None where the item has one alone. Raises NotFound for none that is open, GateError where
    somebody would rule on their own, SettingsError without a name.
    """
    if not by.strip():
        raise SettingsError("nobody rules", remedy="give the name of whoever answers for it: --as NAME")
    with work.lake.lock(f"gold-{work.scenario.name}"):
        waiting = [one for one in appeals(work) if one.decision == "open" and annotator in (None, one.annotator)]
        item_id = _one_of(item, [one.item_id for one in waiting], "items with an open appeal")
        mine = [one for one in waiting if one.item_id == item_id]
        if len(mine) > 1:
            raise NotFound(
                f"{item_id[:12]} has {len(mine)} open appeals", remedy="say whose is ruled on: --annotator NAME"
            )
        if mine[0].annotator == by.strip():
            raise GateError(f"{by} would rule on their own appeal", remedy="have somebody else rule")
        ruled = dataclasses.replace(mine[0], decision=decision, decided_by=by.strip())
        _keep(work, ruled, who=by.strip(), action=f"gold appeal {decision}", detail=f"of {ruled.annotator}; {why}")
    return ruled


def _keep(work: Work, made: Appeal, *, who: str, action: str, detail: str) -> None:
    others = [one for one in appeals(work) if (one.item_id, one.annotator) != (made.item_id, made.annotator)]
    rows = sorted((*others, made), key=lambda one: (one.item_id, one.annotator))
    work.lake.state.note(who, action, f"{work.scenario.name}/{made.item_id}", detail)
    tables.write_table(work.lake.blobs, _path(work), to_table(rows, Appeal))


def _path(work: Work) -> str:
    return f"gold/{work.scenario.name}.appeals.parquet"


def _one_of(digits: str, item_ids: Sequence[str], what: str) -> str:
    found = sorted({one for one in item_ids if one.startswith(digits)})
    if len(digits) < 6 or len(found) != 1:
        raise NotFound(
            f"{len(found)} {what} begin with {digits!r}",
            remedy="give at least 6 digits of an item's id, as the portal and --json show it",
        )
    return found[0]
