"""The loop twice, as a stranger sees it: every arrow carries real data and can be followed both ways."""

import json
import subprocess
import time
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import BIN, Demo

pytestmark = pytest.mark.e2e


def test_both_loops_end_in_a_version_a_model_and_a_verdict(demo: Demo) -> None:
    loops = demo.figures["loops"]
    assert [one["dataset"] for one in loops] == ["digits@v1", "digits@v2"]
    assert [one["model"] for one in loops] == ["digits/1", "digits/2"]
    for one in loops:
        assert one["label_accuracy"] >= 0.9, "three votes and consensus are far better than the crew's 74 %"
        assert one["alpha"] > 0.3
        assert one["gate"] in ("pass", "waivable")
        assert one["trial"]["accuracy"] >= 0.8
    assert loops[1]["trial"]["accuracy"] >= loops[0]["trial"]["accuracy"] - 0.01
    assert loops[0]["trial"]["verdict"] == "promote"
    assert loops[1]["trial"]["verdict"] in ("promote", "hold")


def test_planted_faults_are_found_and_every_file_is_accounted_for(demo: Demo) -> None:
    for one in demo.figures["loops"]:
        assert one["quarantined"] == 8, "2 unreadable, 2 copies, empty, mistyped, oversize and unsupported"
        assert one["delivered"] == one["items"] + one["quarantined"]
        assert one["near_duplicates"] >= 6, "six second scans were planted"
        assert one["near_duplicates"] <= 9, "different digits are not near-duplicates"


def test_the_budget_is_kept_and_every_answer_is_paid_once(demo: Demo) -> None:
    sums = demo.data("ledger", "--by", "kind")
    answers = [one for one in sums if one["kind"] == "annotation"]
    (total,) = answers
    wanted = sum(one["annotations"] for one in demo.figures["loops"])
    assert Decimal(total["quantity"]) <= wanted, "an answer that two batches use is paid once"
    assert Decimal(total["amount"]) == Decimal(total["quantity"]) * Decimal("0.08")
    machine = [one for one in sums if one["kind"] == "machine"]
    assert len(machine) == 1
    assert Decimal(machine[0]["amount"]) > 0


def test_six_users_answered_and_the_spammer_weighs_least(demo: Demo) -> None:
    batch = demo.data("status", "digits")[1]["batch"]
    figures = pq.read_table(demo.home / "lake" / "batches" / "digits" / batch / "annotators.parquet").to_pylist()
    by_name = {one["annotator"].partition("@")[0]: one["accuracy"] for one in figures}
    assert set(by_name) == {"ada", "bo", "chen", "dana", "eli", "finn"}
    assert min(by_name, key=lambda name: by_name[name]) == "finn"
    assert by_name["ada"] > by_name["eli"] > by_name["finn"]


def test_nothing_waits_when_the_demo_has_ended(demo: Demo) -> None:
    rows = demo.data("status")
    own = [one for one in rows if not one["batch"].startswith("feedback-")]
    assert [one["purpose"] for one in own] == ["trial", "labeling", "labeling"]
    assert {one["waits_for"] for one in own} == {"nobody"}
    inbox = list((demo.home / "inbox" / "digits").glob("feedback-*/order.jsonl"))
    assert inbox, "failures ask for the next labeling work"
    for line in inbox[0].read_text().splitlines():
        assert json.loads(line)["reason"] in ("trial failure", "review")


def test_the_last_feedback_becomes_a_batch_by_itself(demo: Demo) -> None:
    """The services are up: a sensor takes the order up, and its tasks reach the annotators."""
    end = time.monotonic() + 150
    fresh: list[dict[str, object]] = []
    while not (fresh and fresh[0]["waits_for"] == "annotators"):
        assert time.monotonic() < end, f"no batch was opened for the feedback: {fresh}"
        time.sleep(2)
        fresh = [one for one in demo.data("status") if one["batch"].startswith("feedback-")]
    assert fresh[0]["done"] == ["raw_items", "curated_items", "label_tasks"]


def test_lineage_answers_both_ways(demo: Demo) -> None:
    def kinds(node: dict[str, object]) -> set[str]:
        children = node["children"]
        assert isinstance(children, list)
        return {str(node["kind"])}.union(*(kinds(child) for child in children))

    down = demo.data("lineage", "--model", "digits/2")
    assert {"model", "run", "dataset", "labels", "annotations", "annotator", "guideline", "delivery"} <= kinds(down)
    version = demo.data("lineage", "digits@v2")
    assert {"dataset", "labels", "annotator", "guideline", "delivery", "model", "trial"} <= kinds(version)
    folder = demo.home / "lineage-check"
    assert demo.run("dataset", "checkout", "digits@v1", str(folder)).returncode == 0
    item = pq.read_table(folder / "labels.parquet")["item_id"][0].as_py()
    up = demo.data("lineage", "--item", item)
    assert {"item", "delivery", "annotation", "annotator", "label", "dataset", "model"} <= kinds(up)
    person = demo.data("lineage", "--annotator", "ada@simulated.example")
    assert {"annotator", "guideline", "dataset", "model", "trial"} <= kinds(person)


def test_a_stranger_gets_the_version_with_plain_dvc(demo: Demo, tmp_path: Path) -> None:
    command = [str(BIN / "dvc"), "get", str(demo.home / "datasets"), "digits", "--rev", "digits@v1", "--out", "got"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    manifest = pq.read_table(tmp_path / "got" / "manifest.parquet")
    labels = pq.read_table(tmp_path / "got" / "labels.parquet")
    assert manifest["item_id"].equals(labels["item_id"])
    row = manifest.to_pylist()[0]
    with (tmp_path / "got" / "packs" / f"{row['pack']}.tar").open("rb") as pack:
        pack.seek(row["offset"])
        assert pack.read(row["length"]).startswith(b"\x89PNG")


def test_versions_differ_by_what_the_second_loop_added(demo: Demo) -> None:
    found = demo.data("dataset", "diff", "digits@v1", "digits@v2")
    versions = demo.data("dataset", "list", "digits")
    assert versions[1]["num_items"] == versions[0]["num_items"] + len(found["added"]) - len(found["removed"])
    assert versions[1]["parents"] == ["digits@v1"]
    assert not found["split_changed"], "an item never changes its split"
    assert len(found["added"]) > 100


def test_the_audit_log_is_unbroken_and_knows_who_signed(demo: Demo) -> None:
    assert "unbroken" in demo.run("audit", "verify").stdout
    assert all(one["signed_by"] == "demo steward (simulated)" for one in demo.data("dataset", "list"))


def test_the_demo_says_plainly_what_is_simulated(demo: Demo) -> None:
    assert "annotators, steward and prices are simulated" in demo.output
    assert "finn a spammer" in demo.output
    assert "* simulated:" in demo.output


def test_running_again_changes_nothing(demo: Demo) -> None:
    before = (demo.data("ledger"), demo.data("dataset", "list"))
    batch = demo.data("status", "digits")[1]["batch"]
    assert demo.run("run", "digits", "--batch", batch).returncode == 0
    assert (demo.data("ledger"), demo.data("dataset", "list")) == before
