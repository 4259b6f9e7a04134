"""The scenario's answers: mirrored from the platform, paid, and each batch's votes among them."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from assets import crew
from assets.stage import Work
from labeling.platform import Pull, by_arrival, catch_up, current_votes
from lake import tables
from lake.ledger import answer_entry
from lake.records import Annotation, Task, from_table, to_table

RECONCILE_EVERY = dt.timedelta(days=1)


def sync(work: Work) -> str:
    """Make the lake's mirror of a scenario's annotations equal to the platform; returns the project.

    Reads what changed, and everything once a day. Killed anywhere it is mended by running again: entries
    have keys, a table is written whole, and the cursors move last.
    """
    project = _project(work)
    with work.lake.lock(f"pull-{work.scenario.name}"):
        _pull(work, project, everything=_is_due(work, project))
    return project


def reconcile(work: Work) -> str:
    """As `sync`, by reading everything, whatever was read before: for changes that left no trace of their time."""
    project = _project(work)
    with work.lake.lock(f"pull-{work.scenario.name}"):
        _pull(work, project, everything=True)
    return project


def reopen(work: Work, project: str, tasks: Sequence[Task], votes: Sequence[Annotation]) -> int:
    """Open again what the platform may take for finished though votes are missing; returns how many tasks were.

    votes: those that count. Two answers of one person, or one that was sent in empty, take the place of another's.
    """
    given = Counter(one.task_id for one in votes)
    answers = Counter(mirror(work)["task_id"].to_pylist())
    short = {one.task_id: one.overlap for one in tasks if given[one.task_id] < one.overlap <= answers[one.task_id]}
    wanted = {key: short[task] for key, task in _known(work, project).items() if task in short}
    return work.ports.platform.reopen(project, wanted) if wanted else 0


def _project(work: Work) -> str:
    scenario = work.scenario
    return work.ports.platform.ensure_project(
        scenario.name, scenario.config, guideline=scenario.guideline, overlap=scenario.labeling.overlap
    )


def _pull(work: Work, project: str, *, everything: bool) -> None:
    scenario, lake = work.scenario, work.lake
    cursor = _cursor(work, project)
    since = None if everything else lake.state.cursor(cursor)
    known = _known(work, project)
    pull, now = catch_up(work.ports.platform, project, scenario.config, since if known else None, known)
    _pay(work, pull.annotations)
    tables.write_table(lake.blobs, mirror_path(scenario.name), merged(mirror(work), pull, now))
    if now != known:
        tables.write_table(lake.blobs, _known_path(scenario.name), _known_table(now, project))
    lake.state.move_cursor(cursor, pull.cursor)
    if pull.complete:
        lake.state.move_cursor(_reconciled(work, project), pull.cursor)


def _is_due(work: Work, project: str) -> bool:
    """Whether the mirror has followed changes alone for a day, by the platform's clock."""
    read, whole = (work.lake.state.cursor(name(work, project)) for name in (_cursor, _reconciled))
    return read is None or whole is None or read - whole >= RECONCILE_EVERY


def _cursor(work: Work, project: str) -> str:
    return f"annotations:{work.scenario.name}:{project}"


def _reconciled(work: Work, project: str) -> str:
    return f"annotations reconciled:{work.scenario.name}:{project}"


def _known_path(scenario: str) -> str:
    return f"annotations/{scenario}.tasks.parquet"


def _known(work: Work, project: str) -> dict[str, str]:
    """The platform's tasks as of the last pull, its key -> task id; empty where that was of another project."""
    path = _known_path(work.scenario.name)
    if not work.lake.blobs.exists(path):
        return {}
    rows = tables.read_table(work.lake.blobs, path)
    rows = rows.filter(pc.equal(rows["project"], project))
    return dict(zip(rows["key"].to_pylist(), rows["task_id"].to_pylist(), strict=True))


def _known_table(tasks: Mapping[str, str], project: str) -> pa.Table:
    keys = sorted(tasks)
    columns = {"project": [project] * len(keys), "key": keys, "task_id": [tasks[key] for key in keys]}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def mirror_path(scenario: str) -> str:
    return f"annotations/{scenario}.parquet"


def mirror(work: Work) -> pa.Table:
    """All annotations of the scenario as of the last pull."""
    path = mirror_path(work.scenario.name)
    if not work.lake.blobs.exists(path):
        return to_table([], Annotation)
    return tables.read_table(work.lake.blobs, path)


def count(tasks: Sequence[Task], annotations: Sequence[Annotation]) -> dict[str, int]:
    """How far a batch is."""
    answered: dict[str, int] = {}
    for one in annotations:
        if not one.cancelled:
            answered[one.task_id] = answered.get(one.task_id, 0) + 1
    return {
        "tasks": len(tasks),
        "tasks_complete": sum(answered.get(task.task_id, 0) >= task.overlap for task in tasks),
        "annotations": sum(answered.values()),
        "answers_wanted": sum(task.overlap for task in tasks),
    }


def merged(before: pa.Table, pull: Pull, now: Mapping[str, str]) -> pa.Table:
    """Touched tasks get the answers they have now; tasks that are gone lose theirs."""
    there = frozenset(now.values())
    touched = pa.array(sorted(pull.touched), pa.string())
    present = pa.array(sorted(there), pa.string())
    stays = pc.and_(pc.is_in(before["task_id"], present), pc.invert(pc.is_in(before["task_id"], touched)))
    fresh = [one for one in pull.annotations if one.task_id in there]
    merged = pa.concat_tables([before.filter(stays), to_table(fresh, Annotation)])
    return merged.sort_by([("task_id", "ascending"), ("annotator", "ascending"), ("annotation_id", "ascending")])


def _pay(work: Work, annotations: Sequence[Annotation]) -> None:
    """Each answer once, booked under the batch that asked for it, whichever batch pulls it."""
    price, asked = work.scenario.labeling.price, _asked(work)
    given: dict[str, list[str]] = {}
    entries = []
    for one in by_arrival([one for one in annotations if not one.cancelled]):
        people = given.setdefault(one.task_id, [])
        if one.annotator in people:
            continue
        orders = asked.get(one.task_id, [(work.batch_name, 0)])
        batch = next((batch for batch, overlap in orders if len(people) < overlap), orders[-1][0])
        people.append(one.annotator)
        entries.append(
            answer_entry(
                scenario=work.scenario.name,
                batch=batch,
                task_id=one.task_id,
                annotator=one.annotator,
                at=one.updated_at,
                price=price.per_answer,
                currency=price.currency,
            )
        )
    work.lake.state.post(entries)


def _asked(work: Work) -> dict[str, list[tuple[str, int]]]:
    """task_id -> the batches that asked for it, the first one first, with the overlap that each wants."""
    asked: dict[str, list[tuple[str, int]]] = {}
    for batch in work.lake.batches(work.scenario.name, purpose="labeling"):
        for task in batch.records("tasks", Task) if batch.has("tasks") else []:
            asked.setdefault(task.task_id, []).append((batch.name, task.overlap))
    return asked


def of_batch(work: Work, tasks: Sequence[Task]) -> list[Annotation]:
    """This batch's answers, at most the overlap of each task, marked where they are gold.

    Votes of those who answer without looking (`labeling.spam`) are left out; the mirror keeps them.
    """
    wanted = {task.task_id: task for task in tasks}
    rows = mirror(work)
    suspects = _suspects(work, rows)
    rows = rows.filter(pc.is_in(rows["task_id"], pa.array(list(wanted), pa.string())))
    given = [one for one in from_table(rows, Annotation) if one.annotator not in suspects]
    votes = current_votes(given, {key: task.overlap for key, task in wanted.items()})
    return [dataclasses.replace(one, gold=wanted[one.task_id].reason == "gold") for one in votes]


def short_of_votes(work: Work, tasks: Sequence[Task]) -> list[Task]:
    """Tasks that votes left out leave short, with an overlap that is larger by so many."""
    rows = mirror(work)
    suspects = _suspects(work, rows)
    if not suspects:
        return []
    rows = rows.filter(pc.is_in(rows["task_id"], pa.array([task.task_id for task in tasks], pa.string())))
    good: dict[str, set[str]] = {}
    bad: dict[str, set[str]] = {}
    for one in from_table(rows, Annotation):
        if not one.cancelled:
            (bad if one.annotator in suspects else good).setdefault(one.task_id, set()).add(one.annotator)
    return [
        dataclasses.replace(task, overlap=task.overlap + len(bad[task.task_id]))
        for task in tasks
        if task.task_id in bad and len(good.get(task.task_id, ())) < task.overlap
    ]


def suspect_names(work: Work, rows: Sequence[Annotation]) -> frozenset[str]:
    """Whose votes are left out; rows: all annotations of the scenario."""
    return frozenset(one.annotator for one in crew.suspects(work, rows))


def _suspects(work: Work, rows: pa.Table) -> frozenset[str]:
    return suspect_names(work, list(from_table(rows, Annotation))) if work.scenario.labeling.spam else frozenset()


def left_out_votes(work: Work, tasks: Sequence[Task]) -> pa.Table:
    """Whose votes this batch leaves out and why (`crew.LEFT_OUT_SCHEMA`); kept for its report and status."""
    mine = {task.task_id for task in tasks}
    everything = list(from_table(mirror(work), Annotation))
    found = crew.suspects(work, everything)
    table = crew.left_out(found, [one for one in everything if one.task_id in mine])
    if found or work.batch.has("left_out"):
        work.batch.write("left_out", table)
    return table
