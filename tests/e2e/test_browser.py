"""Dagster's graph, a labeling page and the portal of the demo open in a real browser."""

import json

import pytest

from assets.loop import STAGES
from tests.e2e import browser
from tests.e2e.conftest import Demo

pytestmark = pytest.mark.e2e


def test_dagster_draws_the_ten_assets(demo: Demo) -> None:
    with browser.chromium(width=2000, height=600) as page:
        browser.open_graph(page, demo.figures["services"]["dagster"], "digits")
        for stage in STAGES:
            assert page.get_by_text(stage.name, exact=True).first.is_visible(), stage.name


def test_an_annotator_sees_the_question_the_picture_and_the_answers(demo: Demo) -> None:
    login = json.loads((demo.home / "credentials.json").read_text())
    with browser.chromium(height=900) as page:
        browser.open_labeling(
            page,
            demo.figures["services"]["label_studio"],
            login["label_studio_user"],
            login["label_studio_password"],
            project="1",
            task=1,
        )
        assert page.locator("img[src^='data:image/png'], canvas, image").first.is_visible()
        for digit in "0123456789":
            assert page.get_by_text(f"{digit}[{digit}]").first.is_visible(), f"{digit} and its key"


def test_the_portal_says_where_everything_stands(demo: Demo) -> None:
    users = json.loads((demo.home / "credentials.json").read_text())["portal_users"]
    with browser.chromium(user=("steward", users["steward"]["password"])) as page:
        page.goto(demo.figures["services"]["portal"])
        assert page.get_by_text("digits/2: ").first.is_visible()
        page.get_by_role("link", name="delivery-1").first.click()
        assert page.get_by_text("labels are confident").count() > 0
