"""What Label Studio says, as typed rows: its JSON goes no further than this module."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import BaseModel, TypeAdapter

from labeling.label_studio_api import LabelStudioApi

PAGE = 1000  # tasks in one reply


class ProjectRow(BaseModel):
    """A project."""

    id: int
    title: str
    label_config: str
    expert_instruction: str | None
    maximum_annotations: int
    enable_empty_annotation: bool


class AnswerRow(BaseModel):
    """An annotation."""

    id: int
    completed_by: int | None
    result: list[object] | None
    was_cancelled: bool
    lead_time: float | None
    updated_at: datetime


class TaskRow(BaseModel):
    """A task as the Data Manager lists it; `data` is what was pushed, by us or by others."""

    id: int
    data: dict[str, object]
    overlap: int
    updated_at: datetime
    annotations: list[AnswerRow] = []

    @property
    def task_id(self) -> str:
        """Our task id; "" for a task that someone imported by hand."""
        return str(self.data.get("task_id", ""))

    @property
    def item_id(self) -> str:
        """Our item id; "" for a task that someone imported by hand."""
        return str(self.data.get("item_id", ""))


class ImportReply(BaseModel):
    """What an import made, in the order sent."""

    task_ids: list[int]


class VersionReply(BaseModel):
    """The server's version."""

    release: str


class _Page(BaseModel):
    tasks: list[TaskRow]
    total: int


class _Projects(BaseModel):
    results: list[ProjectRow]


class _User(BaseModel):
    id: int
    email: str


_BARE = "id,data,overlap,updated_at"
_FULL = f"{_BARE},annotations,completed_by,result,was_cancelled,lead_time"


def read_project(api: LabelStudioApi, project: str) -> ProjectRow:
    """One project by its id. Raises PlatformError when there is none."""
    return ProjectRow.model_validate_json(api.get(f"/api/projects/{project}/"))


def find_projects(api: LabelStudioApi, title: str) -> list[ProjectRow]:
    """Projects of exactly this title, oldest first; the server's own filter finds all that contain it."""
    found = _Projects.model_validate_json(api.get("/api/projects/", {"title": title, "page_size": PAGE}))
    return sorted((one for one in found.results if one.title == title), key=lambda one: one.id)


def read_tasks(
    api: LabelStudioApi, project: str, *, full: bool = False, since: datetime | None = None
) -> Iterator[TaskRow]:
    """The tasks of a project. full: with their annotations. since: only those changed after that."""
    query: dict[str, str | int] = {"project": project, "page_size": PAGE, "include": _FULL if full else _BARE}
    if full:
        query["fields"] = "all"
    if since is not None:
        query["query"] = json.dumps({"filters": _updated_after(since)})
    page, seen = 1, 0
    while True:
        found = _Page.model_validate_json(api.get("/api/tasks/", {**query, "page": page}))
        yield from found.tasks
        page, seen = page + 1, seen + len(found.tasks)
        if seen >= found.total or not found.tasks:
            return


def count_tasks(api: LabelStudioApi, project: str) -> int:
    """Number of tasks in a project."""
    query: dict[str, str | int] = {"project": project, "include": "id,data,overlap,updated_at", "page_size": 1}
    return _Page.model_validate_json(api.get("/api/tasks/", query)).total


def read_emails(api: LabelStudioApi) -> dict[int, str]:
    """E-mail of each user by the server's id."""
    users = TypeAdapter(list[_User]).validate_json(api.get("/api/users/"))
    return {user.id: user.email for user in users}


def _updated_after(time: datetime) -> dict[str, object]:
    """A Data Manager filter; Label Studio reads exactly this form of a time."""
    value = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": value}
    return {"conjunction": "and", "items": [item]}
