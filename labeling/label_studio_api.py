"""HTTP to Label Studio: tokens, retries, and every failure as an error with a remedy.

Plain httpx and not label_studio_sdk: importing the SDK costs 1.7 s against 0.2 s, it retries the 409 that
says "this answer is there already", and its typed methods include those that the open edition lacks.
"""

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from lake.errors import PlatformError, PlatformUnreachable

log = logging.getLogger(__name__)

Query = Mapping[str, str | int]

_HICCUP_S = 2.0
_TOKEN_REMEDY = "put a personal access token (Label Studio: Account & Settings) into TRIALBASE_LABEL_STUDIO_TOKEN"


class Transient(Exception):
    """The server may answer if asked again: no connection, too busy, or broken for the moment."""


class LabelStudioApi:
    """One conversation with a Label Studio server, as the user of `token`; a context manager.

    token: a personal access token (a refresh token, exchanged for short-lived access) or a legacy token.
    timeout_s: how long one request may take, and how long failing ones are tried again.
    """

    def __init__(self, url: str, *, token: str, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._told = False
        self._server_time: datetime | None = None
        # a proxy of the environment is for servers elsewhere
        self._client = httpx.Client(base_url=self.url, timeout=timeout_s, trust_env=not _is_local(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def server_time(self) -> datetime | None:
        """The clock of the server at its last answer, to the second, never ahead of ours; None where it tells none."""
        return self._server_time

    def get(self, path: str, query: Query | None = None) -> bytes:
        """The body of a page."""
        return self._patiently("GET", path, query, None).content

    def post(self, path: str, body: object, query: Query | None = None, *, present: bool = False) -> bytes:
        """Send `body` again and again until it is taken: for requests that may be repeated.

        present: take 409 ("there already") as success, with an empty body.
        """
        response = self._patiently("POST", path, query, body, allow=(409,) if present else ())
        return b"" if response.status_code == 409 else response.content

    def patch(self, path: str, body: object) -> bytes:
        """Change a part of something."""
        return self._patiently("PATCH", path, None, body).content

    def delete(self, path: str) -> None:
        """Delete something; harmless when it is gone."""
        self._patiently("DELETE", path, None, None, allow=(404,))

    def post_once(self, path: str, body: object, query: Query, *, timeout_s: float) -> bytes:
        """Send `body` (or JSON as bytes) at most once. Raises Transient when nobody knows whether it was taken."""
        return self._authorised("POST", path, query, body, timeout_s=timeout_s).content

    def _patiently(
        self, method: str, path: str, query: Query | None, body: object, allow: tuple[int, ...] = ()
    ) -> httpx.Response:
        try:
            for attempt in self.attempts():
                with attempt:
                    return self._authorised(method, path, query, body, allow)
        except Transient as error:
            raise self.unreachable(error) from error
        raise AssertionError("a retry loop ends in a return or an error")

    def attempts(self) -> Retrying:
        """Tries again after a Transient, 0.25 s to 4 s apart, for `timeout_s` in all."""
        return Retrying(
            retry=retry_if_exception_type(Transient),
            wait=wait_exponential(multiplier=0.25, max=4),
            stop=stop_after_delay(self._timeout_s),
            before_sleep=self._say_that_it_waits,
            reraise=True,
        )

    def _say_that_it_waits(self, state: RetryCallState) -> None:
        """Once, when it takes longer than a hiccup: people should not sit before silence."""
        if self._told or (state.seconds_since_start or 0) < _HICCUP_S:
            return
        self._told = True
        error = state.outcome.exception() if state.outcome else None
        log.warning("Label Studio at %s: %s; trying again for up to %g s", self.url, error, self._timeout_s)

    def unreachable(self, error: Transient) -> PlatformUnreachable:
        """What is said when trying again did not help."""
        return PlatformUnreachable(
            f"Label Studio at {self.url} did not answer within {self._timeout_s:g} s ({error})",
            remedy="start it (`trialbase up`) or correct TRIALBASE_LABEL_STUDIO_URL, then rerun: nothing is sent twice",
        )

    def _authorised(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: object,
        allow: tuple[int, ...] = (),
        timeout_s: float | None = None,
    ) -> httpx.Response:
        """One request; access that ran out (after five minutes) is renewed once."""
        if "Authorization" not in self._client.headers:
            self._renew()
        response = self._send(method, path, query, body, timeout_s)
        if response.status_code == 401:
            self._renew()
            response = self._send(method, path, query, body, timeout_s)
        if response.status_code not in allow:
            self._check(response)
        return response

    def _demand_label_studio(self, response: httpx.Response) -> None:
        """Its interface speaks JSON alone, a page comes from another program."""
        if "html" in response.headers.get("Content-Type", ""):
            request = response.request
            raise PlatformError(
                f"{self.url} is no Label Studio: {request.method} {request.url.path} gave {response.status_code} and "
                f"{_detail(response)}",
                remedy="correct TRIALBASE_LABEL_STUDIO_URL: it is the address without a path, such as http://host:8080",
            )

    def _renew(self) -> None:
        """Exchange a personal access token for access; a legacy token is used as it is."""
        if self._token.count(".") != 2:
            self._client.headers["Authorization"] = f"Token {self._token}"
            return
        self._client.headers.pop("Authorization", None)
        response = self._send("POST", "/api/token/refresh/", None, {"refresh": self._token}, None)
        self._check(response)
        self._client.headers["Authorization"] = f"Bearer {response.json()['access']}"

    def _send(
        self, method: str, path: str, query: Query | None, body: object, timeout_s: float | None
    ) -> httpx.Response:
        more: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
        if isinstance(body, bytes):
            more |= {"content": body, "headers": {"Content-Type": "application/json"}}
        elif body is not None:
            more["json"] = body
        try:
            response = self._client.request(method, path, params=query, **more)
        except httpx.TransportError as error:
            raise Transient(f"{type(error).__name__}: {error}") from error
        self._server_time = _date(response)
        if response.status_code == 429 or response.status_code >= 500:
            raise Transient(f"{response.status_code} from {path}: {_detail(response)}")
        return response

    def _check(self, response: httpx.Response) -> None:
        self._demand_label_studio(response)
        if response.is_success:
            return
        what = f"Label Studio at {self.url} refused {response.request.method} {response.request.url.path}"
        what += f": {response.status_code} {_detail(response)}"
        if response.status_code in (401, 403):
            raise PlatformError(f"{what} (the token is not accepted)", remedy=_TOKEN_REMEDY)
        raise PlatformError(what, remedy="check the project there, its label configuration and who may open it")


def _is_local(url: str) -> bool:
    """Whether a server is on this machine. Raises PlatformError for what is no address."""
    try:
        parts, _ = urlsplit(url), httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PlatformError(
            f'"{url}" is no address of a Label Studio', remedy="correct TRIALBASE_LABEL_STUDIO_URL (http://host:port)"
        )
    return parts.hostname in ("127.0.0.1", "localhost", "::1")


def _date(response: httpx.Response) -> datetime | None:
    """When an answer was made (RFC 9110 section 6.6.1); never ahead of our clock, should another machine's be."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return min(date, datetime.now(UTC)) if date.tzinfo else None


def _detail(response: httpx.Response) -> str:
    if "html" in response.headers.get("Content-Type", ""):
        title = re.search(r"<title[^>]*>([^<]{1,100})", response.text, re.IGNORECASE)
        return f"a web page ({' '.join(title[1].split())})" if title else "a web page"
    return " ".join(response.text.split())[:400]
