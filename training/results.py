"""What a training run leaves behind: rows of metrics, and a result."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from lake.errors import ComputeError
from training import files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of a training run, at the end of an epoch."""

    step: int  # optimizer steps done
    epoch: int  # epochs done
    name: str
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """A finished run; the same bytes of data, spec and code give the same result."""

    metrics: Mapping[str, float]  # of the last epoch
    steps: int
    num_train: int
    num_validation: int
    model_sha256: str  # of model.safetensors


def write_result(path: Path, result: Result) -> None:
    """Write a result, whole or not at all."""
    files.replace_text(path, json.dumps(dataclasses.asdict(result), indent=1, sort_keys=True) + "\n")


def read_result(folder: Path) -> Result:
    """The result of a finished run's folder."""
    path = folder / "result.json"
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ComputeError(
            f"{path} is no training result: {error}", remedy="fetch the run again, or train it again"
        ) from error


def append_metrics(path: Path, rows: Iterable[Metric]) -> None:
    """Append rows, on the disk before returning: a checkpoint that follows may rely on them."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())


def read_metrics(path: Path) -> tuple[Metric, ...]:
    """The rows of a metrics.jsonl, in order; a line that a killed process left half-written is not a row."""
    if not path.exists():
        return ()
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return tuple(Metric(**json.loads(line)) for line in whole.splitlines())


def truncate_metrics(path: Path, step: int) -> None:
    """Forget rows after `step`, so that a run that resumes there writes each row once."""
    rows = [row for row in read_metrics(path) if row.step <= step]
    files.replace_text(path, "".join(json.dumps(dataclasses.asdict(row)) + "\n" for row in rows))
