"""At least 10,000 mutated files over all modalities: no crash, no hang, little memory, each one taken or refused."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lake.ingest import REASONS
from lake.media.apart import MEMORY_BYTES
from lake.media.kinds import decoding_s
from tests.integration.fuzz_media import LIMITS
from tests.media_samples import MODALITIES, SAMPLES, modality_of
from tests.shared_data import ROOT, data_set

pytestmark = pytest.mark.integration

MUTANTS = 250  # of each sample
REAL_MUTANTS = 60  # of each real file, which are larger
PEAK_MIB = 400  # of the process that decodes; half of it are its libraries
REAL = {
    "bccd_blood_cells": "**/BloodImage_00001.jpg",
    "fsdd_spoken_digits": "**/0_george_1.wav",
    "kitti_3frames": "**/000001.bin",
    "nab_timeseries_anomalies": "**/rds_cpu_utilization_*.csv",
    "battery_nasa_pcoe": "**/B0047.mat",
    "video_sample_clips": "**/again.mkv",
}


def test_there_are_10_000_mutants_and_every_modality_has_some() -> None:
    assert MUTANTS * len(SAMPLES) >= 10_000
    assert {modality_of(name) for name in SAMPLES} == set(MODALITIES)


@pytest.mark.parametrize("name", SAMPLES)
def test_mutants_are_taken_or_refused_and_nothing_else(name: str) -> None:
    found = fuzzed(name, modality_of(name), MUTANTS)
    assert found["outcomes"].get("taken", 0) > 0
    assert sum(found["outcomes"].values()) - found["outcomes"].get("taken", 0) > 0


@pytest.mark.parametrize("folder", REAL)
def test_mutants_of_real_files_are_taken_or_refused_and_nothing_else(folder: str) -> None:
    path = sorted(data_set(folder).glob(REAL[folder]))[0]
    fuzzed(str(path), modality_of(path.name if path.suffix != ".csv" else "series.csv"), REAL_MUTANTS)


def fuzzed(name: str, modality: str, count: int) -> dict[str, Any]:
    """What became of the mutants of one file, in a process of its own that has bounds of time and memory."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.integration.fuzz_media", name, modality, str(count)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    outcomes = Counter(found["outcomes"])
    assert outcomes.total() == count
    assert set(outcomes) <= {"taken", *REASONS}
    assert found["slowest_s"] < decoding_s(LIMITS)
    assert found["peak_mib"] < PEAK_MIB
    assert found["child_peak_mib"] < MEMORY_BYTES / 2**20
    return found


def test_the_same_mutants_come_out_the_same() -> None:
    assert fuzzed("plain.jpg", "image", 50)["outcomes"] == fuzzed("plain.jpg", "image", 50)["outcomes"]


def test_a_missing_file_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        fuzzed(str(tmp_path / "none.wav"), "audio", 1)
