"""The command line: what people type, what they get, and what a wrong word is answered with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

TRIALBASE = Path(sys.executable).parent / "trialbase"


def trialbase(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command as people type it, in an installation of its own."""
    environment = os.environ | {"TRIALBASE_HOME": str(home), "COLUMNS": "80"}
    return subprocess.run(
        [str(TRIALBASE), *words], env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    folder = tmp_path / "delivery"
    folder.mkdir()
    for number in range(6):
        picture = Image.effect_noise((32, 32), 20 + number)
        picture.save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"not a picture")
    return folder


def test_ingest_says_what_came_in_and_twice_adds_nothing(tmp_path: Path, delivery: Path) -> None:
    first = json.loads(trialbase(tmp_path, "ingest", "digits", str(delivery), "--json").stdout)
    again = json.loads(trialbase(tmp_path, "ingest", "digits", str(delivery), "--json").stdout)
    assert first == again
    assert (first["delivered"], first["items"], first["quarantined: unreadable"]) == (7, 6, 1)
    status = json.loads(trialbase(tmp_path, "status", "--json").stdout)
    assert [(one["batch"], one["waits_for"]) for one in status] == [(first["batch"], "the loop")]


def test_status_says_what_to_type_next(tmp_path: Path, delivery: Path) -> None:
    assert "next: trialbase ingest" in trialbase(tmp_path, "status").stdout
    trialbase(tmp_path, "ingest", "digits", str(delivery))
    assert "next: trialbase run digits" in trialbase(tmp_path, "status").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ingest", "digits", "nowhere"], "is neither a folder nor a file"),
        (["ingest", "cats", "."], "there is no scenario 'cats'"),
        (["ingest", "digits", ".", "--for", "fun"], "--for fun is unknown"),
        (["run"], "nothing to run"),
        (["run", "digits", "--batch", "b"], "has no batch b"),
        (["run", "--select", "key:nothing"], "selects no assets"),
        (["run", "--select", 'key:"digits/labels"'], "one batch at a time"),
        (["run", "--select", 'key:"digits/labels"', "--batch", "b"], "has no batch b"),
        (["sign", "digits", "b", "--as", "me"], "say one thing"),
        (["sign", "digits", "b", "--as", " ", "--approve"], "nobody signs"),
        (["sign", "digits", "b", "--as", "me", "--approve"], "has no batch b"),
        (["report", "digits", "b"], "has no batch b"),
        (["dataset", "diff", "digits@v1", "digits@v2"], "there is no dataset version digits@v1"),
        (["dataset", "checkout", "digits", "x"], "there is no dataset version digits"),
        (["lineage"], "ask for one thing"),
        (["lineage", "digits@v9"], "there is no dataset version"),
        (["lineage", "--model", "digits/1"], "there is no model"),
        (["lineage", "--item", "abc"], "no item abc"),
        (["lineage", "--annotator", "nobody"], "has answered nothing"),
        (["scenario", "check", "cats"], "there is no scenario"),
        (["scenario", "new", "x", "--modality", "smell"], "modality 'smell' is unknown"),
        (["scenario", "new", "defects", "--classes", "one"], "fewer than two"),
        (["scenario", "new", "Defects"], "cannot be the name of a scenario"),
        (["scenario", "new", "clips", "--modality", "video"], "cannot be labeled yet"),
        (["quarantine", "digits", "b"], "has no batch b"),
        (["order", "digits", "b", "--why", "x"], "has no batch b"),
        (["ledger", "--by", "moon"], "--by moon is unknown"),
        (["up", "--only", "coffee"], "there is no service 'coffee'"),
    ],
)
def test_a_wrong_word_gets_a_message_with_a_remedy(tmp_path: Path, words: list[str], says: str) -> None:
    done = trialbase(tmp_path, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stderr
    assert "to mend it:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("modality", ["image", "text"])
def test_a_new_scenario_is_good_at_once(tmp_path: Path, modality: str) -> None:
    made = trialbase(tmp_path, "scenario", "new", "parts", "--modality", modality, "--classes", 'ok,"bad" & <ugly>')
    assert made.returncode == 0, made.stderr
    checked = trialbase(tmp_path, "scenario", "check", "scenarios/parts")
    assert "good; 2 classes" in checked.stdout, checked.stderr
    unsaid = [line.partition(": ")[2] for line in checked.stdout.splitlines()[1:]]
    assert unsaid == ["owner", "source.licence", "source.consent", "guideline.md"]
    listed = json.loads(trialbase(tmp_path, "scenario", "list", "--json").stdout)
    assert {"digits", "parts"} <= {one["name"] for one in listed}
    again = trialbase(tmp_path, "scenario", "new", "parts", "--modality", modality)
    assert "is already there" in again.stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    environment = os.environ | {"TRIALBASE_PORTAL_PORT": "none", "TRIALBASE_HOME": str(tmp_path)}
    done = subprocess.run([str(TRIALBASE), "status"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "TRIALBASE_PORTAL_PORT" in done.stderr
    assert "Traceback" not in done.stderr
