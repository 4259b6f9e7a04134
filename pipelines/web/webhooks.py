"""What Label Studio says of itself: something changed in a project. A hint to pull, and nothing that is believed."""

import datetime as dt

from fastapi import APIRouter, Depends, Request, Response

from assets.scenario import find_scenarios
from labeling.label_studio_webhook import HEADER, PATH
from pipelines.hints import hint
from pipelines.web.access import same
from pipelines.web.portal import Portal
from pipelines.web.refusal import Refusal

MAX_BODY_BYTES = 64 * 1024


def webhook_routes(portal: Portal) -> APIRouter:
    """POST /webhooks/label-studio/{scenario}; closed (404) unless TRIALBASE_WEBHOOK_SECRET is set."""
    router = APIRouter()

    def admit(request: Request) -> None:
        secret = portal.settings.webhook_secret
        if secret is None:
            raise Refusal(404, "address", request.url.path)
        if not same(request.headers.get(HEADER, ""), secret.get_secret_value()):
            raise Refusal(403, "link")

    @router.post(PATH + "{scenario}", dependencies=[Depends(admit), Depends(_drop_body)])
    def changed(scenario: str) -> Response:
        if scenario not in find_scenarios(portal.settings.scenario_folders):
            raise Refusal(404, "scenario", scenario)
        hint(portal.lake.state, scenario, dt.datetime.now(dt.UTC))
        return Response(status_code=204)

    return router


async def _drop_body(request: Request) -> None:
    """Read what was sent, as far as it is small, and forget it. Raises a Refusal (413)."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise Refusal(413, "large body")
