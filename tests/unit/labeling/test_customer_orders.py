"""labeling/orders.py: an order, how far it is, and a forecast that holds what it says."""

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.orders import AcceptanceTerms, Order, Progress, forecast, progress
from lake.errors import NotReady, SpecError
from lake.records import Annotation, Task
from tests.unit.labeling.made import NOON, annotation, platform_task

TODAY = dt.date(2026, 3, 31)


def order(**other: Any) -> Order:
    facts: dict[str, Any] = {
        "name": "birds 1",
        "customer": "museum",
        "item_ids": ("item a", "item b", "item c"),
        "price_per_label": Decimal("0.125"),
        "currency": "CNY",
        "deadline": dt.datetime(2026, 4, 10, tzinfo=dt.UTC),
        "acceptance": AcceptanceTerms(level="II", aql=1.0),
    }
    return Order(**(facts | other))


def now(per_day: list[int], num_left: int) -> Progress:
    return Progress(through=TODAY, per_day=tuple(per_day), num_left=num_left, num_items_done=0)


def task(name: str, overlap: int = 2) -> Task:
    return platform_task(name, overlap=overlap).task


def answer(name: str, who: str, *, number: int, days: int = 0) -> Annotation:
    one = annotation(f"item {name}", who, "sparrow", number=number)
    return dataclasses.replace(one, task_id=name, updated_at=NOON + dt.timedelta(days=days))


def test_an_order_has_a_value_and_a_plan_for_each_lot() -> None:
    assert order().value == Decimal("0.38")  # 0.375, half to even
    assert order().acceptance.plan(2000, "normal").sample_size == 125


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"item_ids": ()}, "no items"),
        ({"item_ids": ("b", "a")}, "not sorted"),
        ({"item_ids": ("a", "a")}, "named twice"),
        ({"price_per_label": Decimal(-1)}, "price is -1"),
        ({"price_per_label": Decimal("NaN")}, "price is NaN"),
        ({"currency": "yuan"}, "currency is 'yuan'"),
        ({"deadline": dt.datetime(2026, 1, 1)}, "not in UTC"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        order(**wrong)
    with pytest.raises(SpecError, match="no plans for level II and AQL 3"):
        AcceptanceTerms(level="II", aql=3)


def test_progress_counts_each_persons_answer_once_and_days_without_any() -> None:
    annotations = [
        answer("a", "ada", number=1),
        answer("a", "bo", number=2, days=2),
        answer("a", "chen", number=3, days=2),  # nobody asked for a third
        answer("b", "ada", number=4, days=2),
        answer("b", "bo", number=5, days=9),  # later than asked about
        answer("elsewhere", "ada", number=6),
    ]
    came = progress(
        order(), [task("a"), task("b"), task("elsewhere")], annotations, through=NOON.date() + dt.timedelta(days=3)
    )
    assert came.per_day == (1, 0, 2, 0)
    assert came.num_left == 1 + 2  # one of b, two of c, which has no task yet
    assert came.num_items_done == 1


def test_nothing_done_yet_is_no_pace() -> None:
    came = progress(order(), [task("a")], [], through=TODAY)
    assert (came.per_day, came.num_left, came.num_items_done) == ((), 6, 0)
    with pytest.raises(NotReady, match="no pace is known"):
        forecast(order(), came)
    with pytest.raises(NotReady, match="no pace is known"):
        forecast(order(), now([0, 0], 4))


def test_an_order_that_is_done_is_done() -> None:
    came = forecast(order(), now([3, 4], 0))
    assert came.low == came.median == came.high == TODAY
    assert came.meets_deadline == 1.0
    late = order(deadline=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    assert forecast(late, now([3, 4], 0)).meets_deadline == 0.0


def test_a_steady_crew_is_done_when_arithmetic_says() -> None:
    came = forecast(order(), now([100] * 20, 1000))
    assert came.median == TODAY + dt.timedelta(days=10)
    assert came.low <= came.median <= came.high <= TODAY + dt.timedelta(days=12)
    assert came.spread == 1.0
    assert 0.0 < came.meets_deadline < 0.5  # the tenth of April has no day left


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=30).filter(any),
    st.integers(1, 10**6),
    st.integers(-5, 400),
    st.integers(1, 50),
)
def test_more_time_helps_and_more_work_does_not(per_day: list[int], left: int, days: int, more: int) -> None:
    deadline = dt.datetime(2026, 3, 31, tzinfo=dt.UTC) + dt.timedelta(days=days)
    came = forecast(order(deadline=deadline), now(per_day, left))
    assert TODAY <= came.low <= came.median <= came.high
    assert 0 <= came.meets_deadline <= 1
    later = forecast(order(deadline=deadline + dt.timedelta(days=more)), now(per_day, left))
    assert later.meets_deadline >= came.meets_deadline
    larger = forecast(order(deadline=deadline), now(per_day, left + more))
    assert larger.meets_deadline <= came.meets_deadline + 1e-9
    assert larger.median >= came.median


@pytest.mark.parametrize("lumpy", [False, True])
def test_eighty_of_a_hundred_orders_end_in_their_interval(lumpy: bool) -> None:
    generator = np.random.default_rng(11)
    inside = met = told = 0.0
    for _ in range(600):
        rates = generator.gamma(4, 10, 400) if lumpy else np.full(400, 40.0)
        days = generator.poisson(rates)
        past, left = days[:14], 800
        done = int(np.argmax(np.cumsum(days[14:]) >= left)) + 1
        deadline = dt.datetime.combine(TODAY, dt.time(), dt.UTC) + dt.timedelta(days=21)  # the end of day 20
        came = forecast(order(deadline=deadline), now(past.tolist(), left))
        inside += came.low <= TODAY + dt.timedelta(days=done) <= came.high
        met += done <= 20
        told += came.meets_deadline
    assert 0.76 < inside / 600 < 0.95  # whole days make it a little wide
    assert told / 600 == pytest.approx(met / 600, abs=0.06)
