"""The webhook by which Label Studio says that something changed in a project: a hint to pull, never the news itself."""

from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from labeling.label_studio_api import LabelStudioApi

PATH = "/webhooks/label-studio/"
HEADER = "X-Trialbase-Secret"
ACTIONS = (
    "ANNOTATIONS_CREATED",
    "ANNOTATIONS_DELETED",
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "TASKS_DELETED",
)


@dataclass(frozen=True)
class WebhookTarget:
    """Where hints go. base_url: the portal as Label Studio reaches it; secret: shared by both, sent as a header."""

    base_url: str
    secret: str

    def url(self, title: str) -> str:
        """The address for one project."""
        return f"{self.base_url.rstrip('/')}{path_of(title)}"


class _Webhook(BaseModel):
    id: int
    url: str
    headers: dict[str, str]
    send_payload: bool
    send_for_all_actions: bool
    is_active: bool
    actions: list[str]


def path_of(title: str) -> str:
    """The path that hints about a project go to."""
    return f"{PATH}{quote(title, safe='')}"


def ensure_webhook(api: LabelStudioApi, project: int, title: str, target: WebhookTarget) -> None:
    """Make the project say what changes, once; a webhook of an earlier address or secret is brought up to date."""
    wanted: dict[str, object] = {
        "url": target.url(title),
        "headers": {HEADER: target.secret},
        "send_payload": False,
        "send_for_all_actions": False,
        "is_active": True,
        "actions": list(ACTIONS),
    }
    found = TypeAdapter(list[_Webhook]).validate_json(api.get("/api/webhooks/", {"project": project}))
    ours = sorted((one for one in found if one.url.endswith(path_of(title))), key=lambda one: one.id)
    if not ours:
        api.post("/api/webhooks/", {"project": project, **wanted})
        return
    first, *others = ours
    if first.model_copy(update={"actions": sorted(first.actions)}).model_dump(exclude={"id"}) != wanted:
        api.patch(f"/api/webhooks/{first.id}/", wanted)
    for other in others:
        api.delete(f"/api/webhooks/{other.id}/")
