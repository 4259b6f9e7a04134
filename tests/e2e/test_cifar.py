"""A thousand real pictures with three real human votes each, through a scenario of the user's own."""

import csv
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.scenario import load_scenario
from labeling.crew import replay
from lake import ids
from lake.records import Label
from lake.store import Lake
from pipelines.services import label_studio
from pipelines.settings import Settings
from tests.e2e.conftest import ROOT, Installation

pytestmark = pytest.mark.e2e

DATA = Path(os.environ.get("TRIALBASE_TEST_DATA", ROOT.parent / "shared" / "data")) / "cifar10n_1000"
NUM_TRIAL = 200  # held back as cases
VOTERS = ("slot-1@cifar10n.example", "slot-2@cifar10n.example", "slot-3@cifar10n.example")
OWN = {  # what this scenario wants otherwise than a new one
    "budget_items: 200": "budget_items: 800",
    "tasks_per_batch: 12": "tasks_per_batch: 0",
    "min_gold_accuracy: 0.60": "min_gold_accuracy: 0",
    "near_duplicate_cosine: 0.998": "near_duplicate_cosine: 0.99",
    "epochs: 20": "epochs: 12",
}


@dataclass(frozen=True)
class Pictures:
    """Two deliveries, and what was said and is true of each picture, by item_id."""

    labeling: Path
    trial: Path
    truth: dict[str, str]
    votes: dict[str, dict[str, str]]  # user -> item_id -> class
    classes: list[str]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    root = tmp_path_factory.mktemp("cifar")
    classes = (DATA / "classes.txt").read_text().split()
    found = Pictures(root / "pictures", root / "cases", {}, {name: {} for name in VOTERS}, classes)
    found.labeling.mkdir()
    found.trial.mkdir()
    with (DATA / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    answers = ["file,answer"]
    for number, row in enumerate(rows):
        source = next(DATA.glob(f"images/**/{Path(row['file']).name}"))
        item_id = ids.file_id(source)
        found.truth[item_id] = classes[int(row["clean_label"])]
        if number % 5 == 0 and len(answers) <= NUM_TRIAL:
            shutil.copy(source, found.trial / source.name)
            answers.append(f"{source.name},{found.truth[item_id]}")
            continue
        shutil.copy(source, found.labeling / source.name)
        for slot, name in enumerate(VOTERS, 1):
            found.votes[name][item_id] = classes[int(row[f"random_label{slot}"])]
    (found.trial / "answers.csv").write_text("\n".join(answers) + "\n")
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    if not (ROOT / ".venv-label-studio" / "bin" / "python").exists():
        pytest.skip("Label Studio's environment is missing: make setup")
    made = Installation(tmp_path / "home")
    made.home.mkdir()
    try:
        done = made.run("up", "--only", "label_studio", "--only", "mlflow")
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.run("down")


def own_scenario(place: Installation, classes: list[str]) -> Path:
    """Made and edited as a user would."""
    made = place.run("scenario", "new", "cifar", "--classes", ",".join(classes))
    assert made.returncode == 0, made.stderr
    folder = place.home / "scenarios" / "cifar"
    text = (folder / "scenario.yaml").read_text()
    for old, new in OWN.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "scenario.yaml").write_text(text)
    suite = (folder / "suite.yaml").read_text()
    for old, new in {
        "min_accuracy: 0.85": "min_accuracy: 0.25",
        "min_slice_accuracy: 0.65": "min_slice_accuracy: 0",
    }.items():
        assert old in suite
        suite = suite.replace(old, new)
    (folder / "suite.yaml").write_text(suite)
    checked = place.run("scenario", "check", "cifar")
    assert checked.returncode == 0, checked.stderr
    return folder


@pytest.mark.timeout(1800)  # 2,400 answers, one by one
def test_real_pictures_and_real_votes_become_a_tried_model(place: Installation, pictures: Pictures) -> None:
    folder = own_scenario(place, pictures.classes)
    cases = place.data("ingest", "cifar", str(pictures.trial), "--for", "trial")
    came = place.data("ingest", "cifar", str(pictures.labeling))
    assert (cases["items"], came["items"], came["quarantined"]) == (NUM_TRIAL, 1000 - NUM_TRIAL, 0)
    (waiting,) = [one for one in place.data("run", "cifar") if one["purpose"] == "labeling"]
    assert waiting["waits_for"] == "annotators"

    lake, server = Lake.at(place.home), label_studio(Settings(home=place.home))
    tasks = lake.state.outcomes("cifar", came["batch"])["label_tasks"].summary
    tokens = server.ensure_users(VOTERS)
    config = load_scenario(folder).config
    given = replay(server.url, tokens, str(tasks["project"]), config, pictures.votes, lambda _done, _all: None)
    assert given == tasks["answers_wanted"]

    (waiting,) = [one for one in place.data("run", "cifar") if one["purpose"] == "labeling"]
    assert waiting["waits_for"] == "steward"
    labels = lake.batch("cifar", came["batch"]).records("labels", Label)
    right = sum(pictures.truth[one.item_id] == one.answer for one in labels)
    single = sum(pictures.truth[item] == said for votes in pictures.votes.values() for item, said in votes.items())
    votes = sum(len(one) for one in pictures.votes.values())
    assert right / len(labels) >= 0.92, "three votes agree on 93 % of these pictures"
    assert right / len(labels) > single / votes, "consensus beats a single voter"

    report = place.data("report", "cifar", came["batch"])
    decision = ["--approve"] if report["verdict"] == "pass" else ["--waive", "real votes, as they are"]
    signed = place.run("sign", "cifar", came["batch"], "--as", "ann", *decision)
    assert signed.returncode == 0, signed.stderr
    (done,) = [one for one in place.data("run", "cifar") if one["purpose"] == "labeling"]
    assert done["waits_for"] == "nobody", done

    (version,) = place.data("dataset", "list", "cifar")
    assert (version["number"], version["signed_by"]) == (1, "ann")
    assert version["num_items"] >= 700
    trial = lake.state.outcomes("cifar", came["batch"])["trial"].summary
    assert trial["cases"] == NUM_TRIAL
    assert float(str(trial["accuracy"])) >= 0.25, "far above one in ten"
    assert trial["verdict"] == "promote"
