"""Dagster's own launch path, as its page takes it: steps are processes without a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.materialise import dagster_home
from pipelines.settings import Settings

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


def test_steps_of_a_launched_run_are_recorded_and_their_words_kept(tmp_path: Path) -> None:
    home = dagster_home(Settings(home=tmp_path))
    command = [str(Path(sys.executable).parent / "dagster"), "asset", "materialize", "--select", "*"]
    done = subprocess.run(
        [*command, "--module-name", "tests.integration.talking_steps"],
        env=os.environ | {"DAGSTER_HOME": str(home), "TRIALBASE_HOME": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with dg.DagsterInstance.from_config(str(home)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("second"))
        assert event is not None
        logs = home / "storage" / event.run_id / "compute_logs"
        assert "first speaks" in "".join(path.read_text() for path in logs.glob("*.out"))
        assert "second warns" in "".join(path.read_text() for path in logs.glob("*.err"))
        assert len(list(logs.glob("*.complete"))) == 2
