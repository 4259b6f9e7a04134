"""labeling/selection.py: what the budget buys."""

import time
from random import Random

import numpy as np
import pytest

from labeling.selection import Candidate, select


def blobs(num_blobs: int, each: int, *, probabilities: bool = False) -> list[Candidate]:
    """Items in well separated heaps; item "h07-003" is the third of heap seven."""
    generator = np.random.default_rng(1)
    centres = generator.normal(0, 50, (num_blobs, 8))
    pool = []
    for heap in range(num_blobs):
        for i in range(each):
            share = (0.5 + i / each / 2.1, 0.5 - i / each / 2.1) if probabilities else None
            pool.append(Candidate(f"h{heap:02}-{i:03}", centres[heap] + generator.normal(0, 1, 8), share))
    return pool


@pytest.mark.parametrize("probabilities", [False, True])
def test_the_order_of_the_pool_changes_nothing(probabilities: bool) -> None:
    pool = blobs(6, 20, probabilities=probabilities)
    first = select(pool, budget=30, explore=0.2, seed_key="b1")
    assert select(Random(2).sample(pool, len(pool)), budget=30, explore=0.2, seed_key="b1") == first
    assert len({one.item_id for one in first}) == 30
    assert [one.priority for one in first] == sorted((one.priority for one in first), reverse=True)
    assert 0 < min(one.priority for one in first) <= max(one.priority for one in first) == 1


def test_without_a_model_every_heap_is_seen() -> None:
    chosen = select(blobs(12, 30), budget=24, explore=0, seed_key="b1")
    assert {one.item_id[:3] for one in chosen} == {f"h{heap:02}" for heap in range(12)}
    assert {one.reason for one in chosen} == {"new"}


def test_with_a_model_the_uncertain_are_bought_and_spread() -> None:
    chosen = select(blobs(8, 40, probabilities=True), budget=16, explore=0, seed_key="b1")
    assert max(int(one.item_id[4:]) for one in chosen) < 16  # margins grow with the number
    assert len({one.item_id[:3] for one in chosen}) == 8


def test_what_was_asked_for_comes_first_and_takes_half_at_most() -> None:
    pool = blobs(4, 25)
    asked = [Candidate(f"asked {i}", np.zeros(8), requested="trial failure", weight=float(i)) for i in range(30)]
    chosen = select(pool + asked, budget=20, explore=0, seed_key="b1")
    assert [one.item_id for one in chosen[:10]] == [f"asked {i}" for i in range(29, 19, -1)]
    assert [one.reason for one in chosen[:10]] == ["trial failure"] * 10
    assert len(chosen) == 20


def test_a_share_is_drawn_at_random() -> None:
    pool = blobs(2, 100, probabilities=True)
    random = select(pool, budget=40, explore=1, seed_key="b1")
    other = select(pool, budget=40, explore=1, seed_key="b2")
    assert {one.item_id for one in random} != {one.item_id for one in other}
    assert np.mean([int(one.item_id[4:]) for one in random]) == pytest.approx(50, abs=15)


@pytest.mark.parametrize("size", [0, 1, 9])
def test_a_small_pool_is_bought_whole(size: int) -> None:
    assert len(select(blobs(1, size), budget=10, explore=0.1, seed_key="b1")) == size


def test_equal_embeddings_are_still_different_items() -> None:
    pool = [Candidate(f"i{i}", np.ones(4)) for i in range(50)]
    assert len({one.item_id for one in select(pool, budget=20, explore=0, seed_key="b")}) == 20
    sure = [Candidate(f"i{i}", np.ones(4), (0.9, 0.1)) for i in range(50)]
    assert len({one.item_id for one in select(sure, budget=20, explore=0, seed_key="b")}) == 20


def test_what_it_buys_teaches_more_than_chance() -> None:
    """On scanned digits, five draws each: the same model learns more from the chosen items."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    pictures, truth = load_digits(return_X_y=True)
    pool = [Candidate(f"{i:04}", pictures[i] / 16) for i in range(1200)]

    def learned(explore: float, seed: int) -> float:
        chosen = select(pool, budget=80, explore=explore, seed_key=str(seed))
        rows = [int(one.item_id) for one in chosen]
        model = LogisticRegression(max_iter=2000).fit(pictures[rows] / 16, truth[rows])
        return float(model.score(pictures[1200:] / 16, truth[1200:]))

    assert np.mean([learned(0, seed) for seed in range(5)]) > np.mean([learned(1, seed) for seed in range(5)])


def test_a_hundred_thousand_candidates_take_seconds() -> None:
    generator = np.random.default_rng(2)
    embeddings = generator.normal(size=(100_000, 32)).astype(np.float32)
    pool = [Candidate(f"{i:06}", embeddings[i]) for i in range(100_000)]
    begin = time.perf_counter()
    assert len(select(pool, budget=300, explore=0.1, seed_key="b1")) == 300
    assert time.perf_counter() - begin < 30
