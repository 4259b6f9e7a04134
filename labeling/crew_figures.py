"""Figures of a crew: how much, how well, how fast and at what cost each annotator answers, in all and by day."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from labeling.crew_answers import HeldAnswer, median_seconds
from labeling.drift import ChangePoint
from labeling.pay import distinct_entries
from lake.errors import SpecError
from lake.intervals import Interval, wilson
from lake.records import LedgerEntry

_DIGITS = 9
_MONEY = pa.decimal128(24, 8)
_UNIT = Decimal("0.00000001")
_TIME = pa.timestamp("us", tz="UTC")


def _share(name: str) -> list[pa.Field]:
    """A share of 0 to 1 with its 95 % Wilson interval; of nothing, NaN between 0 and 1."""
    return [pa.field(f"{name}{end}", pa.float64(), nullable=False) for end in ("", "_low", "_high")]


_FIGURES = [
    pa.field("num_answers", pa.int64(), nullable=False),
    pa.field("num_gold", pa.int64(), nullable=False),
    *_share("gold_accuracy"),
    pa.field("num_compared", pa.int64(), nullable=False),  # items on which more than half of the others say the same
    *_share("agreement"),  # with these
    pa.field("seconds_median", pa.float64(), nullable=False),  # an answer; NaN where not measured
    pa.field("num_labelled", pa.int64(), nullable=False),  # answers to items that have an accepted label
    *_share("first_pass"),  # of these: right at the first answer, without a second
    pa.field("num_accepted", pa.int64(), nullable=False),  # of these: that say what the label says
    pa.field("cost", _MONEY, nullable=False),
    pa.field("currency", pa.string()),  # null where nothing was paid
    pa.field("cost_per_accepted", _MONEY),  # null where nothing was accepted
]
CREW_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        *_FIGURES,
        pa.field("drift_probability", pa.float64()),  # that accuracy changed; null for too few answers
        pa.field("drift_since", _TIME),  # the first answer after the likeliest change
        pa.field("drift_before", pa.float64()),  # share of right answers
        pa.field("drift_after", pa.float64()),
    ]
)
CREW_DAYS_SCHEMA = pa.schema(
    [pa.field("annotator", pa.string(), nullable=False), pa.field("day", pa.date32(), nullable=False), *_FIGURES]
)


@dataclass(frozen=True, kw_only=True)
class CrewFigures:
    """What a crew did."""

    annotators: pa.Table  # CREW_SCHEMA, by annotator
    days: pa.Table  # CREW_DAYS_SCHEMA, by annotator and day (UTC); days with an answer or a cost


def crew_figures(
    answers: Sequence[HeldAnswer], entries: Iterable[LedgerEntry], *, change: ChangePoint | None = None
) -> CrewFigures:
    """Figures of every annotator who answered or was paid.

    answers: of `crew_answers.held`. entries: the ledger's; those of kind "annotation" count, each key once. Costs
    fall on the day of their entry. Drift is looked for in each annotator's answers in the order of time, right or
    wrong by gold, else by the label; the probability is that of one annotator, so that among many steady ones some
    stand out by chance. The same answers and entries in any order give the same tables.

    Raises SpecError for entries of several currencies, LakeError for two different entries of one key.
    """
    costs = _costs(entries)
    currencies = sorted({currency for _, _, currency in costs})
    if len(currencies) > 1:
        raise SpecError(
            f"costs in {' and '.join(currencies)} cannot be added up",
            remedy="give the entries of one currency at a time",
        )
    currency = currencies[0] if currencies else None
    people, days = defaultdict(list), defaultdict(list)
    for one in sorted(answers, key=lambda one: (one.annotator, one.at, one.item_id)):
        people[one.annotator].append(one)
        days[one.annotator, one.at.astimezone(dt.UTC).date()].append(one)
    spent_by, spent_on = defaultdict[str, Decimal](Decimal), defaultdict[tuple[str, dt.date], Decimal](Decimal)
    for (who, day, _), amount in costs.items():
        spent_by[who] += amount
        spent_on[who, day] += amount
    test = change or ChangePoint()
    return CrewFigures(
        annotators=pa.Table.from_pylist(
            [
                {"annotator": who, **_figures(people[who], spent_by[who], currency), **_drift(people[who], test)}
                for who in sorted({*people, *spent_by})
            ],
            schema=CREW_SCHEMA,
        ),
        days=pa.Table.from_pylist(
            [
                {"annotator": who, "day": day, **_figures(days[who, day], spent_on[who, day], currency)}
                for who, day in sorted({*days, *spent_on})
            ],
            schema=CREW_DAYS_SCHEMA,
        ),
    )


def _costs(entries: Iterable[LedgerEntry]) -> dict[tuple[str, dt.date, str], Decimal]:
    """Amount by annotator, day and currency."""
    sums: dict[tuple[str, dt.date, str], Decimal] = defaultdict(Decimal)
    for one in distinct_entries(entries):
        if one.kind == "annotation":
            sums[one.who, one.at.astimezone(dt.UTC).date(), one.currency] += one.amount
    return sums


def _figures(answers: Sequence[HeldAnswer], cost: Decimal, currency: str | None) -> dict[str, Any]:
    gold = [one.gold for one in answers if one.gold is not None]
    others = [one.others for one in answers if one.others is not None]
    label = [one.label for one in answers if one.label is not None]
    first = [one.first for one in answers if one.first is not None]
    return {
        "num_answers": len(answers),
        "num_gold": len(gold),
        **_interval("gold_accuracy", wilson(sum(gold), len(gold))),
        "num_compared": len(others),
        **_interval("agreement", wilson(sum(others), len(others))),
        "seconds_median": _rounded(median_seconds(answers)),
        "num_labelled": len(label),
        **_interval("first_pass", wilson(sum(first), len(first))),
        "num_accepted": sum(label),
        "cost": cost.quantize(_UNIT),
        "currency": currency if cost else None,
        "cost_per_accepted": (cost / sum(label)).quantize(_UNIT) if any(label) else None,
    }


def _drift(answers: Sequence[HeldAnswer], test: ChangePoint) -> dict[str, Any]:
    known = [(one.at, one.right) for one in answers if one.right is not None]
    found = test.fit([right for _, right in known])
    if found is None:
        return dict.fromkeys(("drift_probability", "drift_since", "drift_before", "drift_after"))
    return {
        "drift_probability": found.probability,
        "drift_since": known[found.place][0],
        "drift_before": found.before,
        "drift_after": found.after,
    }


def _interval(name: str, one: Interval) -> dict[str, float]:
    return {name: _rounded(one.value), f"{name}_low": _rounded(one.low), f"{name}_high": _rounded(one.high)}


def _rounded(number: float) -> float:
    return number if math.isnan(number) else round(number, _DIGITS)
