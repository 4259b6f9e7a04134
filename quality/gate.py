"""The gate before a dataset version: what the checks of a batch say together."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from lake.errors import LakeError, NotReady
from lake.ids import key
from lake.records import GateVerdict
from quality.checks import STAGES, CheckResult


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateReport:
    """What the checks of one batch say together; its hash is what a steward signs."""

    scenario: str
    batch: str
    verdict: GateVerdict
    checks: tuple[CheckResult, ...]  # by stage, then in the order of their names
    report_hash: str

    @property
    def failing(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.passed)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def judge(scenario: str, batch: str, checks: Sequence[CheckResult]) -> GateReport:
    """The verdict on a batch: block when a blocking check failed, waivable when another did, else pass.

    The same checks in any order give the same report and hash. Raises NotReady when nothing was checked:
    a gate that saw nothing must not open.
    """
    if not checks:
        raise NotReady(
            f"nothing of {scenario}/{batch} was checked yet",
            remedy="materialize curated_items, annotations and labels of the batch, then rerun",
        )
    ordered = tuple(sorted(checks, key=lambda check: (STAGES.index(check.stage), check.name)))
    verdict = _verdict(ordered)
    return GateReport(
        scenario=scenario,
        batch=batch,
        verdict=verdict,
        checks=ordered,
        report_hash=_report_hash(scenario, batch, verdict, ordered),
    )


def from_json(text: str) -> GateReport:
    """A report as `to_json` wrote it; LakeError when it is not one, or says other than what its hash names."""
    try:
        stored = json.loads(text)
        report = GateReport(**{**stored, "checks": tuple(_check(check) for check in stored["checks"])})
        sound = report == judge(report.scenario, report.batch, report.checks)
    except (AttributeError, KeyError, NotReady, TypeError, ValueError) as error:
        raise _damaged(f"it cannot be read ({error})") from error
    if not sound:
        raise _damaged("its verdict or hash does not follow from its checks")
    return report


def _verdict(checks: Sequence[CheckResult]) -> GateVerdict:
    failing = {check.severity for check in checks if not check.passed}
    if "block" in failing:
        return "block"
    return "waivable" if failing else "pass"


def _report_hash(scenario: str, batch: str, verdict: GateVerdict, checks: Sequence[CheckResult]) -> str:
    rows = [dataclasses.asdict(check) for check in checks]
    return key("gate report", scenario, batch, verdict, json.dumps(rows, ensure_ascii=False, sort_keys=True))


def _check(stored: dict[str, Any]) -> CheckResult:
    return CheckResult(**{**stored, "failing_item_ids": tuple(stored["failing_item_ids"])})


def _damaged(how: str) -> LakeError:
    return LakeError(f"the gate report is damaged: {how}", remedy="judge the batch again: rerun its checks")
