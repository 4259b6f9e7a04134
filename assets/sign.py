"""A steward's decision on a batch: checked against the present gate report, recorded once."""

import dataclasses
import datetime as dt

from assets.dataset import sign_off_roles, signature
from assets.labels import GATE, gate_report
from assets.stage import Work
from lake.errors import GateError, NotReady
from lake.records import Decision, SignOff
from quality.gate import GateReport
from quality.signoff import check_signature


def sign(work: Work, *, by: str, role: str, decision: Decision, reason: str, report_hash: str | None) -> SignOff:
    """Record a decision on the batch's gate report and return it as it is kept.

    report_hash: the report that was read; None for the present one. Said again word for word by the same
    person, the newest decision stands and nothing is added. Raises NotFound for an unknown batch, NotReady
    while there is no report, GateError where `check_signature` refuses or a version was made already.
    """
    scenario, batch = work.scenario.name, work.batch_name
    work.lake.state.batch(scenario, batch)
    with work.lake.lock(f"sign-{scenario}-{batch}"):
        report = present_report(work)
        if report is None:
            raise NotReady(
                f"batch {batch} has no gate report yet: there is nothing to sign",
                remedy=f"`trialbase run {scenario}`; `trialbase status {scenario}` tells who is waited for",
            )
        said = SignOff(
            scenario=scenario,
            batch=batch,
            report_hash=report.report_hash if report_hash is None else report_hash,
            by=by.strip(),
            role=role,
            decision=decision,
            reason=reason.strip(),
            at=dt.datetime.now(dt.UTC),
        )
        check_signature(report, said, sign_off_roles(work.scenario))
        last = signature(work)
        if last is not None and dataclasses.replace(last, at=said.at) == said:
            return last
        _refuse_late(work, report, last)
        work.lake.state.add_signoff(said)
    return said


def present_report(work: Work) -> GateReport | None:
    """The batch's gate report; None before its labels were judged."""
    return gate_report(work) if work.lake.blobs.exists(work.batch.path(GATE)) else None


def committed(work: Work) -> str | None:
    """The dataset version that this batch has become, `name@vN`."""
    outcome = work.lake.state.outcomes(work.scenario.name, work.batch_name).get("dataset")
    return None if outcome is None else str(outcome.summary["version"])


def _refuse_late(work: Work, report: GateReport, last: SignOff | None) -> None:
    """Another decision on the report that a version was made from would change nothing."""
    version = committed(work)
    if version is not None and last is not None and last.report_hash == report.report_hash:
        raise GateError(
            f"batch {work.batch_name} is in {version} already, under the decision of {last.by}",
            remedy="a version is never taken back: deliver corrected data, and the next version replaces it",
        )
