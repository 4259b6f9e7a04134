"""Great Expectations carries the checks out and writes its Data Docs. The only importer of it.

A folder of Data Docs belongs to one batch. Every call puts the stage's page in place of the one before,
so the folder stays as small as on its first day, and nothing that a killed call left behind is read again.
"""

import fcntl
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

import pyarrow as pa

from lake.errors import LakeError
from quality.checks import (
    Between,
    Check,
    CheckResult,
    Complete,
    Measure,
    OneOf,
    Rule,
    Stage,
    StageChecks,
    StageFacts,
    Unique,
    plan,
)
from quality.spec import QualitySpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CheckResult", "Stage", "StageFacts", "docs_index", "validate"]

_SITE = "site"
_CONFIG = f"""\
config_version: 4
analytics_enabled: false
progress_bars: {{globally: false}}
plugins_directory: plugins/
expectations_store_name: expectations
validation_results_store_name: validations
checkpoint_store_name: checkpoints
stores:
  expectations:
    class_name: ExpectationsStore
    store_backend: {{class_name: TupleFilesystemStoreBackend, base_directory: expectations/}}
  validations:
    class_name: ValidationResultsStore
    store_backend: {{class_name: TupleFilesystemStoreBackend, base_directory: validations/}}
  checkpoints:
    class_name: CheckpointStore
    store_backend:
      class_name: TupleFilesystemStoreBackend
      suppress_store_backend_id: true
      base_directory: checkpoints/
  validation_definition_store:
    class_name: ValidationDefinitionStore
    store_backend: {{class_name: TupleFilesystemStoreBackend, base_directory: validation_definitions/}}
data_docs_sites:
  site:
    class_name: SiteBuilder
    show_how_to_buttons: false
    store_backend: {{class_name: TupleFilesystemStoreBackend, base_directory: {_SITE}/}}
    site_index_builder: {{class_name: DefaultSiteIndexBuilder}}
"""


def validate(
    table: pa.Table, stage: Stage, spec: QualitySpec, facts: StageFacts, *, docs: Path
) -> tuple[CheckResult, ...]:
    """Check one stage of a batch and bring its Data Docs up to date.

    docs: the batch's folder of Data Docs, made when it is not there; calls from several processes wait for
    one another. The results depend on the table, the specification and the facts alone; the pages show
    when they were made. Raises as `quality.checks.plan`, and LakeError when an expectation cannot be run.
    """
    checks = plan(table, stage, spec, facts)
    rows = checks.rows.to_pandas()
    with _alone(docs):
        _clear(docs, stage)
        outcomes = _run(docs, checks, rows)
    return (
        *(_row_result(stage, check, rows, outcomes[check.name]) for check in checks.row_checks),
        *(_measure_result(stage, one, outcomes[one.check.name]) for one in checks.measures),
    )


def docs_index(docs: Path) -> Path:
    """The first page of a folder of Data Docs."""
    return docs / _SITE / "index.html"


class _Outcome(NamedTuple):
    """What the library says of one expectation."""

    success: bool
    num_unexpected: int


def _run(docs: Path, checks: StageChecks, rows: "pd.DataFrame") -> dict[str, _Outcome]:
    """The outcome of each check, by name."""
    import great_expectations as gx
    import pandas as pd
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    context = gx.get_context(mode="file", context_root_dir=str(docs))
    source = context.data_sources.add_or_update_pandas("batch")
    measured = pd.DataFrame({one.check.rule.column: [one.value] for one in checks.measures}, dtype=float)
    parts = (
        (checks.stage, rows, checks.row_checks),
        (_measured(checks.stage), measured, [one.check for one in checks.measures]),
    )
    outcomes: dict[str, _Outcome] = {}
    for name, frame, wanted in parts:
        data = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = gx.ExpectationSuite(name=name, expectations=[_expectation(check) for check in wanted])
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=data, suite=context.suites.add(suite))
        )
        checkpoint = gx.Checkpoint(
            name=name,
            validation_definitions=[definition],
            actions=[UpdateDataDocsAction(name="data docs")],
            result_format="SUMMARY",  # 20 examples: complete lists of 20,000 rows take 5 s a page
        )
        outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
        (result,) = outcome.run_results.values()
        outcomes |= dict(_outcomes(result.results))
    return outcomes


def _outcomes(results: Any) -> Iterator[tuple[str, _Outcome]]:
    for result in results:
        name = result.expectation_config.meta["check"]
        if "unexpected_count" not in result.result:  # the library keeps its own exceptions to itself
            raise LakeError(
                f"the check {name!r} could not be run: {_reason(result.exception_info)}",
                remedy="compare the type of the column with the check, mend the table, then rerun the stage",
            )
        yield name, _Outcome(bool(result.success), int(result.result["unexpected_count"]))


def _reason(exception_info: Any) -> str:
    """The library nests its message under a metric's name in some cases."""
    if message := exception_info.get("exception_message"):
        return str(message)
    nested = [one.get("exception_message") for one in exception_info.values() if isinstance(one, dict)]
    return "; ".join(str(message) for message in nested) or "no reason given"


def _expectation(check: Check) -> Any:
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
        ExpectColumnValuesToBeInSet,
    )
    from great_expectations.expectations.core.expect_column_values_to_be_unique import (
        ExpectColumnValuesToBeUnique,
    )
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
        ExpectColumnValuesToNotBeNull,
    )

    common: dict[str, Any] = {
        "column": check.rule.column,
        "severity": "critical" if check.severity == "block" else "warning",
        "meta": {"check": check.name},
        "notes": check.name,
    }
    rule = check.rule
    match rule:
        case Complete():
            return ExpectColumnValuesToNotBeNull(**common)
        case Unique():
            return ExpectColumnValuesToBeUnique(**common)
        case Between():
            return ExpectColumnValuesToBeBetween(**common, min_value=rule.low, max_value=rule.high, mostly=rule.mostly)
        case OneOf():
            return ExpectColumnValuesToBeInSet(**common, value_set=list(rule.allowed))
        case _:
            assert_never(rule)


def _row_result(stage: Stage, check: Check, rows: "pd.DataFrame", outcome: _Outcome) -> CheckResult:
    failing = _failing(check.rule, rows)
    num_looked_at = len(rows) if isinstance(check.rule, Complete) else int(rows[check.rule.column].count())
    ids = rows.loc[failing, "item_id"].dropna()
    return CheckResult(
        name=check.name,
        stage=stage,
        passed=outcome.success,
        severity=check.severity,
        observed=f"{num_looked_at - outcome.num_unexpected:,} of {num_looked_at:,}",
        expected=_expected(check.rule),
        num_failing=outcome.num_unexpected,
        failing_item_ids=tuple(sorted(set(ids))),
    )


def _measure_result(stage: Stage, measure: Measure, outcome: _Outcome) -> CheckResult:
    return CheckResult(
        name=measure.check.name,
        stage=stage,
        passed=outcome.success,
        severity=measure.check.severity,
        observed="not measured" if measure.value is None else f"{measure.value:.6g}",
        expected=_expected(measure.check.rule),
        num_failing=outcome.num_unexpected,
    )


def _failing(rule: Rule, rows: "pd.DataFrame") -> "pd.Series[bool]":
    """Which rows break a rule: all of them, where the library names the first few."""
    values = rows[rule.column]
    match rule:
        case Complete():
            return values.isna()
        case Unique():
            return values.duplicated(keep=False) & values.notna()
        case Between():
            low = -math.inf if rule.low is None else rule.low
            high = math.inf if rule.high is None else rule.high
            return ~values.between(low, high) & values.notna()
        case OneOf():
            return ~values.isin(rule.allowed) & values.notna()
        case _:
            assert_never(rule)


def _expected(rule: Rule) -> str:
    match rule:
        case Complete():
            return f"{rule.column} is known"
        case Unique():
            return f"{rule.column} is never there twice"
        case Between():
            most = "" if rule.mostly == 1 else f" in {rule.mostly:.6g} of the rows"
            return f"{rule.column} {_span(rule.low, rule.high)}{most}"
        case OneOf():
            return f"{rule.column} is one of {', '.join(rule.allowed) or 'no class at all'}"
        case _:
            assert_never(rule)


def _span(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:.6g}"
    if high is None:
        return f"at least {low:.6g}"
    return f"from {low:.6g} to {high:.6g}"


def _measured(stage: Stage) -> str:
    return f"{stage}_measured"


@contextmanager
def _alone(docs: Path) -> Iterator[None]:
    """One writer at a time; the lock goes with its process, however that ends."""
    docs.mkdir(parents=True, exist_ok=True)
    with (docs / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear(docs: Path, stage: Stage) -> None:
    """Take away what an earlier call wrote for this stage, and put the configuration there whole."""
    for name in (stage, _measured(stage)):
        for folder in ("validations", f"{_SITE}/validations"):
            if (docs / folder / name).exists():
                shutil.rmtree(docs / folder / name)
        for folder in ("expectations", "validation_definitions", "checkpoints"):
            (docs / folder / f"{name}.json").unlink(missing_ok=True)
    fresh = docs / "great_expectations.yml.new"
    fresh.write_text(_CONFIG, encoding="utf-8")
    fresh.replace(docs / "great_expectations.yml")
