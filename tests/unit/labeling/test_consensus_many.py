"""labeling/consensus/many.py: several classes of one item."""

from random import Random

import pytest

from labeling.consensus.many import ManyClasses
from labeling.consensus.votes import Votes
from lake.answers import classes_of, classes_text
from lake.errors import PlatformError

CLASSES = ["bike", "car", "person", "tree"]


def crew(number: int) -> tuple[list[tuple[str, str, str]], dict[str, set[str]]]:
    """Careful people, one who overlooks half of everything, and one who sees cars everywhere."""
    random, said, truth = Random(7), [], {}
    for i in range(number):
        item, there = f"x{i:03}", {name for name in CLASSES if random.random() < 0.4}
        truth[item] = there
        for who, sees, imagines in (("ada", 0.95, 0.03), ("bo", 0.9, 0.05), ("chen", 0.5, 0.01), ("dana", 0.85, 0.1)):
            seen = {name for name in CLASSES if random.random() < (sees if name in there else imagines)}
            said.append((item, who, classes_text(seen | ({"car"} if who == "dana" else set()))))
    return said, truth


def test_each_class_is_agreed_on_by_itself() -> None:
    said, truth = crew(300)
    fitted = ManyClasses(CLASSES).fit(Votes.of(said))
    right = {one.item: set(classes_of(one.answer)) == truth[one.item] for one in fitted.labels}
    alone = sum(set(classes_of(answer)) == truth[item] for item, who, answer in said if who == "ada")
    assert sum(right.values()) > alone
    table = dict(zip(*fitted.annotators.select(["annotator", "accuracy"]).to_pydict().values(), strict=True))
    assert table["ada"] > table["dana"]
    assert table["ada"] > table["chen"]


def test_parts_are_the_probabilities_of_the_classes_of_the_answer() -> None:
    said, _ = crew(100)
    for one in ManyClasses().fit(Votes.of(said)).labels:
        assert len(one.parts) == len(classes_of(one.answer))
        assert all(0.5 <= part <= 1 for part in one.parts)
        assert 0.5 <= one.confidence <= 1


def test_nothing_chosen_by_all_is_nothing() -> None:
    votes = Votes.of((f"x{i}", who, classes_text([])) for i in range(5) for who in ("ada", "bo"))
    fitted = ManyClasses(["a", "b"]).fit(votes)
    assert {one.answer for one in fitted.labels} == {classes_text([])}
    assert {one.agreement for one in fitted.labels} == {1.0}


def test_the_order_of_votes_changes_nothing() -> None:
    said, _ = crew(40)
    first = ManyClasses().fit(Votes.of(said)).labels
    assert first == ManyClasses().fit(Votes.of(Random(1).sample(said, len(said)))).labels


def test_gold_is_the_label() -> None:
    said, _ = crew(40)
    gold = {"x001": classes_text(["tree"])}
    labels = {one.item: one.answer for one in ManyClasses(CLASSES).fit(Votes.of(said), gold=gold).labels}
    assert labels["x001"] == gold["x001"]


def test_further_items_are_judged_by_what_was_learned() -> None:
    said, truth = crew(200)
    fitted = ManyClasses(CLASSES).fit(Votes.of(said[:600]))
    fresh = fitted.predict(Votes.of([*said[600:], ("z", "stranger", classes_text(["car"]))]))
    assert sum(set(classes_of(one.answer)) == truth.get(one.item) for one in fresh) >= 35
    assert fresh[-1].answer == classes_text(["car"])


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(PlatformError, match='"bus" is no class'):
        ManyClasses(CLASSES).fit(Votes.of([("x", "ada", classes_text(["bus"]))]))


def test_distance_is_what_two_sets_do_not_share() -> None:
    measure = ManyClasses().distance
    assert measure(classes_text(["a", "b"]), classes_text(["b", "c"])) == pytest.approx(2 / 3)
    assert measure(classes_text([]), classes_text([])) == 0.0
    assert measure(classes_text([]), classes_text(["a"])) == 1.0
