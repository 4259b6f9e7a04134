"""Checkpoints: one safetensors file each, put in place atomically, named by step and sha256.

A file holds the network, the optimizer and the loop's progress. There is no random state in it: each step
draws from a seed of its own (see `training.loop`). Nothing is pickled, so a checkpoint that came from
another machine cannot run code.
"""

import dataclasses
import json
import logging
import re
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from lake import ids
from training import files

_NAME = re.compile(r"step-(?P<step>\d{9})-(?P<sha256>[0-9a-f]{64})\.safetensors")
_KEEP = 2  # the last good one must survive while the next is written
log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, with the sums of the epoch that it is in."""

    step: int = 0
    loss_sum: float = 0.0
    weight_sum: float = 0.0


def save(folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> Path:
    """Write a checkpoint, whole or not at all, and on the disk before returning; older ones are removed."""
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    data = safetensors.torch.save(tensors, metadata={"progress": json.dumps(dataclasses.asdict(progress))})
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"step-{progress.step:09d}-{ids.content_id(data)}.safetensors"
    files.replace(target, data)
    for old in _by_step(folder)[_KEEP:]:
        old.unlink()
    return target


def restore(folder: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Load the last whole checkpoint into both; `Progress()` and no change when there is none."""
    path = latest(folder)
    if path is None:
        return Progress()
    with safetensors.safe_open(path, framework="pt") as file:
        progress = Progress(**json.loads(file.metadata()["progress"]))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, field = name.split(".", 2)
            state.setdefault(int(number), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return progress


def latest(folder: Path) -> Path | None:
    """The last checkpoint whose bytes match its name; a damaged one is reported and passed over."""
    for path in _by_step(folder):
        match = _NAME.fullmatch(path.name)
        if match is not None and ids.file_id(path) == match["sha256"]:
            return path
        log.warning("checkpoint %s is damaged: the one before it is taken", path)
    return None


def latest_step(folder: Path) -> int:
    """The step that a run resumes from; 0 is the start."""
    path = latest(folder)
    match = _NAME.fullmatch(path.name) if path else None
    return int(match["step"]) if match else 0


def _by_step(folder: Path) -> list[Path]:
    """Checkpoints, last first."""
    return sorted((path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name)), reverse=True)
