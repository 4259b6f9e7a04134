"""Label Studio says that something changed. That is a hint to look, never the truth: it is not even read."""

import re

from fastapi import APIRouter, Request, Response

from pipelines.settings import Settings
from pipelines.web.access import read_credentials, same
from pipelines.web.refusal import Refusal

_SCENARIO = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def hook_routes(settings: Settings) -> APIRouter:
    """POST /webhooks/label-studio: touches `hints/<scenario>` below the home folder."""
    router = APIRouter()

    @router.post("/webhooks/label-studio")
    def hint(request: Request, scenario: str = "any") -> Response:
        secret = read_credentials(settings).webhook_secret
        given = request.headers.get("x-trialbase-secret", "")
        if secret is None or not same(given, secret.get_secret_value()):
            raise Refusal(403, "link")
        folder = settings.root / "hints"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (scenario if _SCENARIO.fullmatch(scenario) else "any")).touch()
        return Response(status_code=204)

    return router
