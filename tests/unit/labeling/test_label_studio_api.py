"""labeling/label_studio_api.py against a small server that fails in every way a real one does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from lake.errors import PlatformError, PlatformUnreachable
from lake.servers import free_port

PAT = "header.payload.signature"


class Server(ThreadingHTTPServer):
    """Answers with the statuses it was given, in order; then 200 with what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses: list[int] = []
        self.page = b""  # what is sent instead of JSON
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.command} {self.path} {self.headers['Authorization']}")
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        body = json.dumps({"access": f"access {len(self.server.seen)}", "detail": "says the server"}).encode()
        body = self.server.page or body
        self.send_response(status)
        if self.server.page:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def test_a_personal_access_token_is_exchanged_once(server: Server) -> None:
    with LabelStudioApi(server.url, token=PAT, timeout_s=5) as api:
        api.get("/one")
        api.get("/two")
    assert server.seen == ["POST /api/token/refresh/ None", "GET /one Bearer access 1", "GET /two Bearer access 1"]


def test_access_that_ran_out_is_renewed(server: Server) -> None:
    server.statuses = [200, 401]
    with LabelStudioApi(server.url, token=PAT, timeout_s=5) as api:
        api.get("/one")
    assert server.seen[-1] == "GET /one Bearer access 3"


def test_a_legacy_token_is_used_as_it_is(server: Server) -> None:
    with LabelStudioApi(server.url, token="abc", timeout_s=5) as api:
        api.get("/one")
    assert server.seen == ["GET /one Token abc"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again(server: Server, status: int) -> None:
    server.statuses = [status, status]
    with LabelStudioApi(server.url, token="abc", timeout_s=5) as api:
        assert api.post("/answers", {"a": 1})
    assert len(server.seen) == 3


def test_a_server_that_stays_broken_is_unreachable(server: Server) -> None:
    server.statuses = [503] * 99
    with LabelStudioApi(server.url, token="abc", timeout_s=0.5) as api, pytest.raises(PlatformUnreachable) as caught:
        api.get("/one")
    assert "503" in caught.value.what
    assert "TRIALBASE_LABEL_STUDIO_URL" in caught.value.remedy


def test_where_nobody_listens_it_is_unreachable() -> None:
    platform = LabelStudioPlatform(f"http://127.0.0.1:{free_port()}", token="abc", timeout_s=0.3)
    with pytest.raises(PlatformUnreachable, match=r"did not answer within 0\.3 s"):
        platform.ping()


@pytest.mark.parametrize("statuses", [[401], [200, 401, 200, 401], [200, 403]])
def test_a_token_that_is_refused_names_its_setting(server: Server, statuses: list[int]) -> None:
    server.statuses = statuses
    with LabelStudioApi(server.url, token=PAT, timeout_s=5) as api, pytest.raises(PlatformError) as caught:
        api.get("/one")
    assert not isinstance(caught.value, PlatformUnreachable)
    assert "TRIALBASE_LABEL_STUDIO_TOKEN" in caught.value.remedy


def test_a_refusal_says_what_the_server_said(server: Server) -> None:
    server.statuses = [400]
    with LabelStudioApi(server.url, token="abc", timeout_s=5) as api, pytest.raises(PlatformError) as caught:
        api.patch("/project", {})
    assert "refused PATCH /project: 400" in caught.value.what
    assert "says the server" in caught.value.what
    assert len(server.seen) == 1


def test_what_is_there_already_and_what_is_gone_are_no_errors(server: Server) -> None:
    server.statuses = [409, 404]
    with LabelStudioApi(server.url, token="abc", timeout_s=5) as api:
        assert api.post("/answers", {}, present=True) == b""
        api.delete("/project")


def test_a_web_page_comes_from_another_program(server: Server) -> None:
    server.page = b"<html><head><title>Welcome to\n nginx!</title></head><body><p>It works</p></body></html>"
    for status in (200, 404):
        server.statuses = [status]
        with LabelStudioApi(server.url, token="legacy", timeout_s=5) as api, pytest.raises(PlatformError) as caught:
            api.get("/api/version/")
        assert f"{server.url} is no Label Studio" in str(caught.value)
        assert f"gave {status} and a web page (Welcome to nginx!)\n" in str(caught.value)
        assert "<p>" not in str(caught.value)
        assert "TRIALBASE_LABEL_STUDIO_URL" in caught.value.remedy


def test_who_waits_for_a_server_that_is_down_is_told_so_once(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with LabelStudioApi(url, token="legacy", timeout_s=5) as api, pytest.raises(PlatformUnreachable):
        api.get("/api/version/")
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith(f"Label Studio at {url}: ConnectError")
    assert told[0].endswith("trying again for up to 5 s")


@pytest.mark.parametrize("url", ["not an address", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:x"])
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(PlatformError, match="TRIALBASE_LABEL_STUDIO_URL"):
        LabelStudioPlatform(url, token="abc", timeout_s=0.2).ping()
