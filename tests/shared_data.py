"""Real data sets for tests: never part of the project, skipped with a reason where they are absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("TRIALBASE_TEST_DATA", ROOT.parent / "shared" / "data"))


def data_set(name: str) -> Path:
    """The folder of one data set; skips the test where it is not there."""
    path = FOLDER / name
    if not path.is_dir():
        pytest.skip(f"{path} is not there: set TRIALBASE_TEST_DATA to a folder that holds {name}")
    return path
