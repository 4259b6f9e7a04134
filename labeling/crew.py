"""Simulated annotators, and recorded votes, answering through Label Studio's own API as its users.

For the demo and for tests: nobody here is a person, and whoever shows their answers says so.
"""

import math
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol, Self

from labeling.answers import to_result
from labeling.config import LabelConfig
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import TaskRow, read_emails, read_tasks
from lake import ids
from lake.errors import PlatformError

Progress = Callable[[int, int], None]
Answered = tuple[str, float]  # class, lead time in seconds

_TIMEOUT_S = 60.0
_LEAD_TIME_SPREAD = 0.5  # standard deviation of log lead time


class CrewMember(Protocol):
    """Someone who answers: by a model of errors, or from a record of what people said."""

    @property
    def name(self) -> str:
        """The e-mail of the user that answers."""

    def answer(self, item_id: str) -> Answered | None:
        """The answer, the same whenever it is asked; None where this member has none to give."""


@dataclass(frozen=True, kw_only=True)
class SimulatedAnnotator:
    """Errs as its confusion matrix says, drawn by hash of seed, name and item: the same answer for ever."""

    name: str
    classes: tuple[str, ...]
    confusion: tuple[tuple[float, ...], ...]  # [t][v] = P(says v | truth is t), rows sum to 1
    seconds_median: float
    seed: int = 0

    def answer(self, item_id: str, truth: str) -> Answered:
        """What this annotator says of an item, and after how many seconds."""
        draw = ids.unit_interval("simulated answer", self.seed, self.name, item_id)
        said = self.classes[-1]
        for name, share in zip(self.classes, self.confusion[self.classes.index(truth)], strict=True):
            draw -= share
            if draw < 0:
                said = name
                break
        pace = ids.unit_interval("simulated lead time", self.seed, self.name, item_id)
        spread = NormalDist(0, _LEAD_TIME_SPREAD).inv_cdf(min(max(pace, 1e-6), 1 - 1e-6))
        return said, round(self.seconds_median * math.exp(spread), 3)

    @property
    def accuracy(self) -> float:
        """Chance of a right answer when all classes are equally frequent."""
        return sum(row[i] for i, row in enumerate(self.confusion)) / len(self.classes)

    @classmethod
    def of_accuracy(
        cls, name: str, classes: Sequence[str], accuracy: float, *, seconds_median: float, seed: int = 0
    ) -> Self:
        """Right with chance `accuracy`; half of the errors take the next class for it, the rest any other."""
        size = len(classes)
        rows = []
        for truth in range(size):
            wrong = (1 - accuracy) / (size - 1)
            row = [wrong / 2 if size > 2 else wrong] * size
            row[truth] = accuracy
            row[(truth + 1) % size] += 1 - sum(row)
            rows.append(tuple(row))
        return cls(name=name, classes=tuple(classes), confusion=tuple(rows), seconds_median=seconds_median, seed=seed)

    @classmethod
    def spammer(cls, name: str, classes: Sequence[str], *, seconds_median: float, seed: int = 0) -> Self:
        """Answers without looking: the first class half of the time, else any."""
        row = [0.5 / len(classes)] * len(classes)
        row[0] += 0.5
        return cls(
            name=name,
            classes=tuple(classes),
            confusion=(tuple(row),) * len(classes),
            seconds_median=seconds_median,
            seed=seed,
        )


def demo_crew(classes: Sequence[str]) -> tuple[SimulatedAnnotator, ...]:
    """Six simulated annotators: two careful, two average, one careless, one spammer."""
    pace = {"ada": (0.97, 2.6), "bo": (0.95, 2.2), "chen": (0.91, 1.9), "dana": (0.88, 1.7), "eli": (0.65, 1.0)}
    crew = [
        SimulatedAnnotator.of_accuracy(f"{name}@simulated.example", classes, accuracy, seconds_median=seconds)
        for name, (accuracy, seconds) in pace.items()
    ]
    return (*crew, SimulatedAnnotator.spammer("finn@simulated.example", classes, seconds_median=0.6))


@dataclass(frozen=True)
class _Knowing:
    """A simulated annotator who is shown the truth to err about."""

    annotator: SimulatedAnnotator
    truth: Callable[[str], str]

    @property
    def name(self) -> str:
        return self.annotator.name

    def answer(self, item_id: str) -> Answered:
        return self.annotator.answer(item_id, self.truth(item_id))


@dataclass(frozen=True)
class _Recorded:
    """Votes that someone gave before; how long they took is not known and stays 0."""

    name: str
    votes: Mapping[str, str]

    def answer(self, item_id: str) -> Answered | None:
        return (self.votes[item_id], 0.0) if item_id in self.votes else None


def answer_through(
    platform_url: str,
    tokens: Mapping[str, str],
    project: str,
    config: LabelConfig,
    crew: Sequence[SimulatedAnnotator],
    truth: Callable[[str], str],
    progress: Progress,
) -> int:
    """Simulated annotators answer every task that waits for them; see `work_through`."""
    return work_through(platform_url, tokens, project, config, [_Knowing(one, truth) for one in crew], progress)


def replay(
    platform_url: str,
    tokens: Mapping[str, str],
    project: str,
    config: LabelConfig,
    votes: Mapping[str, Mapping[str, str]],
    progress: Progress,
) -> int:
    """Recorded votes, user -> item_id -> class, are given once more through the API; see `work_through`."""
    members = [_Recorded(name, given) for name, given in sorted(votes.items())]
    return work_through(platform_url, tokens, project, config, members, progress)


@dataclass(frozen=True)
class _Job:
    """One answer that is still to be given."""

    platform_id: int
    answer: str
    lead_time_s: float
    unique_id: str


def work_through(
    platform_url: str,
    tokens: Mapping[str, str],
    project: str,
    config: LabelConfig,
    members: Sequence[CrewMember],
    progress: Progress,
) -> int:
    """Every member, as its own user in a thread of its own, gives the answers that are still missing.

    A task is answered by the first `overlap` (its own) of the members who have an answer, in the order of a
    hash of item and name, so who answers what depends neither on time nor on speed. An answer that is there
    is not given again: it is looked up first, and a repeated request carries the same unique id.
    progress: called with (given, wanted), from one thread at a time. Returns how many answers are new.
    """
    without = [one.name for one in members if one.name not in tokens]
    if without:
        raise PlatformError(f"{without[0]} has no token", remedy="make its user with LocalLabelStudio.ensure_users")
    jobs = _jobs(platform_url, tokens, project, members)
    total, lock, stop = sum(map(len, jobs.values())), threading.Lock(), threading.Event()
    given = 0

    def done() -> None:
        nonlocal given
        with lock:
            given += 1
            progress(given, total)

    def work(name: str) -> None:
        try:
            with LabelStudioApi(platform_url, token=tokens[name], timeout_s=_TIMEOUT_S) as api:
                for job in jobs[name]:
                    if stop.is_set():
                        return
                    _give(api, job, config)
                    done()
        except BaseException:
            stop.set()  # the others need not go on
            raise

    busy = [name for name in jobs if jobs[name]]
    with ThreadPoolExecutor(max_workers=max(1, len(busy)), thread_name_prefix="crew") as pool:
        for future in [pool.submit(work, name) for name in busy]:
            future.result()
    return given


def _give(api: LabelStudioApi, job: _Job, config: LabelConfig) -> None:
    body = {
        "result": to_result(job.answer, config),
        "lead_time": job.lead_time_s,
        "unique_id": job.unique_id,
    }
    api.post(f"/api/tasks/{job.platform_id}/annotations/", body, present=True)


def _jobs(
    platform_url: str,
    tokens: Mapping[str, str],
    project: str,
    members: Sequence[CrewMember],
) -> dict[str, list[_Job]]:
    """What each member still has to answer, in the order of the project."""
    jobs: dict[str, list[_Job]] = {one.name: [] for one in members}
    if not members:
        return jobs
    with LabelStudioApi(platform_url, token=tokens[members[0].name], timeout_s=_TIMEOUT_S) as api:
        emails = read_emails(api)
        tasks = [task for task in read_tasks(api, project, full=True) if task.task_id]
    for task in tasks:
        answered = {emails.get(one.completed_by or -1) for one in task.annotations}
        for name, (answer, lead_time_s) in _assigned(task, members):
            if name not in answered:
                unique_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{project}/{task.id}/{task.task_id}/{name}"))
                jobs[name].append(_Job(task.id, answer, lead_time_s, unique_id))
    return jobs


def _assigned(task: TaskRow, members: Sequence[CrewMember]) -> list[tuple[str, Answered]]:
    """The first `overlap` of those who have an answer to this task."""
    able = [(one.name, said) for one in members if (said := one.answer(task.item_id)) is not None]
    return sorted(able, key=lambda pair: ids.key("who answers", task.item_id, pair[0]))[: task.overlap]
