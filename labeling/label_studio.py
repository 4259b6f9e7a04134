"""The annotation platform on a Label Studio server (open edition 1.23, SQLite or PostgreSQL)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple, TypeVar

from labeling.config import LabelConfig
from labeling.guideline import to_html
from labeling.label_studio_api import LabelStudioApi, Transient
from labeling.label_studio_overlap import reopen_short
from labeling.label_studio_pull import read_known, read_pull
from labeling.label_studio_rows import (
    PAGE,
    WITHOUT_ANSWERS,
    ImportReply,
    ProjectRow,
    TaskRow,
    VersionReply,
    count_tasks,
    find_projects,
    read_project,
    read_tasks,
)
from labeling.label_studio_webhook import WebhookTarget, ensure_webhook
from labeling.platform import PlatformTask, Pull, mixed_order
from lake.errors import PlatformError

_IMPORT_TASKS = 5000  # the server takes a third more a second than in thousands
T = TypeVar("T")
_WRITERS = 4  # that change tasks one by one
_IMPORT_CHARACTERS = 16_000_000  # of media inside tasks, in one request
_IMPORT_TIMEOUT_S = 300.0
_TITLE_LENGTH = (3, 50)


class Placed(NamedTuple):
    """A task of ours on the server."""

    id: int
    overlap: int


class LabelStudioPlatform:
    """AnnotationPlatform on one Label Studio server; holds settings, never a connection."""

    def __init__(self, url: str, *, token: str, timeout_s: float = 30.0, webhook: WebhookTarget | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._webhook = webhook

    def ensure_project(self, name: str, config: LabelConfig, *, guideline: str, overlap: int) -> str:
        """See AnnotationPlatform; refuses a title that Label Studio would not take."""
        low, high = _TITLE_LENGTH
        if not low <= len(name) <= high:
            raise PlatformError(
                f'"{name}" is no title for a Label Studio project', remedy=f"take {low} to {high} characters"
            )
        wanted = {
            "label_config": config.xml,
            "expert_instruction": to_html(guideline),
            "maximum_annotations": overlap,
            "enable_empty_annotation": config.may_be_empty,
        }
        with self._api() as api:
            found = find_projects(api, name)
            project = found[0] if found else self._create(api, name, wanted)
            changed = {key: value for key, value in wanted.items() if getattr(project, key) != value}
            if changed:
                api.patch(f"/api/projects/{project.id}/", changed)
            if self._webhook is not None:
                ensure_webhook(api, project.id, name, self._webhook)
        return str(project.id)

    def push(self, project: str, tasks: Sequence[PlatformTask]) -> int:
        """See AnnotationPlatform.

        Label Studio knows no key of ours and takes the same task twice. So what is there is looked up
        before every import, and again after one whose reply was lost. A copy that slipped in all the same (an
        import that went on behind a timeout or a kill) is removed while nobody answered it: by this push where
        it shows in the number of tasks, else by the next.
        """
        added: set[str] = set()
        with self._api() as api:
            try:
                for attempt in api.attempts():
                    with attempt:
                        row = read_project(api, project)
                        there = self._push_missing(api, row, tasks, added)
            except Transient as error:
                raise api.unreachable(error) from error
        self._set_overlaps(tasks, there, row.maximum_annotations)
        return len(added)

    def pull(self, project: str, config: LabelConfig, since: datetime | None) -> Pull:
        """See AnnotationPlatform; rereads a window of five minutes, so a slow commit is not missed."""
        return read_pull(self._api, project, config, since)

    def tasks(self, project: str, known: Mapping[str, str]) -> dict[str, str]:
        """See AnnotationPlatform; counts ranges of ids, so that one task that is gone costs some 20 counts."""
        with self._api() as api:
            return read_known(api, project, known)

    def reopen(self, project: str, wanted: Mapping[str, int]) -> int:
        """See AnnotationPlatform."""
        with self._api() as api:
            return reopen_short(api, project, wanted)

    def retract(self, project: str, task_ids: Sequence[str]) -> int:
        """See AnnotationPlatform."""
        wanted = set(task_ids) - {""}
        with self._api() as api:
            found = [task for task in read_tasks(api, project) if task.task_id in wanted]
            self._delete(api, project, [task.id for task in found])
        return len({task.task_id for task in found})

    def count(self, project: str) -> int:
        """See AnnotationPlatform."""
        with self._api() as api:
            return count_tasks(api, project)

    def ping(self) -> str:
        """See AnnotationPlatform."""
        with self._api() as api:
            api.get("/api/current-user/whoami")
            return VersionReply.model_validate_json(api.get("/api/version/")).release

    def page_url(self, project: str) -> str:
        """See AnnotationPlatform."""
        return f"{self._url}/projects/{project}/data"

    def _api(self) -> LabelStudioApi:
        return LabelStudioApi(self._url, token=self._token, timeout_s=self._timeout_s)

    def _create(self, api: LabelStudioApi, name: str, wanted: dict[str, object]) -> ProjectRow:
        """A new project, unless another process made one of this title at the same moment: then that one."""
        body = {
            "title": name,
            "show_instruction": True,
            "sampling": "Sequential sampling",
            "show_collab_predictions": False,
            **wanted,
        }
        try:
            created = ProjectRow.model_validate_json(
                api.post_once("/api/projects/", body, {}, timeout_s=self._timeout_s)
            )
        except Transient as error:
            found = find_projects(api, name)
            if not found:
                raise api.unreachable(error) from error
            return found[0]
        oldest = find_projects(api, name)[0]
        if oldest.id != created.id:
            api.delete(f"/api/projects/{created.id}/")
        return oldest

    def _push_missing(
        self, api: LabelStudioApi, row: ProjectRow, tasks: Sequence[PlatformTask], added: set[str]
    ) -> dict[str, Placed]:
        """Import what is not there; `added` grows by what is there now and was not before. Returns what is there."""
        project = str(row.id)
        there, num_tasks = self._without_copies(api, project)
        config = LabelConfig.parse(row.label_config, where=f"project {project}")
        wanted = {one.task.task_id: one for one in tasks}
        missing = [one for one in mixed_order(list(wanted.values())) if one.task.task_id not in there]
        path = f"/api/projects/{project}/import"
        for chunk, body in _ahead(_chunks(missing), lambda chunk: _import_body(chunk, config)):
            added.update(one.task.task_id for one in chunk)
            reply = api.post_once(path, body, {"return_task_ids": "true"}, timeout_s=_IMPORT_TIMEOUT_S)
            imported = ImportReply.model_validate_json(reply).task_ids
            if len(imported) != len(chunk):
                raise PlatformError(
                    f"Label Studio took {len(imported)} of {len(chunk)} tasks",
                    remedy="rerun: what is missing is looked up and sent again",
                )
            for one, number in zip(chunk, imported, strict=True):
                there[one.task.task_id] = Placed(number, row.maximum_annotations)
        if missing and count_tasks(api, project) > num_tasks + len(missing):
            there, _ = self._without_copies(api, project)
        return there

    def _without_copies(self, api: LabelStudioApi, project: str) -> tuple[dict[str, Placed], int]:
        """Our tasks that are there, after removing unanswered copies, and the number of all tasks."""
        placed, spare, num_tasks = _sorted_out(read_tasks(api, project))
        if spare:
            self._delete(api, project, spare, unanswered=True)
            placed, _, num_tasks = _sorted_out(read_tasks(api, project))
        return placed, num_tasks

    def _set_overlaps(self, tasks: Sequence[PlatformTask], there: Mapping[str, Placed], usual: int) -> None:
        """Give each task its own overlap; one that asked for more before keeps that."""
        changes = []
        for task_id, overlap in {one.task.task_id: one.task.overlap for one in tasks}.items():
            now = there[task_id]
            due = overlap if now.overlap == usual else max(overlap, now.overlap)
            if due != now.overlap:
                changes.append((now.id, due))

        def change(part: Sequence[tuple[int, int]]) -> None:
            with self._api() as api:
                for number, overlap in part:
                    api.patch(f"/api/tasks/{number}/", {"overlap": overlap})

        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="overlap") as pool:
            list(pool.map(change, [changes[start::_WRITERS] for start in range(min(_WRITERS, len(changes)))]))

    def _delete(self, api: LabelStudioApi, project: str, ids: Sequence[int], *, unanswered: bool = False) -> None:
        """Delete tasks; unanswered: only those that nobody has answered by then."""
        for start in range(0, len(ids), PAGE):
            chosen = {"all": False, "included": list(ids[start : start + PAGE])}
            body: dict[str, object] = {"selectedItems": chosen}
            if unanswered:
                body["filters"] = WITHOUT_ANSWERS
            api.post("/api/dm/actions/", body, {"id": "delete_tasks", "project": project})


def _sorted_out(rows: Iterable[TaskRow]) -> tuple[dict[str, Placed], list[int], int]:
    """Where each of our tasks is, the ids of unanswered copies, and the number of rows."""
    copies: dict[str, list[tuple[bool, int, int]]] = {}
    num_rows = 0
    for row in rows:
        num_rows += 1
        if row.task_id:
            copies.setdefault(row.task_id, []).append((not row.num_answers, row.id, row.overlap))
    placed, spare = {}, []
    for task_id, found in copies.items():
        (_, number, overlap), *others = sorted(found)
        placed[task_id] = Placed(number, overlap)
        spare += [other for unanswered, other, _ in others if unanswered]
    return placed, spare, num_rows


def _import_body(tasks: Sequence[PlatformTask], config: LabelConfig) -> bytes:
    """The JSON that an import takes."""
    return json.dumps([{"data": _data(one, config)} for one in tasks], ensure_ascii=False).encode()


def _ahead(items: Iterable[T], make: Callable[[T], bytes]) -> Iterator[tuple[T, bytes]]:
    """Each item with what is made of it; the next one is made while the caller works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="import") as pool:
        waiting: list[tuple[T, Future[bytes]]] = []
        for item in items:
            waiting.append((item, pool.submit(make, item)))
            if len(waiting) > 1:
                first, made = waiting.pop(0)
                yield first, made.result()
        for last, made in waiting:
            yield last, made.result()


def _data(one: PlatformTask, config: LabelConfig) -> dict[str, object]:
    """What the platform and its annotators get to see: nothing here tells gold from the rest."""
    task = one.task
    return {
        "task_id": task.task_id,
        "item_id": task.item_id,
        "guideline_version": task.guideline_version,
        "batch": task.batch,
        **dict(one.beside),
        **config.task_fields(one.value),
    }


def _chunks(tasks: Sequence[PlatformTask]) -> Iterator[list[PlatformTask]]:
    """Tasks in order, in requests of bounded size."""
    chunk: list[PlatformTask] = []
    size = 0
    for one in tasks:
        if chunk and (len(chunk) == _IMPORT_TASKS or size + len(one.value) > _IMPORT_CHARACTERS):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += len(one.value)
    if chunk:
        yield chunk
