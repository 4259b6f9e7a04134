"""labeling/spec.py: thresholds and prices are written down, never guessed."""

import sys
from decimal import Decimal
from subprocess import run
from typing import Any

import pytest
from pydantic import ValidationError

from labeling.spec import LabelingSpec

GOOD: dict[str, Any] = {
    "overlap": 3,
    "budget_items": 240,
    "explore": 0.1,
    "gold": {"tasks_per_batch": 16},
    "price": {"per_answer": "0.08", "currency": "CNY"},
    "consensus": {"method": "dawid_skene", "min_posterior": 0.7},
}


def test_a_price_is_exact() -> None:
    assert LabelingSpec.model_validate(GOOD).price.per_answer == Decimal("0.08")


@pytest.mark.parametrize("key", GOOD)
def test_nothing_of_it_has_a_default(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        LabelingSpec.model_validate({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("overlap", 0),
        ("budget_items", -1),
        ("explore", 1.01),
        ("gold", {"tasks_per_batch": -1}),
        ("price", {"per_answer": "-0.01", "currency": "CNY"}),
        ("price", {"per_answer": "0.08", "currency": "yuan"}),
        ("consensus", {"method": "dawid_skene", "min_posterior": 0.5}),
        ("consensus", {"method": "dawid_skene", "min_posterior": 1.0}),
        ("consensus", {"method": "vibes", "min_posterior": 0.7}),
        ("overlapp", 3),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        LabelingSpec.model_validate(GOOD | {key: value})


def test_reading_a_scenario_loads_nothing_heavy() -> None:
    heavy = {"numpy", "httpx", "pyarrow", "psutil"}
    code = f"import sys, labeling.spec, labeling.config; print(sorted({heavy} & set(sys.modules)))"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
