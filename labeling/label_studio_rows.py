"""What Label Studio says, as typed rows: its JSON goes no further than this module."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
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
    total_annotations: int
    cancelled_annotations: int
    annotations: list[AnswerRow] = []

    @property
    def task_id(self) -> str:
        """Our task id; "" for a task that someone imported by hand."""
        return str(self.data.get("task_id", ""))

    @property
    def num_answers(self) -> int:
        """How many annotations it has, skips among them."""
        return self.total_annotations + self.cancelled_annotations

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


_BARE = "id,data,overlap,updated_at,total_annotations,cancelled_annotations"
_FULL = f"{_BARE},annotations,completed_by,result,was_cancelled,lead_time"


def read_project(api: LabelStudioApi, project: str) -> ProjectRow:
    """One project by its id. Raises PlatformError when there is none."""
    return ProjectRow.model_validate_json(api.get(f"/api/projects/{project}/"))


def find_projects(api: LabelStudioApi, title: str) -> list[ProjectRow]:
    """Projects of exactly this title, oldest first; the server's own filter finds all that contain it."""
    found = _Projects.model_validate_json(api.get("/api/projects/", {"title": title, "page_size": PAGE}))
    return sorted((one for one in found.results if one.title == title), key=lambda one: one.id)


def read_tasks(
    api: LabelStudioApi,
    project: str,
    *,
    full: bool = False,
    since: datetime | None = None,
    after: int = 0,
    upto: int | None = None,
) -> Iterator[TaskRow]:
    """The tasks of a project by the server's id. full: with their annotations. since: only those changed after that.

    after, upto: only ids above the one and not above the other. Each page begins behind the last id of the
    one before it, so that none is missed or met twice when tasks come and go meanwhile.
    """
    query: dict[str, str | int] = {"project": project, "page_size": PAGE, "include": _FULL if full else _BARE}
    if full:
        query["fields"] = "all"
    while True:
        query["query"] = _within(after, upto, since)
        found = _Page.model_validate_json(api.get("/api/tasks/", query))
        yield from found.tasks
        if len(found.tasks) >= found.total or not found.tasks:
            return
        after = found.tasks[-1].id


@dataclass(frozen=True)
class Standing:
    """A project at one moment."""

    num_tasks: int
    newest: datetime | None  # when a task of it was changed last; None where it has none


def read_standing(api: LabelStudioApi, project: str) -> Standing:
    """How many tasks there are, and the time of the last change."""
    query = json.dumps({"ordering": ["-tasks:updated_at"]})
    found = _one(api, project, query=query)
    return Standing(found.total, found.tasks[0].updated_at if found.tasks else None)


def split_ids(api: LabelStudioApi, project: str, parts: int) -> list[tuple[int, int | None]]:
    """`parts` ranges of ids, (above, up to and with), that hold about as many tasks each and all of them."""
    size = count_tasks(api, project) // parts
    if size < PAGE:
        return [(0, None)]
    cuts = [task.id for part in range(1, parts) for task in _one(api, project, page=part * size).tasks]
    return list(zip([0, *cuts], [*cuts, None], strict=True))


def count_tasks(api: LabelStudioApi, project: str, *, after: int = 0, upto: int | None = None) -> int:
    """Number of tasks in a project, or in a range of ids."""
    return _one(api, project, query=_within(after, upto, None)).total


def _one(api: LabelStudioApi, project: str, *, page: int = 1, query: str = "{}") -> _Page:
    """A page of one task."""
    asked: dict[str, str | int] = {"project": project, "include": _BARE, "page_size": 1, "page": page, "query": query}
    return _Page.model_validate_json(api.get("/api/tasks/", asked))


def read_emails(api: LabelStudioApi) -> dict[int, str]:
    """E-mail of each user by the server's id."""
    users = TypeAdapter(list[_User]).validate_json(api.get("/api/users/"))
    return {user.id: user.email for user in users}


def _within(after: int, upto: int | None, since: datetime | None) -> str:
    """A query of the Data Manager: a range of ids, and what was changed since."""
    items = [_filter("id", "greater", "Number", after)]
    items += [] if upto is None else [_filter("id", "less_or_equal", "Number", upto)]
    items += [] if since is None else [_filter("updated_at", "greater", "Datetime", _time(since))]
    return json.dumps({"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]})


def _filter(column: str, operator: str, kind: str, value: str | int) -> dict[str, object]:
    """One condition of the Data Manager."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


WITHOUT_ANSWERS = {
    "conjunction": "and",
    "items": [_filter(name, "equal", "Number", 0) for name in ("total_annotations", "cancelled_annotations")],
}


def _time(time: datetime) -> str:
    """Label Studio reads exactly this form of a time."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
