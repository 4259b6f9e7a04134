"""The portal in a real browser: signed by keyboard alone, readable on a telephone, nothing asked of other servers."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.integration.portal.home import PASSWORDS, SCENARIO, open_batch, served

CHROMIUM = Path("/usr/bin/chromium")
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]
# The contrast of every visible text with what lies behind it, lowest first: [ratio, text].
_CONTRASTS = """() => {
  const channel = one => (one /= 255) <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const colour = text => text.match(/[\\d.]+/g).map(Number);
  const ground = one => {
    for (; one; one = one.parentElement) {
      const found = colour(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('body *')]
    .filter(one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && one.checkVisibility())
    .map(one => {
      const [a, b] = [light(colour(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
      return [(a + .05) / (b + .05), one.textContent.trim().slice(0, 60)];
    }).sort((x, y) => x[0] - y[0]);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("browser") / "home"))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


def page_in(browser: Browser, scheme: str = "light", width: int = 1280) -> Page:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        http_credentials={"username": "sofia", "password": PASSWORDS["sofia"]},
    )
    return context.new_page()


def focused(page: Page, attribute: str) -> str | None:
    value: str | None = page.evaluate("name => document.activeElement.getAttribute(name)", attribute)
    return value


def note_address(asked: list[str], request: Request) -> None:
    asked.append(request.url)


def tab_to(page: Page, attribute: str, value: str) -> None:
    """Go on by the tabulator alone."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page, attribute) == value:
            return
    raise AssertionError(f"the tabulator does not lead to {attribute}={value}")


def test_every_page_is_readable_and_asks_nothing_of_other_servers(browser: Browser, home: Path, address: str) -> None:
    work = open_batch(home)
    item_id = work.batch.read("items")["item_id"][0].as_py()
    base = f"{address}/scenarios/{SCENARIO}"
    pages = (address, f"{base}/batches/{work.batch_name}", f"{base}/items/{item_id}", f"{base}/batches/nothing")
    for scheme in ("light", "dark"):
        page = page_in(browser, scheme)
        asked: list[str] = []
        page.on("request", partial(note_address, asked))
        for url in pages:
            page.goto(url)
            for details in page.query_selector_all("summary"):
                details.click()
            ratio, text = page.evaluate(_CONTRASTS)[0]
            assert ratio >= CONTRAST, (scheme, url, text)
            assert page.get_attribute("html", "lang") == "en"
            assert page.locator("h1").count() == 1
        assert all(url.startswith(address) for url in asked)
        page.context.close()


def test_a_telephone_does_not_scroll_sideways(browser: Browser, home: Path, address: str) -> None:
    page = page_in(browser, width=390)
    for path in ("/", f"/scenarios/{SCENARIO}/batches/{open_batch(home).batch_name}"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def test_a_batch_is_signed_by_keyboard_alone(browser: Browser, home: Path, address: str, tmp_path: Path) -> None:
    work = open_batch(home)
    page = page_in(browser)
    page.goto(address)
    page.keyboard.press("Tab")
    assert focused(page, "href") == "#main"  # the skip link comes first
    here = f"/scenarios/{SCENARIO}/batches/{work.batch_name}"
    tab_to(page, "href", here)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{here}")
    tab_to(page, "href", "#decision")
    page.keyboard.press("Enter")
    tab_to(page, "name", "decision")
    page.keyboard.press("Space")
    tab_to(page, "name", "reason")
    page.keyboard.type("Pale on purpose: scans of the old archive.")
    page.screenshot(path=tmp_path / "signing.png")
    tab_to(page, "type", "submit")
    page.keyboard.press("Enter")
    page.wait_for_url("**#decision")
    page.get_by_text("Pale on purpose").wait_for()
    page.screenshot(path=tmp_path / "signed.png")
    (row,) = work.lake.state.signoffs(SCENARIO, work.batch_name)
    assert (row.by, row.decision) == ("sofia", "waive")
    page.context.close()
