"""Promotion: better is told from luck, and no slice pays for the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import NotReady
from lake.records import Verdict
from quality.spec import SuiteSpec
from quality.trial.compare import Judgement, holm, mcnemar, verdict
from quality.trial.runner import TrialResult, run_trial
from tests.unit.quality.trials import answered, cases, suite


def tried(answers: str, expected: str | None = None, by: SuiteSpec | None = None) -> TrialResult:
    return run_trial(cases(expected or "0" * len(answers)), answered(answers), by or suite())


def judged(candidate: str, champion: str | None, expected: str | None = None, **changes: float) -> Judgement:
    rules = suite(**changes)
    before = None if champion is None else tried(champion, expected, rules)
    return verdict(tried(candidate, expected, rules), before, rules, gate_passed=True, signed=True)


@pytest.mark.parametrize(
    ("candidate", "champion", "expected"),
    [
        ("0" * 40, None, "promote"),
        ("1" * 30 + "0" * 10, None, "reject"),
        ("0" * 40, "0" * 30 + "1" * 10, "promote"),
        ("0" * 40, "0" * 38 + "1" * 2, "hold"),
        ("0" * 40, "0" * 40, "hold"),
        ("0" * 38 + "1" * 2, "0" * 40, "hold"),
        ("0" * 30 + "1" * 10, "0" * 40, "reject"),
        ("0" * 25 + "1" * 15, "1" * 12 + "0" * 28, "hold"),
    ],
)
def test_better_is_promoted_worse_rejected_and_luck_held(
    candidate: str, champion: str | None, expected: Verdict
) -> None:
    found = judged(candidate, champion)
    assert found.verdict == expected
    assert found.reasons
    assert (found.p_value is None) == (champion is None)


def test_the_gain_and_its_interval_are_told() -> None:
    found = judged("0" * 40, "0" * 30 + "1" * 10)
    assert found.p_value == pytest.approx(2 * 0.5**10)
    assert found.gain is not None
    assert found.gain.value == 0.25
    assert found.gain.low < 0.25 < found.gain.high
    assert "+0.250 accuracy" in found.reasons[0]


def test_data_that_failed_the_gate_rejects_and_unsigned_data_holds() -> None:
    good = tried("0" * 10)
    assert verdict(good, None, suite(), gate_passed=False, signed=True).verdict == "reject"
    unsigned = verdict(good, None, suite(), gate_passed=True, signed=False)
    assert unsigned.verdict == "hold"
    assert "signed" in unsigned.reasons[0]


def test_a_slice_below_its_floor_rejects_unless_it_is_too_small_to_tell() -> None:
    expected = "0" * 20 + "1" * 4
    assert "digit=1" in judged("0" * 24, None, expected, min_slice_accuracy=0.5).reasons[0]
    assert judged("0" * 24, None, expected, min_slice_accuracy=0.5, min_slice_cases=5).verdict == "promote"


def test_a_slice_that_lost_too_much_rejects_a_model_that_is_better_overall() -> None:
    expected = "0" * 60 + "1" * 20
    champion, candidate = "1" * 40 + "0" * 20 + "1" * 20, "0" * 60 + "0" * 10 + "1" * 10
    found = judged(candidate, champion, expected)
    assert found.verdict == "reject"
    assert "It lost 0.500 on digit=1 (20 cases)" in found.reasons[0]
    assert judged(candidate, champion, expected, max_slice_drop=0.6).verdict == "promote"


def test_a_drop_that_may_be_chance_does_not_reject() -> None:
    expected = "0" * 60 + "1" * 20
    champion, candidate = "1" * 40 + "0" * 20 + "1" * 20, "0" * 60 + "0" * 3 + "1" * 17
    assert judged(candidate, champion, expected).verdict == "promote"


def test_a_champion_that_was_tried_on_other_cases_has_to_be_tried_again() -> None:
    with pytest.raises(NotReady, match="try the champion on the present suite"):
        verdict(tried("000"), tried("0000"), suite(), gate_passed=True, signed=True)
    with pytest.raises(NotReady):
        verdict(tried("000"), tried("000", "001"), suite(), gate_passed=True, signed=True)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_p_value_is_the_exact_binomial_one(num_gained: int, num_lost: int) -> None:
    from scipy.stats import binomtest

    total = num_gained + num_lost
    peer = binomtest(num_gained, total).pvalue if total else 1.0
    assert mcnemar(num_gained, num_lost) == pytest.approx(peer, rel=1e-9)


def test_holm_adjusts_as_in_the_textbook() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1)))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: dict[str, float]) -> None:
    adjusted = holm(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1 for name in p_values)
    ranked = sorted(p_values, key=lambda name: p_values[name])
    assert [adjusted[name] for name in ranked] == sorted(adjusted.values())
