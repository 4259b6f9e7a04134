"""Real deliveries of every kind come in under scenarios of a few lines, with the counts that their makers state."""

import json
from collections import Counter
from pathlib import Path

import pytest

from assets.loop import BY_NAME
from assets.scenario import Scenario, load_scenario
from assets.stage import Work, carry_out
from lake.answers import classes_of, kind_of
from lake.ingest import register
from pipelines.ports import open_ports
from pipelines.settings import Settings
from tests.shared_data import data_set
from tests.shared_scenarios import SCENARIOS, Expected

pytestmark = pytest.mark.integration


def scenario_of(folder: Path, expected: Expected) -> Scenario:
    """A scenario of nine lines; JSON is YAML too."""
    said = {
        "name": folder.name,
        "title": "a real delivery",
        "owner": "test@trialbase.example",
        "modality": expected.modality,
        "freshness_days": 30,
        "source": {
            "licence": "see its README",
            "consent": "see its README",
            "max_bytes": 50_000_000,
            "max_pixels": 50_000_000,
            "max_seconds": 3600,
            "max_values": 50_000_000,
            "reader": dict(expected.reader),
        },
    }
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text(json.dumps(said))
    return load_scenario(folder)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_real_delivery_comes_in_with_the_counts_of_its_makers(tmp_path: Path, name: str) -> None:
    expected, place = SCENARIOS[name], data_set(name)
    scenario = scenario_of(tmp_path / "scenarios" / name.replace("_", "-")[:40], expected)
    ports = open_ports(Settings(home=tmp_path / "home"))
    batch = register(ports.lake, scenario.name, [place])
    work = Work(ports, scenario, batch)
    report = carry_out(BY_NAME["raw_items"], work)
    carry_out(BY_NAME["curated_items"], work)
    refused = Counter(work.batch.read("quarantine", ["reason"])["reason"].to_pylist())
    left = {reason: count for reason, count in refused.items() if reason not in ("duplicate", "empty")}
    assert left == {}, work.batch.read("quarantine").slice(0, 3).to_pylist()
    assert report.summary["delivered"] == expected.samples
    faults = Counter(work.batch.read("faults", ["reason"])["reason"].to_pylist())
    assert {reason: faults[reason] for reason in expected.faults} == dict(expected.faults)
    said = work.batch.read("said", ["annotator", "answer", "item_id"])
    if not refused:
        kinds = Counter(kind_of(answer) for answer in said["answer"].to_pylist())
        assert {kind: kinds[kind] for kind in expected.answers} == dict(expected.answers)
    if expected.shapes is not None:
        assert sum(len(classes_of(answer)) for answer in said["answer"].to_pylist()) == expected.shapes
    if expected.annotators is not None:
        assert len(set(said["annotator"].to_pylist())) == expected.annotators
    assert work.batch.read("curated").num_rows == report.summary["items"]
