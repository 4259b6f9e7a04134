"""The asset graph of one scenario: ten assets from delivery to feedback, and their checks."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

import dagster as dg

from assets.loop import BY_NAME, stages_of
from assets.scenario import Scenario, code_key
from assets.stage import Fact, Ports, Progress, Report, Stage, Work, blocks, carry_out
from lake.errors import TrialbaseError

CHECK = "expectations"


def partitions_of(scenario: str) -> dg.DynamicPartitionsDefinition:
    """One partition a delivery batch."""
    return dg.DynamicPartitionsDefinition(name=f"{scenario}_batches")


def scenario_graph(scenario: Scenario) -> list[dg.AssetsDefinition]:
    """The assets of a scenario, one group, key prefix its name."""
    stages = stages_of(scenario)
    before = {stage.name: _present(stage.after, {one.name for one in stages}) for stage in stages}
    return [_asset(scenario, stage, before[stage.name]) for stage in stages]


def asset_key(scenario: str, stage: str) -> dg.AssetKey:
    return dg.AssetKey([scenario, stage])


def _present(names: Sequence[str], present: Collection[str]) -> tuple[str, ...]:
    """What comes before a stage; where that is missing, what comes before it."""
    found: list[str] = []
    for name in names:
        found += [name] if name in present else _present(BY_NAME[name].after, present)
    return tuple(found)


def _asset(scenario: Scenario, stage: Stage, after: Sequence[str]) -> dg.AssetsDefinition:
    key = asset_key(scenario.name, stage.name)
    checks = [dg.AssetCheckSpec(CHECK, asset=key, blocking=True, description=f"{stage.name} as scenario.yaml demands")]
    freshness = dg.FreshnessPolicy.time_window(dt.timedelta(days=scenario.spec.freshness_days))

    @dg.asset(
        name=stage.name,
        key_prefix=scenario.name,
        group_name=scenario.name.replace("-", "_"),
        partitions_def=partitions_of(scenario.name),
        deps=[asset_key(scenario.name, name) for name in after],
        check_specs=checks if stage.checked else None,
        description=stage.says,
        kinds=set(stage.kinds),
        owners=[_owner(scenario.spec.owner)],
        code_version=code_key(scenario),
        freshness_policy=freshness if stage.name in ("dataset", "trial") else None,
        tags={"scenario": scenario.name},
    )
    def materialise(
        context: dg.AssetExecutionContext, ports: dg.ResourceParam[Ports]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        work = Work(ports, scenario, context.partition_key, _log_progress(context))
        try:
            report = carry_out(stage, work)
        except TrialbaseError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        yield dg.MaterializeResult(metadata=metadata_of(report))
        if stage.checked:
            yield _check_result(key, report)

    return materialise


def _owner(owner: str) -> str:
    return owner if "@" in owner else f"team:{owner}"


def metadata_of(report: Report) -> dict[str, dg.MetadataValue]:
    """A stage's report as Dagster shows it."""
    shown = {name: _value(value) for name, value in report.summary.items()}
    if report.preview is not None and report.preview.num_rows:
        shown["preview"] = dg.MetadataValue.md(markdown_table(report.preview.slice(0, 8).to_pylist()))
    return shown


def _value(value: Fact) -> dg.MetadataValue:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    text = "" if value is None else value
    return dg.MetadataValue.url(text) if text.startswith(("http://", "https://")) else dg.MetadataValue.text(text)


def markdown_table(rows: Sequence[dict[str, object]]) -> str:
    """A few rows as Markdown; long values are cut."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (str(row[name])[:24].replace("|", "\\|").replace("\n", " ") for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _check_result(key: dg.AssetKey, report: Report) -> dg.AssetCheckResult:
    failed = [check for check in report.checks if not check.passed]
    blocking = [check for check in failed if blocks(check)]
    rows: list[dict[str, object]] = [
        {
            "check": check.name,
            "passed": "yes" if check.passed else "NO",
            "severity": check.severity,
            "observed": check.observed,
            "expected": check.expected,
            "failing items": check.num_failing,
        }
        for check in report.checks
    ]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHECK,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        metadata={
            "results": dg.MetadataValue.md(markdown_table(rows) if rows else "nothing was demanded"),
            "failing_items": dg.MetadataValue.json(
                {check.name: list(check.failing_item_ids[:1000]) for check in failed}
            ),
        },
    )


def _log_progress(context: dg.AssetExecutionContext) -> Progress:
    def progress(done: int, total: int) -> None:
        if total and (done == total or done % max(1, total // 10) == 0):
            context.log.info("%d of %d", done, total)

    return progress
