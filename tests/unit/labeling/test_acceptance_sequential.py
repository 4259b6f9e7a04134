"""labeling/acceptance_sequential.py: Wald's test, its limits, and what it promises exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.acceptance_sequential import SequentialTest
from lake.errors import SpecError

TEST = SequentialTest(rate0=0.01, rate1=0.06, alpha=0.05, beta=0.10, max_items=250)


def test_a_clean_sample_is_accepted_where_wald_says() -> None:
    came = TEST.decide([False] * 250)
    # ln(0.95 / 0.10) / ln(0.99 / 0.94) = 43.4: the 44th clean item decides
    assert (came.decision, came.num_checked, came.num_failed, came.truncated) == ("accept", 44, 0, False)
    assert TEST.decide([False] * 43).decision == "continue"


def test_a_bad_start_is_rejected_at_once() -> None:
    came = TEST.decide([True, True, True])
    assert (came.decision, came.num_checked, came.num_failed) == ("reject", 2, 2)  # ln 18 = 2.89 < 2 ln 6 = 3.58


def test_it_ends_at_the_latest_after_max_items() -> None:
    test = SequentialTest(rate0=0.01, rate1=0.06, alpha=0.05, beta=0.10, max_items=30)
    assert test.decide([False] * 99).decision == "accept"
    assert test.decide([False] * 99).truncated
    late = test.decide([True] + [False] * 29)
    assert (late.decision, late.num_checked, late.truncated) == ("reject", 30, True)
    assert test.decide([]).decision == "continue"


@given(st.lists(st.booleans(), max_size=120), st.integers(1, 100))
def test_the_limits_say_what_the_test_decides(failed: list[bool], max_items: int) -> None:
    test = SequentialTest(rate0=0.05, rate1=0.20, alpha=0.05, beta=0.10, max_items=max_items)
    came = test.decide(failed)
    accept, reject = test.limits(came.num_checked) if came.num_checked else (None, None)
    if came.decision == "accept":
        assert accept is not None
        assert came.num_failed <= accept
    elif came.decision == "reject":
        assert reject is not None
        assert came.num_failed >= reject
    else:
        assert came.num_checked == len(failed) < max_items
        assert accept is None or came.num_failed > accept
        assert reject is None or came.num_failed < reject


def test_no_number_of_failed_items_is_left_open_at_the_end() -> None:
    accept, reject = TEST.limits(TEST.max_items)
    assert accept is not None
    assert reject == accept + 1


def test_the_risks_are_those_that_were_asked_for() -> None:
    producer, consumer = TEST.risks()
    assert 0 < producer <= 0.05
    assert 0 < consumer <= 0.10
    short = SequentialTest(rate0=0.01, rate1=0.06, alpha=0.05, beta=0.10, max_items=20)
    assert sum(short.risks()) > 0.15  # cutting it short has its price, and the figures say so


def test_the_characteristic_falls_and_agrees_with_a_simulation() -> None:
    accepted, items = TEST.characteristic(np.linspace(0, 1, 51).tolist())
    assert accepted[0] == pytest.approx(1.0)
    assert accepted[-1] == pytest.approx(0.0)
    assert (np.diff(accepted) <= 1e-12).all()
    assert items[0] == pytest.approx(44)
    generator = np.random.default_rng(7)
    came = [TEST.decide((generator.random(250) < 0.03).tolist()) for _ in range(3000)]
    (share,), (mean,) = TEST.characteristic([0.03])
    assert np.mean([one.decision == "accept" for one in came]) == pytest.approx(share, abs=0.03)
    assert np.mean([one.num_checked for one in came]) == pytest.approx(mean, rel=0.05)


def test_it_needs_fewer_items_than_the_plan_of_the_same_risks() -> None:
    _, (good, bad) = TEST.characteristic([0.01, 0.06])
    assert max(good, bad) < 125  # letter K at AQL 1.0: n 125, Ac 3


@pytest.mark.parametrize(
    "wrong", [{"rate0": 0.0}, {"rate1": 0.01}, {"alpha": 0.0}, {"beta": 0.95}, {"max_items": 0}, {"rate1": 1.0}]
)
def test_a_test_that_cannot_tell_is_refused(wrong: dict[str, float]) -> None:
    right = {"rate0": 0.01, "rate1": 0.06, "alpha": 0.05, "beta": 0.10, "max_items": 250}
    with pytest.raises(SpecError, match="no sequential test"):
        SequentialTest(**(right | wrong))  # type: ignore[arg-type]
