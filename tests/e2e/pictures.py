"""`make pictures`: the pictures of the README, taken from a real demo in a real browser."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e import browser
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


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
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
