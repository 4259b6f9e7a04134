"""Specifications, identities, costs, devices."""

import subprocess
import sys
from decimal import Decimal

import pytest
import torch
from pydantic import ValidationError

from lake.errors import ComputeError
from lake.records import Offer
from tests.datasets import training_spec
from training import device
from training.dispatch import code_version, cost, run_id
from training.spec import TrainingSpec


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": "diffusion"},
        {"epochs": 0},
        {"validation_share": 1.0},
        {"learning_rate": 0},
        {"seed": -1},
        {"timeout_s": 0},
        {"colour": "red"},
        {"local": {"price_per_hour": "-1", "currency": "CNY"}},
    ],
    ids=str,
)
def test_a_wrong_specification_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        training_spec(**change)


def test_nothing_that_decides_results_has_a_default() -> None:
    assert all(field.is_required() for field in TrainingSpec.model_fields.values())


@pytest.mark.parametrize("change", [{"seed": 8}, {"epochs": 4}, {"recipe": "text_classifier"}], ids=str)
def test_a_run_is_another_when_what_decides_it_changes(change: dict[str, object]) -> None:
    assert run_id("h", training_spec(), "c") != run_id("h", training_spec(**change), "c")
    assert run_id("h", training_spec(), "c") != run_id("h2", training_spec(), "c")
    assert run_id("h", training_spec(), "c") != run_id("h", training_spec(), "c2")


@pytest.mark.parametrize(
    "change",
    [{"timeout_s": 5}, {"checkpoint_every_steps": 9}, {"local": {"price_per_hour": "1", "currency": "USD"}}],
    ids=str,
)
def test_a_run_is_the_same_whatever_it_costs_and_how_often_it_saves(change: dict[str, object]) -> None:
    assert run_id("h", training_spec(), "c") == run_id("h", training_spec(**change), "c")


def test_the_code_version_is_stable() -> None:
    assert code_version() == code_version()
    assert len(code_version()) == 16


def test_an_hour_costs_its_price() -> None:
    offer = Offer(
        provider="local",
        offer_id="x",
        accelerator="cpu",
        count=1,
        price_per_hour=Decimal("3.60"),
        currency="CNY",
    )
    assert cost(3600, offer) == Decimal("3.6")
    assert cost(0.5, offer) == Decimal("0.0005")
    assert cost(1 / 3, offer).as_tuple().exponent == -8


def test_cpu_is_always_there_and_last() -> None:
    assert device.available()[-1] == "cpu"
    assert device.choose("cpu") == torch.device("cpu")
    assert device.choose("auto").type == device.available()[0]


def test_an_accelerator_that_is_absent_is_an_error_that_names_what_is_there() -> None:
    absent = next(name for name in device.ACCELERATORS if name not in device.available())
    with pytest.raises(ComputeError, match=f"not {absent}"):
        device.choose(absent)


@pytest.mark.parametrize(
    "module",
    ["training.spec", "training.dispatch", "training.tracking", "training.compute.local", "training.mlflow_server"],
)
def test_what_the_command_line_imports_is_light(module: str) -> None:
    script = f"import sys, {module}; print(*({{'torch', 'mlflow', 'pandas', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
