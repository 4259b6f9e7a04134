"""labeling/spam.py: who answers without looking, and that those who look are left alone."""

import dataclasses
from random import Random

import pytest

from labeling.crew_answers import HeldAnswer, held
from labeling.spam import SPAM_SCHEMA, SpamRules, spam_signals, spammers
from lake.records import Annotation
from tests.unit.labeling.made import annotation

RULES = SpamRules(min_answers=20, min_seconds=1.0, max_fast_share=0.3, max_top_share=0.8, max_kappa=0.2)
CLASSES = ("sparrow", "麻雀", "other")


def crew(
    spam: dict[str, str] | None = None, *, num_items: int = 120, num_good: int = 3, seed: int = 1, common: float = 1 / 3
) -> list[Annotation]:
    """Good people are right nine times of ten; `spam` says what others do: "fast", "random", or a class for all."""
    random = Random(seed)
    rows: list[Annotation] = []
    people = [*((f"good {i}", "good") for i in range(num_good)), *(spam or {}).items()]
    for i in range(num_items):
        truth = CLASSES[0] if random.random() < common else random.choice(CLASSES[1:])
        for who, kind in people:
            answer = {"random": random.choice(CLASSES)}.get(kind, kind)
            if kind in ("good", "fast"):
                answer = truth if random.random() < 0.9 else random.choice(CLASSES)
            one = annotation(f"i{i}", who, answer, number=len(rows))
            rows.append(dataclasses.replace(one, lead_time_s=0.4 if kind == "fast" else 3.0 + random.random()))
    return rows


def answers(rows: list[Annotation], gold: dict[str, str] | None = None) -> tuple[HeldAnswer, ...]:
    return held(rows, [], gold or {})


@pytest.mark.parametrize("seed", range(10))
def test_a_crew_that_looks_is_left_alone(seed: int) -> None:
    assert spammers(answers(crew(seed=seed)), RULES) == ()
    assert spammers(answers(crew(seed=seed, common=0.9)), RULES) == ()  # one class is simply frequent


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("fast", ("less than 1 s",)),
        ("random", ("where chance gives",)),
        ("other", ('answers are "other"', "where chance gives")),
    ],
)
def test_each_kind_of_spam_is_found_and_named(kind: str, words: tuple[str, ...]) -> None:
    (one,) = spammers(answers(crew({"spam": kind}, num_items=300)), RULES)
    assert one.annotator == "spam"
    assert len(one.reasons) == len(words)
    for reason, word in zip(one.reasons, words, strict=True):
        assert word in reason


def test_one_answer_that_is_mostly_right_is_told_by_chance_not_by_its_share() -> None:
    (one,) = spammers(answers(crew({"lazy": "sparrow"}, num_items=300, common=0.75)), RULES)
    assert one.annotator == "lazy"


def test_too_few_answers_say_nothing() -> None:
    assert spammers(answers(crew({"spam": "random"}, num_items=19)), RULES) == ()


def test_who_is_right_on_gold_is_not_blamed_for_a_crew_of_spammers() -> None:
    rows = crew({f"spam {i}": "random" for i in range(4)}, num_good=1, num_items=500)
    assert "good 0" in {one.annotator for one in spammers(answers(rows), RULES)}
    gold = {one.item_id: one.answer for one in rows if one.annotator == "good 0" and int(one.item_id[1:]) < 30}
    assert "good 0" not in {one.annotator for one in spammers(answers(rows, gold), RULES)}


def test_times_that_were_not_measured_are_not_fast() -> None:
    rows = [dataclasses.replace(one, lead_time_s=0.0) for one in crew()]
    table = spam_signals(answers(rows), min_seconds=1.0)
    assert set(table["num_timed"].to_pylist()) == {0}
    assert spammers(answers(rows), RULES) == ()


def test_signals_do_not_depend_on_the_order() -> None:
    rows = crew({"spam": "random", "lazy": "other"})
    table = spam_signals(answers(rows), min_seconds=1.0)
    assert table.schema == SPAM_SCHEMA
    mixed = list(answers(rows))
    Random(2).shuffle(mixed)
    assert spam_signals(mixed, min_seconds=1.0).equals(table)
    by_name = {row["annotator"]: row for row in table.to_pylist()}
    assert by_name["lazy"]["entropy_bits"] == 0.0
    assert by_name["lazy"]["kappa"] == pytest.approx(0.0, abs=0.01)
    assert by_name["good 0"]["kappa"] > 0.7
    assert spam_signals([], min_seconds=1.0).num_rows == 0
