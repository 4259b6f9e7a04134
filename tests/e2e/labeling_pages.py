"""A task of every template of labeling.templates in a real Label Studio, answered, and its page in a browser."""

import contextlib
import functools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from labeling import templates
from labeling.answers import from_result, to_result
from labeling.answers_entries import Shown
from labeling.config import LabelConfig
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import read_tasks
from labeling.platform import PlatformTask
from lake import answers
from lake.answers import Box, Keypoints, Mask, Polygon, Relation, Segment, Span
from lake.records import Task
from tests import media_samples

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 480, 320
TEXT = "Ada 👩‍💻 works for 𝔸cme Ltd in London.\nBo lives in Paris."
SHOWN = Shown(width=WIDTH, height=HEIGHT, duration_s=4.0)
_MASK = np.zeros((HEIGHT, WIDTH), dtype=bool)
_MASK[60:200, 90:260] = True


def _mask() -> Mask:
    edges = np.flatnonzero(np.diff(_MASK.ravel(), prepend=False))
    counts = np.diff(np.concatenate(([0], edges, [_MASK.size])))
    return Mask("crack", WIDTH, HEIGHT, tuple(map(int, counts)))


def _span(label: str, words: str) -> Span:
    return Span(label, TEXT.index(words), TEXT.index(words) + len(words))


ANSWERS: dict[str, str] = {
    "image-choice": "dog",
    "image-classes": answers.classes_text(["person", "animal"]),
    "image-boxes": answers.shapes_text(
        "boxes", [Box("car", 40.0, 60.0, 120.5, 80.25), Box("person", 300.0, 60.0, 100.0, 50.0, 20.0)]
    ),
    "image-polygons": answers.shapes_text(
        "polygons",
        [
            Polygon("building", ((40.0, 60.0, 160.0, 70.0, 120.0, 200.0), (200.0, 60.0, 260.0, 70.0, 230.0, 190.0))),
            Polygon("water", ((300.0, 60.0, 400.0, 70.0, 420.0, 200.0, 310.0, 220.0),)),
        ],
    ),
    "image-masks": answers.shapes_text("masks", [_mask()]),
    "image-keypoints": answers.shapes_text(
        "keypoints",
        [
            Keypoints("person", (("nose", 100.0, 60.0, True), ("left hand", 60.0, 150.0, False))),
            Keypoints("person", (("nose", 300.0, 60.0, True), ("right hand", 340.0, 160.0, True))),
        ],
    ),
    "image-number": answers.number_text(7),
    "text-choice": "neutral",
    "text-spans": answers.related_text(
        [_span("person", "Ada"), _span("company", "𝔸cme Ltd"), _span("person", "Bo"), _span("place", "Paris")],
        [Relation(0, 1, "works for"), Relation(2, 3, "lives in")],
    ),
    "text-writing": "Ada works, Bo lives.",
    "text-rating": answers.rating_text(4),
    "audio-transcription": "a tone that fades",
    "audio-segments": answers.shapes_text("segments", [Segment("speech", 0.5, 1.75), Segment("music", 1.5, 3.0)]),
    "video-timeline": answers.shapes_text("segments", [Segment("walks", 0.4, 1.2), Segment("sits", 2.0, 3.0)]),
    "series-segments": answers.shapes_text(
        "segments", [Segment("charge", 100.0, 250.0), Segment("rest", 300.0, 300.0)]
    ),
    "series-change-points": answers.shapes_text("segments", [Segment("change", 410.0, 410.0)]),
    "ranking": answers.ranking_text(["c", "a", "b"]),
    "pairwise": "right",
}


def make_media(folder: Path) -> None:
    """What the questions are about, as small files."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = Image.fromarray(np.stack([x // 3, y // 2, (x + y) // 5], axis=-1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((90, 60, 260, 200), fill=(220, 180, 90))
    draw.rectangle((300, 60, 420, 200), fill=(90, 160, 220))
    picture.save(folder / "picture.png")
    tone = np.concatenate([media_samples.tone(2.0), 0.4 * media_samples.tone(2.0, hz=220)])
    (folder / "tone.wav").write_bytes(media_samples.recorded(tone, 8000))
    (folder / "clip.mp4").write_bytes(media_samples.video("mp4", "libx264", (320, 240), count=100, fps=25))
    rows = (f"{time:g},{value:.4f}" for time, value, _ in media_samples.series())
    (folder / "series.csv").write_text("\n".join(["time,value", *rows, ""]))


def value_of(config: LabelConfig, media_url: str) -> str:
    """What a task holds of its item."""
    if config.value_keys:
        return json.dumps({"left": "It is in the box.", "right": "It is in the box on the left, below the book."})
    bodies = {"a": "It depends.", "b": "No.", "c": "Yes, from the second of May on."}
    items = [{"id": name, "title": f"Model {name.upper()}", "body": body} for name, body in bodies.items()]
    return {
        "Image": f"{media_url}/picture.png",
        "Text": TEXT,
        "Audio": f"{media_url}/tone.wav",
        "Video": f"{media_url}/clip.mp4",
        "TimeSeries": f"{media_url}/series.csv",
        "List": json.dumps(items),
    }[config.object_tag]


class _Handler(SimpleHTTPRequestHandler):
    """Files of a folder, for pages of any other address."""

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def media_server(folder: Path) -> Iterator[str]:
    """The address of a server of the folder's files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Asked:
    """A question on the server with one task."""

    name: str
    config: LabelConfig
    project: str
    task: int
    answered: bool


def ask(
    name: str, platform: LabelStudioPlatform, api: LabelStudioApi, title: str, media_url: str, *, answered: bool = True
) -> Asked:
    """Make the project of a template, push its task and answer it."""
    config = LabelConfig.parse(templates.read(name), where=name)
    project = platform.ensure_project(title, config, guideline="Look twice.", overlap=1)
    task = Task(
        task_id=name,
        scenario="templates",
        item_id=name,
        guideline_version="g1",
        batch="b1",
        overlap=1,
        priority=1.0,
        reason="new",
    )
    platform.push(project, [PlatformTask(task, value_of(config, media_url))])
    (row,) = read_tasks(api, project)
    if answered:
        body = {"result": to_result(ANSWERS[name], config, SHOWN), "lead_time": 1.0}
        api.post(f"/api/tasks/{row.id}/annotations/", body)
    return Asked(name, config, project, row.id, answered)


def said_by_the_page(page: "Page", asked: Asked) -> str:
    """The answer that the front end would send now; "" while it is still loading."""
    result = page.evaluate(
        "() => window.Htx?.annotationStore?.selected ? Htx.annotationStore.selected.serializeAnnotation() : null"
    )
    return "" if result is None else from_result(result, asked.config)


def open_task(page: "Page", url: str, asked: Asked) -> str:
    """Open the task's page; returns the answer that the front end makes of what is stored, once it is the same."""
    page.goto(f"{url}/projects/{asked.project}/data?task={asked.task}")
    page.locator(".lsf-editor").first.wait_for()
    page.locator(".lsf-editor").get_by_text("Regions", exact=True).first.wait_for()
    said = said_by_the_page(page, asked)
    for _ in range(40 if asked.answered else 0):
        if said == ANSWERS[asked.name]:
            break
        page.wait_for_timeout(500)
        said = said_by_the_page(page, asked)
    page.wait_for_timeout(1500)  # waves and frames are drawn
    return said


def submit(page: "Page") -> None:
    """Press the button and wait until the server has the answer."""
    with page.expect_response(lambda reply: "/annotations" in reply.url and reply.request.method == "POST") as reply:
        page.get_by_role("button", name="Submit current annotation").first.click()
    assert reply.value.ok, reply.value.text()


def log_in(page: "Page", url: str, email: str, password: str) -> None:
    """As the form asks."""
    page.goto(f"{url}/user/login")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").first.click()
    page.wait_for_url(lambda at: "/user/login" not in at)
