"""What a browser does with the portal: it finds a batch's page, keeps a form's hidden fields and sends them back."""

import base64
import contextlib
import http.client
import re
from pathlib import Path

import httpx

from assets.stage import Work
from tests.integration.portal.home import PASSWORDS, SCENARIO, open_batch

STEWARD, VIEWER = ("sofia", PASSWORDS["sofia"]), ("victor", PASSWORDS["victor"])


def page_of(work: Work) -> str:
    return f"/scenarios/{work.scenario.name}/batches/{work.batch_name}"


def form_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields that a browser would send back."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)">', page.text))


def waive(client: httpx.Client, work: Work, *, reason: str = "drawn pale on purpose", **changes: str) -> httpx.Response:
    form = form_of(client.get(page_of(work)))
    return client.post(f"{page_of(work)}/sign", data={**form, "decision": "waive", "reason": reason, **changes})


def status_of_raw(client: httpx.Client, address: str) -> int:
    """Ask for an address as it is written: httpx would tidy it up."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=20)
    login = base64.b64encode(":".join(STEWARD).encode()).decode()
    with contextlib.closing(connection):
        connection.request("GET", address, headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().status


def signoffs(home: Path) -> list[tuple[str, str, str]]:
    work = open_batch(home)
    rows = work.lake.state.signoffs(SCENARIO, work.batch_name)
    return [(row.by, row.decision, row.reason) for row in rows]
