"""Where an installation lies: a wrong place is said so at once, and reading makes nothing."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lake.errors import SettingsError
from pipelines.services import stop_all
from pipelines.settings import Settings
from tests.unit.pipelines.test_cli import TRIALBASE

READING = (
    ["status"],
    ["run", "digits"],
    ["report", "digits", "b"],
    ["quarantine", "digits", "b"],
    ["sign", "digits", "b", "--as", "me", "--approve"],
    ["lineage", "digits@v1"],
    ["ledger"],
    ["dataset", "list"],
    ["dataset", "commit", "digits"],
    ["lake", "verify"],
    ["lake", "gc"],
    ["audit", "verify"],
    ["down"],
)


def trialbase(folder: Path, home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"TRIALBASE_HOME": str(home), "COLUMNS": "80"}
    return subprocess.run(
        [str(TRIALBASE), *words], env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_from_a_home_that_is_not_there_says_so_and_makes_nothing(tmp_path: Path, words: list[str]) -> None:
    done = trialbase(tmp_path, tmp_path / "mistyped", *words)
    assert done.returncode == 1, done.stdout
    assert f"there is no installation at {tmp_path / 'mistyped'}" in done.stderr
    assert "TRIALBASE_HOME" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["ingest", "digits", "."], ["up"], ["demo", "--home", "taken"]], ids=" ".join)
def test_a_home_that_cannot_be_one_is_said_so(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    done = trialbase(tmp_path, tmp_path / "taken", *words)
    assert done.returncode == 1, done.stdout
    assert f"{tmp_path / 'taken'} cannot be the home of an installation: File exists" in done.stderr
    assert "TRIALBASE_HOME (or --home)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_for_figures_that_is_not_there_is_said_before_the_demo_begins(tmp_path: Path) -> None:
    done = trialbase(tmp_path, tmp_path, "demo", "--home", str(tmp_path / "demo"), "--json", "no/such/folder.json")
    assert (done.returncode, "there is no such folder" in done.stderr) == (1, True)


@pytest.mark.parametrize("text", ["[]", "no json", '{"portal": {"url": 3}}'])
def test_a_damaged_list_of_services_is_named_before_anything_is_stopped(tmp_path: Path, text: str) -> None:
    settings = Settings(home=tmp_path, mlflow_port=0, dagster_port=0, label_studio_port=0, portal_port=0)
    settings.services_file.write_text(text)
    with pytest.raises(SettingsError, match=r"services\.json is damaged"):
        next(stop_all(settings))
    settings.services_file.write_text(json.dumps({"portal": "http://127.0.0.1:1"}))
    assert list(stop_all(settings)) == []


def test_the_ledger_of_a_scenario_that_nothing_is_held_of_is_said_so(tmp_path: Path) -> None:
    done = trialbase(tmp_path, tmp_path, "ledger", "--scenario", "digitz")
    assert (done.returncode, "no batch of a scenario 'digitz' is held" in done.stderr) == (1, True)
