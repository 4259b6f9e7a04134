"""labeling/agreement.py against the hand-worked example and another implementation."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from crowdkit.metrics.data import alpha_krippendorff  # type: ignore[import-untyped, unused-ignore]

from labeling.agreement import Distance, agreement_with_others, krippendorff_alpha, pair_agreement
from labeling.consensus.votes import Votes
from lake.intervals import Interval

NONE = -1


def of(table: object, distance: Distance | None = None) -> Interval:
    return krippendorff_alpha(votes(table), distance)


def votes(table: object) -> Votes:
    """(items, annotators), -1 where not asked."""
    said = np.asarray(table)
    rows, columns = np.nonzero(said >= 0)
    triples = zip(rows, columns, said[rows, columns], strict=True)
    return Votes.of((f"{item:05}", f"person {who:02}", str(answer)) for item, who, answer in triples)


OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
).T


def test_the_example_of_krippendorff_2011() -> None:
    """Section C: four observers, twelve units, with missing data; nominal alpha 0.743."""
    alpha = of(OBSERVERS)
    assert alpha.value == pytest.approx(0.743, abs=0.0005)
    assert alpha.low < alpha.value < alpha.high


def test_full_agreement_is_one() -> None:
    alpha = of([[0, 0], [1, 1], [2, 2]])
    assert (alpha.value, alpha.low, alpha.high) == (1.0, 1.0, 1.0)


def test_answers_at_random_agree_like_chance() -> None:
    alpha = of(np.random.default_rng(3).integers(0, 4, (2000, 3)))
    assert alpha.low < 0 < alpha.high


@pytest.mark.parametrize("given", [[[1, 1], [1, 1]], [[0, NONE], [NONE, 1]], [[NONE, NONE]], np.empty((0, 2), int)])
def test_where_nothing_can_be_said_it_says_nothing(given: object) -> None:
    alpha = of(given)
    assert math.isnan(alpha.value)
    assert not alpha.low >= 0.0


def test_it_equals_crowd_kit() -> None:
    generator = np.random.default_rng(11)
    truth = generator.integers(0, 5, 300)
    said = np.where(generator.random((300, 6)) < 0.7, truth[:, None], generator.integers(0, 5, (300, 6)))
    said[generator.random((300, 6)) < 0.4] = NONE
    rows, columns = np.nonzero(said >= 0)
    frame = pd.DataFrame({"task": rows, "worker": columns, "label": said[rows, columns]})
    assert of(said).value == pytest.approx(alpha_krippendorff(frame), abs=1e-9)


def test_a_repeated_call_gives_the_same_interval() -> None:
    said = np.random.default_rng(5).integers(0, 3, (50, 3))
    assert of(said) == of(said.copy())


def ordinal(one: str, other: str) -> float:
    """Krippendorff's ordinal distance over the values of OBSERVERS, scaled to at most 1."""
    counts = {value: int((OBSERVERS[:-1] == value).sum()) for value in range(1, 6)}  # the last unit has one value
    low, high = sorted((int(one), int(other)))
    between = sum(counts[value] for value in range(low, high + 1)) - (counts[low] + counts[high]) / 2
    return between**2 / 1000


def interval(one: str, other: str) -> float:
    return (int(one) - int(other)) ** 2 / 16


def ratio(one: str, other: str) -> float:
    return ((int(one) - int(other)) / (int(one) + int(other))) ** 2


@pytest.mark.parametrize(("distance", "alpha"), [(ordinal, 0.815), (interval, 0.849), (ratio, 0.797)])
def test_the_same_example_with_other_distances(distance: Distance, alpha: float) -> None:
    assert of(OBSERVERS, distance).value == pytest.approx(alpha, abs=0.0006)


def test_where_every_answer_differs_chance_is_estimated() -> None:
    random = np.random.default_rng(8)
    truth = random.normal(size=(900, 1))
    said = np.round((truth + random.normal(0, 0.3, (900, 3)) + 10) * 1e6).astype(int)

    def apart(one: str, other: str) -> float:
        return min(1.0, ((int(one) - int(other)) / 1e7) ** 2)

    expected = 1 - said.var(axis=1, ddof=1).mean() / said.var(ddof=1)  # alpha of intervals is an intraclass correlation
    assert of(said, apart).value == pytest.approx(expected, abs=0.02)


def test_pairs_come_with_what_they_share() -> None:
    table = pair_agreement(votes([[0, 0, 1], [1, 1, NONE], [2, 2, 2], [0, 1, NONE]])).to_pylist()
    assert [(one["annotator"], one["other"], one["num_items"], one["agreement"]) for one in table] == [
        ("person 00", "person 01", 4, 0.75),
        ("person 00", "person 02", 2, 0.5),
        ("person 01", "person 02", 2, 0.5),
    ]
    assert all(0 <= one["low"] < one["agreement"] < one["high"] <= 1 for one in table)


def test_pairs_with_a_distance_have_their_own_interval() -> None:
    random = np.random.default_rng(1)
    said = random.integers(1, 6, (400, 1)) + random.integers(0, 2, (400, 2))
    (row,) = pair_agreement(votes(said), interval).to_pylist()
    exact = 1 - ((said[:, 0] - said[:, 1]) ** 2 / 16).mean()
    assert row["agreement"] == pytest.approx(exact)
    assert row["low"] < exact < row["high"] < row["low"] + 0.02


def test_who_stands_apart_agrees_least_with_the_others() -> None:
    random = np.random.default_rng(2)
    truth = random.integers(0, 4, (300, 1))
    said = np.where(random.random((300, 4)) < [0.9, 0.9, 0.9, 0.3], truth, random.integers(0, 4, (300, 4)))
    found = agreement_with_others(votes(said))
    assert min(found, key=found.__getitem__) == "person 03"


def test_a_million_votes_take_a_moment() -> None:
    said = np.random.default_rng(6).integers(0, 10, (300_000, 3))
    rows = np.repeat(np.arange(300_000), 3)
    given = Votes(
        items=tuple(f"{n:06}" for n in range(300_000)),
        annotators=("a", "b", "c"),
        vocabulary=tuple(str(n) for n in range(10)),
        item=rows,
        annotator=np.tile(np.arange(3), 300_000),
        code=said.reshape(-1),
    )
    begin = time.perf_counter()
    alpha = krippendorff_alpha(given)
    assert time.perf_counter() - begin < 20
    assert alpha.low < 0 < alpha.high
