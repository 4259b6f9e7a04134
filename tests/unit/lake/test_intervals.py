"""Intervals of shares, against published figures and scipy."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.intervals import wilson


@pytest.mark.parametrize(
    ("right", "asked", "low", "high"),  # Newcombe 1998
    [(8, 10, 0.4901625, 0.9433178), (0, 10, 0.0, 0.2775328), (10, 10, 0.7224672, 1.0)],
)
def test_the_interval_is_wilsons(right: int, asked: int, low: float, high: float) -> None:
    share = wilson(right, asked)
    assert (share.value, share.low, share.high) == pytest.approx((right / asked, low, high), abs=1e-6)


@given(st.integers(0, 500), st.integers(0, 500))
def test_it_holds_the_share_and_agrees_with_scipy(num_right: int, num_wrong: int) -> None:
    from scipy.stats import binomtest

    asked = num_right + num_wrong
    share = wilson(num_right, asked)
    if not asked:
        assert math.isnan(share.value)
        assert (share.low, share.high) == (0, 1)
        return
    assert 0 <= share.low <= share.value == num_right / asked <= share.high <= 1
    peer = binomtest(num_right, asked).proportion_ci(0.95, method="wilson")
    assert (share.low, share.high) == pytest.approx((peer.low, peer.high), abs=1e-12)
