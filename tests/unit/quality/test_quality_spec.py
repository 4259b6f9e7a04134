"""Specifications refuse what makes no sense."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from quality.spec import QualitySpec, RangeSpec, SliceSpec, SuiteSpec

QUALITY: dict[str, Any] = {
    "max_quarantined_share": 0.2,
    "near_duplicate_bits": 4,
    "near_duplicate_cosine": 0.998,
    "min_alpha": 0.6,
    "min_gold_accuracy": 0.8,
    "min_overlap_share": 0.9,
    "min_class_share": 0.02,
    "min_confident_share": 0.8,
    "sign_off_roles": ("data steward",),
}
SUITE: dict[str, Any] = {
    "name": "digits",
    "metric": "accuracy",
    "min_accuracy": 0.8,
    "min_slice_accuracy": 0.6,
    "min_slice_cases": 20,
    "significance": 0.05,
    "max_slice_drop": 0.05,
}


@pytest.mark.parametrize("missing", sorted(QUALITY))
def test_no_threshold_of_the_gate_has_a_default(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        QualitySpec(**{key: value for key, value in QUALITY.items() if key != missing})


@pytest.mark.parametrize("missing", sorted(SUITE))
def test_no_threshold_of_a_suite_has_a_default(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        SuiteSpec(**{key: value for key, value in SUITE.items() if key != missing})


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({}, "give low, high or both"),
        ({"low": 3, "high": 2}, "above high"),
        ({"low": float("nan")}, "finite"),
        ({"high": float("inf")}, "finite"),
        ({"low": 1, "mostly": 0}, "mostly"),
        ({"low": 1, "probe": "width"}, "pattern"),
        ({"low": 1, "severity": "fatal"}, "severity"),
    ],
)
def test_a_range_without_sense_is_refused(bounds: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RangeSpec(**{"probe": "probe_width", "mostly": 0.95, "severity": "block", **bounds})


def test_the_same_range_twice_is_refused() -> None:
    once = RangeSpec(probe="probe_width", low=8, mostly=1, severity="block")
    with pytest.raises(ValidationError, match="the same"):
        QualitySpec(**QUALITY, ranges=(once, once))


def test_nobody_to_sign_is_refused() -> None:
    with pytest.raises(ValidationError, match="sign_off_roles"):
        QualitySpec(**{**QUALITY, "sign_off_roles": ()})


def test_a_slice_by_class_has_no_bounds_and_one_by_probe_needs_them() -> None:
    assert SliceSpec(name="dark", by="probe_brightness", high=0.2).high == 0.2
    with pytest.raises(ValidationError, match="no low and no high"):
        SliceSpec(name="digit", by="expected", low=1)
    with pytest.raises(ValidationError, match="give low, high or both"):
        SliceSpec(name="dark", by="probe_brightness")


def test_two_slices_of_one_name_are_refused() -> None:
    by_class = SliceSpec(name="digit", by="expected")
    with pytest.raises(ValidationError, match="same name"):
        SuiteSpec(**SUITE, slices=(by_class, by_class))


def test_the_specification_loads_no_heavy_library() -> None:
    heavy = "great_expectations", "numpy", "pandas", "PIL", "pyarrow", "scipy", "sklearn"
    check = f"import sys, quality.spec; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
