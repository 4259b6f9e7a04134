"""`trialbase dataset commit`: what is signed becomes a version, once."""

import json
from pathlib import Path

import pytest

from tests.unit.lake.samples import deliver, png
from tests.unit.pipelines.test_cli import trialbase

HELD = """
name: cells
title: Cells
owner: team
modality: image
freshness_days: 30
source: {licence: MIT, consent: research data, max_bytes: 100000, max_pixels: 100000}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "scenarios" / "cells").mkdir(parents=True)
    (tmp_path / "scenarios" / "cells" / "scenario.yaml").write_text(HELD)
    return tmp_path


def ingested(home: Path, name: str, *numbers: int) -> str:
    deliver(home / name, {f"{number}.png": png(number, (32, 32)) for number in numbers})
    done = trialbase(home, "ingest", "cells", name, "--json")
    assert done.returncode == 0, done.stderr
    assert trialbase(home, "run", "cells").returncode == 0
    return str(json.loads(done.stdout)["batch"])


def test_what_is_signed_is_committed_once(home: Path) -> None:
    first = ingested(home, "monday", 1, 2, 3)
    unsigned = trialbase(home, "dataset", "commit", "cells")
    assert unsigned.returncode == 1
    assert f"trialbase sign cells {first} --as NAME --approve" in " ".join(unsigned.stderr.split())
    assert trialbase(home, "sign", "cells", first, "--as", "me", "--approve").returncode == 0
    made = trialbase(home, "dataset", "commit", "cells")
    assert made.stdout.startswith("cells@v1: 3 items"), made.stderr
    assert trialbase(home, "dataset", "commit", "cells").stdout == made.stdout
    second = ingested(home, "tuesday", 4)
    refused = trialbase(home, "dataset", "commit", "cells", "--batch", second)
    assert (refused.returncode, "nobody has signed it yet" in refused.stderr) == (1, True)
    assert [one["number"] for one in json.loads(trialbase(home, "dataset", "list", "--json").stdout)] == [1]
    trialbase(home, "sign", "cells", second, "--as", "me", "--approve")
    both = json.loads(trialbase(home, "dataset", "commit", "cells", "--json").stdout)
    assert [(one["number"], one["num_items"]) for one in both] == [(1, 3), (2, 4)]


def test_batches_of_a_scenario_that_is_gone_are_not_forgotten(home: Path) -> None:
    ingested(home, "monday", 1)
    (home / "scenarios").rename(home / "elsewhere")
    done = trialbase(home, "status")
    assert "scenario cells is gone, 1 of its batches are held" in done.stderr


def test_what_cannot_be_committed_is_said(home: Path) -> None:
    nothing = trialbase(home, "dataset", "commit", "cells")
    assert (nothing.returncode, "has no batch that could be committed" in nothing.stderr) == (1, True)
    unknown = trialbase(home, "dataset", "commit", "cells", "--batch", "monday")
    assert (unknown.returncode, "has no batch monday" in unknown.stderr) == (1, True)
    missing = trialbase(home, "dataset", "list", "cellz")
    assert (missing.returncode, "there is no version of cellz" in missing.stderr) == (1, True)
