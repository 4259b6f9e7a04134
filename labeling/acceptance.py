"""Lot acceptance by sampling: a sample of a delivery is checked, and the plan says whether the whole may leave.

ISO 2859-1:1999 with Amendment 1:2011 (GB/T 2828.1-2012), single sampling; `acceptance_switching` moves between normal,
tightened and reduced inspection, `acceptance_sequential` checks item by item until the answer is clear.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from labeling.acceptance_tables import Level, Severity, cell, code_letter
from lake import ids
from lake.errors import NotReady, SpecError
from lake.intervals import Interval, wilson

FloatArray = npt.NDArray[np.float64]
Decision = Literal["accept", "rework", "reject"]

SIGNIFICANCE = 0.05  # of all tests on one lot's annotators together, as the 95 % of all our intervals
CONSUMER_RISK = 0.10  # the standard's: the quality that a plan still accepts this often (clause 12.6)
_LARGEST_PERCENT = 10.0  # a larger AQL counts nonconformities, never nonconforming items (clause 5)
_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A single sampling plan for one lot."""

    lot_size: int
    level: Level
    aql: float  # percent nonconforming, or nonconformities per 100 items where it is above 10
    severity: Severity
    letter: str  # whose sample size holds: table 1's, or the one that an arrow led to
    sample_size: int
    accept: int  # Ac: with so many or fewer the lot is accepted

    @property
    def reject(self) -> int:
        """Re: with so many or more it is not."""
        return self.accept + 1

    @property
    def whole(self) -> bool:
        """Whether the sample is the whole lot (footnote of the tables: inspection of 100 %)."""
        return self.sample_size == self.lot_size

    @property
    def counts_errors(self) -> bool:
        """Whether single errors are counted, of which an item may have several, instead of failed items."""
        return self.aql > _LARGEST_PERCENT


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a plan does to good and to bad deliveries."""

    at_aql: float  # probability of acceptance where the true rate is the AQL
    producer_risk: float  # 1 - at_aql: good work sent back
    consumer_rate: float  # true rate, percent as the AQL, that is still accepted in one of ten lots
    even_rate: float  # true rate, percent as the AQL, at which acceptance is a toss-up


@dataclass(frozen=True)
class Lot:
    """What is delivered together: its items, and who answered each."""

    name: str
    annotators: Mapping[str, tuple[str, ...]]  # of each item


@dataclass(frozen=True)
class Finding:
    """What the check of one sampled item found."""

    item_id: str
    num_errors: int  # 0: the item conforms


@dataclass(frozen=True, kw_only=True)
class Culprit:
    """An annotator whose share of failed items in the sample lies above that of the rest."""

    annotator: str
    num_checked: int
    num_failed: int
    p_value: float  # Fisher's exact test, one-sided, after Holm's correction


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a decision on a lot rests on."""

    sample_id: str  # hash of the items that were checked
    num_checked: int
    num_failed: int  # items
    num_found: int  # what the plan counts: failed items, or errors
    accept: int  # Ac of the plan
    share_failed: Interval  # of items
    culprits: tuple[Culprit, ...]  # by annotator; looked for only where the sample fails
    why: str


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """The decision on one lot."""

    lot: str
    decision: Decision
    failed: tuple[str, ...]  # items that the check found wrong, sorted: to be put right whatever the decision
    again: tuple[str, ...]  # items to be answered again before the lot comes back, sorted
    evidence: Evidence


def single_plan(lot_size: int, level: Level, aql: float, severity: Severity) -> Plan:
    """The plan of ISO 2859-1:1999 for a lot (clauses 10.1 to 10.3, tables 1 and 2-A to 2-C), arrows followed.

    A sample as large as the lot or larger becomes the whole lot, with the acceptance number of the table. Raises
    SpecError for a lot of fewer than two items and for an AQL or level that the standard does not have.
    """
    found = cell(severity, code_letter(lot_size, level), aql)
    return Plan(
        lot_size=lot_size,
        level=level,
        aql=aql,
        severity=severity,
        letter=found.letter,
        sample_size=min(found.sample_size, lot_size),
        accept=found.accept,
    )


def operating_characteristic(plan: Plan, rates: Sequence[float] | FloatArray) -> FloatArray:
    """Probability that a lot is accepted, (rates,), by the true rate in percent as the AQL.

    Binomial for failed items, Poisson for errors per 100 items; lots of a running process (type B curves), so that
    the lot size does not matter. Source: ISO 2859-1:1999, clause 12.1 and tables 10-A to 10-R.
    """
    from scipy.special import bdtr, pdtr

    share = np.asarray(rates, dtype=np.float64) / 100
    if plan.counts_errors:
        return np.asarray(pdtr(plan.accept, plan.sample_size * share), dtype=np.float64)
    return np.asarray(bdtr(min(plan.accept, plan.sample_size), plan.sample_size, share), dtype=np.float64)


def promise(plan: Plan) -> Promise:
    """What the plan promises to both sides; the two rates are exact, by inverting the curve.

    Rates are NaN where the plan accepts whatever it finds (an acceptance number as large as the sample).
    """
    at_aql = float(operating_characteristic(plan, [plan.aql])[0])
    return Promise(
        at_aql=round(at_aql, _DIGITS),
        producer_risk=round(1 - at_aql, _DIGITS),
        consumer_rate=_rate_accepted(plan, CONSUMER_RISK),
        even_rate=_rate_accepted(plan, 0.5),
    )


def _rate_accepted(plan: Plan, probability: float) -> float:
    """The true rate, in percent, at which the curve has fallen to `probability`."""
    from scipy.special import betaincinv, gammaincinv

    if plan.counts_errors:
        return round(100 * float(gammaincinv(plan.accept + 1, 1 - probability)) / plan.sample_size, _DIGITS)
    if plan.accept >= plan.sample_size:
        return math.nan
    return round(100 * float(betaincinv(plan.accept + 1, plan.sample_size - plan.accept, 1 - probability)), _DIGITS)


def draw_sample(item_ids: Iterable[str], n: int, seed_key: str) -> tuple[str, ...]:
    """`n` different items, or all where there are fewer, sorted: each set of n is as likely as any other.

    Drawn by hash, so that whoever knows `seed_key` can draw it again. It has to be chosen after the lot is closed,
    or nobody who answers may know it (clause 8.1: at random).
    """
    order = sorted(set(item_ids), key=lambda item_id: (ids.key("acceptance sample", seed_key, item_id), item_id))
    return tuple(sorted(order[:n]))


def judge(lot: Lot, plan: Plan, findings: Collection[Finding]) -> Acceptance:
    """Accept, rework or reject a lot by what the check of its sample found.

    Accept: the sample has at most Ac (clause 11.1). The failed items found are put right all the same (clause 7.3).

    Rework: the sample fails, but the failures are attributable. An annotator is named when the share of failed
    items among those they answered is significantly higher than among the rest of the sample (Fisher's exact test,
    one-sided; Holm's correction over all annotators of the sample; 5 % together), and when the rest of the sample,
    without the items of all who are named, passes on its own: at most Ac in proportion to its size, rounded down.
    Then `again` names the failed items and all items of the lot that the named annotators had a part in, checked
    or not; the others' work stands.

    Reject: the sample fails and the failures are nobody's in particular: `again` names the whole lot.

    A lot that comes back is a resubmitted one, which the switching rules leave out (clause 9.3). Raises SpecError
    for a plan of another lot size and for findings that name an item twice or one that is not in the lot, NotReady
    while fewer or more items are checked than the plan wants.

    Source: ISO 2859-1:1999, clauses 7 and 11; Fisher 1935; Holm 1979, "A simple sequentially rejective multiple
    test procedure".
    """
    _check(lot, plan, findings)
    failed = tuple(sorted(one.item_id for one in findings if one.num_errors))
    num_found = _count(plan, findings)
    passes = num_found <= plan.accept
    named = () if passes else culprits(lot, findings)
    guilty = {one.annotator for one in named}
    tainted = {item for item, people in lot.annotators.items() if guilty.intersection(people)}
    rest = [one for one in findings if one.item_id not in tainted]
    attributable = bool(guilty) and bool(rest) and _count(plan, rest) * plan.sample_size <= plan.accept * len(rest)
    decision: Decision = "accept" if passes else "rework" if attributable else "reject"
    again = {"accept": set[str](), "rework": tainted | set(failed), "reject": set(lot.annotators)}[decision]
    evidence = Evidence(
        sample_id=ids.set_id(one.item_id for one in findings),
        num_checked=len(findings),
        num_failed=len(failed),
        num_found=num_found,
        accept=plan.accept,
        share_failed=wilson(len(failed), len(findings)),
        culprits=named,
        why=_why(plan, num_found, decision, named),
    )
    return Acceptance(lot=lot.name, decision=decision, failed=failed, again=tuple(sorted(again)), evidence=evidence)


def _check(lot: Lot, plan: Plan, findings: Collection[Finding]) -> None:
    checked = [one.item_id for one in findings]
    if plan.lot_size != len(lot.annotators):
        raise SpecError(
            f"the plan is for {plan.lot_size} items, and lot {lot.name} has {len(lot.annotators)}",
            remedy="make the plan from the lot's own size",
        )
    strange = sorted(set(checked) - set(lot.annotators))
    if strange or len(set(checked)) != len(checked):
        wrong = strange[0] if strange else next(one for one in checked if checked.count(one) > 1)
        raise SpecError(
            f"the findings name {wrong} {'which lot ' + lot.name + ' does not have' if strange else 'twice'}",
            remedy="give one finding for each item of the sample that was drawn",
        )
    if len(checked) != plan.sample_size:
        raise NotReady(
            f"{len(checked)} items of lot {lot.name} are checked, and the plan wants {plan.sample_size}",
            remedy="check exactly the items that were drawn, then judge again",
        )


def _count(plan: Plan, findings: Iterable[Finding]) -> int:
    return sum(one.num_errors if plan.counts_errors else bool(one.num_errors) for one in findings)


def culprits(lot: Lot, findings: Collection[Finding]) -> tuple[Culprit, ...]:
    """Annotators whose items failed significantly more often than the rest of the sample, by name.

    Fisher's exact test, one-sided, with Holm's correction over all annotators of the sample; 5 % together.
    """
    tests = []
    total = sum(bool(one.num_errors) for one in findings)
    for annotator in sorted({who for one in findings for who in lot.annotators[one.item_id]}):
        own = [one for one in findings if annotator in lot.annotators[one.item_id]]
        num_failed = sum(bool(one.num_errors) for one in own)
        tests.append((_fisher(num_failed, len(own), total, len(findings)), annotator, len(own), num_failed))
    named, largest = [], 0.0
    for place, (p_value, annotator, num_checked, num_failed) in enumerate(sorted(tests)):
        largest = max(largest, min(1.0, p_value * (len(tests) - place)))
        if largest <= SIGNIFICANCE:
            named.append(
                Culprit(
                    annotator=annotator,
                    num_checked=num_checked,
                    num_failed=num_failed,
                    p_value=round(largest, _DIGITS),
                )
            )
    return tuple(sorted(named, key=lambda one: one.annotator))


def _fisher(own_failed: int, own: int, failed: int, total: int) -> float:
    """Chance of so many or more failed items among `own`, when `failed` of `total` fell anywhere."""
    ways = sum(
        math.comb(failed, k) * math.comb(total - failed, own - k) for k in range(own_failed, min(own, failed) + 1)
    )
    return ways / math.comb(total, own)


def _why(plan: Plan, num_found: int, decision: Decision, culprits: Sequence[Culprit]) -> str:
    what = "errors" if plan.counts_errors else "failed items"
    said = f"{num_found} {what} among {plan.sample_size} checked, at most {plan.accept} allowed"
    names = ", ".join(f"{one.annotator} ({one.num_failed} of {one.num_checked})" for one in culprits)
    if decision == "rework":
        return f"{said}; attributable to {names}, and the rest passes"
    if decision == "reject" and names:
        return f"{said}; {names} stand out, but the rest does not pass either"
    return f"{said}; nobody stands out" if decision == "reject" else said
