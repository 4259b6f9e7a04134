"""Every question to begin with, in Label Studio's own front end: it shows what is sent, and sends what was meant."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labeling import templates
from labeling.hosting import launch
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from lake.answers import Mask, shapes_of, shapes_text
from tests.e2e import browser, labeling_pages
from tests.label_studio_fixture import LabelStudioServer, label_studio, project_title  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

SIGHTS = {  # what has to be seen of the question, inside the editor
    "audio-segments": ["text=speech", "canvas"],
    "audio-transcription": ["canvas", "text=a tone that fades"],
    "image-boxes": ["img[src^='blob:']", "text=car", "canvas"],
    "image-choice": ["img[src^='blob:']", "text=neither"],
    "image-classes": ["img[src^='blob:']", "text=vehicle"],
    "image-keypoints": ["img[src^='blob:']", "text=left hand", "canvas"],
    "image-masks": ["img[src^='blob:']", "text=stain", "canvas"],
    "image-number": ["img[src^='blob:']", "input[type=number]"],
    "image-polygons": ["img[src^='blob:']", "text=water", "canvas"],
    "pairwise": ["text=It is in the box on the left"],
    "ranking": ["text=Model C", "text=It depends."],
    "series-change-points": ["svg .overview, svg", "text=change"],
    "series-segments": ["svg .overview, svg", "text=charge"],
    "text-choice": ["text=lives in Paris", "text=neutral"],
    "text-rating": ["text=lives in Paris", "[class*=rat] svg"],
    "text-spans": ["text=works for", "text=company"],
    "text-writing": ["text=Ada works, Bo lives."],
    "video-timeline": ["canvas, video", "text=walks"],
}


@pytest.fixture(scope="module")
def media_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("media")
    labeling_pages.make_media(folder)
    with labeling_pages.media_server(folder) as url:
        yield url


@pytest.fixture(scope="module")
def page(label_studio: LabelStudioServer) -> Iterator["Page"]:  # noqa: F811
    with browser.chromium(width=1400, height=900) as found:
        labeling_pages.log_in(found, label_studio.url, launch.ADMIN, label_studio.server.admin_password)
        yield found


@pytest.fixture
def platform(label_studio: LabelStudioServer) -> LabelStudioPlatform:  # noqa: F811
    return LabelStudioPlatform(label_studio.url, token=label_studio.token)


@pytest.fixture
def api(label_studio: LabelStudioServer) -> Iterator[LabelStudioApi]:  # noqa: F811
    with LabelStudioApi(label_studio.url, token=label_studio.token, timeout_s=30) as found:
        yield found


@pytest.mark.parametrize("name", templates.names())
def test_the_front_end_shows_every_question_and_says_the_answer_that_was_sent(
    name: str,
    platform: LabelStudioPlatform,
    api: LabelStudioApi,
    page: "Page",
    media_url: str,
    project_title: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    asked = labeling_pages.ask(name, platform, api, project_title, media_url)
    said = labeling_pages.open_task(page, api.url, asked)
    page.screenshot(path=tmp_path / f"labeling-{name}.png")
    assert said == labeling_pages.ANSWERS[name]
    for sight in SIGHTS[name]:
        assert page.locator(".lsf-editor").locator(sight).first.is_visible(), sight


def test_a_stroke_of_the_brush_is_a_mask(
    platform: LabelStudioPlatform,
    api: LabelStudioApi,
    page: "Page",
    media_url: str,
    project_title: str,  # noqa: F811
) -> None:
    asked = labeling_pages.ask("image-masks", platform, api, project_title, media_url, answered=False)
    labeling_pages.open_task(page, api.url, asked)
    picture = page.locator(".lsf-editor img[src^='blob:']").first.bounding_box()
    assert picture is not None
    left, middle = picture["x"] + picture["width"] / 4, picture["y"] + picture["height"] / 2
    page.locator(".lsf-editor").get_by_text("stain").first.click()
    page.mouse.move(left, middle)
    page.mouse.down()
    page.mouse.move(left + picture["width"] / 2, middle, steps=12)
    page.mouse.up()
    labeling_pages.submit(page)
    (found,) = platform.pull(asked.project, asked.config, None).annotations
    (mask,) = shapes_of(found.answer, "masks")
    assert isinstance(mask, Mask)
    assert (mask.label, mask.width, mask.height) == ("stain", labeling_pages.WIDTH, labeling_pages.HEIGHT)
    painted = sum(mask.counts[1::2])
    assert labeling_pages.WIDTH < painted < labeling_pages.WIDTH * labeling_pages.HEIGHT / 4
    row, column = divmod(sum(mask.counts[:1]), mask.width)
    assert abs(row - mask.height / 2) < mask.height / 4
    assert mask.width / 5 < column < mask.width * 4 / 5


def test_a_picture_without_any_box_can_be_submitted_and_is_no_skipped_task(
    platform: LabelStudioPlatform,
    api: LabelStudioApi,
    page: "Page",
    media_url: str,
    project_title: str,  # noqa: F811
) -> None:
    asked = labeling_pages.ask("image-boxes", platform, api, project_title, media_url, answered=False)
    labeling_pages.open_task(page, api.url, asked)
    labeling_pages.submit(page)
    (found,) = platform.pull(asked.project, asked.config, None).annotations
    assert (found.answer, found.cancelled) == (shapes_text("boxes", []), False)
