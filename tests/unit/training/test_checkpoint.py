"""Checkpoints: whole, verified, the same bytes for the same state."""

from pathlib import Path

import pytest
import torch
from torch import nn

from training import checkpoint
from training.checkpoint import Progress
from training.files import RunFolder


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.AdamW(network.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
    return network, optimizer


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    network, optimizer = trained(3)
    checkpoint.save(tmp_path, network, optimizer, Progress(step=3, loss_sum=0.1 + 0.2, weight_sum=1 / 3))
    other, its_optimizer = trained(0)

    assert checkpoint.restore(tmp_path, other, its_optimizer) == Progress(step=3, loss_sum=0.1 + 0.2, weight_sum=1 / 3)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )
    before, after = optimizer.state_dict()["state"], its_optimizer.state_dict()["state"]
    assert before.keys() == after.keys()
    assert all(torch.equal(before[number][name], after[number][name]) for number in before for name in before[number])


def test_the_same_state_is_the_same_file(tmp_path: Path) -> None:
    one = checkpoint.save(tmp_path / "1", *trained(2), Progress(step=2))
    two = checkpoint.save(tmp_path / "2", *trained(2), Progress(step=2))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"x"])
def test_a_damaged_one_is_passed_over_and_reported(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = checkpoint.save(tmp_path, *trained(1), Progress(step=1))
    bad = checkpoint.save(tmp_path, *trained(2), Progress(step=2))
    bad.write_bytes(bad.read_bytes()[:-1] + damage)

    assert checkpoint.latest(tmp_path) == good
    assert checkpoint.latest_step(tmp_path) == 1
    assert bad.name in caplog.text


def test_a_half_written_one_is_none(tmp_path: Path) -> None:
    (tmp_path / ".step-000000009-0.safetensors.1.tmp").write_bytes(b"half")
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.restore(tmp_path, *trained(0)) == Progress()


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in range(1, 6):
        checkpoint.save(run.checkpoints, *trained(0), Progress(step=step))
    assert len(list(run.checkpoints.iterdir())) == 2
    assert run.last_step() == checkpoint.latest_step(run.checkpoints) == 5
