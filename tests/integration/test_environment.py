"""The one environment holds tools that break each other when versions are chosen carelessly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


def test_dagster_selects_and_dvc_configures_in_one_environment(tmp_path: Path) -> None:
    """DVC's hydra-core and Dagster's selection parser share one antlr4 runtime: both must run."""
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path), "TRIALBASE_HOME": str(tmp_path)}
    selected = subprocess.run(
        [str(BIN / "dagster"), "asset", "list", "--select", "key:step_03+", "-m", "benchmarks.ten_steps"],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert selected.returncode == 0, selected.stderr
    assert [line for line in selected.stdout.split() if line.startswith("step_")] == [
        f"step_{n:02}" for n in range(3, 10)
    ]
    composed = subprocess.run(
        [sys.executable, "-c", "from omegaconf import OmegaConf; from hydra import compose, initialize; "
         "from hydra.core.override_parser.overrides_parser import OverridesParser as P; "
         "print(P.create().parse_override('a.b=[1,2]').value()); print(OmegaConf.create('x: ${y}\\ny: 3').x)"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert composed.returncode == 0, composed.stderr
    assert composed.stdout.split("\n")[:2] == ["[1, 2]", "3"]


def test_what_is_installed_fits_together() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["app", "dev", "label-studio"])
def test_locks_name_one_exact_version_of_each_package(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert all("==" in line and " " not in line for line in pinned)
    assert len({line.partition("==")[0] for line in pinned}) == len(pinned)
