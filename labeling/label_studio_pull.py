"""Reading tasks and answers from a Label Studio project, by one reader for changes and by several for everything."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from labeling.answers import from_result
from labeling.config import LabelConfig
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import (
    PAGE,
    AnswerRow,
    TaskRow,
    count_tasks,
    read_emails,
    read_standing,
    read_tasks,
    split_ids,
)
from labeling.platform import Pull
from lake.records import Annotation

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=5)  # times are set before commit, so the last minutes are read again
READERS = 4  # two for each worker process of the server that `labeling.server` starts
_PARTS = 16  # each on a connection of its own: those of a lasting one all end at one worker process


@dataclass
class _Read:
    """What one reader has got."""

    annotations: list[Annotation] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)

    def take(self, task: TaskRow, emails: dict[int, str], config: LabelConfig) -> None:
        self.tasks[str(task.id)] = task.task_id
        if task.task_id:
            self.annotations += [_annotation(task, one, emails, config) for one in task.annotations]


def read_pull(connect: Callable[[], LabelStudioApi], project: str, config: LabelConfig, since: datetime | None) -> Pull:
    """Everything, or what changed since a cursor; `connect` opens a conversation for each reader.

    The cursor is the last change that there was before the reading began: what changes meanwhile comes
    again. It moves on with the server's clock, at WINDOW from it, where nothing changes.
    """
    with connect() as api:
        standing, now = read_standing(api, project), api.server_time
        emails = read_emails(api)
        parts = split_ids(api, project, _PARTS) if since is None else [(0, None)]

    def read(part: tuple[int, int | None]) -> _Read:
        found = _Read()
        after, upto = part
        with connect() as api:
            start = since and since - WINDOW
            for task in read_tasks(api, project, full=True, since=start, after=after, upto=upto):
                found.take(task, emails, config)
        return found

    with ThreadPoolExecutor(READERS, thread_name_prefix="pull") as pool:
        reads = list(pool.map(read, parts))
    tasks = {key: task for one in reads for key, task in one.tasks.items()}
    foreign = sum(not task for task in tasks.values())
    if foreign:
        log.warning("project %s: %s tasks of other origin are left alone", project, foreign)
    annotations = [annotation for one in reads for annotation in one.annotations]
    return Pull(
        annotations=tuple(sorted(annotations, key=lambda one: (one.task_id, one.annotator, one.annotation_id))),
        touched=frozenset(tasks.values()) - {""},
        tasks=tasks,
        num_tasks=standing.num_tasks,
        complete=since is None,
        cursor=max(since or EPOCH, standing.newest or EPOCH, (now or EPOCH + WINDOW) - WINDOW),
    )


def read_known(api: LabelStudioApi, project: str, known: Mapping[str, str]) -> dict[str, str]:
    """Every task that exists, found by comparing with `known`: only where numbers differ are tasks read.

    A range of ids that holds as many tasks as are known is as it is known, since what is new is always seen
    by its time. Others are halved until a page holds them.
    """
    ids = sorted(map(int, known))

    def look(after: int, upto: int | None, mine: list[int]) -> dict[int, str]:
        if count_tasks(api, project, after=after, upto=upto) == len(mine):
            return {one: known[str(one)] for one in mine}
        if len(mine) <= PAGE:
            return {task.id: task.task_id for task in read_tasks(api, project, after=after, upto=upto)}
        half = len(mine) // 2
        cut = mine[half - 1]
        return look(after, cut, mine[:half]) | look(cut, upto, mine[half:])

    return {str(key): task for key, task in look(0, None, ids).items()}


def _annotation(task: TaskRow, one: AnswerRow, emails: dict[int, str], config: LabelConfig) -> Annotation:
    """Platform JSON becomes a record; an answer that was skipped, or that says nothing, is cancelled."""
    answer = "" if one.was_cancelled else from_result(one.result or [], config)
    who = one.completed_by
    return Annotation(
        annotation_id=str(one.id),
        updated_at=one.updated_at,
        task_id=task.task_id,
        item_id=task.item_id,
        annotator="deleted user" if who is None else emails.get(who, f"user {who}"),
        answer=answer,
        lead_time_s=one.lead_time or 0.0,
        guideline_version=str(task.data.get("guideline_version", "")),
        cancelled=not answer,
        gold=False,
    )
