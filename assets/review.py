"""Review of labels by experts, in a project of its own: what is sent, what came back, what of it is new."""

import dataclasses
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from assets import answers
from assets.answers import merged, mirror
from assets.stage import Work
from assets.tasks import shown_values
from labeling.platform import PlatformTask, Pull, by_arrival
from labeling.review import (
    ANSWERS_KEY,
    Review,
    adjudicated,
    competing,
    decide,
    decision_entry,
    doubtful,
    named,
    review_config,
    review_guideline,
    review_task,
)
from labeling.spec import ReviewSpec
from lake import ids, tables
from lake.errors import SpecError
from lake.records import Annotation, Label, Task, from_table, to_table

TABLE = "review"  # the review tasks of a batch


def sync(work: Work) -> Review:
    """Fetch what experts decided, book and record it, and hand what was ignored to another expert.

    The scenario's own answers have to be fetched before (`answers.sync`): they tell what is whose own work.

    Killed anywhere it is mended by running again: entries of ledger and audit are known by what they say, and the
    mirror is written whole.
    """
    scenario, platform, lake = work.scenario, work.ports.platform, work.lake
    project, config = _project(work), review_config(scenario.config)
    with lake.lock(f"review-{scenario.name}"):
        pull = platform.pull(project, config, None)  # a small project, read whole
        _pay(work, pull)
        tables.write_table(lake.blobs, mirror_path(scenario.name), merged(_mirror(work), pull, pull.tasks))
        review = reviewed(work)
        _record(work, review)
        _open_again(work, project, review)
    return review


def send(work: Work, labels: Sequence[Label]) -> int:
    """Send the doubtful labels of a batch to the review project; returns how many of its items are there in all.

    What was sent stays sent, also when more answers have made its label sure.
    """
    spec, scenario = _spec(work), work.scenario
    floor = scenario.labeling.consensus.min_posterior
    known = {task.task_id: task for task in sent(work)}
    for label in doubtful(labels, min_posterior=floor, min_agreement=spec.min_agreement):
        doubt = 1 - min(label.confidence, label.agreement)
        task = review_task(scenario.name, label.item_id, label.schema_version, batch=work.batch_name, doubt=doubt)
        known.setdefault(task.task_id, task)
    tasks = [known[task_id] for task_id in sorted(known)]
    work.batch.write(TABLE, to_table(tasks, Task))
    if tasks:
        _push(work, _project(work), tasks)
    return len(tasks)


def sent(work: Work) -> list[Task]:
    """The review tasks of a batch."""
    return work.batch.records(TABLE, Task) if work.batch.has(TABLE) else []


def reviewed(work: Work) -> Review:
    """What experts decided in this scenario, as of the last look."""
    rows = list(from_table(_mirror(work), Annotation))
    items = pa.array(sorted({one.item_id for one in rows}), pa.string())
    given = mirror(work)
    given = given.filter(pc.is_in(given["item_id"], items))
    return decide(rows, list(from_table(given, Annotation)), experts=_spec(work).experts)


def settled(work: Work, labels: Iterable[Label], review: Review) -> tuple[Label, ...]:
    """Labels of a batch with what experts decided in place, and earlier labels that were decided on since.

    Those of batches that are in a version come along here, because nothing else of them is made again.
    """
    own = list(labels)
    mine = {one.item_id for one in own}
    earlier = [one for item_id, one in _committed_labels(work).items() if item_id not in mine]
    votes = _votes(work, {one.item_id for one in review.decisions})
    late = [
        new
        for old, new in zip(earlier, adjudicated(earlier, review.decisions, votes), strict=True)
        if (old.answer, old.adjudicated_by) != (new.answer, new.adjudicated_by)
    ]
    return tuple(sorted((*adjudicated(own, review.decisions, votes), *late), key=lambda one: one.item_id))


def num_waiting(work: Work) -> int:
    """How many items of a batch no expert has decided on."""
    if not with_experts(work):
        return 0
    decided = {one.task_id for one in reviewed(work).decisions}
    return sum(task.task_id not in decided for task in sent(work))


def num_fresh(work: Work) -> int:
    """How many decisions on items of this batch its labels do not say yet, because they are new or were edited."""
    if not with_experts(work):
        return 0
    labels = work.batch.records("labels", Label)
    now = adjudicated(labels, reviewed(work).decisions, {})
    return sum(
        (old.answer, old.adjudicated_by) != (new.answer, new.adjudicated_by)
        for old, new in zip(labels, now, strict=True)
    )


def look(work: Work) -> None:
    """Fetch what experts decided where a batch waits for them; nothing where none of its items is with experts."""
    if with_experts(work) and "dataset" not in work.lake.state.outcomes(work.scenario.name, work.batch_name):
        answers.sync(work)
        sync(work)


def with_experts(work: Work) -> bool:
    """Whether items of a batch were sent to experts."""
    spec = work.scenario.labeling.review if work.scenario.labeled else None
    return spec is not None and bool(sent(work))


def decisions_id(work: Work) -> str:
    """Changes with every decision and every edit of one."""
    return ids.set_id(f"{one.annotation_id} {one.at.isoformat()}" for one in reviewed(work).decisions)[:12]


def mirror_path(scenario: str) -> str:
    return f"annotations/{scenario}.review.parquet"


def _spec(work: Work) -> ReviewSpec:
    spec = work.scenario.labeling.review
    if spec is None:
        raise SpecError(
            f"scenario {work.scenario.name} has no labeling.review",
            remedy="add it: which labels go to whom at what price",
        )
    return spec


def _project(work: Work) -> str:
    scenario = work.scenario
    config, guideline = review_config(scenario.config), review_guideline(scenario.guideline)
    return work.ports.platform.ensure_project(f"{scenario.name} review", config, guideline=guideline, overlap=1)


def _mirror(work: Work) -> pa.Table:
    path = mirror_path(work.scenario.name)
    if not work.lake.blobs.exists(path):
        return to_table([], Annotation)
    return tables.read_table(work.lake.blobs, path)


def _push(work: Work, project: str, tasks: Sequence[Task]) -> None:
    items = {task.item_id for task in tasks}
    values, votes = shown_values(work, sorted(items)), _votes(work, items)
    beside = {task.task_id: named(competing(votes.get(task.item_id, ()), task.task_id)) for task in tasks}
    work.ports.platform.push(
        project,
        [PlatformTask(task, values[task.item_id], ((ANSWERS_KEY, beside[task.task_id]),)) for task in tasks],
    )


def _open_again(work: Work, project: str, review: Review) -> None:
    """A task whose decision was ignored is offered to one person more."""
    wanted = {one.task_id for one in review.ignored}
    again = [
        dataclasses.replace(task, overlap=review.overlap(task.task_id))
        for _, task in (_all_sent(work) if wanted else ())
        if task.task_id in wanted
    ]
    if again:
        _push(work, project, again)


def _votes(work: Work, items: set[str]) -> dict[str, list[str]]:
    """What annotators said of each item, one word a person."""
    rows = mirror(work)
    rows = rows.filter(pc.is_in(rows["item_id"], pa.array(sorted(items), pa.string())))
    last: dict[tuple[str, str], str] = {}
    for one in sorted(from_table(rows, Annotation), key=lambda one: (one.updated_at, one.annotation_id)):
        if not one.cancelled:
            last[one.item_id, one.annotator] = one.answer
    votes: dict[str, list[str]] = {}
    for (item_id, _), answer in sorted(last.items()):
        votes.setdefault(item_id, []).append(answer)
    return votes


def _pay(work: Work, pull: Pull) -> None:
    """Each answer once, booked under the batch that sent its item; nobody but experts is paid an expert's price.

    A decision on one's own work is paid although it does not count: the server offered it.
    """
    spec = _spec(work)
    batches = {task.task_id: batch for batch, task in _all_sent(work)}
    entries = [
        decision_entry(
            scenario=work.scenario.name,
            batch=batches.get(one.task_id, work.batch_name),
            task_id=one.task_id,
            expert=one.annotator,
            at=one.updated_at,
            price=spec.price,
        )
        for one in by_arrival(pull.annotations)
        if not one.cancelled and (not spec.experts or one.annotator in spec.experts)
    ]
    work.lake.state.post(entries)


def _all_sent(work: Work) -> Iterable[tuple[str, Task]]:
    """Every review task with the batch that sent it first."""
    seen: set[str] = set()
    for batch in work.lake.batches(work.scenario.name, purpose="labeling"):
        for task in batch.records(TABLE, Task) if batch.has(TABLE) else ():
            if task.task_id not in seen:
                seen.add(task.task_id)
                yield batch.name, task


def _record(work: Work, review: Review) -> None:
    """Each decision, and each edit of one, once in the audit log."""
    state, scenario = work.lake.state, work.scenario.name
    known = {(one.who, one.subject, one.detail) for one in state.audit_entries() if one.action == "adjudicate"}
    for one in review.decisions:
        detail = f'"{one.answer}" under guideline {one.guideline_version}, answer {one.annotation_id}'
        entry = one.expert, f"{scenario}/{one.item_id}", f"{detail} of {one.at.isoformat()}"
        if entry not in known:
            state.note(one.expert, "adjudicate", entry[1], entry[2])


def _committed_labels(work: Work) -> dict[str, Label]:
    """The newest label of each item that an earlier batch brought into a version."""
    newest: dict[str, Label] = {}
    for batch in work.lake.batches(work.scenario.name, purpose="labeling", upto=work.batch_name):
        if batch.name != work.batch_name and "dataset" in work.lake.state.outcomes(work.scenario.name, batch.name):
            newest |= {label.item_id: label for label in batch.records("labels", Label)}
    return dict(sorted(newest.items()))
