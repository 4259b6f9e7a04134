"""labeling/gold.py: who gets which hidden tasks, and how they did."""

from labeling.gold import GOLD_SCHEMA, choose_gold, gold_figures
from tests.unit.labeling.made import annotation

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
