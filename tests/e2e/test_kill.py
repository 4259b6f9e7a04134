"""The loop killed after every stage and in the middle of the delicate ones ends as if nothing had happened."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.scenario import BUILT_IN, load_scenario
from labeling.crew import answer_through, demo_crew
from lake.store import Lake
from pipelines.demo_data import DemoData, write_deliveries
from pipelines.services import label_studio
from pipelines.settings import Settings
from tests.e2e.conftest import ROOT, Installation

pytestmark = pytest.mark.e2e

# The built-in scenario, smaller: what matters here is every step, not how good the model gets.
SMALLER = {
    "budget_items: 200": "budget_items: 30",
    "tasks_per_batch: 12": "tasks_per_batch: 4",
    "epochs: 20": "epochs: 40",
    "checkpoint_every_steps: 50": "checkpoint_every_steps: 1",
    "min_class_share: 0.03": "min_class_share: 0.0",
    "min_alpha: 0.35": "min_alpha: 0.0",
    "min_gold_accuracy: 0.60": "min_gold_accuracy: 0.0",
    "min_confident_share: 0.85": "min_confident_share: 0.1",
}
SUITE = {"min_accuracy: 0.85": "min_accuracy: 0.05", "min_slice_accuracy: 0.65": "min_slice_accuracy: 0.0"}

STATE, TRACKER = "lake.state.database:State", "training.tracking:MLflowTracker"
# Where each command dies, one death a process, in the order in which the loop comes by.
INGEST = [
    ("lake.store:Lake.item_ids", "after", 1),
    ("lake.packs:PackWriter._finish", "after", 1),
    ("lake.tables:write_table", "after", 2),
    (f"{STATE}.finish", "before", 1),
]
INTAKE = [
    ("assets.curated:_near_duplicates", "after", 1),
    (f"{STATE}.finish", "before", 1),
    (f"{STATE}.finish", "after", 1),
    ("labeling.label_studio:LabelStudioPlatform.ensure_project", "after", 1),
    ("labeling.label_studio:LabelStudioPlatform.push", "before", 1),
    ("labeling.label_studio:LabelStudioPlatform.push", "after", 1),
    (f"{STATE}.finish", "after", 1),
]
AGREEMENT = [
    ("assets.answers:_pay", "after", 1),
    (f"{STATE}.move_cursor", "before", 1),
    ("quality.expectations:validate", "after", 1),
    (f"{STATE}.finish", "after", 1),
    ("assets.labels:_judge", "after", 1),
    (f"{STATE}.finish", "after", 1),
]
SIGNING = [(f"{STATE}.add_signoff", "before", 1)]
TRAINING = [
    ("lake.tracked:Objects.add_files", "after", 1),
    ("lake.tracked:Objects.add_folder", "before", 1),
    ("lake.repository:DatasetRepository._lay_out", "after", 1),
    ("lake.repository:DatasetRepository._save", "before", 1),
    ("lake.repository:DatasetRepository._git", "after", 7),
    ("lake.repository:DatasetRepository._save", "after", 1),
    (f"{STATE}.finish", "after", 1),
    (f"{STATE}.put_run", "after", 1),
    ("training.compute.local:LocalProvider.submit", "after", 1),
    (f"{STATE}.finish", "after", 1),
    ("training.compute.local:LocalProvider.poll", "after", 2),
]
JUDGEMENT = [
    ("training.compute.local:LocalProvider.fetch", "after", 1),
    (f"{TRACKER}.start", "after", 1),
    (f"{TRACKER}._log_model", "after", 1),
    (f"{TRACKER}.register", "after", 1),
    (f"{STATE}.finish", "after", 1),
    (f"{STATE}.put_trial", "after", 1),
    ("assets.trial:_promote", "before", 1),
    (f"{STATE}.finish", "after", 1),
    ("assets.feedback:deliver", "after", 1),
    (f"{STATE}.finish", "after", 1),
]


class Loop:
    """One installation with a smaller scenario, its own servers and the same deliveries."""

    def __init__(self, place: Installation, data: DemoData) -> None:
        self.place = place
        self.data = data
        self.folder = Path(shutil.copytree(BUILT_IN / "digits", place.home / "scenarios" / "digits"))
        for file, changes in (("scenario.yaml", SMALLER), ("suite.yaml", SUITE)):
            text = (self.folder / file).read_text()
            for old, new in changes.items():
                assert old in text
                text = text.replace(old, new)
            (self.folder / file).write_text(text)
        self.deaths = 0

    def command(self, *words: str, dying: "list[tuple[str, str, int]] | None" = None) -> None:
        """A command that is killed at each of some places, one process each, and then let through."""
        for place, when, call in dying or []:
            arguments = [sys.executable, "-m", "tests.e2e.killing", place, when, str(call), *words]
            done = subprocess.run(
                arguments, env=self.place.environment(PYTHONPATH=str(ROOT)), cwd=self.place.home, capture_output=True,
                text=True, timeout=300, check=False,
            )  # fmt: skip
            assert done.returncode == -signal.SIGKILL, f"{place} {when} was not reached: {done.stdout}{done.stderr}"
            self.deaths += 1
        done = self.place.run(*words)
        assert done.returncode == 0, done.stderr

    def batch(self) -> str:
        return str(self.place.data("status")[-1]["batch"])

    def crew_answers(self) -> None:
        settings = Settings(home=self.place.home)
        server, scenario = label_studio(settings), load_scenario(self.folder)
        crew = demo_crew(scenario.classes)
        lake = Lake.at(self.place.home)
        project = str(lake.state.outcomes("digits", self.batch())["label_tasks"].summary["project"])
        tokens = server.ensure_users([one.name for one in crew])
        truth = self.data.truth.__getitem__
        answer_through(server.url, tokens, project, scenario.config, crew, truth, lambda _done, _all: None)

    def whole(self, *, deadly: bool) -> None:
        """From deliveries to feedback."""
        delivery, _, trial = (str(one.path) for one in self.data.deliveries)
        self.command("ingest", "digits", trial, "--for", "trial")
        self.command("run", "digits")
        self.command("ingest", "digits", delivery, dying=INGEST if deadly else None)
        self.command("run", "digits", dying=INTAKE if deadly else None)
        self.crew_answers()
        self.command("run", "digits", dying=AGREEMENT if deadly else None)
        self.command("sign", "digits", self.batch(), "--as", "ann", "--approve", dying=SIGNING if deadly else None)
        if deadly:
            self.kill_during_training()
        self.command("run", "digits", dying=JUDGEMENT if deadly else None)

    def kill_during_training(self) -> None:
        """The loop dies around commit and submission, then the training process itself, twice."""
        for place, when, call in TRAINING:
            arguments = [sys.executable, "-m", "tests.e2e.killing", place, when, str(call), "run", "digits"]
            environment = self.place.environment(PYTHONPATH=str(ROOT))
            done = subprocess.run(
                arguments, env=environment, cwd=self.place.home, capture_output=True, timeout=300, check=False
            )
            assert done.returncode == -signal.SIGKILL, f"{place} {when}: {done.stderr.decode()}"
            self.deaths += 1
            self.deaths += self.kill_trainer()

    def kill_trainer(self) -> int:
        """SIGKILL the training process if it runs; returns how many were killed."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            runs = list((self.place.home / "runs").glob("*/process.json"))
            if not runs:
                return 0
            folder = runs[0].parent
            if (folder / "exit.json").exists() or (folder / "result.json").exists():
                return 0
            if list((folder / "checkpoints").glob("step-*.safetensors")):
                try:
                    os.kill(int(json.loads(runs[0].read_text())["pid"]), signal.SIGKILL)
                except ProcessLookupError:
                    return 0
                return 1
            time.sleep(0.02)
        return 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write_deliveries(tmp_path_factory.mktemp("deliveries"), limit=200)


@pytest.fixture
def loops(tmp_path: Path, data: DemoData) -> Iterator[tuple[Loop, Loop]]:
    """An undisturbed loop and one to be killed."""
    if not (ROOT / ".venv-label-studio" / "bin" / "python").exists():
        pytest.skip("Label Studio's environment is missing: make setup")
    places = [Installation(tmp_path / name) for name in ("calm", "deadly")]
    try:
        for place in places:
            place.home.mkdir()
            done = place.run("up", "--only", "label_studio", "--only", "mlflow")
            assert done.returncode == 0, done.stderr
        yield Loop(places[0], data), Loop(places[1], data)
    finally:
        for place in places:
            place.run("down")


def what_was_made(loop: Loop) -> dict[str, Any]:
    """All that must not depend on how often the loop was killed."""
    lake = Lake.at(loop.place.home)
    tables = sorted((loop.place.home / "lake" / "batches").rglob("*.parquet"))
    names = {"annotations", "labels", "items", "quarantine", "curated", "tasks", "answers", "failures", "orders"}
    names -= {"annotations"}  # they carry the platform's own ids and times
    return {
        "tables": {str(path.relative_to(loop.place.home)): path.read_bytes() for path in tables if path.stem in names},
        "votes": sorted(
            (row["task_id"], row["annotator"], row["answer"], row["lead_time_s"])
            for row in lake.batch("digits", loop.batch()).read("annotations").to_pylist()
        ),
        "datasets": [(one["name"], one["number"], one["dataset_hash"]) for one in loop.place.data("dataset", "list")],
        "answers paid": sorted(
            (one.key, one.amount, one.who) for one in lake.state.entries() if one.kind == "annotation"
        ),
        "machines paid": sorted(one.key for one in lake.state.entries() if one.kind == "machine"),
        "trials": [vars(one) for one in lake.state.trials()],
        "runs": [(one.run_id, one.state, one.model) for one in lake.state.runs()],
        "signed": len(lake.state.signoffs("digits", loop.batch())),
        "orders": [path.read_text() for path in sorted((loop.place.home / "inbox").rglob("order.jsonl"))],
        "promotions": [one.subject for one in lake.state.audit_entries() if one.action == "promote"],
    }


@pytest.mark.timeout(1800)  # some fifty processes, one after the other
def test_a_killed_loop_ends_in_the_same_labels_dataset_and_ledger(loops: tuple[Loop, Loop]) -> None:
    calm, deadly = loops
    calm.whole(deadly=False)
    deadly.whole(deadly=True)
    assert deadly.deaths >= 37
    mine, theirs = what_was_made(deadly), what_was_made(calm)
    for name, made in theirs.items():
        assert mine[name] == made, name
    assert theirs["datasets"]
    assert theirs["orders"]
    assert theirs["machines paid"]
