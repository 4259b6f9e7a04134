"""What people see, in a real headless Chromium: used by a test and by `make pictures`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
PATIENCE_MS = 60_000


@contextlib.contextmanager
def chromium(width: int = 1280, height: int = 800, user: tuple[str, str] | None = None) -> Iterator["Page"]:
    """A page of an empty browser; skips the test where there is no Chromium."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    login = None if user is None else {"username": user[0], "password": user[1]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                http_credentials=login,  # type: ignore[arg-type]
            )
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            yield page
        finally:
            browser.close()


def open_graph(page: "Page", dagster_url: str, scenario: str) -> None:
    """Dagster's picture of a scenario's ten assets."""
    page.goto(f"{dagster_url}/locations/pipelines.definitions/asset-groups/{scenario}/lineage")
    page.get_by_text("feedback", exact=True).first.wait_for()
    from playwright.sync_api import TimeoutError as NothingThere

    with contextlib.suppress(NothingThere):
        page.get_by_role("button", name="Skip").click(timeout=5000)  # an invitation, once for each browser
    page.wait_for_timeout(3000)  # the graph lays itself out


def open_labeling(page: "Page", label_studio_url: str, email: str, password: str, project: str, task: int) -> None:
    """A task of a project as an annotator meets it."""
    page.goto(f"{label_studio_url}/user/login")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").first.click()
    page.wait_for_url(lambda url: "/user/login" not in url)
    page.goto(f"{label_studio_url}/projects/{project}/data?task={task}")
    page.get_by_text("Which digit is written here?").first.wait_for()
    page.wait_for_timeout(1500)
