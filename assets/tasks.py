"""label_tasks: the budget buys the items that are worth most, and they go to the annotation platform."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets import gold as golden
from assets.answers import left_out_votes, mirror, short_of_votes
from assets.stage import Fact, Report, Work
from labeling.gold import choose_gold, num_gold, sightings
from labeling.platform import PlatformTask
from labeling.selection import Candidate, select
from lake import ids
from lake.records import Annotation, Reason, Task, from_table, to_table

INLINE_BYTES = 64 * 1024  # a smaller picture travels inside its task, a larger one as a link
EXTRA_VOTES = 2  # more answers for an item that people did not agree on, or that a trial doubts


def run(work: Work) -> Report:
    """One task an item that is bought, and the hidden gold tasks."""
    if not work.batch.has("tasks"):  # what was bought stays bought, however often this runs
        work.batch.write("tasks", to_table(_plan(work), Task))
    tasks = work.batch.records("tasks", Task)
    project = push(work, tasks)
    reasons = [task.reason for task in tasks]
    summary: dict[str, Fact] = {
        "tasks": len(tasks),
        "answers_wanted": sum(task.overlap for task in tasks),
        "project": project,
    }
    summary |= {f"reason: {reason}": reasons.count(reason) for reason in sorted(set(reasons)) if reason != "gold"}
    return Report(
        summary,
        preview=work.batch.read("tasks").slice(0, 8),
    )


def push(work: Work, tasks: Sequence[Task]) -> str:
    """Send tasks to the platform; what is there already is not sent again. Returns the project's id."""
    scenario, platform = work.scenario, work.ports.platform
    project = platform.ensure_project(
        scenario.name, scenario.config, guideline=scenario.guideline, overlap=scenario.labeling.overlap
    )
    values = shown_values(work, [task.item_id for task in tasks])
    platform.push(project, [PlatformTask(task, values[task.item_id]) for task in tasks])
    return project


def ask_others(work: Work, tasks: Sequence[Task]) -> int:
    """Ask tasks of a batch of one more person for each vote that is left out; returns how many are short of votes.

    What was asked for once is not asked for again.
    """
    left_out_votes(work, tasks)
    short = {one.task_id: one for one in short_of_votes(work, tasks)}
    asked = {one.task_id: one.overlap for one in _reopened_before(work)}
    fresh = [one for one in short.values() if asked.get(one.task_id, 0) < one.overlap]
    if fresh:
        push(work, fresh)
        known = {one.task_id: one for one in (*_reopened_before(work), *fresh)}
        work.batch.write("reopened", to_table([known[name] for name in sorted(known)], Task))
    return len(short)


def _reopened_before(work: Work) -> list[Task]:
    return work.batch.records("reopened", Task) if work.batch.has("reopened") else []


def _plan(work: Work) -> list[Task]:
    spec = work.scenario.labeling
    gold = work.lake.gold(work.scenario.name, upto=work.batch_name)
    bought = select(_candidates(work, gold), budget=spec.budget_items, explore=spec.explore, seed_key=work.batch_name)
    if not bought:
        return []  # gold alone would be paid for nothing
    people = _num_people(work)
    chosen_gold = _choose_gold(work, len(bought))
    tasks = [_task(work, one.item_id, one.priority, one.reason, people) for one in bought]
    tasks += [_task(work, item_id, 0.5, "gold", people) for item_id in chosen_gold]
    return sorted(tasks, key=lambda task: task.task_id)


def _choose_gold(work: Work, num_bought: int) -> tuple[str, ...]:
    """Gold that the crew has not met, then what it met longest ago; never what is retired."""
    spec = work.scenario.labeling.gold
    answers = list(from_table(mirror(work), Annotation))
    gold = golden.standing(work, answers)
    wanted = max(spec.tasks_per_batch, num_gold(num_bought, spec.share))
    return choose_gold(gold, wanted, seed_key=work.batch_name, seen=sightings(answers, gold))


def _task(work: Work, item_id: str, priority: float, reason: Reason, people: int) -> Task:
    scenario, overlap = work.scenario, work.scenario.labeling.overlap
    extra = min(EXTRA_VOTES, max(0, people - overlap)) if reason == "review" else 0
    return Task(
        task_id=ids.key(scenario.name, item_id, scenario.guideline_version)[:32],
        scenario=scenario.name,
        item_id=item_id,
        guideline_version=scenario.guideline_version,
        batch=work.batch_name,
        overlap=overlap + extra,
        priority=priority,
        reason=reason,
    )


def _candidates(work: Work, gold: Mapping[str, str]) -> list[Candidate]:
    """The pool: curated items that nobody was asked about yet, and those that were asked for again."""
    pool = work.lake.read_all(work.scenario.name, "curated", purpose="labeling", upto=work.batch_name)
    if pool is None:
        return []
    asked = _asked_again(work)
    taken = _taken(work) - set(asked)
    keep = [item not in taken and item not in gold for item in pool["item_id"].to_pylist()]
    pool = pool.filter(pa.array(keep))
    probabilities = _champion_says(work, pool)
    embeddings = pool["probe_embedding"].to_pylist()
    return [
        Candidate(
            item_id=item_id,
            embedding=np.asarray(embeddings[row], dtype=np.float32),
            probabilities=None if probabilities is None else probabilities[row],
            requested=asked[item_id][0] if item_id in asked else None,
            weight=asked[item_id][1] if item_id in asked else 0.0,
        )
        for row, item_id in enumerate(pool["item_id"].to_pylist())
    ]


def _num_people(work: Work) -> int:
    """How many annotators have answered in this scenario."""
    return len(set(mirror(work)["annotator"].to_pylist()))


def _taken(work: Work) -> set[str]:
    """Items that earlier batches bought."""
    tasks = work.lake.read_all(work.scenario.name, "tasks", upto=work.batch_name)
    return set() if tasks is None else set(tasks["item_id"].to_pylist())


def _asked_again(work: Work) -> dict[str, tuple[Reason, float]]:
    """Orders of this batch, and labels of earlier batches that people did not agree on.

    Nothing is asked again of a crew that has no further person to answer it.
    """
    wanted: dict[str, tuple[Reason, float]] = {}
    spec = work.scenario.labeling
    more = _num_people(work) > spec.overlap
    labels = work.lake.labels(work.scenario.name, upto=work.batch_name)
    floor = spec.consensus.min_posterior
    for item_id, label in labels.items() if spec.review is None else ():  # or experts look at them
        if more and label.confidence < floor and label.adjudicated_by is None:
            wanted[item_id] = ("review", 1.0 - label.confidence)
    for row in work.batch.read("orders").to_pylist():
        if more or row["reason"] != "review":
            wanted[row["item_id"]] = (row["reason"], row["weight"])
    return wanted


def _champion_says(work: Work, pool: pa.Table) -> list[npt.NDArray[np.float64]] | None:
    champion = work.ports.tracker.aliased(work.scenario.name, "champion")
    if champion is None or pool.num_rows == 0:
        return None
    places = zip(*(pool[name].to_pylist() for name in ("pack", "offset", "length")), strict=True)
    said = work.ports.tracker.predict(champion.uri, [work.lake.media(*place) for place in places])
    return [np.asarray(row, dtype=np.float64) for row in said["probabilities"].to_pylist()]


def shown_values(work: Work, item_ids: Sequence[str]) -> dict[str, str]:
    """What annotators are shown: text, a picture inside the task, or a link to it."""
    items = work.lake.read_all(work.scenario.name, "items", upto=work.batch_name)
    wanted = set(item_ids)
    values = {}
    for row in [] if items is None else items.to_pylist():
        if row["item_id"] in wanted:
            values[row["item_id"]] = _value(work, row)
    return values


def _value(work: Work, row: dict[str, Any]) -> str:
    if row["length"] > INLINE_BYTES and row["modality"] != "text":
        return work.ports.doors.media_url(work.scenario.name, row["item_id"])
    data = work.lake.media(row["pack"], row["offset"], row["length"])
    if row["modality"] == "text":
        return data.decode("utf-8")
    return f"data:{row['media_type']};base64,{base64.b64encode(data).decode('ascii')}"
