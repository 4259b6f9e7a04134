"""What is checked at each stage of a batch, and what a check says: the gate's evidence.

Here a check is only described. `quality.expectations` carries it out.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.compute as pc

from lake.errors import LakeError, SpecError
from lake.records import Split
from quality.spec import QualitySpec, RangeSpec, Severity

Stage = Literal["curated_items", "annotations", "labels", "dataset"]
STAGES: tuple[Stage, ...] = get_args(Stage)
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageFacts:
    """What cannot be read from a stage's table; a fact that a stage demands and lacks fails its check.

    curated_items needs quarantined_share; annotations needs alpha, gold_accuracy, overlap_share and
    classes; labels needs classes and min_posterior; dataset needs leaked.
    """

    quarantined_share: float | None = None  # of the delivered files
    alpha: float | None = None  # Krippendorff's: lower end of its interval, or the value: the caller's choice
    gold_accuracy: float | None = None  # over all answers to gold tasks
    overlap_share: float | None = None  # of the bought tasks, that reached their overlap
    classes: tuple[str, ...] = ()
    min_posterior: float | None = None  # from which on a label is confident
    leaked: tuple[str, ...] = ()  # item_ids of quality.leakage.leaks


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One property of one stage, and how it turned out."""

    name: str
    stage: Stage
    passed: bool
    severity: Severity
    observed: str
    expected: str
    num_failing: int  # rows
    failing_item_ids: tuple[str, ...] = ()  # every one of them, sorted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Complete:
    """No null in a column."""

    column: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unique:
    """No value of a column twice."""

    column: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between:
    """Values of a column between two numbers, both included."""

    column: str
    low: float | None = None
    high: float | None = None
    mostly: float = 1.0  # share of the values that have to be


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneOf:
    """Values of a column out of a list."""

    column: str
    allowed: tuple[str, ...]


Rule: TypeAlias = Complete | Unique | Between | OneOf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """A rule, by name, with what follows when it is broken."""

    name: str
    rule: Rule
    severity: Severity


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure:
    """A number over all rows of a stage and the check that it has to pass; None where nobody measured it."""

    check: Check
    value: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageChecks:
    """Everything to be checked at one stage."""

    stage: Stage
    rows: pa.Table  # item_id and the columns that `row_checks` name
    row_checks: tuple[Check, ...]
    measures: tuple[Measure, ...]


def plan(table: pa.Table, stage: Stage, spec: QualitySpec, facts: StageFacts) -> StageChecks:
    """What the specification demands of a stage.

    What makes a version wrong (nulls, doubles, unknown classes, a group in two splits, a leaked trial
    case) blocks; what a scenario's thresholds call too little can be waived by a steward with a reason;
    a range says for itself. Raises SpecError for a range over an unknown probe, LakeError for a table
    that lacks a column of its stage.
    """
    if stage == "curated_items":
        return _curated_items(table, spec, facts)
    if stage == "annotations":
        return _annotations(table, spec, facts)
    if stage == "labels":
        return _labels(table, spec, facts)
    return _dataset(table, facts)


def _curated_items(table: pa.Table, spec: QualitySpec, facts: StageFacts) -> StageChecks:
    required = ("item_id", "group", "licence", "consent")
    probes = tuple(dict.fromkeys(one.probe for one in spec.ranges))
    numbers = [field.name for field in table.schema if _is_probed_number(field)]
    if unknown := [probe for probe in probes if probe not in numbers]:
        raise SpecError(
            f"quality.ranges names {unknown[0]}, which is no number that these items have",
            remedy=f"use one of {', '.join(sorted(numbers))}",
        )
    limit = Between(column="quarantined_share", high=spec.max_quarantined_share)
    return StageChecks(
        stage="curated_items",
        rows=_columns(table, "curated_items", (*required, *probes)),
        row_checks=(
            _block("items are unique", Unique(column="item_id")),
            *_complete((*required, *probes)),
            *(Check(name=_range_name(one), rule=_range_rule(one), severity=one.severity) for one in spec.ranges),
        ),
        measures=(
            _some("items", table.num_rows),
            *_threshold("few files are quarantined", limit, facts.quarantined_share, idle=limit.high == 1),
        ),
    )


def _annotations(table: pa.Table, spec: QualitySpec, facts: StageFacts) -> StageChecks:
    """Skipped tasks carry no answer and are not looked at."""
    required = ("annotation_id", "item_id", "annotator", "answer", "guideline_version")
    rows = _columns(table, "annotations", (*required, "cancelled"))
    given = rows.filter(pc.invert(rows["cancelled"])).drop_columns(["cancelled"])
    alpha = Between(column="alpha", low=spec.min_alpha)
    gold = Between(column="gold_accuracy", low=spec.min_gold_accuracy)
    overlap = Between(column="overlap_share", low=spec.min_overlap_share)
    return StageChecks(
        stage="annotations",
        rows=given,
        row_checks=(
            _block("annotations are unique", Unique(column="annotation_id")),
            *_complete(required),
            _block("answers are classes of the scenario", OneOf(column="answer", allowed=facts.classes)),
        ),
        measures=(
            _some("answers", given.num_rows),
            *_threshold("annotators agree", alpha, facts.alpha, idle=alpha.low == -1),
            *_threshold("gold tasks are answered well", gold, facts.gold_accuracy, idle=gold.low == 0),
            *_threshold("tasks reach their overlap", overlap, facts.overlap_share, idle=overlap.low == 0),
        ),
    )


def _labels(table: pa.Table, spec: QualitySpec, facts: StageFacts) -> StageChecks:
    required = ("item_id", "answer", "confidence")
    rows = _columns(table, "labels", required)
    share = spec.min_confident_share
    sure = Between(column="confidence", low=facts.min_posterior, high=1, mostly=share)
    rarest = Between(column="rarest_class_share", low=spec.min_class_share)
    unmeasured = Between(column="min_posterior", low=0)
    confident = "labels are confident"
    return StageChecks(
        stage="labels",
        rows=rows,
        row_checks=(
            _block("items have one label", Unique(column="item_id")),
            *_complete(required),
            _block("labels are classes of the scenario", OneOf(column="answer", allowed=facts.classes)),
            _block("confidence is a probability", Between(column="confidence", low=0, high=1)),
            *((_waivable(confident, sure),) if sure.low is not None and share > 0 else ()),
        ),
        measures=(
            _some("labels", table.num_rows),
            *_threshold("every class has labels", rarest, _rarest_share(rows, facts.classes), idle=rarest.low == 0),
            *(_threshold(confident, unmeasured, None, idle=share == 0) if sure.low is None else ()),
        ),
    )


def _dataset(table: pa.Table, facts: StageFacts) -> StageChecks:
    required = ("item_id", "group", "split")
    rows = _columns(table, "dataset", required)
    groups, splits = rows["group"].to_pylist(), rows["split"].to_pylist()
    splits_of: dict[str, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        splits_of.setdefault(group, set()).add(split)
    num_splits = pa.array([len(splits_of[group]) for group in groups], pa.int64())
    leaks = pc.cast(pc.is_in(rows["item_id"], value_set=pa.array(facts.leaked, pa.string())), pa.int64())
    return StageChecks(
        stage="dataset",
        rows=rows.append_column("splits_of_group", num_splits).append_column("leaks", leaks),
        row_checks=(
            _block("items are unique", Unique(column="item_id")),
            *_complete(required),
            _block("splits are known", OneOf(column="split", allowed=SPLITS)),
            _block("no group spans two splits", Between(column="splits_of_group", low=1, high=1)),
            _block("no item gives a trial case away", Between(column="leaks", low=0, high=0)),
        ),
        measures=tuple(_some(f"{split} items", splits.count(split)) for split in SPLITS),
    )


def _some(what: str, count: int) -> Measure:
    column = f"num_{what.replace(' ', '_')}"
    return Measure(check=_block(f"there are {what}", Between(column=column, low=1)), value=count)


def _threshold(name: str, rule: Between, value: float | None, *, idle: bool) -> tuple[Measure, ...]:
    """A waivable measure; one that nobody measured fails, unless the threshold is idle: everything passes it."""
    if value is not None and math.isfinite(value):
        return (Measure(check=_waivable(name, rule), value=value),)
    return () if idle else (Measure(check=_waivable(name, Complete(column=rule.column)), value=None),)


def _rarest_share(rows: pa.Table, classes: tuple[str, ...]) -> float | None:
    if not rows.num_rows or not classes:
        return None
    answers: list[str] = rows["answer"].to_pylist()
    count = Counter(answers)
    return min(count[name] for name in classes) / len(answers)


def _is_probed_number(field: pa.Field) -> bool:
    is_number: bool = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    return is_number and field.name.startswith("probe_")


def _columns(table: pa.Table, stage: Stage, names: tuple[str, ...]) -> pa.Table:
    if missing := [name for name in names if name not in table.column_names]:
        raise LakeError(
            f"the table of {stage} has no column {', '.join(missing)}",
            remedy=f"it was written by another version: materialize {stage} again",
        )
    return table.select(list(names))


def _complete(columns: tuple[str, ...]) -> Iterator[Check]:
    for column in columns:
        yield _block(f"{column} is never missing", Complete(column=column))


def _range_name(item: RangeSpec) -> str:
    low = "" if item.low is None else f" from {item.low:g}"
    high = "" if item.high is None else f" up to {item.high:g}"
    return f"{item.probe}{low}{high}"


def _range_rule(item: RangeSpec) -> Rule:
    return Between(column=item.probe, low=item.low, high=item.high, mostly=item.mostly)


def _block(name: str, rule: Rule) -> Check:
    return Check(name=name, rule=rule, severity="block")


def _waivable(name: str, rule: Rule) -> Check:
    return Check(name=name, rule=rule, severity="waivable")
