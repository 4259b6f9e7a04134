"""Review: who may decide, whose decision counts, and what becomes of the label."""

import dataclasses
import datetime as dt
import random
from decimal import Decimal

import pytest

from labeling.config import LabelConfig
from labeling.review import (
    ADJUDICATED,
    adjudicated,
    competing,
    decide,
    decision_entry,
    doubtful,
    named,
    review_config,
    review_task,
)
from labeling.spec import PriceSpec
from lake.errors import SpecError
from lake.records import Annotation, Label
from tests.unit.labeling.made import BIRDS, NOON, annotation, birds


def label(item: str, *, answer: str = "sparrow", confidence: float = 0.9, agreement: float = 1.0) -> Label:
    return Label(
        item_id=item, schema_version="g1", answer=answer, confidence=confidence, agreement=agreement,
        method="dawid_skene", annotators=("ada", "bo"),
    )  # fmt: skip


def word(item: str, who: str, answer: str, number: int, *, minute: int = 0, cancelled: bool = False) -> Annotation:
    """An answer in the review project; `number` is the platform's id."""
    one = annotation(item, who, answer, number=number, minute=minute, cancelled=cancelled)
    return dataclasses.replace(one, task_id=f"review {item}")


def test_what_is_unsure_or_disputed_goes_to_experts_and_what_is_decided_does_not() -> None:
    sure, unsure, disputed = label("a"), label("b", confidence=0.6), label("c", agreement=0.4)
    decided = dataclasses.replace(unsure, item_id="d", adjudicated_by="eva")
    found = doubtful([sure, unsure, disputed, decided], min_posterior=0.7, min_agreement=0.5)
    assert [one.item_id for one in found] == ["b", "c"]


def test_the_question_stays_the_same_with_the_answers_above_it() -> None:
    made = review_config(birds())
    assert made.classes == birds().classes
    assert (made.control_name, made.object_name, made.value_key) == ("bird", "text", "text")
    assert "$competing_answers" in made.xml
    with pytest.raises(SpecError, match="competing_answers"):
        review_config(LabelConfig.parse(BIRDS.replace("$text", "$competing_answers"), where="x"))


def test_competing_answers_have_letters_that_tell_nothing_of_who_or_how_many() -> None:
    shown = named(competing(["sparrow", "other", "sparrow"], "t1"))
    assert shown == named(competing(["other", "sparrow"], "t1"))
    assert sorted(line[3:] for line in shown.splitlines()) == ["other", "sparrow"]
    assert [line[:3] for line in shown.splitlines()] == ["A: ", "B: "]
    orders = {competing(["sparrow", "other"], f"t{number}") for number in range(30)}
    assert len(orders) == 2
    assert named([str(one) for one in range(27)]).splitlines()[-1] == "A2: 26"


def test_a_decision_makes_the_label_final_under_the_expert_s_name() -> None:
    review = decide([word("a", "eva", "other", 9)], [])
    (done, left) = adjudicated([label("a", confidence=0.5), label("b")], review.decisions, {"a": ["other", "sparrow"]})
    assert (done.answer, done.confidence, done.method, done.adjudicated_by) == ("other", 1.0, ADJUDICATED, "eva")
    assert done.agreement == 0.5
    assert done.annotators == ("ada", "bo")
    assert left == label("b")


def test_a_decision_under_another_guideline_decides_nothing() -> None:
    review = decide([dataclasses.replace(word("a", "eva", "other", 9), guideline_version="g0")], [])
    assert adjudicated([label("a")], review.decisions, {}) == (label("a"),)


def test_nobody_decides_on_their_own_work_and_the_item_stays_open() -> None:
    answers = [annotation("a", "ada", "sparrow", number=1)]
    review = decide([word("a", "ada", "sparrow", 5), word("b", "ada", "other", 6)], answers)
    assert [(one.item_id, one.expert) for one in review.decisions] == [("b", "ada")]
    assert review.num_ignored == {"own work": 1}
    assert (review.overlap("review a"), review.overlap("review b")) == (2, 1)
    another = decide([word("a", "ada", "sparrow", 5), word("a", "eva", "other", 8)], answers)
    assert [(one.item_id, one.expert) for one in another.decisions] == [("a", "eva")]


def test_an_edit_of_an_ignored_decision_is_still_ignored() -> None:
    answers = [annotation("a", "ada", "sparrow", number=1)]
    review = decide([word("a", "ada", "sparrow", 5, minute=50)], answers)
    assert (review.decisions, review.num_ignored) == ((), {"own work": 1})


def test_a_skipped_item_is_nobody_s_own_work() -> None:
    review = decide([word("a", "ada", "other", 5)], [annotation("a", "ada", "", number=1, cancelled=True)])
    assert [one.expert for one in review.decisions] == ["ada"]


def test_whoever_answers_an_item_after_deciding_on_it_has_decided_all_the_same() -> None:
    review = decide([word("a", "ada", "other", 5)], [annotation("a", "ada", "sparrow", number=12)])
    assert [one.answer for one in review.decisions] == ["other"]


def test_only_experts_decide_where_experts_are_named() -> None:
    review = decide([word("a", "ada", "other", 5)], [], experts=("eva",))
    assert (review.decisions, review.num_ignored) == ((), {"not an expert": 1})


def test_the_first_expert_counts_with_the_last_word_they_said() -> None:
    words = [
        word("a", "eva", "sparrow", 5), word("a", "flo", "other", 6), word("a", "eva", "麻雀", 5, minute=9),
        word("b", "flo", "", 7, cancelled=True),
    ]  # fmt: skip
    found = decide(words[1:], [])
    assert [(one.item_id, one.expert, one.answer) for one in found.decisions] == [("a", "eva", "麻雀")]
    random.Random(3).shuffle(words)
    assert decide(words[1:], []) in (found, decide(words[1:], []))
    assert decide([words[2], words[1], words[0], words[3]], []) == decide(words, [])


def test_a_decision_is_paid_under_a_key_of_its_own() -> None:
    price = PriceSpec(per_answer=Decimal("0.50"), currency="CNY")
    task = review_task("birds", "a", "g1", batch="b1", doubt=0.4)
    entry = decision_entry(scenario="birds", batch="b1", task_id=task.task_id, expert="eva", at=NOON, price=price)
    later = decision_entry(
        scenario="birds", batch="b1", task_id=task.task_id, expert="eva", at=NOON + dt.timedelta(1), price=price
    )
    assert entry.key == later.key == f"decision:birds:{task.task_id}:eva"
    assert (entry.kind, entry.amount) == ("annotation", Decimal("0.50"))
    assert task.task_id != review_task("birds", "a", "g2", batch="b1", doubt=0.4).task_id
