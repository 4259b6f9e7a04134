"""labeling/agreement.py against the hand-worked example and another implementation."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from crowdkit.metrics.data import alpha_krippendorff  # type: ignore[import-untyped, unused-ignore]

from labeling.agreement import krippendorff_alpha

NONE = -1


def test_the_example_of_krippendorff_2011() -> None:
    """Section C: four observers, twelve units, with missing data; nominal alpha 0.743."""
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
    alpha = krippendorff_alpha(np.array(observers).T)
    assert alpha.value == pytest.approx(0.743, abs=0.0005)
    assert alpha.low < alpha.value < alpha.high


def test_full_agreement_is_one() -> None:
    alpha = krippendorff_alpha(np.array([[0, 0], [1, 1], [2, 2]]))
    assert (alpha.value, alpha.low, alpha.high) == (1.0, 1.0, 1.0)


def test_answers_at_random_agree_like_chance() -> None:
    votes = np.random.default_rng(3).integers(0, 4, (2000, 3))
    alpha = krippendorff_alpha(votes)
    assert alpha.low < 0 < alpha.high


@pytest.mark.parametrize("votes", [[[1, 1], [1, 1]], [[0, NONE], [NONE, 1]], [[NONE, NONE]], np.empty((0, 2), int)])
def test_where_nothing_can_be_said_it_says_nothing(votes: object) -> None:
    alpha = krippendorff_alpha(np.asarray(votes, dtype=np.int64))
    assert math.isnan(alpha.value)
    assert not alpha.low >= 0.0


def test_it_equals_crowd_kit() -> None:
    generator = np.random.default_rng(11)
    truth = generator.integers(0, 5, 300)
    votes = np.where(generator.random((300, 6)) < 0.7, truth[:, None], generator.integers(0, 5, (300, 6)))
    votes[generator.random((300, 6)) < 0.4] = NONE
    rows, columns = np.nonzero(votes >= 0)
    frame = pd.DataFrame({"task": rows, "worker": columns, "label": votes[rows, columns]})
    assert krippendorff_alpha(votes).value == pytest.approx(alpha_krippendorff(frame), abs=1e-9)


def test_a_repeated_call_gives_the_same_interval() -> None:
    votes = np.random.default_rng(5).integers(0, 3, (50, 3))
    assert krippendorff_alpha(votes) == krippendorff_alpha(votes.copy())


def test_ten_thousand_items_take_a_moment() -> None:
    votes = np.random.default_rng(6).integers(-1, 10, (10_000, 6))
    begin = time.perf_counter()
    krippendorff_alpha(votes)
    assert time.perf_counter() - begin < 10
