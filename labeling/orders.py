"""A customer's order of labels: what was agreed, how far it is, and when it will be done."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from labeling.acceptance import Plan, single_plan
from labeling.acceptance_tables import AQLS, LEVELS, Level, Severity
from labeling.platform import current_votes
from lake.errors import NotReady, SpecError
from lake.ledger import CENT
from lake.records import Annotation, Task

_LOW, _HIGH = 0.1, 0.9  # an 80 % interval
_PRIOR_ANSWERS = 0.5  # Jeffreys' prior of a Poisson rate
_LAST_DAY = dt.date.max.toordinal()
_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class AcceptanceTerms:
    """How the customer's lots are accepted (ISO 2859-1:1999)."""

    level: Level
    aql: float  # percent

    def __post_init__(self) -> None:
        if self.level not in LEVELS or self.aql not in AQLS:
            raise SpecError(
                f"ISO 2859-1 has no plans for level {self.level} and AQL {self.aql:g}",
                remedy=f"take a level of {', '.join(LEVELS)} and an AQL of {', '.join(f'{one:g}' for one in AQLS)}",
            )

    def plan(self, lot_size: int, severity: Severity) -> Plan:
        """The plan for one lot of the order."""
        return single_plan(lot_size, self.level, self.aql, severity)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a customer ordered. Raises SpecError for one without items, with an item twice, or a wrong price or time."""

    name: str
    customer: str
    item_ids: tuple[str, ...]  # sorted
    price_per_label: Decimal
    currency: str  # ISO 4217
    deadline: dt.datetime  # UTC
    acceptance: AcceptanceTerms

    def __post_init__(self) -> None:
        wrong = {
            "it has no items": not self.item_ids,
            "its items are not sorted, or one is named twice": list(self.item_ids) != sorted(set(self.item_ids)),
            f"its price is {self.price_per_label}": not (
                self.price_per_label.is_finite() and self.price_per_label >= 0
            ),
            f"its currency is {self.currency!r}": not (len(self.currency) == 3 and self.currency.isupper()),
            f"its deadline {self.deadline} is not in UTC": self.deadline.utcoffset() != dt.timedelta(0),
        }
        for what, so in wrong.items():
            if so:
                raise SpecError(f"the order {self.name} cannot be taken: {what}", remedy="correct the order")

    @property
    def value(self) -> Decimal:
        """What all its labels cost together, to the cent."""
        return (self.price_per_label * len(self.item_ids)).quantize(CENT, ROUND_HALF_EVEN)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an order is at the end of a day."""

    through: dt.date  # the last day that is counted, UTC
    per_day: tuple[int, ...]  # answers of each day from the first answer's on, days without any included
    num_left: int  # answers still wanted
    num_items_done: int  # items with all their answers


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """When an order's answers will be there: a probability, not a promise."""

    order: str
    median: dt.date  # done by the end of this day with a chance of 50 %
    low: dt.date  # 10 %
    high: dt.date  # 90 %
    meets_deadline: float  # chance that the last answer comes in time
    answers_per_day: float  # mean so far
    spread: float  # variance of the answers a day over that of a Poisson process, at least 1


def progress(order: Order, tasks: Iterable[Task], annotations: Sequence[Annotation], *, through: dt.date) -> Progress:
    """Answers to an order's tasks up to and with a day, and those still wanted.

    Answers that count are those of `labeling.platform.current_votes`: one a person, at most the task's overlap. An
    item of the order that has no task yet wants the overlap that most of its tasks have, or one answer.
    """
    ordered = set(order.item_ids)
    wanted = {task.task_id: task for task in tasks if task.item_id in ordered and task.reason != "gold"}
    counted = [
        one
        for one in current_votes(annotations, {name: task.overlap for name, task in wanted.items()})
        if one.updated_at.astimezone(dt.UTC).date() <= through
    ]
    got = Counter(one.task_id for one in counted)
    usual = Counter(task.overlap for task in wanted.values())
    most = max(usual, key=lambda overlap: (usual[overlap], overlap)) if usual else 1
    without = ordered - {task.item_id for task in wanted.values()}
    left = {name: task.overlap - got[name] for name, task in wanted.items()}
    undone = {wanted[name].item_id for name, num in left.items() if num} | without
    return Progress(
        through=through,
        per_day=_per_day([one.updated_at.astimezone(dt.UTC).date() for one in counted], through),
        num_left=sum(left.values()) + most * len(without),
        num_items_done=len(order.item_ids) - len(undone),
    )


def forecast(order: Order, now: Progress) -> Forecast:
    """The day on which an order is done, with an 80 % interval and the chance to meet its deadline.

    Answers come as a Poisson process of unknown constant rate with a gamma prior (Jeffreys'), so that the time of the
    n-th further answer follows a beta prime distribution: P(T <= t) = I(t / (t + days); n, answers + 1/2). Days vary
    more than such a process does: numbers of answers are divided by the observed variance over the mean where this
    is above 1 (quasi-Poisson). Weekends and a crew that grows or shrinks are not modelled: give the days that are
    like those to come.

    An order without answers left is done on the day of `now`. Raises NotReady where nobody has answered yet.

    Source: Gelman et al. 2013, "Bayesian Data Analysis", section 2.6; Wedderburn 1974 for the overdispersion.
    """
    if now.num_left and not sum(now.per_day):
        raise NotReady(
            f"nobody has answered anything of the order {order.name} yet, so no pace is known",
            remedy="ask again after the first day with answers",
        )
    counts = np.array(now.per_day, dtype=np.float64)
    spread = max(1.0, float(counts.var(ddof=1) / counts.mean())) if len(counts) > 1 and counts.any() else 1.0
    end = dt.datetime.combine(now.through, dt.time.max, dt.UTC)
    in_time = (order.deadline - end) / dt.timedelta(days=1)
    low, median, high = (_days_until(now, share, spread) for share in (_LOW, 0.5, _HIGH))
    return Forecast(
        order=order.name,
        median=_day(now.through, median),
        low=_day(now.through, low),
        high=_day(now.through, high),
        meets_deadline=round(_chance_within(now, in_time, spread), _DIGITS),
        answers_per_day=round(float(counts.mean()), _DIGITS) if len(counts) else 0.0,
        spread=round(spread, _DIGITS),
    )


def _per_day(days: Sequence[dt.date], through: dt.date) -> tuple[int, ...]:
    if not days:
        return ()
    counts, first = Counter(days), min(days)
    return tuple(counts[first + dt.timedelta(days=i)] for i in range((through - first).days + 1))


def _shapes(now: Progress, spread: float) -> tuple[float, float]:
    """Shapes of the beta prime distribution: answers left, and answers seen with the prior."""
    return now.num_left / spread, sum(now.per_day) / spread + _PRIOR_ANSWERS


def _chance_within(now: Progress, days: float, spread: float) -> float:
    from scipy.special import betainc

    if not now.num_left:
        return 1.0 if days >= 0 else 0.0
    if days <= 0:
        return 0.0
    return float(betainc(*_shapes(now, spread), days / (days + len(now.per_day))))


def _days_until(now: Progress, share: float, spread: float) -> float:
    """Days after `now.through` by whose end the order is done with a chance of `share`."""
    from scipy.special import betaincinv

    if not now.num_left:
        return 0.0
    part = float(betaincinv(*_shapes(now, spread), share))
    return len(now.per_day) * part / (1 - part) if part < 1 else float("inf")


def _day(start: dt.date, days: float) -> dt.date:
    """The day in which a time falls that lies so many days behind the end of `start`."""
    last = start.toordinal() + days
    return dt.date.max if last >= _LAST_DAY else dt.date.fromordinal(int(np.ceil(round(last, 6))))
