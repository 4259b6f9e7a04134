"""labeling/gold.py: who gets which hidden tasks, and how they did."""

import dataclasses
import datetime as dt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.gold import (
    GOLD_SCHEMA,
    Appeal,
    choose_gold,
    gold_figures,
    num_gold,
    qualified,
    retirements,
    sightings,
)
from lake.errors import SpecError
from lake.records import Annotation
from tests.unit.labeling.made import NOON, annotation

GOLD = {f"item {i}": "sparrow" for i in range(40)}


def test_another_batch_draws_other_gold_and_a_rerun_the_same() -> None:
    first, second = choose_gold(GOLD, 8, seed_key="b1"), choose_gold(GOLD, 8, seed_key="b2")
    assert first == choose_gold(dict(reversed(GOLD.items())), 8, seed_key="b1")
    assert len(set(first)) == 8
    assert set(first) != set(second)


def test_there_may_be_less_gold_than_wanted() -> None:
    assert sorted(choose_gold(GOLD, 99, seed_key="b1")) == sorted(GOLD)
    assert choose_gold({}, 3, seed_key="b1") == ()


def test_every_annotator_is_counted_on_gold_alone() -> None:
    annotations = [
        annotation("item 1", "bo", "sparrow", number=1),
        annotation("item 2", "bo", "other", number=2),
        annotation("item 1", "ada", "sparrow", number=3),
        annotation("item 2", "ada", "", number=4, cancelled=True),
        annotation("no gold", "chen", "sparrow", number=5),
    ]
    table = gold_figures(annotations, GOLD)
    assert table.schema == GOLD_SCHEMA
    assert table.select(["annotator", "num_answers", "num_correct", "accuracy"]).to_pylist() == [
        {"annotator": "ada", "num_answers": 1, "num_correct": 1, "accuracy": 1.0},
        {"annotator": "bo", "num_answers": 2, "num_correct": 1, "accuracy": 0.5},
    ]
    assert gold_figures([], GOLD).num_rows == 0


def crew(answers: dict[str, str], *, num_items: int = 40, num_people: int = 4) -> list[Annotation]:
    """People who answer "sparrow" to every gold item, but for what `answers` says of "person/item"."""
    return [
        annotation(f"item {i}", f"p{p}", answers.get(f"p{p}/item {i}", "sparrow"), number=100 * p + i)
        for p in range(num_people)
        for i in range(num_items)
    ]


def test_gold_that_nobody_has_met_comes_first() -> None:
    met = [annotation(f"item {i}", "ada", "sparrow", number=i, minute=i) for i in range(30)]
    chosen = choose_gold(GOLD, 10, seed_key="b1", seen=sightings(met, GOLD))
    assert set(chosen) == {f"item {i}" for i in range(30, 40)}


def test_then_the_one_that_was_met_longest_ago_by_anybody() -> None:
    met = [annotation(f"item {i}", "ada", "sparrow", number=i, minute=i) for i in range(40)]
    met += [annotation("item 0", "bo", "sparrow", number=99, minute=99)]
    met += [annotation("item 1", "bo", "", number=98, minute=98, cancelled=True)]  # seen all the same
    assert choose_gold(GOLD, 3, seed_key="b1", seen=sightings(met, GOLD)) == ("item 2", "item 3", "item 4")


@given(st.integers(1, 12), st.integers(1, 6))
def test_rotation_goes_round_all_gold_before_it_repeats(size: int, num_people: int) -> None:
    seen: dict[str, dict[str, dt.datetime]] = {f"p{i}": {} for i in range(num_people)}
    order: list[str] = []
    for batch in range(40 // size):
        chosen = choose_gold(GOLD, size, seed_key=f"b{batch}", seen=seen)
        order += chosen
        for person in seen.values():
            person |= dict.fromkeys(chosen, NOON + dt.timedelta(days=batch))
    assert len(set(order)) == len(order)


def test_nothing_seen_is_the_draw_by_hash_alone() -> None:
    assert choose_gold(GOLD, 8, seed_key="b1", seen={}) == choose_gold(GOLD, 8, seed_key="b1")


@given(st.integers(0, 10_000), st.floats(0, 0.9))
def test_gold_makes_the_share_that_was_asked_for(num_tasks: int, share: float) -> None:
    num = num_gold(num_tasks, share)
    assert num >= share * (num + num_tasks) - 1e-6
    assert num == 0 or num - 1 < share * (num - 1 + num_tasks) + 1e-6
    assert num_gold(95, 0.05) == 5
    assert num_gold(0, 0.5) == 0
    with pytest.raises(SpecError, match="cannot be 1 of all"):
        num_gold(10, 1.0)


def test_one_qualifies_by_enough_answers_that_are_right_for_sure() -> None:
    annotations = [
        *(annotation(f"item {i}", "good", "sparrow", number=i) for i in range(40)),
        *(annotation(f"item {i}", "new", "sparrow", number=100 + i) for i in range(5)),
        *(annotation(f"item {i}", "poor", "sparrow" if i % 2 else "other", number=200 + i) for i in range(40)),
    ]
    figures = gold_figures(annotations, GOLD)
    assert qualified(figures, min_answers=20, min_low=0.8) == ("good",)
    assert qualified(figures, min_answers=20, min_low=0.3) == ("good", "poor")
    assert qualified(figures, min_answers=1, min_low=0.5) == ("good", "new")


def test_gold_that_most_good_annotators_contradict_is_retired() -> None:
    annotations = crew({"p0/item 7": "other", "p1/item 7": "other", "p2/item 7": "麻雀", "p3/item 9": "other"})
    (one,) = retirements(annotations, GOLD, min_answers=20, min_low=0.8, min_contradicting=2)
    assert (one.item_id, one.num_good, one.num_contradicting, one.instead) == ("item 7", 4, 3, "other")
    assert retirements(annotations, GOLD, min_answers=20, min_low=0.8, min_contradicting=4) == ()
    Random(3).shuffle(annotations)
    assert retirements(annotations, GOLD, min_answers=20, min_low=0.8, min_contradicting=2) == (one,)


def test_as_many_for_as_against_it_keep_it() -> None:
    annotations = crew({"p0/item 7": "other", "p1/item 7": "other"})
    assert retirements(annotations, GOLD, min_answers=20, min_low=0.8, min_contradicting=2) == ()


def test_bad_annotators_retire_nothing() -> None:
    wrong = {f"p{p}/item {i}": "other" for p in range(3) for i in range(20)}
    assert retirements(crew(wrong), GOLD, min_answers=20, min_low=0.8, min_contradicting=2) == ()


def test_an_item_does_not_decide_who_is_good_enough_to_contradict_it() -> None:
    annotations = crew({f"p{p}/item 7": "other" for p in range(4)}, num_items=8)
    figures = gold_figures(annotations, GOLD)
    assert qualified(figures, min_answers=7, min_low=0.6) == ()  # 7 of 8: low 0.53
    (one,) = retirements(annotations, GOLD, min_answers=7, min_low=0.6, min_contradicting=3)  # 7 of 7: low 0.65
    assert one.item_id == "item 7"


def test_an_upheld_appeal_retires_gold_and_an_open_one_does_not() -> None:
    open_ = Appeal(task_id="task item 3", item_id="item 3", annotator="p1", reason="two birds are shown")
    appeal = dataclasses.replace(open_, decision="upheld", decided_by="expert")
    (one,) = retirements(crew({}), GOLD, [appeal], min_answers=20, min_low=0.8, min_contradicting=2)
    assert (one.item_id, one.num_upheld, one.instead) == ("item 3", 1, None)
    for other in (open_, dataclasses.replace(open_, decision="dismissed", decided_by="expert")):
        assert retirements(crew({}), GOLD, [other], min_answers=20, min_low=0.8, min_contradicting=2) == ()


def test_an_appeal_needs_a_reason_and_a_ruling_needs_a_name() -> None:
    with pytest.raises(SpecError, match="gives no reason"):
        Appeal(task_id="t", item_id="i", annotator="ada", reason=" ")
    with pytest.raises(SpecError, match="decided by None"):
        Appeal(task_id="t", item_id="i", annotator="ada", reason="why", decision="upheld")
    with pytest.raises(SpecError, match="is open, decided by bo"):
        Appeal(task_id="t", item_id="i", annotator="ada", reason="why", decided_by="bo")
