"""Rows of metrics and results on disk, and models."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lake.errors import ComputeError
from tests.datasets import digits
from training import serving
from training.recipes import image_classifier
from training.results import (
    Metric,
    Result,
    append_metrics,
    read_metrics,
    read_result,
    truncate_metrics,
    write_result,
)

ROWS = [Metric(step=step, epoch=step // 3, name="loss", value=step / 7) for step in range(3, 12, 3)]
SHAPE = {"channels": 1, "side": 16, "num_classes": 10}
CLASSES = tuple("0123456789")


def test_rows_come_back_and_a_half_written_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, ROWS[:2])
    append_metrics(path, ROWS[2:])
    with path.open("a") as file:
        file.write('{"step": 12, "epo')
    assert list(read_metrics(path)) == ROWS


def test_rows_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, ROWS)
    truncate_metrics(path, 8)
    assert list(read_metrics(path)) == ROWS[:2]
    truncate_metrics(path, 0)
    assert read_metrics(path) == ()


def test_there_are_no_rows_before_the_first(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl") == ()


def test_a_result_comes_back(tmp_path: Path) -> None:
    result = Result(metrics={"loss": 0.1}, steps=3, num_train=4, num_validation=1, model_sha256="a")
    write_result(tmp_path / "result.json", result)
    assert read_result(tmp_path) == result


@pytest.mark.parametrize("text", [None, "", "[]", '{"steps": 3}'])
def test_what_is_no_result_is_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(ComputeError, match="no training result"):
        read_result(tmp_path)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    serving.save(tmp_path / "model", image_classifier.build(SHAPE), "image_classifier", SHAPE, CLASSES)
    return tmp_path / "model"


def test_a_model_answers_the_same_alone_and_in_company_and_on_any_threads(model_dir: Path) -> None:
    media = [sample.media for sample in digits(0, 300)]
    model, before = serving.load(model_dir), torch.get_num_threads()
    together = model.probabilities(media)
    try:
        torch.set_num_threads(2)
        assert np.array_equal(together, model.probabilities(media))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert np.allclose(together[:5], np.concatenate([model.probabilities([one]) for one in media[:5]]), atol=2e-6)
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)
    assert model.probabilities([]).shape == (0, 10)


def test_the_same_weights_have_the_same_hash(tmp_path: Path, model_dir: Path) -> None:
    network = serving.load(model_dir).network
    again = serving.save(tmp_path / "again", network, "image_classifier", SHAPE, CLASSES)
    assert again == serving.save(tmp_path / "more", network, "image_classifier", SHAPE, CLASSES)
    assert (tmp_path / "again" / "config.json").read_bytes() == (model_dir / "config.json").read_bytes()


def test_media_that_a_model_cannot_read_is_named(model_dir: Path) -> None:
    with pytest.raises(ComputeError, match="cannot read"):
        serving.load(model_dir).probabilities([b"no picture"])


@pytest.mark.parametrize("damage", ["weights", "config", "other network", "other recipe"])
def test_a_model_that_cannot_be_loaded_is_an_error(model_dir: Path, damage: str) -> None:
    config = json.loads((model_dir / "config.json").read_text())
    if damage == "weights":
        (model_dir / "model.safetensors").write_bytes(b"x")
    elif damage == "config":
        (model_dir / "config.json").write_text("{")
    else:
        changed = {"shape": {**SHAPE, "num_classes": 3}} if damage == "other network" else {"recipe": "gone"}
        (model_dir / "config.json").write_text(json.dumps(config | changed))
    with pytest.raises(ComputeError, match="holds no model"):
        serving.load(model_dir)
