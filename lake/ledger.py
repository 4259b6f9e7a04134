"""What labels and machines cost: entries with keys of their own, so that a replay adds nothing."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

from lake.records import LedgerEntry

By = Literal["scenario", "batch", "kind", "who"]
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Sum:
    """Entries of one name, kind and currency, added up."""

    name: str
    kind: str
    quantity: Decimal
    unit: str
    amount: Decimal
    currency: str


def answer_entry(
    *, scenario: str, batch: str, task_id: str, annotator: str, at: dt.datetime, price: Decimal, currency: str
) -> LedgerEntry:
    """One answer of one annotator to one task: paid once, however often it is edited or pulled."""
    return LedgerEntry(
        key=f"answer:{scenario}:{task_id}:{annotator}",
        at=at,
        scenario=scenario,
        batch=batch,
        kind="annotation",
        who=annotator,
        subject=task_id,
        quantity=Decimal(1),
        unit="answer",
        amount=price,
        currency=currency,
    )


def machine_entry(
    *,
    scenario: str,
    batch: str,
    run_id: str,
    provider: str,
    at: dt.datetime,
    seconds: float,
    cost: Decimal,
    currency: str,
) -> LedgerEntry:
    """One training run on one provider, all its attempts together."""
    return LedgerEntry(
        key=f"machine:{run_id}:{provider}",
        at=at,
        scenario=scenario,
        batch=batch,
        kind="machine",
        who=provider,
        subject=run_id,
        quantity=Decimal(str(round(seconds, 3))),
        unit="second",
        amount=cost,
        currency=currency,
    )


def summary(entries: Iterable[LedgerEntry], by: By) -> list[Sum]:
    """Totals by one property; different kinds, units and currencies are never mixed."""
    totals: dict[tuple[str, str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for entry in entries:
        total = totals[(str(getattr(entry, by)), entry.kind, entry.unit, entry.currency)]
        total[0] += entry.quantity
        total[1] += entry.amount
    return [
        Sum(name, kind, quantity, unit, amount, currency)
        for (name, kind, unit, currency), (quantity, amount) in sorted(totals.items())
    ]


def money(entries: Iterable[LedgerEntry]) -> dict[str, Decimal]:
    """Amount by currency, rounded half to even to the cent."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        totals[entry.currency] += entry.amount
    return {currency: total.quantize(CENT, ROUND_HALF_EVEN) for currency, total in sorted(totals.items())}
