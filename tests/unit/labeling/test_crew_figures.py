"""labeling/crew_answers.py and labeling/crew_figures.py: what each annotator did, in all and by day."""

import dataclasses
import datetime as dt
import math
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.crew_answers import chance_agreement, held, most_say
from labeling.crew_figures import CREW_DAYS_SCHEMA, CREW_SCHEMA, crew_figures
from lake.errors import SpecError
from lake.intervals import wilson
from lake.ledger import answer_entry
from lake.records import Annotation, Label, LedgerEntry
from tests.unit.labeling.made import NOON, annotation

GOLD = {"g1": "sparrow", "g2": "other"}


def label(item: str, answer: str) -> Label:
    return Label(
        item_id=item,
        schema_version="v",
        answer=answer,
        confidence=0.9,
        agreement=0.9,
        method="majority",
        annotators=("ada", "bo"),
    )


def said(
    item: str, who: str, answer: str, *, number: int, days: int = 0, seconds: float = 2.0, cancelled: bool = False
) -> Annotation:
    one = annotation(item, who, answer, number=number, minute=number, cancelled=cancelled)
    return dataclasses.replace(one, updated_at=one.updated_at + dt.timedelta(days=days), lead_time_s=seconds)


def paid(task: str, who: str, price: str = "0.5", *, days: int = 0, currency: str = "CNY") -> LedgerEntry:
    return answer_entry(
        scenario="birds",
        batch="b1",
        task_id=task,
        annotator=who,
        at=NOON + dt.timedelta(days=days),
        price=Decimal(price),
        currency=currency,
    )


ANNOTATIONS = [
    said("g1", "ada", "sparrow", number=1, seconds=4),
    said("g2", "ada", "sparrow", number=2, seconds=8),
    said("i1", "ada", "other", number=3, days=1, seconds=0),  # not measured
    said("i2", "ada", "sparrow", number=4, days=1, seconds=6),
    said("i2", "ada", "other", number=5, days=1, seconds=6),  # answered again
    said("i3", "ada", "", number=6, days=1, cancelled=True),
    said("i1", "bo", "other", number=7),
    said("i1", "chen", "other", number=8),
    said("i2", "bo", "sparrow", number=9),
    said("i2", "chen", "other", number=10),  # bo and chen differ: no majority to hold ada against
    said("g1", "bo", "sparrow", number=11),
]
LABELS = [label("i1", "other"), label("i2", "other")]


def test_an_annotators_figures_are_those_that_one_counts_by_hand() -> None:
    entries = [paid("task i1", "ada"), paid("task i2", "ada", days=1), paid("task i1", "bo")]
    came = crew_figures(held(ANNOTATIONS, LABELS, GOLD), [*entries, *entries])
    assert came.annotators.schema == CREW_SCHEMA
    ada = came.annotators.to_pylist()[0]
    assert (ada["annotator"], ada["num_answers"], ada["num_gold"]) == ("ada", 4, 2)
    half = wilson(1, 2)
    assert (ada["gold_accuracy"], ada["gold_accuracy_low"]) == (0.5, pytest.approx(half.low))
    assert (ada["num_compared"], ada["agreement"]) == (2, 1.0)  # i1 with both others, g1 with bo
    assert ada["seconds_median"] == 6.0
    assert (ada["num_labelled"], ada["num_accepted"], ada["first_pass"]) == (2, 2, 0.5)  # i2 took two answers
    assert (ada["cost"], ada["currency"], ada["cost_per_accepted"]) == (Decimal(1), "CNY", Decimal("0.5"))
    assert ada["drift_probability"] is None


def test_days_are_utc_and_add_up_to_the_whole() -> None:
    entries = [paid("task i1", "ada"), paid("task i2", "ada", days=1), paid("task x", "dai", days=3)]
    came = crew_figures(held(ANNOTATIONS, LABELS, GOLD), entries)
    assert came.days.schema == CREW_DAYS_SCHEMA
    rows = came.days.to_pylist()
    assert [(row["annotator"], row["day"].day, row["num_answers"]) for row in rows] == [
        ("ada", 5, 2),
        ("ada", 6, 2),
        ("bo", 5, 3),
        ("chen", 5, 2),
        ("dai", 8, 0),
    ]
    for name in ("num_answers", "num_gold", "num_compared", "num_labelled", "num_accepted", "cost"):
        assert sum(came.days[name].to_pylist()) == sum(came.annotators[name].to_pylist())
    dai = rows[-1]
    assert math.isnan(dai["gold_accuracy"])
    assert (dai["gold_accuracy_low"], dai["gold_accuracy_high"]) == (0.0, 1.0)
    assert (dai["cost"], dai["cost_per_accepted"]) == (Decimal("0.5"), None)


def test_drift_tells_since_when() -> None:
    wrong_since = 60
    annotations = [
        said(f"i{i:03}", "ada", "other" if i < wrong_since or i % 2 else "sparrow", number=i, days=i)
        for i in range(100)
    ]
    labels = [label(f"i{i:03}", "other") for i in range(100)]
    (row,) = crew_figures(held(annotations, labels, {}), []).annotators.to_pylist()
    assert row["drift_probability"] > 0.99
    assert (row["drift_before"], row["drift_after"]) == (1.0, 0.5)
    assert row["drift_since"] == annotations[wrong_since].updated_at


def test_gold_counts_for_drift_even_against_the_label() -> None:
    (one,) = held([said("g1", "ada", "sparrow", number=1)], [label("g1", "other")], GOLD)
    assert (one.gold, one.label, one.right) == (True, False, True)


def test_several_currencies_are_refused() -> None:
    for who in ("ada", "bo"):
        with pytest.raises(SpecError, match="CNY and EUR"):
            crew_figures([], [paid("1", "ada"), paid("2", who, currency="EUR")])


def test_nobody_gives_empty_tables() -> None:
    came = crew_figures((), [])
    assert (came.annotators.num_rows, came.days.num_rows) == (0, 0)
    assert came.days.schema == CREW_DAYS_SCHEMA


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(random: Random) -> None:
    entries = [paid(f"task {i}", "ada", f"0.{i}") for i in range(1, 9)]
    before = crew_figures(held(ANNOTATIONS, LABELS, GOLD), entries)
    after = crew_figures(
        random.sample(held(random.sample(ANNOTATIONS, 11), LABELS[::-1], GOLD), 9), random.sample(entries, 8)
    )
    assert _bytes(before.annotators) == _bytes(after.annotators)
    assert _bytes(before.days) == _bytes(after.days)


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def test_answers_can_be_the_same_without_being_equal() -> None:
    def near(one: str, other: str) -> bool:
        return abs(float(one) - float(other)) < 0.5

    assert most_say(["1.0", "1.2", "9"], near) == "1.0"
    assert most_say(["1.0", "9"], near) is None
    assert most_say([], near) is None
    annotations = [said("i", who, answer, number=n) for n, (who, answer) in enumerate([("ada", "1"), ("bo", "1.1")], 1)]
    assert [one.others for one in held(annotations, [], {}, same=near)] == [True, True]
    assert [one.others for one in held(annotations, [], {})] == [False, False]


def test_chance_agreement_is_what_shuffled_answers_give() -> None:
    random = Random(5)
    pairs = {f"i{i}": (random.choice("aaab"), random.choice("aab")) for i in range(2000)}
    own = sum(mine == "a" for mine, _ in pairs.values()) / 2000
    theirs = sum(other == "a" for _, other in pairs.values()) / 2000
    expected = own * theirs + (1 - own) * (1 - theirs)
    assert chance_agreement(pairs, str.__eq__) == pytest.approx(expected, abs=0.02)
    assert math.isnan(chance_agreement({"i": ("a", "a")}, str.__eq__))
