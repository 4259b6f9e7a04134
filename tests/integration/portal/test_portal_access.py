"""Who may see what the portal shows, and what never leaves it."""

import contextlib
from pathlib import Path

import httpx
import pytest

from assets.stage import Work
from tests.integration.portal.asking import page_of, status_of_raw
from tests.integration.portal.home import (
    PASSWORDS,
    SCENARIO,
)

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "auth",
    [None, ("sofia", "wrong"), ("nobody", ""), ("", ""), ("sofia", PASSWORDS["victor"]), ("label_studio_token", "x")],
)
def test_nobody_sees_anything_without_the_right_password(
    reading: httpx.Client, batch: Work, auth: tuple[str, str] | None
) -> None:
    item_id = batch.batch.read("items")["item_id"][0].as_py()
    for address in ("/", page_of(batch), f"/media/{SCENARIO}/{item_id}", f"/data-docs/{SCENARIO}/{batch.batch_name}/"):
        response = httpx.get(reading.base_url.join(address), auth=auth, trust_env=False)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic ")
        assert batch.batch_name not in response.text


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer x", "Basic " + "A" * 4000])
def test_a_malformed_login_is_refused(reading: httpx.Client, header: str) -> None:
    response = httpx.get(reading.base_url, headers={"Authorization": header}, trust_env=False)
    assert response.status_code == 401


def test_health_is_open_to_all(reading: httpx.Client) -> None:
    response = httpx.get(reading.base_url.join("/healthz"), trust_env=False)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_every_answer_carries_the_security_headers(reading: httpx.Client, batch: Work) -> None:
    for address in ("/", page_of(batch), "/healthz", "/static/style.css", "/nowhere"):
        headers = reading.get(address).headers
        assert "script-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_damaged_credentials_let_nobody_in_and_quote_nothing(home: Path, client: httpx.Client) -> None:
    (home / "credentials.json").write_text('{"portal_users": {"sofia": {"password": "s3cret", "role": "king"}}}')
    response = client.get("/")
    assert response.status_code == 409
    assert "trialbase up" in response.text
    assert "s3cret" not in response.text
    (home / "credentials.json").unlink()
    assert "Nobody can log in yet" in client.get("/").text


@pytest.mark.parametrize(
    "path",
    [
        "../great_expectations.yml",
        "..%2fgreat_expectations.yml",
        "static/..%2f..%2f..%2f..%2f..%2fcredentials.json",
        "%2fetc%2fpasswd",
        "..%5c..%5ccredentials.json",
        "link",
        "%00",
        "a" * 5000,
        "static",
    ],
)
def test_nothing_beside_the_data_docs_is_served(reading: httpx.Client, batch: Work, made: Path, path: str) -> None:
    site = made / "data-docs" / SCENARIO / batch.batch_name / "site"
    with contextlib.suppress(FileExistsError):
        (site / "link").symlink_to(made / "credentials.json")
    for address in (f"/data-docs/{SCENARIO}/{batch.batch_name}/{path}", f"/static/{path}"):
        assert status_of_raw(reading, address) == 404
