"""`trialbase labels` as people type it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.pipelines.test_cli import trialbase


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two careful people, and one who always says cat."""
    lines = ["worker,task,label"]
    for n in range(40):
        truth = ("cat", "dog")[n % 2]
        lines += [f"ada,x{n:02},{truth}", f"bo,x{n:02},{truth}", f"finn,x{n:02},cat"]
    lines.append(",x01,dog")
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_of_answers_becomes_labels(tmp_path: Path, table: Path) -> None:
    ran = trialbase(tmp_path, "labels", "agree", str(table), "--out", "labels.parquet")
    assert ran.returncode == 0, ran.stderr
    assert "40 items, 3 annotators, 120 answers" in ran.stdout
    assert "1 rows left out, the first is row 121: no annotator" in ran.stdout
    assert "Krippendorff's alpha" in ran.stdout
    assert max(map(len, ran.stdout.splitlines()[4:])) <= 80
    labels = pq.read_table(tmp_path / "labels.parquet").to_pylist()
    assert [one["answer"] for one in labels] == ["cat", "dog"] * 20
    assert {one["method"] for one in labels} == {"ibcc"}
    assert labels[0]["annotators"] == "ada;bo;finn"


def test_all_of_it_is_data_too(tmp_path: Path, table: Path) -> None:
    found = json.loads(trialbase(tmp_path, "labels", "agree", str(table), "--json").stdout)
    accuracy = {one["annotator"]: one["accuracy"] for one in found["annotators"]}
    assert accuracy["finn"] < 0.7 < 0.9 < accuracy["ada"]
    assert found["alpha"]["low"] < found["alpha"]["value"] < found["alpha"]["high"]
    assert len(found["pairs"]) == 3
    assert len(found["labels"]) == 40


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_labels_are_written_as_their_file_is_called(tmp_path: Path, table: Path, suffix: str) -> None:
    trialbase(tmp_path, "labels", "agree", str(table), "--method", "majority", "--out", f"labels.{suffix}")
    text = (tmp_path / f"labels.{suffix}").read_text()
    assert "x00" in text
    assert "majority" in text
    assert len(text.splitlines()) == 40 + (suffix != "jsonl")


def test_gold_anchors_annotators(tmp_path: Path) -> None:
    lines = ["item,annotator,answer"]
    lines += [
        f"x{n:02},{who},{'ab'[(n + (who != 'ada')) % 2]}" for n in range(30) for who in ("ada", "liar 1", "liar 2")
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "gold.csv").write_text("item,answer\n" + "".join(f"x{n:02},{'ab'[n % 2]}\n" for n in range(10)))
    found = json.loads(trialbase(tmp_path, "labels", "agree", "a.csv", "--gold", "gold.csv", "--json").stdout)
    assert [one["answer"] for one in found["labels"]] == ["a", "b"] * 15


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.csv"], "there is no file"),
        (["answers.csv", "--out", "labels.xlsx"], "end it in .csv"),
        (["answers.csv", "--type", "smells"], "take one of"),
        (["answers.csv", "--method", "vibes"], "take one of"),
        (["answers.csv", "--type", "text", "--method", "majority"], "leave --method out"),
        (["answers.csv", "--config", "none.xml"], "give a label_config.xml"),
        (["answers.csv", "--gold", "none.csv"], "no table of gold answers"),
        (["answers.csv", "--out", "no/folder/labels.csv"], "cannot be written"),
    ],
)
@pytest.mark.usefixtures("table")
def test_a_wrong_word_is_answered_with_a_remedy(tmp_path: Path, words: list[str], says: str) -> None:
    ran = trialbase(tmp_path, "labels", "agree", *words)
    assert ran.returncode != 0
    assert says in " ".join(ran.stderr.split())
    assert "Traceback" not in ran.stderr
