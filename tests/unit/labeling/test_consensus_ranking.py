"""labeling/consensus/ranking.py: orders of things, and which of two is better."""

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus.ranking import Rankings, kendall, scores
from labeling.consensus.votes import Votes
from lake.answers import ranking_of, ranking_text
from lake.errors import PlatformError

SKILLS = {"ada": 0.97, "bo": 0.9, "chen": 0.85, "finn": 0.5, "gil": 0.1}


def pairs(number: int, seed: int = 2) -> list[tuple[str, str, str]]:
    """Comparisons of ten things, t9 the best; the closer two are, the harder they are told apart."""
    random, said = Random(seed), []
    for i in range(number):
        one, other = random.sample(range(10), 2)
        for who in random.sample(sorted(SKILLS), 3):
            chance = 1 / (1 + np.exp(other - one))
            first = random.random() < chance
            if random.random() >= SKILLS[who]:
                first = not first
            said.append(
                (f"x{i:04}", who, ranking_text([f"t{one}", f"t{other}"] if first else [f"t{other}", f"t{one}"]))
            )
    return said


def test_things_across_items_get_one_order() -> None:
    said = pairs(300)
    table = scores(Votes.of(said)).to_pydict()
    ours = dict(zip(table["thing"], table["score"], strict=True))
    right = np.corrcoef([ours[f"t{n}"] for n in range(10)], range(10))[0, 1]
    assert right > 0.97
    assert all(low < score < high for low, score, high in zip(table["low"], table["score"], table["high"], strict=True))
    peer = _crowd_kit(said)
    assert right >= np.corrcoef([peer[f"t{n}"] for n in range(10)], range(10))[0, 1] - 0.02


def _crowd_kit(said: list[tuple[str, str, str]]) -> dict[str, float]:
    from crowdkit.aggregation import NoisyBradleyTerry

    rows = [(who, *sorted(ranking_of(answer)), ranking_of(answer)[0]) for _, who, answer in said]
    frame = pd.DataFrame(rows, columns=["worker", "left", "right", "label"])
    return dict(np.log(NoisyBradleyTerry(n_iter=30, random_state=0).fit_predict(frame)))


def orders(number: int) -> tuple[list[tuple[str, str, str]], dict[str, list[str]]]:
    random, said, truth = Random(5), [], {}
    for i in range(number):
        item = f"x{i:03}"
        truth[item] = random.sample("abcde", 5)
        for who, swaps in (("ada", 0.1), ("bo", 0.2), ("chen", 0.3), ("finn", 1.5)):
            order = list(truth[item])
            for _ in range(5):
                if random.random() < swaps / 2:
                    at = random.randrange(4)
                    order[at], order[at + 1] = order[at + 1], order[at]
            said.append((item, who, ranking_text(random.sample(order, 5) if who == "finn" else order)))
    return said, truth


def test_orders_of_several_people_become_one_that_is_better() -> None:
    said, truth = orders(120)
    fitted = Rankings().fit(Votes.of(said))
    together = np.mean([kendall(ranking_of(one.answer), truth[one.item]) for one in fitted.labels])
    alone = np.mean([kendall(ranking_of(answer), truth[item]) for item, who, answer in said if who == "ada"])
    assert together < alone
    assert int(np.argmin(fitted.reliability)) == 3  # finn
    assert all(len(one.parts) == 4 for one in fitted.labels)


def test_one_who_turns_every_pair_round_is_understood() -> None:
    said = [(item, "gil" if who == "gil" else who, answer) for item, who, answer in pairs(400)]
    fitted = Rankings().fit(Votes.of(said))
    reliability = dict(zip(fitted.votes.annotators, fitted.reliability.tolist(), strict=True))
    assert reliability["gil"] < reliability["finn"] < reliability["ada"]


def test_all_of_one_mind_keep_their_order() -> None:
    votes = Votes.of(("x", who, ranking_text(["c", "a", "b"])) for who in ("ada", "bo", "chen"))
    (label,) = Rankings().fit(votes).labels
    assert (label.answer, label.agreement) == (ranking_text(["c", "a", "b"]), 1.0)
    assert 0.5 < label.confidence < 1.0


def test_gold_is_the_label_and_tells_who_is_right() -> None:
    said = [
        (f"x{i:02}", who, ranking_text(list(order))) for i in range(20) for who, order in (("ada", "ab"), ("bo", "ba"))
    ]
    gold = {f"x{i:02}": ranking_text(["a", "b"]) for i in range(12)}
    fitted = Rankings().fit(Votes.of(said), gold=gold)
    assert fitted.reliability[0] > 0.8 > fitted.reliability[1]
    assert {one.answer for one in fitted.labels} == {ranking_text(["a", "b"])}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("xy"), st.sampled_from("abc")), st.permutations("pqrs"), min_size=1, max_size=6
    ),
    st.randoms(use_true_random=False),
)
def test_any_orders_in_any_order_give_the_same(given_: dict[tuple[str, str], list[str]], random: Random) -> None:
    said = [(item, who, ranking_text(order)) for (item, who), order in given_.items()]
    first = Rankings().fit(Votes.of(said)).labels
    assert first == Rankings().fit(Votes.of(random.sample(said, len(said)))).labels
    assert all(sorted(ranking_of(one.answer)) == sorted("pqrs") for one in first)


def test_one_thing_alone_is_an_order() -> None:
    (label,) = Rankings().fit(Votes.of([("x", "ada", ranking_text(["a"]))])).labels
    assert (label.answer, label.confidence, label.parts) == (ranking_text(["a"]), 1.0, ())


@pytest.mark.parametrize("wrong", ["a", ranking_text(["a", "a"])])
def test_what_is_no_order_is_refused(wrong: str) -> None:
    with pytest.raises(PlatformError, match="is no order"):
        Rankings().fit(Votes.of([("x", "ada", wrong)]))


def test_distance_is_kendalls() -> None:
    assert kendall("abc", "abc") == kendall("", "") == 0.0
    assert kendall("abc", "cba") == 1.0
    assert kendall("abc", "acb") == pytest.approx(1 / 3)
    assert kendall("ab", "ac") == pytest.approx(0.5)
