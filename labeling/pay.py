"""Pay sheets: what each annotator is owed for a period, from the ledger alone."""

import csv
import datetime as dt
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Self

from lake.blobs import replace_text
from lake.errors import LakeError, SpecError
from lake.ledger import CENT, money
from lake.records import LedgerEntry

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet takes for a formula
Cell = str | Decimal | int | dt.date  # a Decimal is money

_BOM = "\ufeff"  # without it Excel does not read Chinese names as UTF-8


@dataclass(frozen=True)
class Period:
    """Days in UTC, from `start` up to but without `end`. Raises SpecError for an empty one."""

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise SpecError(f"a period from {self.start} to {self.end} has no day", remedy="let it end after it starts")

    @classmethod
    def month(cls, year: int, month: int) -> Self:
        """One calendar month."""
        return cls(dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1))

    def holds(self, at: dt.datetime) -> bool:
        return self.start <= at.astimezone(dt.UTC).date() < self.end


@dataclass(frozen=True, kw_only=True)
class PayLine:
    """Answers of one person in one scenario at one price."""

    who: str
    scenario: str
    num_answers: Decimal
    price: Decimal
    amount: Decimal  # as in the ledger: answers times price, not rounded
    currency: str


@dataclass(frozen=True, kw_only=True)
class Payment:
    """What one person gets in one currency."""

    who: str
    num_answers: Decimal
    exact: Decimal  # sum of the person's lines
    amount: Decimal  # to the cent: what is paid
    currency: str


@dataclass(frozen=True, kw_only=True)
class PaySheet:
    """Who is paid what for one period; the same entries in any order and number of copies give the same sheet."""

    period: Period
    lines: tuple[PayLine, ...]  # by person, currency, scenario and price
    payments: tuple[Payment, ...]  # by person and currency
    totals: tuple[tuple[str, Decimal], ...]  # of each currency, to the cent: the sum of its payments, and the ledger's
    num_withheld: int  # answers in the period that are not paid


def pay_sheet(entries: Iterable[LedgerEntry], period: Period, *, withheld: Collection[str] = ()) -> PaySheet:
    """Accepted answers times their price, for each person, from the ledger's entries of kind "annotation".

    withheld: keys of entries that are not paid, because the answer was not accepted.

    An entry's key makes it count once however often it is given. Cents: the payments of a currency add up to the
    ledger's sum of the same entries, rounded half to even. Each payment is the exact amount rounded down to the cent,
    and the cents that this leaves go one each to those who lost most by it, by name among equals; nobody is a cent or
    more away from the exact amount. Raises LakeError for two different entries of one key, and for an entry of no
    answers.

    Source of the rounding: largest remainders (Hamilton).
    """
    due = [one for one in distinct_entries(entries) if one.kind == "annotation" and period.holds(one.at)]
    unpaid = set(withheld)
    paid = [one for one in due if one.key not in unpaid]
    lines = _lines(paid)
    totals = money(paid)
    payments = [payment for currency in totals for payment in _payments(lines, currency, totals[currency])]
    return PaySheet(
        period=period,
        lines=lines,
        payments=tuple(sorted(payments, key=lambda one: (one.who, one.currency))),
        totals=tuple(totals.items()),
        num_withheld=len(due) - len(paid),
    )


def payments_csv(sheet: PaySheet) -> str:
    """One row a person and currency: period_start, period_end, who, answers, exact, amount, currency.

    period_end is the last day. RFC 4180 with a byte order mark; cells that a spreadsheet would take for a formula
    begin with an apostrophe.
    """
    header = ("period_start", "period_end", "who", "answers", "exact", "amount", "currency")
    rows = [
        (*_days(sheet.period), one.who, _num(one.num_answers), one.exact, one.amount, one.currency)
        for one in sheet.payments
    ]
    return csv_text(header, rows)


def lines_csv(sheet: PaySheet) -> str:
    """One row a line: period_start, period_end, who, scenario, answers, price, amount (exact), currency."""
    header = ("period_start", "period_end", "who", "scenario", "answers", "price", "amount", "currency")
    rows = [
        (*_days(sheet.period), one.who, one.scenario, _num(one.num_answers), one.price, one.amount, one.currency)
        for one in sheet.lines
    ]
    return csv_text(header, rows)


def write_csv(sheet: PaySheet, folder: Path) -> tuple[Path, Path]:
    """Put payments.csv and pay_lines.csv into a folder that exists; each appears whole or not at all."""
    paths = folder / "payments.csv", folder / "pay_lines.csv"
    for path, text in zip(paths, (payments_csv(sheet), lines_csv(sheet)), strict=True):
        replace_text(path, text)
    return paths


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A CSV file's text for spreadsheets, RFC 4180 with a byte order mark, every cell safe to open."""
    out = io.StringIO()
    out.write(_BOM)
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(header)
    table.writerows([_cell(one) for one in row] for row in rows)
    return out.getvalue()


def safe_cell(text: str) -> str:
    """Text that no spreadsheet runs as a formula: an apostrophe stands before one that would be.

    Source: OWASP, "CSV Injection"; also for the full-width signs, and behind leading blanks.
    """
    return f"'{text}" if text.startswith(_RISKY) or text.strip().startswith(_RISKY) else text


def money_text(amount: Decimal) -> str:
    """At least two decimals, more where they say something, never an exponent: equal amounts give equal texts."""
    short = amount.normalize()
    exponent = short.as_tuple().exponent
    few = not isinstance(exponent, int) or exponent > -2
    return format(amount.quantize(CENT) if few else short, "f")


def _cell(value: Cell) -> str:
    if isinstance(value, Decimal):
        return money_text(value)
    return safe_cell(value) if isinstance(value, str) else str(value)


def _num(quantity: Decimal) -> int | Decimal:
    return int(quantity) if quantity == quantity.to_integral_value() else quantity


def _days(period: Period) -> tuple[dt.date, dt.date]:
    return period.start, period.end - dt.timedelta(days=1)


def distinct_entries(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """One entry a key, by key. Raises LakeError for two different ones of a key, and for an entry of no answers."""
    by_key: dict[str, LedgerEntry] = {}
    for one in entries:
        if by_key.setdefault(one.key, one) != one:
            raise LakeError(
                f"the ledger has two different entries of the key {one.key}",
                remedy="give the entries as the ledger holds them: one a key",
            )
        if not one.quantity:
            raise LakeError(f"the entry {one.key} is of no answers", remedy="enter how many answers it pays for")
    return [by_key[key] for key in sorted(by_key)]


def _lines(paid: Iterable[LedgerEntry]) -> tuple[PayLine, ...]:
    sums: dict[tuple[str, str, str, Decimal], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for one in paid:
        total = sums[one.who, one.currency, one.scenario, one.amount / one.quantity]
        total[0] += one.quantity
        total[1] += one.amount
    return tuple(
        PayLine(who=who, scenario=scenario, num_answers=num, price=price, amount=amount, currency=currency)
        for (who, currency, scenario, price), (num, amount) in sorted(sums.items())
    )


def _payments(lines: Iterable[PayLine], currency: str, total: Decimal) -> list[Payment]:
    """Of one currency, by person; the amounts add up to `total`."""
    exact: dict[str, Decimal] = defaultdict(Decimal)
    answers: dict[str, Decimal] = defaultdict(Decimal)
    for one in lines:
        if one.currency == currency:
            exact[one.who] += one.amount
            answers[one.who] += one.num_answers
    cents = {who: (amount / CENT).to_integral_value(ROUND_FLOOR) for who, amount in exact.items()}
    left = int(total / CENT - sum(cents.values()))  # never more than there are people with a part of a cent
    for who in sorted(exact, key=lambda who: (cents[who] - exact[who] / CENT, who))[:left]:
        cents[who] += 1
    return [
        Payment(who=who, num_answers=answers[who], exact=exact[who], amount=cents[who] * CENT, currency=currency)
        for who in sorted(exact)
    ]
