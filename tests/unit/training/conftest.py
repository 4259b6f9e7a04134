"""What the training tests share: a specification and a small dataset of digits."""

from pathlib import Path

import pytest

from tests.datasets import digits, training_spec, write_dataset
from training.spec import TrainingSpec


@pytest.fixture
def spec() -> TrainingSpec:
    return training_spec()


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 digits: 48 to train on, 12 for validation."""
    return write_dataset(tmp_path_factory.mktemp("digits") / "v1", digits(0, 60), tuple("0123456789"))
