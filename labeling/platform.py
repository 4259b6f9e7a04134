"""The annotation platform: where people answer tasks. Promises: tests/contract/test_annotation_platform.py."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from labeling.config import LabelConfig
from lake import ids
from lake.records import Annotation, Task


@dataclass(frozen=True)
class PlatformTask:
    """A task and what its annotators are shown."""

    task: Task
    value: str  # text, a media URL or a data URI; JSON for what LabelConfig.task_fields names
    beside: tuple[tuple[str, str], ...] = ()  # further values that the question shows, by the name it gives them


@dataclass(frozen=True)
class Pull:
    """What changed on the platform."""

    annotations: tuple[Annotation, ...]  # all that the touched tasks have now
    touched: frozenset[str]  # task ids whose annotations these are; replace their sets
    tasks: Mapping[str, str]  # each task that was read: the platform's own key -> task id, "" for other origin
    num_tasks: int  # tasks in the project when the reading began, those of other origin too
    complete: bool  # every task was read: those that are not in `tasks` are gone
    cursor: datetime  # to be given to the next pull

    @property
    def present(self) -> frozenset[str]:
        """Task ids that were read; of a complete pull all that exist there."""
        return frozenset(self.tasks.values()) - {""}


class AnnotationPlatform(Protocol):
    """Shows tasks to people and keeps what they answer.

    Every verb may be repeated after any failure: nothing is lost, nothing doubled. All raise
    PlatformUnreachable when the platform does not answer and PlatformError when it refuses.
    """

    def ensure_project(self, name: str, config: LabelConfig, *, guideline: str, overlap: int) -> str:
        """The id of the project titled `name`, made or brought up to date; there is one of a title."""

    def push(self, project: str, tasks: Sequence[PlatformTask]) -> int:
        """Add the tasks that are not there, known by `task_id`, and return how many that were.

        A task's overlap is its own: a task that is there already gets more answers when more are asked
        for. Annotators cannot tell gold from other tasks: no data says so and the order is mixed.
        """

    def pull(self, project: str, config: LabelConfig, since: datetime | None) -> Pull:
        """Tasks changed since `since` (the last pull's cursor; None: all) with all their annotations.

        Costs what changed, not what exists. A task that was deleted is not seen, unless `since` is None:
        `num_tasks` tells that one is missing, `tasks` which; `catch_up` does both.
        Nothing is dropped: what was skipped comes as `cancelled` with answer "", and so does what was sent in empty
        where nothing is no answer.
        `annotator` is the e-mail, `gold` is False: only the caller knows.
        """

    def tasks(self, project: str, known: Mapping[str, str]) -> dict[str, str]:
        """Every task that exists: the platform's own key -> task id, "" for one of other origin.

        known: what there was, and all that is new; what is gone from it costs the looking, not the rest.
        """

    def reopen(self, project: str, wanted: Mapping[str, int]) -> int:
        """Let tasks, by the platform's own keys, be answered until so many people have; returns how many were opened.

        Only those are that the platform takes for finished: an answer twice, or one sent in empty, took a place.
        """

    def retract(self, project: str, task_ids: Sequence[str]) -> int:
        """Delete tasks and their annotations; returns how many there were."""

    def count(self, project: str) -> int:
        """Number of tasks in the project."""

    def ping(self) -> str:
        """The platform's version, when it answers and takes our token."""

    def page_url(self, project: str) -> str:
        """Where a person opens the project."""


def catch_up(
    platform: AnnotationPlatform, project: str, config: LabelConfig, since: datetime | None, known: Mapping[str, str]
) -> tuple[Pull, dict[str, str]]:
    """Pull what changed, and tell which tasks exist now; both are what a mirror needs to become equal.

    known: the tasks of the last time. All tasks are looked through only where their number says that some
    are gone, and all are read only where a task has copies: their answers are of one set.
    """
    pull = platform.pull(project, config, since)
    if pull.complete:
        return pull, dict(pull.tasks)
    now = {**known, **pull.tasks}
    if len(now) != pull.num_tasks:
        now = platform.tasks(project, now)
    if _copies_touched(known, now, pull.touched):
        pull = platform.pull(project, config, None)
        now = dict(pull.tasks)
    return pull, now


def _copies_touched(before: Mapping[str, str], now: Mapping[str, str], touched: frozenset[str]) -> bool:
    """Whether a task changed that has more than one copy, or lost some copy while another stays."""
    copies = Counter(now.values())
    lost = {task for key, task in before.items() if now.get(key) != task}
    return any(copies[task] > 1 for task in touched) or any(copies[task] > 0 for task in lost - touched - {""})


def mixed_order(tasks: Sequence[PlatformTask]) -> list[PlatformTask]:
    """The order in which annotators meet tasks: by priority, gold scattered among the rest by hash."""
    plain = sorted(
        (one for one in tasks if one.task.reason != "gold"),
        key=lambda one: (-one.task.priority, ids.key("task order", one.task.task_id)),
    )
    placed = [((row + 0.5) / len(plain), one) for row, one in enumerate(plain)]
    placed += [(ids.unit_interval("gold place", one.task.task_id), one) for one in tasks if one.task.reason == "gold"]
    return [one for _, one in sorted(placed, key=lambda pair: (pair[0], pair[1].task.task_id))]


def current_votes(annotations: Sequence[Annotation], overlap: Mapping[str, int]) -> list[Annotation]:
    """The votes that count: per task at most `overlap[task_id]`, one an annotator, none cancelled.

    Where an annotator answered twice the later word counts. Where more people answered than were asked,
    those who came first count, by the platform's id of their first annotation: ids are given in the order
    of creation, so an extra answer that comes late, or an edit, never unseats a vote that was counted.
    Tasks that `overlap` does not name are left out. Ordered by task and annotator.
    """
    votes: dict[str, dict[str, list[Annotation]]] = {}
    for one in annotations:
        if not one.cancelled and one.task_id in overlap:
            votes.setdefault(one.task_id, {}).setdefault(one.annotator, []).append(one)
    kept = []
    for task_id, people in sorted(votes.items()):
        order = sorted(people, key=lambda who: (min(map(arrival, people[who])), who))
        for who in sorted(order[: overlap[task_id]]):
            kept.append(max(people[who], key=lambda one: (one.updated_at, arrival(one))))
    return kept


def by_arrival(annotations: Sequence[Annotation]) -> list[Annotation]:
    """In the order in which the platform got them."""
    return sorted(annotations, key=arrival)


def arrival(annotation: Annotation) -> tuple[int, str]:
    """Orders the platform's ids as numbers where they are numbers: a later answer, in any project, has a larger one."""
    return len(annotation.annotation_id), annotation.annotation_id
