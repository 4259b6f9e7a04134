"""Items' bytes over HTTP."""

from pathlib import Path

import httpx
import pytest

from assets.stage import Work
from lake.errors import SettingsError
from pipelines.media_links import media_link
from tests.integration.portal.home import SCENARIO, settings_of

pytestmark = pytest.mark.integration


def test_a_media_link_opens_one_item_and_no_other(made: Path, reading: httpx.Client, batch: Work) -> None:
    row, other = batch.batch.read("items").slice(0, 2).to_pylist()
    elsewhere = settings_of(made).model_copy(update={"media_url": f"{str(reading.base_url).rstrip('/')}/"})
    link = media_link(elsewhere, SCENARIO, row["item_id"])
    opened = httpx.get(link, trust_env=False)
    assert opened.status_code == 200
    assert opened.content == batch.lake.media(row["pack"], row["offset"], row["length"])
    assert opened.headers["content-type"] == "image/png"
    assert opened.headers["access-control-allow-origin"] == "*"
    assert opened.headers["content-disposition"] == "inline"
    assert opened.headers["x-content-type-options"] == "nosniff"
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    for wrong in (forged, link.replace(row["item_id"], other["item_id"]), link.partition("?")[0] + "?sig="):
        assert httpx.get(wrong, trust_env=False).status_code == 403
    assert httpx.get(link.partition("?")[0], trust_env=False).status_code == 401
    assert reading.get(link.partition("?")[0]).status_code == 200
    with pytest.raises(SettingsError, match="no portal is known"):
        media_link(settings_of(made), SCENARIO, row["item_id"])


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=10-", 206, 10, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=0-999999", 206, 0, None),
        ("bytes=-999999", 206, 0, None),
        ("bytes=9-3", 200, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("nonsense", 200, 0, None),
        ("bytes=999999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_parts_of_an_item_can_be_asked_for(
    reading: httpx.Client, batch: Work, header: str, status: int, start: int, end: int | None
) -> None:
    row = batch.batch.read("items").slice(0, 1).to_pylist()[0]
    data = batch.lake.media(row["pack"], row["offset"], row["length"])
    response = reading.get(f"/media/{SCENARIO}/{row['item_id']}", headers={"Range": header})
    assert (response.status_code, response.content) == (status, data[start:end])
    if status == 206:
        first = start % len(data)
        assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(data)}"


def test_media_are_kept_by_browsers(reading: httpx.Client, batch: Work) -> None:
    row = batch.batch.read("items").slice(0, 1).to_pylist()[0]
    address = f"/media/{SCENARIO}/{row['item_id']}"
    head = reading.head(address)
    assert (head.headers["content-length"], head.content) == (str(row["length"]), b"")
    assert reading.get(address, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
