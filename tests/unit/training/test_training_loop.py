"""Training: the same bits whatever interrupts it, and worth its name."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from lake.errors import ComputeError
from tests.datasets import Sample, digits, training_spec, write_dataset
from training import data, loop
from training.loop import Data, Interrupted, Trained
from training.results import Metric, append_metrics, read_metrics, truncate_metrics
from training.spec import TrainingSpec

CLASSES = tuple("0123456789")


def load(folder: Path) -> Data:
    return Data(train=data.load(folder, "train"), validation=data.load(folder, "validation"))


@pytest.fixture(scope="module")
def texts_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = {"good": ("房间很干净", "very clean", "lovely staff"), "bad": ("又脏又吵", "dirty and loud", "never again")}
    samples = [
        Sample(f"{word}, {number}".encode(), answer)
        for number in range(12)
        for answer, said in words.items()
        for word in said
    ]
    return write_dataset(tmp_path_factory.mktemp("texts") / "v1", samples, ("good", "bad"))


def undisturbed(spec: TrainingSpec, examples: Data, folder: Path) -> tuple[Trained, list[Metric]]:
    rows: list[Metric] = []
    return loop.train(spec, examples, rows.extend, checkpoints=folder, stop=lambda: False), rows


def interrupted(spec: TrainingSpec, examples: Data, folder: Path, chance: float, seed: int) -> tuple[Trained, int]:
    """Stopped after any step with that chance, and begun again, until it is done; and how often that was."""
    from training.checkpoint import latest_step

    dice = random.Random(seed)
    for attempt in range(1000):
        truncate_metrics(folder / "metrics.jsonl", latest_step(folder / "checkpoints"))
        try:
            trained = loop.train(
                spec,
                examples,
                lambda rows: append_metrics(folder / "metrics.jsonl", rows),
                checkpoints=folder / "checkpoints",
                stop=lambda: dice.random() < chance,
            )
        except Interrupted:
            continue
        return trained, attempt
    raise AssertionError("it never ended")


def same_weights(one: Trained, other: Trained) -> bool:
    left, right = one.network.state_dict(), other.network.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("chance", [0.3, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_interrupted_run_ends_in_the_same_bits(
    digits_dir: Path, tmp_path: Path, spec: TrainingSpec, chance: float, seed: int
) -> None:
    examples = load(digits_dir)
    whole, rows = undisturbed(spec, examples, tmp_path / "whole")
    torch.manual_seed(99)  # what other code drew meanwhile
    torch.set_num_threads(2)
    pieced, num_interruptions = interrupted(spec, examples, tmp_path, chance, seed)

    assert num_interruptions >= 1
    assert same_weights(whole, pieced)
    assert whole.metrics == pieced.metrics
    assert list(read_metrics(tmp_path / "metrics.jsonl")) == rows


def test_an_interrupted_text_run_ends_in_the_same_bits(texts_dir: Path, tmp_path: Path) -> None:
    spec, examples = training_spec(recipe="text_classifier", learning_rate=0.05), load(texts_dir)
    whole, _ = undisturbed(spec, examples, tmp_path / "whole")
    pieced, num_interruptions = interrupted(spec, examples, tmp_path, 0.5, 3)
    assert num_interruptions >= 1
    assert same_weights(whole, pieced)
    assert whole.metrics["validation_accuracy"] == 1.0


def test_how_often_it_saves_decides_nothing(digits_dir: Path, tmp_path: Path) -> None:
    examples = load(digits_dir)
    rare, _ = undisturbed(training_spec(checkpoint_every_steps=1000), examples, tmp_path / "rare")
    often, _ = undisturbed(training_spec(checkpoint_every_steps=1), examples, tmp_path / "often")
    assert same_weights(rare, often)


def test_another_seed_is_another_model(digits_dir: Path, tmp_path: Path) -> None:
    examples = load(digits_dir)
    one, _ = undisturbed(training_spec(seed=1), examples, tmp_path / "1")
    two, _ = undisturbed(training_spec(seed=2), examples, tmp_path / "2")
    assert not same_weights(one, two)


def test_it_reports_every_epoch_once(digits_dir: Path, tmp_path: Path, spec: TrainingSpec) -> None:
    trained, rows = undisturbed(spec, load(digits_dir), tmp_path)
    assert [(row.epoch, row.step) for row in rows if row.name == "validation_accuracy"] == [(1, 3), (2, 6), (3, 9)]
    assert trained.steps == 9
    assert trained.metrics == {row.name: row.value for row in rows[-3:]}


def test_a_label_without_weight_teaches_nothing(tmp_path: Path) -> None:
    """600 digits, a sixth of them mislabelled with a low confidence, tried on the last third of the set."""
    samples = [
        Sample(s.media, str((int(s.answer) + 1) % 10), 0.02) if number % 6 == 0 else s
        for number, s in enumerate(digits(0, 600))
    ]
    folder = write_dataset(tmp_path / "v1", samples, CLASSES)
    spec = training_spec(epochs=10, batch_size=64)
    trained, _ = undisturbed(spec, load(folder), tmp_path)
    assert accuracy(trained, digits(1198, 1797)) > 0.94


def accuracy(trained: Trained, samples: list[Sample]) -> float:
    from training.serving import Model

    model = Model(trained.network, "image_classifier", trained.shape, CLASSES)
    best = model.probabilities([sample.media for sample in samples]).argmax(axis=1)
    return float(np.mean([CLASSES[number] == s.answer for number, s in zip(best, samples, strict=True)]))


def test_a_loss_that_is_no_number_is_an_error(digits_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ComputeError, match="learning_rate"):
        undisturbed(training_spec(learning_rate=1e38, epochs=20), load(digits_dir), tmp_path)


def test_an_item_that_the_recipe_cannot_read_is_named(tmp_path: Path, spec: TrainingSpec) -> None:
    folder = write_dataset(tmp_path / "v1", [Sample(b"not a picture", "1"), *digits(0, 5)], CLASSES)
    with pytest.raises(ComputeError, match="cannot be trained on"):
        undisturbed(spec, load(folder), tmp_path)


def test_nothing_to_train_on_is_an_error(tmp_path: Path, spec: TrainingSpec) -> None:
    folder = write_dataset(tmp_path / "v1", digits(0, 4), CLASSES, every=1)
    with pytest.raises(ComputeError, match="train split"):
        undisturbed(spec, load(folder), tmp_path)


def test_no_validation_items_is_no_error(tmp_path: Path, spec: TrainingSpec) -> None:
    folder = write_dataset(tmp_path / "v1", digits(0, 20), CLASSES, every=100)
    trained, _ = undisturbed(spec, load(folder), tmp_path)
    assert set(trained.metrics) == {"train_loss"}


def test_the_learning_rate_rises_and_falls_back() -> None:
    shares = [loop.learning_rate_share(step, 100) for step in range(100)]
    assert max(shares) == shares[19] == 1.0
    assert shares[:20] == sorted(shares[:20])
    assert shares[20:] == sorted(shares[20:], reverse=True)
    assert 0 < shares[-1] < 0.01
