"""The ledger: a replay adds nothing, and sums are exact."""

import datetime as dt
import itertools
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.ledger import By, answer_entry, machine_entry, money, summary
from lake.records import LedgerEntry
from lake.state import open_state

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
AMOUNTS = st.decimals(0, 10**9, places=8)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    answers = [
        answer_entry(
            scenario=draw(st.sampled_from("st")),
            batch=draw(st.sampled_from("bc")),
            task_id=f"task {number}",
            annotator=draw(st.sampled_from(["Ada", "Bob"])),
            at=NOON,
            price=draw(AMOUNTS),
            currency=draw(st.sampled_from(["CNY", "EUR"])),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
    machines = [
        machine_entry(
            scenario="s",
            batch="b",
            run_id=f"run {number}",
            provider="local",
            at=NOON,
            seconds=draw(st.floats(0, 1e6)),
            cost=draw(AMOUNTS),
            currency="CNY",
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return answers + machines


@settings(max_examples=25)
@given(ledgers(), st.randoms(use_true_random=False))
def test_replays_in_any_order_and_number_add_nothing(entries: list[LedgerEntry], random: Random) -> None:
    with TemporaryDirectory() as folder:
        state = open_state(f"sqlite:///{Path(folder) / 'state.db'}")
        added = 0
        for _ in range(3):
            replay = random.choices(entries, k=random.randrange(8)) if entries else []
            added += state.post(replay)
        added += state.post(reversed(entries))
        assert added == len(entries)
        assert state.post(entries * 2) == 0
        assert state.entries() == sorted(entries, key=lambda entry: entry.key)
        assert money(state.entries()) == money(entries)
        state.close()


@given(ledgers(), st.sampled_from(["scenario", "batch", "kind", "who"]), st.randoms(use_true_random=False))
def test_sums_are_exact_and_do_not_depend_on_order(entries: list[LedgerEntry], by: By, random: Random) -> None:
    shuffled = random.sample(entries, len(entries))
    totals = summary(entries, by)
    assert summary(shuffled, by) == totals
    assert money(shuffled) == money(entries)
    for total in totals:
        key = (total.name, total.kind, total.currency)
        parts = [one for one in entries if (getattr(one, by), one.kind, one.currency) == key]
        assert total.amount == sum((one.amount for one in parts), Decimal(0))
        assert total.quantity == sum((one.quantity for one in parts), Decimal(0))
    assert sum(total.amount for total in totals) == sum(one.amount for one in entries)


def test_a_million_cents_are_ten_thousand() -> None:
    cent = answer_entry(
        scenario="s", batch="b", task_id="t", annotator="Ada", at=NOON, price=Decimal("0.01"), currency="CNY"
    )
    assert money(itertools.repeat(cent, 10**6)) == {"CNY": Decimal("10000.00")}


@pytest.mark.parametrize(("amount", "cents"), [("0.005", "0.00"), ("0.015", "0.02"), ("0.0250001", "0.03")])
def test_money_is_rounded_half_to_even_once_at_the_end(amount: str, cents: str) -> None:
    entry = answer_entry(
        scenario="s", batch="b", task_id="t", annotator="Ada", at=NOON, price=Decimal(amount), currency="CNY"
    )
    assert money([entry]) == {"CNY": Decimal(cents)}
    assert money([]) == {}


def test_currencies_kinds_and_units_are_never_mixed() -> None:
    answer = answer_entry(
        scenario="s", batch="b", task_id="t", annotator="Ada", at=NOON, price=Decimal(1), currency="EUR"
    )
    machine = machine_entry(
        scenario="s", batch="b", run_id="r", provider="p", at=NOON, seconds=2.0004, cost=Decimal(1), currency="CNY"
    )
    assert [(one.kind, one.unit, one.currency) for one in summary([answer, machine], "batch")] == [
        ("annotation", "answer", "EUR"),
        ("machine", "second", "CNY"),
    ]
    assert summary([machine], "who")[0].quantity == Decimal("2.0")
