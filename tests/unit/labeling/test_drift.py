"""labeling/drift.py: a change is found where it is, and seldom where there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.drift import ChangePoint

TEST = ChangePoint()


def series(seed: int, *parts: tuple[int, float]) -> list[bool]:
    generator = np.random.default_rng(seed)
    return [bool(one) for num, share in parts for one in generator.random(num) < share]


def test_a_fall_from_95_to_60_percent_is_found_near_where_it_was() -> None:
    found = [TEST.fit(series(seed, (100, 0.95), (60, 0.60))) for seed in range(100)]
    sure = [one for one in found if one is not None and one.probability > 0.95 and one.worse]
    assert len(sure) >= 95
    assert sum(abs(one.place - 100) <= 10 for one in sure) >= 75


def test_a_steady_annotator_is_seldom_suspected() -> None:
    found = [TEST.fit(series(seed, (160, 0.9))) for seed in range(200)]
    assert sum(one is not None and one.probability > 0.95 for one in found) <= 4


def test_getting_better_is_told_from_getting_worse() -> None:
    one = TEST.fit([False, True] * 15 + [True] * 40)
    assert one is not None
    assert (one.worse, one.after) == (False, 1.0)
    assert one.probability > 0.99


def test_a_change_at_a_known_place_has_the_evidence_that_paper_and_pencil_give() -> None:
    one = ChangePoint(min_segment=1).fit([True, False])
    # 1/2 * 1/2 for two segments of one answer, against B(2, 2) = 1/6: odds 3 to 2
    assert one is not None
    assert one.probability == pytest.approx(0.6)
    assert (one.place, one.before, one.after) == (1, 1.0, 0.0)


def test_a_short_series_says_nothing() -> None:
    assert TEST.fit([True] * 9) is None
    assert TEST.fit([]) is None


@given(st.lists(st.booleans(), min_size=10, max_size=80))
def test_right_and_wrong_are_treated_alike_and_so_is_a_series_read_backwards(right: list[bool]) -> None:
    one, other = TEST.fit(right), TEST.fit([not each for each in right])
    back = TEST.fit(right[::-1])
    assert one is not None
    assert other is not None
    assert back is not None
    assert one.place == other.place
    assert one.before == pytest.approx(1 - other.before)
    assert one.probability == pytest.approx(other.probability, abs=1e-8)
    assert one.probability == pytest.approx(back.probability, abs=1e-8)
    assert 0 <= one.probability <= 1
