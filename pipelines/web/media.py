"""An item's bytes over HTTP, for logged-in users and for annotators' browsers, which hold signed links."""

import re

from fastapi import APIRouter, Request, Response

from pipelines.media_links import media_signature
from pipelines.settings import Settings
from pipelines.web.access import Guard, same
from pipelines.web.items import Found, Items
from pipelines.web.refusal import Refusal

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_A_YEAR_S = 31_536_000


def media_routes(settings: Settings, guard: Guard, items: Items) -> APIRouter:
    """GET and HEAD /media/{scenario}/{item_id}."""
    router = APIRouter()

    @router.api_route("/media/{scenario}/{item_id}", methods=["GET", "HEAD"])
    def media(request: Request, scenario: str, item_id: str, sig: str | None = None) -> Response:
        if sig is None:
            guard.user(request)
        else:
            _check_link(settings, scenario, item_id, sig)
        found = items.find(scenario, item_id)
        if found is None:
            raise Refusal(404, "item", item_id)
        return _respond(request, items, found)

    return router


def wanted_bytes(header: str | None, size: int) -> range | None:
    """The one range of bytes that a Range header asks for; None for all of them.

    A header that cannot be read or names several ranges is passed over, as RFC 9110 section 14.2 allows;
    an empty range means that what is asked for lies behind the end (416).
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else size, size))


def _check_link(settings: Settings, scenario: str, item_id: str, sig: str) -> None:
    secret = settings.credentials().media_secret
    if secret is None or not same(sig, media_signature(secret, scenario, item_id)):
        raise Refusal(403, "link")


def _respond(request: Request, items: Items, found: Found) -> Response:
    etag = f'"{found.item_id}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range",
        "Cache-Control": f"private, max-age={_A_YEAR_S}, immutable",  # the address names the content
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": etag,
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range") if request.method == "GET" else None
    wanted = wanted_bytes(asked, found.length)
    if wanted is not None and not wanted:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{found.length}"})
    part = range(found.length) if wanted is None else wanted
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{found.length}"
    media_type = "text/plain; charset=utf-8" if found.media_type == "text/plain" else found.media_type
    data = b"" if request.method == "HEAD" else items.read(found, part.start, len(part))
    response = Response(data, 200 if wanted is None else 206, headers, media_type)
    response.headers["Content-Length"] = str(len(part))
    return response
