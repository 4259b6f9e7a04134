"""What is checked at which stage."""

import dataclasses
import math
from typing import Any

import pyarrow as pa
import pytest

from lake.errors import LakeError, SpecError
from quality.checks import STAGES, Between, CheckResult, Complete, OneOf, Rule, StageChecks, StageFacts, plan
from quality.spec import QualitySpec, RangeSpec
from tests.unit.quality.tables import FACTS, SPEC, TABLES


def rules(checks: StageChecks) -> dict[str, Rule]:
    wanted = [*checks.row_checks, *(one.check for one in checks.measures)]
    named = {check.name: check.rule for check in wanted}
    assert len(named) == len(wanted), "two checks have the same name"
    return named


@pytest.mark.parametrize("stage", STAGES)
def test_every_check_reads_a_column_that_is_there(stage: Any) -> None:
    checks = plan(TABLES[stage], stage, SPEC, FACTS)
    assert {check.rule.column for check in checks.row_checks} <= set(checks.rows.column_names)
    assert "item_id" in checks.rows.column_names
    assert not [name for name in checks.rows.column_names if name == "probe_embedding"]
    rules(checks)


@pytest.mark.parametrize(
    ("stage", "fact", "check"),
    [
        ("curated_items", "quarantined_share", "few files are quarantined"),
        ("annotations", "alpha", "annotators agree"),
        ("annotations", "gold_accuracy", "gold tasks are answered well"),
        ("annotations", "overlap_share", "tasks reach their overlap"),
        ("labels", "min_posterior", "labels are confident"),
    ],
)
@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_fact_that_nobody_measured_fails_its_check(stage: Any, fact: str, check: str, nothing: float | None) -> None:
    facts = StageFacts(**{**vars_of(FACTS), fact: nothing})
    if fact == "min_posterior" and nothing is not None:
        return  # a threshold of the scenario, which is a number or not there
    found = rules(plan(TABLES[stage], stage, SPEC, facts))
    assert isinstance(found[check], Complete)


@pytest.mark.parametrize(
    ("stage", "idle"),
    [
        ("curated_items", {"max_quarantined_share": 1}),
        ("annotations", {"min_alpha": -1, "min_gold_accuracy": 0, "min_overlap_share": 0}),
        ("labels", {"min_confident_share": 0, "min_class_share": 0}),
    ],
)
def test_a_threshold_that_everything_passes_needs_no_fact(stage: Any, idle: dict[str, float]) -> None:
    spec = QualitySpec(**{**SPEC.model_dump(), **idle})
    facts = StageFacts(classes=FACTS.classes if stage != "labels" else ())
    assert not any(isinstance(one.check.rule, Complete) for one in plan(TABLES[stage], stage, spec, facts).measures)


def test_skipped_tasks_are_not_answers() -> None:
    table = TABLES["annotations"]
    skipped = table.set_column(table.column_names.index("cancelled"), "cancelled", pa.array([True] * table.num_rows))
    (answers, *_) = plan(skipped, "annotations", SPEC, FACTS).measures
    assert answers.value == 0


def test_the_rarest_class_counts_even_without_a_label() -> None:
    facts = dataclasses.replace(FACTS, classes=(*FACTS.classes, "9"))
    (_, rarest) = plan(TABLES["labels"], "labels", SPEC, facts).measures
    assert rarest.value == 0


def test_groups_and_leaks_become_columns() -> None:
    table = pa.table({"item_id": list("abc"), "group": ["g", "g", "h"], "split": ["train", "validation", "train"]})
    rows = plan(table, "dataset", SPEC, dataclasses.replace(FACTS, leaked=("c",))).rows
    assert rows["splits_of_group"].to_pylist() == [2, 2, 1]
    assert rows["leaks"].to_pylist() == [0, 0, 1]


@pytest.mark.parametrize("probe", ["probe_loudness", "probe_embedding"])
def test_a_range_over_what_is_no_number_names_the_numbers(probe: str) -> None:
    loud = RangeSpec(probe=probe, low=1, mostly=1, severity="block")
    spec = QualitySpec(**{**SPEC.model_dump(), "ranges": (loud,)})
    with pytest.raises(SpecError, match=probe + r"(.|\n)*use one of probe_brightness, probe_width"):
        plan(TABLES["curated_items"], "curated_items", spec, FACTS)


@pytest.mark.parametrize("stage", STAGES)
def test_a_table_of_another_version_is_refused(stage: Any) -> None:
    with pytest.raises(LakeError, match=f"the table of {stage} has no column"):
        plan(TABLES[stage].drop_columns(["item_id"]), stage, SPEC, FACTS)


def test_rules_and_results_are_values() -> None:
    assert Between(column="a", low=1) == Between(column="a", low=1)
    assert len({OneOf(column="a", allowed=("x",)), OneOf(column="a", allowed=("x",))}) == 1
    assert dataclasses.fields(CheckResult)


def vars_of(facts: StageFacts) -> dict[str, Any]:
    return {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
