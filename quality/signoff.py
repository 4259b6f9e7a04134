"""A steward's signature under a gate report. Pure rules; where it is kept is not decided here."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from lake.errors import GateError
from lake.records import SignOff

if TYPE_CHECKING:
    from quality.gate import GateReport


def check_signature(report: "GateReport", signoff: SignOff, roles: Collection[str]) -> None:
    """Return when the signature counts for this report, whatever it decides.

    Raises GateError for a signature on another report, by nobody or by a role that may not sign, for an
    approval of what is blocked or has to be waived, and for a waiver without a reason or without a need.
    """
    where = f"{report.scenario}/{report.batch}"
    again = f"read the report, then type `trialbase sign {report.scenario} {report.batch} --as NAME"
    if (signoff.scenario, signoff.batch, signoff.report_hash) != (
        report.scenario,
        report.batch,
        report.report_hash,
    ):
        raise GateError(
            f"{signoff.by} signed another report than the present one of {where}: the data has changed since",
            remedy=f"{again} --approve` (or --waive REASON, --reject)",
        )
    if not signoff.by.strip() or signoff.role not in roles:
        raise GateError(
            f"{signoff.by or 'nobody'} signed {where} as {signoff.role!r}, which may not sign",
            remedy=f"let one of these sign: {', '.join(sorted(roles))}",
        )
    if signoff.decision == "reject" and not signoff.reason.strip():
        raise GateError(f"the rejection of {where} gives no reason", remedy=f"{again} --reject REASON`")
    if signoff.decision == "reject":
        return
    if report.verdict == "block":
        raise GateError(
            f"{where} is blocked, so it cannot be signed off",
            remedy="mend the data or the labels that the checks name, then rerun the batch",
        )
    if signoff.decision == "approve" and report.verdict == "waivable":
        raise GateError(
            f"{where} fell short of its thresholds, so a plain approval is not enough",
            remedy=f"{again} --waive REASON` or --reject it",
        )
    if signoff.decision == "waive" and report.verdict == "pass":
        raise GateError(f"{where} passed all its checks, so there is nothing to waive", remedy=f"{again} --approve`")
    if signoff.decision == "waive" and not signoff.reason.strip():
        raise GateError(f"the waiver of {where} gives no reason", remedy=f"{again} --waive REASON`")
