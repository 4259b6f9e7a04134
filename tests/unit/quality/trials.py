"""Small trials for the tests of this folder."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from quality.spec import SliceSpec, SuiteSpec

Answer = tuple[str, str | None, float | None]


def suite(**changes: Any) -> SuiteSpec:
    settings: dict[str, Any] = {
        "name": "digits",
        "metric": "accuracy",
        "slices": (SliceSpec(name="digit", by="expected"), SliceSpec(name="dark", by="probe_brightness", high=0.25)),
        "min_accuracy": 0.5,
        "min_slice_accuracy": 0.0,
        "min_slice_cases": 2,
        "significance": 0.05,
        "max_slice_drop": 0.05,
    }
    return SuiteSpec(**{**settings, **changes})


def cases(expected: Sequence[str], brightness: Sequence[float | None] | None = None) -> pa.Table:
    """Cases case000, case001, ... with the answers given."""
    ids = [f"case{place:03d}" for place in range(len(expected))]
    return pa.table(
        {
            "item_id": pa.array(ids, pa.string()),
            "expected": pa.array(list(expected), pa.string()),
            "probe_brightness": pa.array(list(brightness or [0.5] * len(expected)), pa.float64()),
        }
    )


def predictions(answers: Sequence[Answer]) -> pa.Table:
    """(item_id, predicted, confidence) each."""
    columns = list(zip(*answers, strict=True)) or [(), (), ()]
    names, types = ("item_id", "predicted", "confidence"), (pa.string(), pa.string(), pa.float64())
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types, strict=True)]
    return pa.table(dict(zip(names, arrays, strict=True)))


def answered(answers: Sequence[str]) -> pa.Table:
    """One sure answer for each of the cases."""
    return predictions([(f"case{place:03d}", answer, 0.9) for place, answer in enumerate(answers)])
