"""Files of a training run: put in place whole, and where they lie in a run's folder."""

import os
from dataclasses import dataclass
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Put a file in place whole or not at all, and on the disk before returning."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def replace_text(path: Path, text: str) -> None:
    """The same for text."""
    replace(path, text.encode())


@dataclass(frozen=True)
class RunFolder:
    """Where a training run keeps what; the same on every machine that runs `training.entry`."""

    path: Path

    @property
    def job(self) -> Path:
        """What to train: a Job as JSON, written by the provider."""
        return self.path / "job.json"

    @property
    def attempt(self) -> Path:
        """Which attempt this is: an Attempt as JSON, written by the provider."""
        return self.path / "attempt.json"

    @property
    def process(self) -> Path:
        """Who runs it: a Process as JSON, written by the run when it starts."""
        return self.path / "process.json"

    @property
    def exit(self) -> Path:
        """How it ended: an Exit as JSON; absent when it was killed."""
        return self.path / "exit.json"

    @property
    def heartbeat(self) -> Path:
        """Touched every second while it lives."""
        return self.path / "heartbeat"

    @property
    def log(self) -> Path:
        """What it printed, all attempts one after another."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def model(self) -> Path:
        """A folder: model.safetensors and config.json."""
        return self.path / "model"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    def last_step(self) -> int:
        """The step of the last checkpoint, by its name; 0 when there is none."""
        names = [path.name for path in self.checkpoints.glob("step-*-*.safetensors")]
        return max((int(name.split("-")[1]) for name in names), default=0)
