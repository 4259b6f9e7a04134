"""The annotation platform on a Label Studio server (open edition 1.23, SQLite or PostgreSQL)."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from labeling.answers import from_result
from labeling.config import LabelConfig
from labeling.guideline import to_html
from labeling.label_studio_api import LabelStudioApi, Transient
from labeling.label_studio_rows import (
    PAGE,
    AnswerRow,
    ImportReply,
    ProjectRow,
    TaskRow,
    VersionReply,
    count_tasks,
    find_projects,
    read_emails,
    read_project,
    read_tasks,
)
from labeling.platform import PlatformTask, Pull, mixed_order
from lake.errors import PlatformError
from lake.records import Annotation

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=5)  # times are set before commit, so the last minutes are read again
_IMPORT_TASKS = 1000
_IMPORT_CHARACTERS = 16_000_000  # of media inside tasks, in one request
_IMPORT_TIMEOUT_S = 300.0
_TITLE_LENGTH = (3, 50)


class LabelStudioPlatform:
    """AnnotationPlatform on one Label Studio server; holds settings, never a connection."""

    def __init__(self, url: str, *, token: str, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

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
        return str(project.id)

    def push(self, project: str, tasks: Sequence[PlatformTask]) -> int:
        """See AnnotationPlatform.

        Label Studio knows no key of ours and takes the same task twice. So what is there is looked up
        before every import, and again after one whose reply was lost; a copy that slipped in all the same
        (an import that went on behind a timeout) is removed by the next push while nobody answered it.
        """
        added: set[str] = set()
        with self._api() as api:
            try:
                for attempt in api.attempts():
                    with attempt:
                        self._push_missing(api, project, tasks, added)
            except Transient as error:
                raise api.unreachable(error) from error
            self._set_overlaps(api, project, tasks)
        return len(added)

    def pull(self, project: str, config: LabelConfig, since: datetime | None) -> Pull:
        """See AnnotationPlatform; rereads a window of five minutes, so a slow commit is not missed."""
        with self._api() as api:
            emails = read_emails(api)
            changed = list(read_tasks(api, project, full=True, since=since and since - WINDOW))
            present = frozenset(task.task_id for task in read_tasks(api, project)) - {""}
        foreign = sum(not task.task_id for task in changed)
        if foreign:
            log.warning("project %s: %s tasks of other origin are left alone", project, foreign)
        ours = [task for task in changed if task.task_id]
        annotations = [_annotation(task, one, emails, config) for task in ours for one in task.annotations]
        return Pull(
            annotations=tuple(sorted(annotations, key=lambda one: (one.task_id, one.annotator, one.annotation_id))),
            touched=frozenset(task.task_id for task in ours),
            present=present,
            cursor=max([since or EPOCH, *(task.updated_at for task in ours)]),
        )

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

    def _push_missing(self, api: LabelStudioApi, project: str, tasks: Sequence[PlatformTask], added: set[str]) -> None:
        """Import what is not there; `added` grows by what is there now and was not before."""
        there = self._without_copies(api, project)
        config = LabelConfig.parse(read_project(api, project).label_config, where=f"project {project}")
        wanted = {one.task.task_id: one for one in tasks}
        missing = [one for one in mixed_order(list(wanted.values())) if one.task.task_id not in there]
        for chunk in _chunks(missing):
            added.update(one.task.task_id for one in chunk)
            body = [{"data": _data(one, config)} for one in chunk]
            path = f"/api/projects/{project}/import"
            reply = api.post_once(path, body, {"return_task_ids": "true"}, timeout_s=_IMPORT_TIMEOUT_S)
            num_imported = len(ImportReply.model_validate_json(reply).task_ids)
            if num_imported != len(chunk):
                raise PlatformError(
                    f"Label Studio took {num_imported} of {len(chunk)} tasks",
                    remedy="rerun: what is missing is looked up and sent again",
                )

    def _without_copies(self, api: LabelStudioApi, project: str) -> set[str]:
        """The task ids that are there, after removing unanswered copies of a task."""
        copies = Counter(task.task_id for task in read_tasks(api, project) if task.task_id)
        if any(count > 1 for count in copies.values()):
            spare = []
            for task in sorted(read_tasks(api, project, full=True), key=lambda task: -task.id):
                if copies[task.task_id] > 1 and not task.annotations:
                    copies[task.task_id] -= 1
                    spare.append(task.id)
            self._delete(api, project, spare)
        return set(copies)

    def _set_overlaps(self, api: LabelStudioApi, project: str, tasks: Sequence[PlatformTask]) -> None:
        """Give each task its own overlap; one that asked for more before keeps that."""
        usual = read_project(api, project).maximum_annotations
        wanted = {one.task.task_id: one.task.overlap for one in tasks}
        if all(overlap == usual for overlap in wanted.values()):
            return
        for task in read_tasks(api, project):
            if task.task_id in wanted:
                overlap = wanted[task.task_id]
                overlap = overlap if task.overlap == usual else max(overlap, task.overlap)
                if overlap != task.overlap:
                    api.patch(f"/api/tasks/{task.id}/", {"overlap": overlap})

    def _delete(self, api: LabelStudioApi, project: str, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), PAGE):
            chosen = {"all": False, "included": list(ids[start : start + PAGE])}
            api.post("/api/dm/actions/", {"selectedItems": chosen}, {"id": "delete_tasks", "project": project})


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
