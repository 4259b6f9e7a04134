"""`make pictures`: the pictures of the README, taken from a real demo in a real browser."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from labeling import templates
from labeling.hosting import launch
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.server import LocalLabelStudio
from lake.servers import free_port
from tests.e2e import browser, labeling_pages
from tests.e2e.conftest import ROOT, Installation

PICTURES = ROOT / "docs" / "pictures"


def take(home: Path, services: dict[str, str]) -> None:
    """Screenshots of Dagster, Label Studio and the portal."""
    login = json.loads((home / "credentials.json").read_text())
    with browser.chromium(width=2000, height=520) as page:
        browser.open_graph(page, services["dagster"], "digits")
        page.screenshot(path=PICTURES / "dagster.png")
    with browser.chromium(height=720) as page:
        email, password = login["label_studio_user"], login["label_studio_password"]
        browser.open_labeling(page, services["label_studio"], email, password, project="1", task=1)
        page.screenshot(path=PICTURES / "labeling.png")
    with browser.chromium(height=900, user=("steward", login["portal_users"]["steward"]["password"])) as page:
        page.goto(services["portal"])
        page.get_by_role("link", name="delivery-1").first.click()
        page.wait_for_timeout(1000)
        page.screenshot(path=PICTURES / "portal.png")


def take_questions(folder: Path) -> None:
    """Screenshots of Label Studio with a question of every template, answered."""
    (folder / "media").mkdir()
    labeling_pages.make_media(folder / "media")
    server = LocalLabelStudio(ROOT / ".venv-label-studio", folder / "label-studio", free_port())
    server.start()
    try:
        platform = LabelStudioPlatform(server.url, token=server.admin_token)
        with (
            labeling_pages.media_server(folder / "media") as media_url,
            LabelStudioApi(server.url, token=server.admin_token, timeout_s=30) as api,
            browser.chromium(width=1280, height=900) as page,
        ):
            labeling_pages.log_in(page, server.url, launch.ADMIN, server.admin_password)
            for name in templates.names():
                asked = labeling_pages.ask(name, platform, api, name, media_url)
                labeling_pages.open_task(page, server.url, asked)
                page.screenshot(path=PICTURES / f"labeling-{name}.png")
    finally:
        server.stop()


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        take_questions(Path(folder))
        place = Installation(Path(folder) / "home")
        place.home.mkdir()
        command = [str(Path(sys.executable).parent / "trialbase"), "demo", "--home", str(place.home), "--keep"]
        try:
            out = f"{folder}/demo.json"
            subprocess.run([*command, "--json", out], env=place.environment(), check=True)
            take(place.home, json.loads(Path(out).read_text())["services"])
        finally:
            place.run("down")


if __name__ == "__main__":
    main()
