"""The gate and the signature: nothing passes that should not."""

import dataclasses
import datetime as dt
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import GateError, LakeError, NotReady
from lake.records import Decision, GateVerdict, SignOff
from quality.checks import STAGES, CheckResult
from quality.gate import GateReport, demand, from_json, judge
from quality.spec import Severity

ROLES = ("data steward", "deputy")
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def check(name: str = "there are items", *, passed: bool = True, severity: Severity = "block") -> CheckResult:
    return CheckResult(
        name=name,
        stage="curated_items",
        passed=passed,
        severity=severity,
        observed="3",
        expected="num_items at least 1",
        num_failing=0 if passed else 1,
        failing_item_ids=() if passed else ("a1",),
    )


def report(verdict: GateVerdict) -> GateReport:
    failing: dict[GateVerdict, tuple[CheckResult, ...]] = {
        "pass": (),
        "waivable": (check("annotators agree", passed=False, severity="waivable"),),
        "block": (check("items are unique", passed=False),),
    }
    found = judge("digits", "b1", (check(), *failing[verdict]))
    assert found.verdict == verdict
    return found


def signature(
    signed: GateReport, decision: Decision, reason: str = "", *, role: str = "data steward", by: str = "Li Na"
) -> SignOff:
    return SignOff(
        scenario=signed.scenario,
        batch=signed.batch,
        report_hash=signed.report_hash,
        by=by,
        role=role,
        decision=decision,
        reason=reason,
        at=NOON,
    )


checks = st.lists(
    st.builds(
        CheckResult,
        name=st.text(max_size=8),
        stage=st.sampled_from(STAGES),
        passed=st.booleans(),
        severity=st.sampled_from(["block", "waivable"]),
        observed=st.text(max_size=8),
        expected=st.text(max_size=8),
        num_failing=st.integers(0, 5),
        failing_item_ids=st.lists(st.text(max_size=4), max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: (one.stage, one.name),
)


@given(checks, st.randoms(use_true_random=False))
def test_a_report_survives_its_file_and_the_order_of_its_checks(found: list[CheckResult], order: Random) -> None:
    first = judge("digits", "批次 1", found)
    order.shuffle(found)
    assert from_json(first.to_json()) == first == judge("digits", "批次 1", found)


@given(checks)
def test_the_verdict_follows_from_the_worst_failure(found: list[CheckResult]) -> None:
    failing = {one.severity for one in found if not one.passed}
    expected = "block" if "block" in failing else "waivable" if failing else "pass"
    assert judge("digits", "b1", found).verdict == expected


def test_every_fact_of_a_report_is_in_its_hash() -> None:
    one = check()
    changed = [
        dataclasses.replace(one, name="other"),
        dataclasses.replace(one, stage="labels"),
        dataclasses.replace(one, passed=False),
        dataclasses.replace(one, severity="waivable"),
        dataclasses.replace(one, observed="4"),
        dataclasses.replace(one, expected="5"),
        dataclasses.replace(one, num_failing=6),
        dataclasses.replace(one, failing_item_ids=("b2",)),
    ]
    reports = [judge("digits", "b1", [each]) for each in [one, *changed]]
    reports += [judge("digits", "b2", [one]), judge("letters", "b1", [one])]
    assert len({each.report_hash for each in reports}) == len(reports)


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: {**stored, "verdict": "pass"},
        lambda stored: {**stored, "report_hash": "0" * 64},
        lambda stored: {**stored, "checks": []},
        lambda stored: {**stored, "checks": stored["checks"][:1]},
        lambda stored: {**stored, "checks": [{**stored["checks"][0], "stage": "nowhere"}]},
        lambda stored: {**stored, "surprise": 1},
        lambda stored: [stored],
    ],
)
def test_a_report_that_was_tampered_with_is_refused(damage: object) -> None:
    assert callable(damage)
    text = json.dumps(damage(json.loads(report("block").to_json())))
    with pytest.raises(LakeError, match="gate report is damaged"):
        from_json(text)


def test_half_a_report_is_refused() -> None:
    with pytest.raises(LakeError, match="gate report is damaged"):
        from_json(report("pass").to_json()[:50])


def test_a_gate_that_saw_nothing_does_not_open() -> None:
    with pytest.raises(NotReady, match="nothing of digits/b1 was checked"):
        judge("digits", "b1", [])


@pytest.mark.parametrize(
    ("verdict", "decision", "reason"),
    [("pass", "approve", ""), ("waivable", "waive", "two annotators were ill; the labels were read")],
)
def test_a_valid_signature_opens_the_gate(verdict: GateVerdict, decision: Decision, reason: str) -> None:
    signed = signature(report(verdict), decision, reason)
    demand(report(verdict), signed, ROLES)
    with pytest.raises(GateError):  # the same signature from a role that may not sign keeps it shut
        demand(report(verdict), signed, ("nobody",))


def test_without_a_signature_the_remedy_is_what_to_type() -> None:
    with pytest.raises(NotReady) as passed:
        demand(report("pass"), None, ROLES)
    assert "trialbase sign digits b1 --as NAME --approve" in passed.value.remedy
    with pytest.raises(NotReady) as short:
        demand(report("waivable"), None, ROLES)
    assert "trialbase sign digits b1 --as NAME --waive REASON" in short.value.remedy
    assert "annotators agree" in short.value.what


@pytest.mark.parametrize("decision", ["approve", "waive", "reject"])
def test_no_signature_opens_a_blocked_gate(decision: Decision) -> None:
    blocked = report("block")
    with pytest.raises(GateError, match="blocked: items are unique"):
        demand(blocked, signature(blocked, decision, "I know better"), ROLES)
    with pytest.raises(GateError, match="blocked"):
        demand(blocked, None, ROLES)


@pytest.mark.parametrize(
    ("verdict", "decision", "reason", "says"),
    [
        ("waivable", "approve", "fine", "a plain approval is not enough"),
        ("waivable", "waive", "  ", "gives no reason"),
        ("pass", "waive", "to be sure", "nothing to waive"),
        ("pass", "reject", "pictures of people", "rejected digits/b1: pictures of people"),
        ("waivable", "reject", " ", "gives no reason"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(
    verdict: GateVerdict, decision: Decision, reason: str, says: str
) -> None:
    with pytest.raises(GateError, match=says):
        demand(report(verdict), signature(report(verdict), decision, reason), ROLES)


def test_a_signature_on_an_older_report_is_refused() -> None:
    older = judge("digits", "b1", [dataclasses.replace(check(), observed="2")])
    with pytest.raises(GateError, match="signed another report"):
        demand(report("pass"), signature(older, "approve"), ROLES)


def test_a_signature_for_another_batch_is_refused() -> None:
    other = dataclasses.replace(signature(report("pass"), "approve"), batch="b2")
    with pytest.raises(GateError, match="signed another report"):
        demand(report("pass"), other, ROLES)


@pytest.mark.parametrize(("by", "role"), [("Li Na", "intern"), ("Li Na", ""), (" ", "deputy")])
def test_only_someone_of_a_role_that_may_sign_does(by: str, role: str) -> None:
    with pytest.raises(GateError, match="may not sign"):
        demand(report("pass"), signature(report("pass"), "approve", by=by, role=role), ROLES)


@pytest.mark.parametrize("zone", [None, dt.timezone(dt.timedelta(hours=8))])
def test_a_signature_has_a_time_in_utc(zone: dt.tzinfo | None) -> None:
    with pytest.raises(ValueError, match="UTC"):
        dataclasses.replace(signature(report("pass"), "approve"), at=NOON.replace(tzinfo=zone))
