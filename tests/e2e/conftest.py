"""One demo for all tests of the whole loop; its services stay up until the last of them has ended."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
FREE_PORTS = {f"TRIALBASE_{name}_PORT": "0" for name in ("PORTAL", "DAGSTER", "LABEL_STUDIO", "MLFLOW")}


@dataclass(frozen=True)
class Installation:
    """A home folder and the command line that works on it."""

    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | FREE_PORTS | {"TRIALBASE_HOME": str(self.home), "COLUMNS": "100"} | more

    def run(self, *words: str, timeout_s: float = 300) -> "subprocess.CompletedProcess[str]":
        """A `trialbase` command, as people type it."""
        return subprocess.run(
            [str(BIN / "trialbase"), *words],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def data(self, *words: str) -> Any:
        """What a command prints with --json."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Demo(Installation):
    """A finished demo with its services up."""

    figures: dict[str, Any]
    output: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`trialbase demo --keep`, once."""
    if not (ROOT / ".venv-label-studio" / "bin" / "python").exists():
        pytest.skip("Label Studio's environment is missing: make setup")
    folder = tmp_path_factory.mktemp("demo")
    place = Installation(folder / "home")
    place.home.mkdir()
    try:
        done = place.run("demo", "--home", str(place.home), "--keep", "--json", f"{folder}/demo.json", timeout_s=600)
        assert done.returncode == 0, done.stderr[-4000:]
        yield Demo(place.home, json.loads((folder / "demo.json").read_text()), done.stdout + done.stderr)
    finally:
        place.run("down")
