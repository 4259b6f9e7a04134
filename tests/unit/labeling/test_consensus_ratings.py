"""labeling/consensus/ratings.py: ratings and numbers."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus.ratings import Numbers, Ratings
from labeling.consensus.votes import Votes
from lake.answers import number_of, number_text, rating_of, rating_text
from lake.errors import PlatformError

HABITS = {"ada": (0.0, 0.3), "bo": (2.0, 0.4), "chen": (-1.5, 0.3), "finn": (0.0, 6.0)}  # bias, scatter


def crew(number: int) -> tuple[list[tuple[str, str, str]], dict[str, float]]:
    random, said, truth = Random(3), [], {}
    for i in range(number):
        truth[f"x{i:03}"] = random.gauss(20, 5)
        for who in random.sample(sorted(HABITS), 3):
            bias, scatter = HABITS[who]
            said.append((f"x{i:03}", who, number_text(truth[f"x{i:03}"] + random.gauss(bias, scatter))))
    return said, truth


def test_bias_and_scatter_are_found_and_taken_into_account() -> None:
    said, truth = crew(300)
    fitted = Numbers().fit(Votes.of(said))
    agreed = np.array([number_of(one.answer) for one in fitted.labels], dtype=float)
    right = np.array([truth[one.item] for one in fitted.labels])
    means = [np.mean([number_of(answer) for name, _, answer in said if name == item]) for item in truth]
    assert np.abs(agreed - agreed.mean() - right + right.mean()).mean() < 0.4
    assert np.abs(np.array(means) - right).mean() > 1.0
    assert fitted.bias["bo"] - fitted.bias["chen"] == pytest.approx(3.5, abs=0.3)
    assert max(fitted.deviation, key=fitted.deviation.__getitem__) == "finn"


def test_what_lies_far_off_counts_little() -> None:
    said, truth = crew(60)
    fitted = Numbers().fit(Votes.of([*said, *(("y", who, number_text(20 + n)) for n, who in enumerate(HABITS))]))
    wild = Numbers().fit(
        Votes.of([*said, *(("y", who, number_text(v)) for who, v in zip(HABITS, (20, 22, 19, 9e5), strict=True))])
    )
    value = {one.item: number_of(one.answer) for one in wild.labels}["y"]
    assert value is not None
    assert abs(value - 20) < 2
    assert fitted.crowd < 10
    assert truth


def test_a_rating_is_a_whole_one_with_its_probability() -> None:
    random = Random(4)
    said = [
        (f"x{i:02}", who, rating_text(min(5, max(1, 3 + i % 3 + random.choice([0, 0, 0, 1, -1])))))
        for i in range(60)
        for who in ("ada", "bo", "chen")
    ]
    labels = Ratings().fit(Votes.of(said)).labels
    assert all(float(rating_of(one.answer) or 0).is_integer() for one in labels)
    right = [rating_of(one.answer) == min(5, 3 + i % 3) for i, one in enumerate(labels)]
    assert np.mean(right) > 0.85
    assert np.mean([one.confidence for one in labels]) == pytest.approx(np.mean(right), abs=0.15)


def test_all_of_one_mind_are_sure() -> None:
    votes = Votes.of((f"x{i}", who, rating_text(4)) for i in range(3) for who in ("ada", "bo"))
    assert {(one.answer, one.confidence, one.agreement) for one in Ratings().fit(votes).labels} == {
        (rating_text(4), 1.0, 1.0)
    }


def test_gold_is_the_label_and_anchors_the_scale() -> None:
    said = [(f"x{i:02}", "bo", number_text(i + 10)) for i in range(30)]
    gold = {f"x{i:02}": number_text(i) for i in range(20)}
    fitted = Numbers().fit(Votes.of(said), gold=gold)
    assert fitted.bias["bo"] == pytest.approx(10, abs=2.5)
    assert next(one.answer for one in fitted.labels if one.item == "x03") == number_text(3)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("xyz"), st.sampled_from("abc")), st.floats(-1e6, 1e6), min_size=1, max_size=9
    ),
    st.randoms(use_true_random=False),
)
def test_any_numbers_in_any_order_give_the_same(given_: dict[tuple[str, str], float], random: Random) -> None:
    said = [(item, who, number_text(value)) for (item, who), value in given_.items()]
    first = Numbers().fit(Votes.of(said)).labels
    assert first == Numbers().fit(Votes.of(random.sample(said, len(said)))).labels
    assert all(0 <= one.confidence <= 1 for one in first)


def test_words_are_no_number() -> None:
    with pytest.raises(PlatformError, match='"many" is no number'):
        Numbers().fit(Votes.of([("x", "ada", "many")]))


def test_distances() -> None:
    assert Ratings().distance(rating_text(1), rating_text(3)) == 0.5
    assert Numbers().distance(number_text(8), number_text(10)) == pytest.approx(0.2)
    assert Numbers().distance(number_text(0), number_text(0)) == 0.0
    assert Numbers().distance(number_text(-5), number_text(5)) == 1.0
