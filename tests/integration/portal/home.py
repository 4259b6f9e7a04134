"""A small real home: pictures with one odd file name, six simulated annotators, a gate report that waits.

Everything but Label Studio is the real thing: people's answers are written where a pull would put them.
"""

import csv
import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from io import BytesIO
from pathlib import Path
from random import Random

import uvicorn
from PIL import Image, ImageDraw
from pydantic import SecretStr

from assets.answers import count
from assets.labels import GATE
from assets.loop import BY_NAME
from assets.scenario import Scenario, load_scenario
from assets.stage import Work, carry_out, data_docs
from labeling.crew import demo_crew
from lake import ids
from lake.ingest import register
from lake.records import Annotation, Task, to_table
from lake.state import Outcome
from pipelines.credentials import Account, Credentials, Role, write_credentials
from pipelines.ports import open_ports
from pipelines.settings import Settings
from pipelines.web.app import create_app
from quality.checks import CheckResult, StageFacts
from quality.expectations import validate
from quality.gate import judge

SCENARIO = "shapes"
ODD_NAME = "<img src=x onerror=alert(1)> & 圆.png"
ODD_CLASS = "<script>alert('class')</script>"
ODD_TEXT = "<script>alert('text')</script> 你好，世界"
CLASSES = ("circle", "square", ODD_CLASS)
PASSWORDS = {"sofia": "s1gns-Ü", "victor": "l00ks", "mara": "also-signs"}
MEDIA_SECRET = "media-secret-of-the-tests"
_START = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)

_YAML = """\
name: {name}
title: {title}
owner: team-shapes
modality: {modality}
freshness_days: 30
source: {{licence: CC-BY-4.0, consent: drawn for a test, max_bytes: 100000, max_pixels: 100000}}
labeling:
  overlap: 3
  budget_items: 40
  explore: 0.1
  gold: {{tasks_per_batch: 4}}
  price: {{per_answer: "0.08", currency: CNY}}
  consensus: {{method: dawid_skene, min_posterior: 0.8}}
quality:
  ranges: [{ranges}]
  max_quarantined_share: 0.5
  near_duplicate_bits: 4
  near_duplicate_cosine: 0.999
  min_alpha: 0
  min_gold_accuracy: 0
  min_overlap_share: 1.0
  min_class_share: 0
  min_confident_share: 0.5
  sign_off_roles: [steward]
training:
  recipe: {modality}_classifier
  epochs: 1
  batch_size: 8
  learning_rate: 0.01
  weight_decay: 0
  seed: 1
  validation_share: 0.2
  checkpoint_every_steps: 10
  timeout_s: 60
  local: {{price_per_hour: "1.2", currency: CNY}}
"""
_RANGE = "{probe: probe_brightness, high: 0.9, mostly: 1.0, severity: waivable}"
_SUITE = """\
name: shapes-suite
metric: accuracy
min_accuracy: 0.5
min_slice_accuracy: 0.5
min_slice_cases: 5
significance: 0.05
max_slice_drop: 0.1
"""


def settings_of(home: Path) -> Settings:
    return Settings(home=home, scenarios=str(home / "scenarios"))


def build_home(home: Path) -> None:
    """Two scenarios; a batch of pictures that waits for a steward, and a batch of texts just taken in."""
    _write_scenario(home, SCENARIO, "Shapes", "image")
    _write_scenario(home, "phrases", "Phrases", "text")
    roles: dict[str, Role] = {"sofia": "steward", "mara": "steward", "victor": "viewer"}
    users = {name: Account(password=SecretStr(PASSWORDS[name]), role=role) for name, role in roles.items()}
    made = Credentials(portal_users=users, media_secret=SecretStr(MEDIA_SECRET), label_studio_token=SecretStr("other"))
    write_credentials(settings_of(home).credentials_file, made)
    truth = _deliver_pictures(home / "inbox" / "first pictures")
    texts = home / "inbox" / "texts"
    texts.mkdir(parents=True)
    (texts / "one.txt").write_text(ODD_TEXT, encoding="utf-8")
    for scenario, folder in ((SCENARIO, "first pictures"), ("phrases", "texts")):
        work = open_batch(home, scenario, home / "inbox" / folder)
        carry_out(BY_NAME["raw_items"], work)
        if scenario == SCENARIO:
            carry_out(BY_NAME["curated_items"], work)
            _label(work, truth)


def open_batch(home: Path, scenario: str = SCENARIO, delivery: Path | None = None) -> Work:
    """The scenario's only batch, registered first where its delivery is given."""
    ports = open_ports(settings_of(home))
    if delivery is not None:
        register(ports.lake, scenario, [delivery])
    (row,) = ports.lake.state.batches(scenario)
    return Work(ports, _scenario(home, scenario), row.batch)


def rejudge(work: Work, checks: list[CheckResult]) -> str:
    """Put another gate report in place, as a rerun of `labels` would; returns its hash."""
    report = judge(work.scenario.name, work.batch_name, checks)
    work.lake.blobs.write(work.batch.path(GATE), report.to_json().encode())
    return report.report_hash


def with_more(check: CheckResult) -> CheckResult:
    """The same check with another observation: the data has changed."""
    return dataclasses.replace(check, observed=f"{check.observed} and more")


@contextmanager
def served(home: Path, webhook_secret: str | None = None) -> Iterator[str]:
    """The real application on a free loopback port; its address."""
    settings = settings_of(home).model_copy(update={"webhook_secret": webhook_secret and SecretStr(webhook_secret)})
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 20
        while not server.started and time.monotonic() < end:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def _scenario(home: Path, name: str) -> Scenario:
    return load_scenario(home / "scenarios" / name)


def _write_scenario(home: Path, name: str, title: str, modality: str) -> None:
    folder = home / "scenarios" / name
    folder.mkdir(parents=True)
    tag, key = ("Image", "image") if modality == "image" else ("Text", "text")
    choices = "".join(f'<Choice value="{escape(one)}"/>' for one in CLASSES)
    ranges = _RANGE if modality == "image" else ""
    (folder / "scenario.yaml").write_text(_YAML.format(name=name, title=title, modality=modality, ranges=ranges))
    (folder / "label_config.xml").write_text(
        f'<View><{tag} name="item" value="${key}"/><Choices name="kind" toName="item">{choices}</Choices></View>'
    )
    (folder / "guideline.md").write_text("Say what you see.\n")
    (folder / "suite.yaml").write_text(_SUITE)


def _deliver_pictures(folder: Path) -> dict[str, str]:
    """70 drawings and five files that are none; returns item_id -> class."""
    folder.mkdir(parents=True)
    random, truth, answers = Random(5), {}, []
    for number in range(70):
        shape = CLASSES[number % 3]
        data = _drawing(random, shape, pale=number % 9 == 0)
        name = ODD_NAME if number == 0 else f"{number:03}.png"
        (folder / name).write_bytes(data)
        truth[ids.content_id(data)] = shape
        if number >= 66:
            answers.append((name, shape))
    (folder / "empty.png").touch()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    (folder / "again.png").write_bytes((folder / "001.png").read_bytes())
    (folder / "notes.docx").write_bytes(b"PK\x03\x04 not a picture")
    (folder / "wrong.jpg").write_bytes(_drawing(random, "circle", pale=False))
    with (folder / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "answer"), *answers])
    return truth


def _drawing(random: Random, shape: str, *, pale: bool) -> bytes:
    picture = Image.new("RGB", (48, 48), (252, 252, 250) if pale else (214, 220, 216))
    draw = ImageDraw.Draw(picture)
    x, y, size = random.randrange(2, 24), random.randrange(2, 24), random.randrange(14, 23)
    colour = tuple(random.randrange(150, 240) if pale else random.randrange(20, 140) for _ in range(3))
    box = (x, y, x + size, y + size)
    if shape == "circle":
        draw.ellipse(box, fill=colour)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon([(x, y + size), (x + size // 2, y), (x + size, y + size)], fill=colour)
    for _ in range(40):
        picture.putpixel((random.randrange(48), random.randrange(48)), (random.randrange(256), 0, 0))
    sink = BytesIO()
    picture.save(sink, "PNG")
    return sink.getvalue()


def _label(work: Work, truth: dict[str, str]) -> None:
    """Tasks for all curated items, three answers each, then the real `labels` stage."""
    gold = work.lake.gold(SCENARIO)
    tasks = [_task(work, item_id, item_id in gold) for item_id in work.batch.read("curated")["item_id"].to_pylist()]
    work.batch.write("tasks", to_table(tasks, Task))
    work.lake.state.finish(Outcome(scenario=SCENARIO, batch=work.batch_name, stage="label_tasks", summary={}))
    annotations = [one for task in tasks for one in _answers(task, truth[task.item_id])]
    work.batch.write("annotations", to_table(annotations, Annotation))
    counts = count(tasks, annotations)
    facts = StageFacts(alpha=0.61, gold_accuracy=0.9, overlap_share=1.0, classes=CLASSES)
    checks = validate(work.batch.read("annotations"), "annotations", work.scenario.quality, facts, docs=data_docs(work))
    work.batch.write("checks_annotations", to_table(checks, CheckResult))
    work.lake.state.finish(Outcome(scenario=SCENARIO, batch=work.batch_name, stage="annotations", summary=counts))
    carry_out(BY_NAME["labels"], work)


def _task(work: Work, item_id: str, gold: bool) -> Task:
    return Task(
        task_id=ids.key(SCENARIO, item_id)[:32],
        scenario=SCENARIO,
        item_id=item_id,
        guideline_version=work.scenario.guideline_version,
        batch=work.batch_name,
        overlap=3,
        priority=0.5,
        reason="gold" if gold else "new",
    )


def _answers(task: Task, truth: str) -> list[Annotation]:
    crew = sorted(demo_crew(CLASSES), key=lambda one: ids.key(one.name, task.item_id))[: task.overlap]
    said = [(one.name, *one.answer(task.item_id, truth)) for one in crew]
    return [
        Annotation(
            annotation_id=f"{task.task_id[:8]}-{name[:3]}",
            updated_at=_START + dt.timedelta(seconds=seconds),
            task_id=task.task_id,
            item_id=task.item_id,
            annotator=name,
            answer=answer,
            lead_time_s=seconds,
            guideline_version=task.guideline_version,
            cancelled=False,
            gold=task.reason == "gold",
        )
        for name, answer, seconds in said
    ]
