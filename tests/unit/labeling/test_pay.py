"""labeling/pay.py: the sheet is the ledger's, to the cent, and safe to open."""

import csv
import dataclasses
import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.pay import Period, lines_csv, money_text, pay_sheet, payments_csv, safe_cell, write_csv
from lake.errors import LakeError, SpecError
from lake.ledger import answer_entry, machine_entry, money
from lake.records import LedgerEntry, from_table, to_table

JANUARY = Period.month(2026, 1)
NOON = dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)


def entry(number: int, who: str, price: str, *, at: dt.datetime = NOON, currency: str = "CNY") -> LedgerEntry:
    return answer_entry(
        scenario="birds",
        batch="b1",
        task_id=f"task {number}",
        annotator=who,
        at=at,
        price=Decimal(price),
        currency=currency,
    )


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["ada", "bo", "chen", "dai"]),
                st.decimals(Decimal("-0.05"), Decimal("2"), places=4),
                st.sampled_from(["CNY", "EUR"]),
                st.integers(-20, 50),
            ),
            max_size=25,
        )
    )
    return [
        entry(number, who, str(price), at=NOON + dt.timedelta(days=days), currency=currency)
        for number, (who, price, currency, days) in enumerate(rows)
    ]


@given(ledgers(), st.randoms(use_true_random=False))
def test_payments_add_up_to_the_ledger_to_the_cent(entries: list[LedgerEntry], random: Random) -> None:
    sheet = pay_sheet(entries, JANUARY)
    due = [one for one in entries if one.at.month == 1]
    assert dict(sheet.totals) == money(due)
    for currency, total in sheet.totals:
        paid = [one for one in sheet.payments if one.currency == currency]
        assert sum(one.amount for one in paid) == total
        assert all(abs(one.amount - one.exact) < Decimal("0.01") for one in paid)
        assert all(one.amount == one.amount.quantize(Decimal("0.01")) for one in paid)
    assert sum(one.amount for one in sheet.lines) == sum(one.amount for one in due)
    assert sum(one.num_answers for one in sheet.payments) == len(due)
    copies = random.sample(entries * 2, len(entries) * 2)
    assert pay_sheet(copies, JANUARY) == sheet
    assert payments_csv(pay_sheet(copies, JANUARY)) == payments_csv(sheet)


def test_a_sheet_is_the_same_from_the_database_and_from_a_table() -> None:
    entries = [entry(1, "ada", "0.5"), entry(2, "ada", "0.125"), entry(3, "bo", "3")]
    stored = list(from_table(to_table(entries, LedgerEntry), LedgerEntry))
    assert payments_csv(pay_sheet(stored, JANUARY)) == payments_csv(pay_sheet(entries, JANUARY))
    assert lines_csv(pay_sheet(stored, JANUARY)) == lines_csv(pay_sheet(entries, JANUARY))


def test_cents_that_rounding_leaves_go_to_those_who_lost_most() -> None:
    sheet = pay_sheet([entry(1, "ada", "0.333"), entry(2, "bo", "0.336"), entry(3, "chen", "0.331")], JANUARY)
    assert [(one.who, one.amount) for one in sheet.payments] == [
        ("ada", Decimal("0.33")),
        ("bo", Decimal("0.34")),
        ("chen", Decimal("0.33")),
    ]
    assert sheet.totals == (("CNY", Decimal("1.00")),)


def test_only_answers_of_the_period_that_are_accepted_are_paid() -> None:
    first, last = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 31, 23, 59, 59, tzinfo=dt.UTC)
    beijing = dt.timezone(dt.timedelta(hours=8))
    entries = [
        entry(1, "ada", "1", at=first),
        entry(2, "ada", "1", at=last),
        entry(3, "ada", "1", at=last + dt.timedelta(seconds=1)),
        entry(4, "ada", "1", at=dt.datetime(2026, 2, 1, 7, tzinfo=beijing)),  # still January in UTC
        entry(5, "ada", "1"),
        machine_entry(
            scenario="birds",
            batch="b1",
            run_id="r",
            provider="p",
            at=NOON,
            seconds=9,
            cost=Decimal(9),
            currency="CNY",
        ),
    ]
    sheet = pay_sheet(entries, JANUARY, withheld={entries[4].key})
    (payment,) = sheet.payments
    assert (payment.num_answers, payment.amount, sheet.num_withheld) == (Decimal(3), Decimal("3.00"), 1)


def test_months_follow_each_other_without_a_gap() -> None:
    assert Period.month(2026, 12) == Period(dt.date(2026, 12, 1), dt.date(2027, 1, 1))
    assert Period.month(2026, 1).end == Period.month(2026, 2).start
    with pytest.raises(SpecError, match="has no day"):
        Period(dt.date(2026, 1, 1), dt.date(2026, 1, 1))


def test_two_different_entries_of_one_key_are_refused() -> None:
    one = entry(1, "ada", "1")
    with pytest.raises(LakeError, match="two different entries"):
        pay_sheet([one, dataclasses.replace(one, amount=Decimal(2))], JANUARY)
    with pytest.raises(LakeError, match="of no answers"):
        pay_sheet([dataclasses.replace(one, quantity=Decimal(0))], JANUARY)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", " =1", "＝1+1", "\n=1"])
def test_no_cell_is_run_as_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    rows = list(csv.reader(io.StringIO(payments_csv(pay_sheet([entry(1, text, "1")], JANUARY)), newline="")))
    assert rows[1][2] == f"'{text}"


def test_names_and_negative_amounts_are_left_as_they_are() -> None:
    assert safe_cell("李雷 <li@a-b.cn>") == "李雷 <li@a-b.cn>"
    entries = [entry(1, "ada", "-1.5")]
    assert payments_csv(pay_sheet(entries, JANUARY)).splitlines()[1] == "2026-01-01,2026-01-31,ada,1,-1.50,-1.50,CNY"


def test_amounts_have_one_text() -> None:
    assert [money_text(Decimal(one)) for one in ("1E+2", "0", "0.5", "0.50000000", "0.12500000")] == [
        "100.00",
        "0.00",
        "0.50",
        "0.50",
        "0.125",
    ]


def test_both_files_are_written_for_a_spreadsheet(tmp_path: Path) -> None:
    payments, lines = write_csv(pay_sheet([entry(1, "ada", "0.5"), entry(2, "ada", "0.25")], JANUARY), tmp_path)
    assert payments.read_bytes().startswith(b"\xef\xbb\xbfperiod_start,")
    assert payments.read_bytes().endswith(b"2026-01-01,2026-01-31,ada,2,0.75,0.75,CNY\r\n")
    assert len(lines.read_text("utf-8-sig").splitlines()) == 3
