"""A trial: a model's predictions on every case, judged overall and slice by slice."""

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import pyarrow as pa

from lake.errors import SpecError
from lake.intervals import wilson
from lake.records import Failure, SliceMetric
from quality.spec import SliceSpec, SuiteSpec
from quality.trial.suite import Case, suite_version

OUTCOMES = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("expected", pa.string(), nullable=False),
        pa.field("predicted", pa.string(), nullable=False),  # "" where there was none
        pa.field("confidence", pa.float64(), nullable=False),  # 0 where it was no probability
        pa.field("reason", pa.string(), nullable=False),  # why it counts as wrong; "" where it is right
        pa.field("slices", pa.list_(pa.string()), nullable=False),
    ]
)
WRONG_CLASS, NO_PREDICTION, SEVERAL = "wrong class", "no prediction", "several predictions"
UNKNOWN_CLASS, NO_PROBABILITY = "unknown class", "confidence is not a probability"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialResult:
    """How one model did on one version of a suite."""

    suite: str  # name@hash
    overall: SliceMetric
    slices: tuple[SliceMetric, ...]  # in the order of their names
    worst: SliceMetric | None  # of the slices with min_slice_cases
    failures: tuple[Failure, ...]  # in the order of their item_id
    outcomes: pa.Table  # OUTCOMES, one row a case, sorted by item_id; `summarise` makes the rest from it


def run_trial(
    cases: pa.Table, predictions: pa.Table, suite: SuiteSpec, *, classes: Collection[str] = ()
) -> TrialResult:
    """Judge a model's predictions.

    cases: item_id, expected and the probes that the slices name. predictions: item_id, predicted,
    confidence; rows of other items are not looked at. A missing, doubled or unknown answer and a
    confidence that is no probability count as wrong, with the reason in `outcomes`. Known are the classes
    that the cases expect, and `classes` besides.
    Raises SpecError without cases, for a case that comes twice and for a slice by an unknown probe.
    """
    expected = dict(zip(cases["item_id"].to_pylist(), cases["expected"].to_pylist(), strict=True))
    if not expected or len(expected) < cases.num_rows:
        what = "has a case twice" if expected else "has no cases"
        raise SpecError(f"the suite {suite.name} {what}", remedy="give every case of the suite once")
    known = {*classes, *expected.values()}
    given = _by_item(predictions)
    slices = _slices_of(cases, suite.slices)
    rows = []
    for item_id in sorted(expected):
        predicted, confidence, reason = _answer(given.get(item_id, []), expected[item_id], known)
        rows.append((item_id, expected[item_id], predicted, confidence, reason, sorted(slices[item_id])))
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), OUTCOMES, strict=True)]
    return summarise(pa.Table.from_arrays(columns, schema=OUTCOMES), suite)


def summarise(outcomes: pa.Table, suite: SuiteSpec) -> TrialResult:
    """A trial from its stored outcomes: the same result as when it was run."""
    rows = outcomes.to_pylist()
    num_right = sum(not row["reason"] for row in rows)
    slices = tuple(_slice_metrics(rows, suite.slices))
    enough = [one for one in slices if one.num_cases >= suite.min_slice_cases]
    return TrialResult(
        suite=suite_version(suite, (Case(item_id=row["item_id"], expected=row["expected"]) for row in rows)),
        overall=_metric("overall", num_right, len(rows)),
        slices=slices,
        worst=min(enough, key=lambda one: (one.accuracy, one.name), default=None),
        failures=tuple(_failure(row) for row in rows if row["reason"]),
        outcomes=outcomes,
    )


def _by_item(predictions: pa.Table) -> dict[str, list[tuple[object, object]]]:
    given: dict[str, list[tuple[object, object]]] = {}
    columns = (predictions[name].to_pylist() for name in ("item_id", "predicted", "confidence"))
    for item_id, predicted, confidence in zip(*columns, strict=True):
        given.setdefault(item_id, []).append((predicted, confidence))
    return given


def _answer(given: Sequence[tuple[object, object]], expected: str, known: Collection[str]) -> tuple[str, float, str]:
    """The class, its confidence, and why the answer counts as wrong ("" when it is right)."""
    if len(given) != 1 or not isinstance(given[0][0], str):
        return "", 0.0, SEVERAL if len(given) > 1 else NO_PREDICTION
    predicted, confidence = given[0]
    assert isinstance(predicted, str)
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        return predicted, 0.0, NO_PROBABILITY
    if predicted not in known:
        return predicted, confidence, UNKNOWN_CLASS
    return predicted, confidence, "" if predicted == expected else WRONG_CLASS


def _slices_of(cases: pa.Table, specs: Sequence[SliceSpec]) -> dict[str, set[str]]:
    """The slices of each case."""
    ids = cases["item_id"].to_pylist()
    slices: dict[str, set[str]] = {item_id: set() for item_id in ids}
    for spec in specs:
        if spec.by not in cases.column_names:
            known = sorted(name for name in cases.column_names if name.startswith("probe_"))
            raise SpecError(
                f"the slice {spec.name!r} is by {spec.by}, which the cases do not have",
                remedy=f"use one of {', '.join(['expected', *known])}",
            )
        for item_id, value in zip(ids, cases[spec.by].to_pylist(), strict=True):
            if spec.by == "expected":
                slices[item_id].add(f"{spec.name}={value}")
            elif _within(value, spec):
                slices[item_id].add(spec.name)
    return slices


def _within(value: object, spec: SliceSpec) -> bool:
    """Whether a probe lies in a slice; what was not measured lies in none."""
    if not isinstance(value, int | float) or math.isnan(value):
        return False
    return (spec.low is None or spec.low <= value) and (spec.high is None or value < spec.high)


def _slice_metrics(rows: Sequence[Mapping[str, object]], specs: Sequence[SliceSpec]) -> Iterator[SliceMetric]:
    """One metric a slice; a slice by probe that no case falls into is there with 0 cases."""
    right: dict[str, list[bool]] = {spec.name: [] for spec in specs if spec.by != "expected"}
    for row in rows:
        slices = row["slices"]
        assert isinstance(slices, list)
        for name in slices:
            right.setdefault(name, []).append(not row["reason"])
    for name in sorted(right):
        yield _metric(name, sum(right[name]), len(right[name]))


def _metric(name: str, num_right: int, num_cases: int) -> SliceMetric:
    share = wilson(num_right, num_cases)
    accuracy = share.value if num_cases else 0.0
    return SliceMetric(name=name, num_cases=num_cases, accuracy=accuracy, low=share.low, high=share.high)


def _failure(row: Mapping[str, object]) -> Failure:
    fields = {field.name: row[field.name] for field in dataclasses.fields(Failure)}
    return Failure(**{**fields, "slices": tuple(fields["slices"])})  # type: ignore[arg-type]
