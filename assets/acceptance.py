"""Acceptance of a batch's labels: a sample is drawn, somebody inspects it, and what follows is recorded."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assets.orders import order_again
from assets.stage import Work
from labeling.acceptance import (
    CONSUMER_RISK,
    Acceptance,
    Decision,
    Finding,
    Lot,
    Plan,
    culprits,
    draw_sample,
    judge,
    promise,
    single_plan,
)
from labeling.acceptance_sequential import SequentialTest, Verdict
from labeling.acceptance_switching import Inspection, Outcome
from labeling.acceptance_tables import Level, Severity
from lake import ids, tables
from lake.errors import GateError, NotReady, SettingsError, SpecError
from lake.records import Label, from_table, to_table

Method = Literal["single", "sequential", "resumed"]

_SMALLEST_RISK = 0.01  # of sending good work back: a sequential test of a smaller one never ends
_LONGEST = 2  # sequential tests end at so many samples of the single plan
_DRAWS = "trialbase"  # who stands for a draw in the audit log: it is nobody's choice


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """A lot that was drawn for inspection, and what came of it; "resumed" when inspection goes on after a stop."""

    batch: str
    lot_id: str  # changes with any label of the lot
    method: Method
    level: Level
    aql: float
    severity: Severity
    lot_size: int
    sample_size: int  # of the single plan
    accept: int
    item_ids: tuple[str, ...]  # to inspect; in this order where it is sequential
    original: bool  # False for a batch that comes back
    decision: Decision | None = None
    num_checked: int = 0
    num_failed: int = 0
    num_found: int = 0  # what the plan counts
    failed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()  # items that go back
    why: str = ""
    decided_by: str | None = None

    @property
    def plan(self) -> Plan:
        return single_plan(self.lot_size, self.level, self.aql, self.severity)


def draw(work: Work, *, level: Level, aql: float, sequential: bool) -> Inspected:
    """Draw the sample of a batch, once: the same terms give the same items until a label changes.

    Severity follows from the lots of the scenario before it (ISO 2859-1, clause 9.3). Raises NotReady without labels,
    SpecError for terms that have no plan, GateError where a sample under other terms is waited for, where the lot is
    decided on, or where inspection is discontinued.
    """
    with work.lake.lock(f"acceptance-{work.scenario.name}"):
        lot, lot_id = _lot(work)
        rows = history(work)
        same = [one for one in rows if (one.batch, one.lot_id) == (lot.name, lot_id) and one.method != "resumed"]
        method: Method = "sequential" if sequential else "single"
        if same:
            return _same(same[-1], level, aql, method)
        state = inspection(rows)
        if state.discontinued:
            raise GateError(
                "inspection is discontinued: five batches were not accepted under tightened inspection",
                remedy="have the cause removed, then `trialbase accept "
                f'{work.scenario.name} {lot.name} --resume "REASON" --as NAME`',
            )
        plan = single_plan(len(lot.annotators), level, aql, state.severity)
        made = Inspected(
            batch=lot.name,
            lot_id=lot_id,
            method=method,
            level=level,
            aql=aql,
            severity=state.severity,
            lot_size=plan.lot_size,
            sample_size=plan.sample_size,
            accept=plan.accept,
            item_ids=_items(plan, lot, lot_id, sequential=sequential),
            original=not any(one.batch == lot.name and one.decision for one in rows),
        )
        detail = f"{len(made.item_ids)} of {made.lot_size}, {terms(made)}, sample {ids.key(*made.item_ids)[:12]}"
        _note(work, _DRAWS, "draw sample", lot.name, detail)
        _keep(work, [*rows, made])
    return made


def inspect(work: Work, verdicts: Mapping[str, int], *, by: str) -> Inspected:
    """Decide on the sample that was drawn of a batch, record it with its evidence, and send back what has to go back.

    verdicts: number of errors of each inspected item, 0 where it is right. Accepted: the failed items alone go back,
    to be put right (clause 7.3). Rework: those and the work of the annotators whom the failures are attributed to.
    Rejected: the whole lot. Raises NotReady where nothing was drawn or verdicts are missing, SpecError for verdicts on
    other items, GateError where labels have changed since the draw, or somebody inspects their own work.
    """
    if not by.strip():
        raise SettingsError("nobody inspects", remedy="give the name of whoever inspected: --as NAME")
    with work.lake.lock(f"acceptance-{work.scenario.name}"):
        lot, lot_id = _lot(work)
        rows = history(work)
        drawn = _drawn(work, rows, lot_id)
        own = [one for one in drawn.item_ids if by.strip() in lot.annotators[one]]
        if own:
            raise GateError(
                f"{by} has answered {len(own)} of the sampled items, {own[0][:12]} among them",
                remedy="have somebody inspect who has not: nobody inspects their own work",
            )
        said = _single(drawn, lot, verdicts) if drawn.method == "single" else _sequential(drawn, lot, verdicts)
        made = dataclasses.replace(
            drawn,
            decision=said.decision,
            num_checked=said.evidence.num_checked,
            num_failed=said.evidence.num_failed,
            num_found=said.evidence.num_found,
            failed=said.failed,
            again=said.again or said.failed,
            why=said.evidence.why,
            decided_by=by.strip(),
        )
        if made.again:
            order_again(work, why=f"inspection of {lot.name}: {made.decision}", items=made.again)
        _note(work, by.strip(), made.decision or "", lot.name, _evidence(made, said))
        _keep(work, [made if one == drawn else one for one in rows])
    return made


def resume(work: Work, *, by: str, why: str) -> None:
    """Go on with tightened inspection after it was discontinued (clause 9.4). Raises GateError where it was not."""
    with work.lake.lock(f"acceptance-{work.scenario.name}"):
        rows = history(work)
        if not inspection(rows).discontinued:
            raise GateError("inspection is not discontinued", remedy="leave --resume out")
        if not by.strip() or not why.strip():
            raise SettingsError("nobody says why", remedy='give both: --resume "REASON" --as NAME')
        work.lake.state.note(by.strip(), "resume inspection", work.scenario.name, why)
        last = rows[-1]
        _keep(
            work,
            [*rows, dataclasses.replace(last, method="resumed", item_ids=(), decision=None, why=why, decided_by=by)],
        )


def history(work: Work) -> list[Inspected]:
    """Every lot of a scenario that was drawn, in order."""
    path = _path(work)
    return list(from_table(tables.read_table(work.lake.blobs, path), Inspected)) if work.lake.blobs.exists(path) else []


def inspection(rows: Sequence[Inspected]) -> Inspection:
    """How the next lot is inspected. Lots that a sequential test decided, and that come back, change nothing."""
    state = Inspection()
    for one in rows:
        if one.method == "resumed":
            state = state.resumed()
        elif one.method == "single" and one.decision is not None and one.severity == state.severity:
            outcome = Outcome(plan=one.plan, num_found=one.num_found, original=one.original, may_reduce=False)
            state = state if state.discontinued else state.after(outcome)
    return state


def sequential_test(plan: Plan) -> SequentialTest:
    """The test item by item that promises what the single plan does, to both sides.

    rate0 is the AQL, rate1 the rate that the plan accepts in one of ten lots; it ends after two samples of the plan.
    Raises SpecError where the plan counts errors, or accepts whatever it finds.
    """
    if plan.counts_errors:
        raise SpecError(
            f"an AQL of {plan.aql:g} counts errors, and a sequential test counts failed items",
            remedy="take an AQL of 10 or less, or leave --sequential out",
        )
    said = promise(plan)
    return SequentialTest(
        rate0=plan.aql / 100,
        rate1=said.consumer_rate / 100,
        alpha=max(said.producer_risk, _SMALLEST_RISK),
        beta=CONSUMER_RISK,
        max_items=min(plan.lot_size, _LONGEST * plan.sample_size),
    )


def terms(one: Inspected) -> str:
    """How a lot is inspected, in a few words."""
    how = "item by item" if one.method == "sequential" else f"n {one.sample_size}, Ac {one.accept}"
    return f"ISO 2859-1 level {one.level}, AQL {one.aql:g}, {one.severity}, {how}"


def answers_of(work: Work) -> dict[str, str]:
    """What the labels of a batch say, by item: what is inspected."""
    return {one.item_id: one.answer for one in _labels(work)}


def _labels(work: Work) -> list[Label]:
    if not work.batch.has("labels"):
        raise NotReady(
            f"batch {work.batch_name} has no labels yet that could be inspected",
            remedy=f"`trialbase status {work.scenario.name}` tells who is waited for",
        )
    floor = work.scenario.labeling.consensus.min_posterior
    return [one for one in work.batch.records("labels", Label) if one.confidence >= floor]


def _lot(work: Work) -> tuple[Lot, str]:
    """What is delivered of a batch: the labels that people are sure of; and a hash of what they say."""
    labels = _labels(work)
    lot = Lot(work.batch_name, {one.item_id: one.annotators for one in labels})
    return lot, ids.set_id(f"{one.item_id} {one.answer}" for one in labels)


def _items(plan: Plan, lot: Lot, lot_id: str, *, sequential: bool) -> tuple[str, ...]:
    """Drawn by a hash of all labels of the lot, which nobody knows before it is closed."""
    if not sequential:
        return draw_sample(lot.annotators, plan.sample_size, lot_id)
    drawn = draw_sample(lot.annotators, sequential_test(plan).max_items, lot_id)
    return tuple(sorted(drawn, key=lambda item_id: ids.key("order of inspection", lot_id, item_id)))


def _same(found: Inspected, level: Level, aql: float, method: Method) -> Inspected:
    if found.decision is not None:
        raise GateError(
            f"batch {found.batch} is decided on: {found.decision}, by {found.decided_by}",
            remedy="it is inspected again when its labels have changed",
        )
    if (found.level, found.aql, found.method) != (level, aql, method):
        raise GateError(
            f"a sample of batch {found.batch} is drawn already: {terms(found)}",
            remedy="inspect it: a lot is not drawn again under other terms until its labels change",
        )
    return found


def _drawn(work: Work, rows: Sequence[Inspected], lot_id: str) -> Inspected:
    mine = [one for one in rows if one.batch == work.batch_name and one.method != "resumed"]
    command = f"trialbase accept {work.scenario.name} {work.batch_name} --level LEVEL --aql AQL"
    if not mine or (mine[-1].decision is not None and mine[-1].lot_id != lot_id):
        raise NotReady(f"no sample of batch {work.batch_name} is drawn", remedy=f"draw it: {command}")
    if mine[-1].lot_id != lot_id:
        raise GateError(
            f"labels of batch {work.batch_name} have changed since its sample was drawn", remedy=f"draw anew: {command}"
        )
    if mine[-1].decision is not None:
        raise GateError(
            f"batch {work.batch_name} is decided on: {mine[-1].decision}, by {mine[-1].decided_by}",
            remedy="it is inspected again when its labels have changed",
        )
    return mine[-1]


def _single(drawn: Inspected, lot: Lot, verdicts: Mapping[str, int]) -> Acceptance:
    _refuse_strangers(drawn, verdicts)
    return judge(lot, drawn.plan, [Finding(item_id, num) for item_id, num in sorted(verdicts.items())])


def _sequential(drawn: Inspected, lot: Lot, verdicts: Mapping[str, int]) -> Acceptance:
    """Items count in the order drawn, up to the first that was not inspected, or to where the test ended."""
    _refuse_strangers(drawn, verdicts)
    gap = next((place for place, one in enumerate(drawn.item_ids) if one not in verdicts), len(drawn.item_ids))
    test = sequential_test(drawn.plan)
    checked = drawn.item_ids[:gap]
    said = test.decide([bool(verdicts[one]) for one in checked])
    if said.decision == "continue":
        raise NotReady(
            f"after {said.num_checked} items, {said.num_failed} of them failed, it is not clear yet",
            remedy=f"inspect the next in order, {drawn.item_ids[gap][:12]}, and give all verdicts again",
        )
    counted = [Finding(one, verdicts[one]) for one in checked[: said.num_checked]]
    return _follows(drawn, lot, counted, said, test)


def _follows(drawn: Inspected, lot: Lot, counted: Sequence[Finding], said: Verdict, test: SequentialTest) -> Acceptance:
    """As `judge`, with the test's verdict in place of an acceptance number."""
    whole = dataclasses.replace(drawn.plan, sample_size=len(counted), accept=len(counted))  # judged by the test alone
    evidence = judge(lot, whole, counted)
    ends = f"{said.num_failed} of {said.num_checked} failed; the sequential test says {said.decision}"
    named = culprits(lot, counted) if said.decision == "reject" else ()
    guilty = {one.annotator for one in named}
    tainted = {item for item, people in lot.annotators.items() if guilty.intersection(people)}
    rest = [bool(one.num_errors) for one in counted if one.item_id not in tainted]
    attributable = bool(guilty) and bool(rest) and test.decide(rest).decision != "reject"
    decision: Decision = "accept" if said.decision == "accept" else "rework" if attributable else "reject"
    again = {"accept": set[str](), "rework": tainted | set(evidence.failed), "reject": set(lot.annotators)}[decision]
    why = f"{ends}; attributable to {', '.join(sorted(guilty))}" if decision == "rework" else ends
    return dataclasses.replace(
        evidence,
        decision=decision,
        again=tuple(sorted(again)),
        evidence=dataclasses.replace(evidence.evidence, culprits=named, why=why),
    )


def _refuse_strangers(drawn: Inspected, verdicts: Mapping[str, int]) -> None:
    strange = sorted(set(verdicts) - set(drawn.item_ids))
    if strange:
        raise SpecError(
            f"{strange[0][:12]} was not drawn from batch {drawn.batch}",
            remedy="give verdicts on the items of the sample alone; the draw names them",
        )


def _evidence(made: Inspected, said: Acceptance) -> str:
    parts = [f"{terms(made)}: {made.why}", f"sample {said.evidence.sample_id}", f"labels {made.lot_id}"]
    if made.failed:
        parts.append(f"failed {' '.join(made.failed)}")
    if made.again:
        parts.append(f"{len(made.again)} items go back")
    return "; ".join(parts)


def _note(work: Work, who: str, action: str, batch: str, detail: str) -> None:
    """Once: what was noted before a kill is not noted again."""
    subject = f"{work.scenario.name}/{batch}"
    said = {(one.who, one.action, one.subject, one.detail) for one in work.lake.state.audit_entries()}
    if (who, action, subject, detail) not in said:
        work.lake.state.note(who, action, subject, detail)


def _keep(work: Work, rows: Sequence[Inspected]) -> None:
    tables.write_table(work.lake.blobs, _path(work), to_table(rows, Inspected))


def _path(work: Work) -> str:
    return f"acceptance/{work.scenario.name}.parquet"
