"""Whether a model may take the champion's place: the same cases, a paired test, no slice left behind."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lake.errors import NotReady
from lake.records import Verdict
from quality.spec import SuiteSpec
from quality.trial.runner import TrialResult

_Z95 = 1.959963984540054


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """Accuracy of the candidate less that of the champion on the same cases, with a 95 % interval."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What follows from a trial, and why."""

    verdict: Verdict
    reasons: tuple[str, ...]  # sentences for people, the deciding ones first
    p_value: float | None = None  # two-sided, exact; None without a champion
    gain: Gain | None = None


def verdict(
    candidate: TrialResult,
    champion: TrialResult | None,
    suite: SuiteSpec,
    *,
    gate_passed: bool,
    signed: bool,
) -> Judgement:
    """Promote, hold or reject a model.

    reject: its data did not pass the gate; its accuracy, or that of a slice with min_slice_cases, is below
        the suite's; it is significantly worse than the champion; or such a slice lost more than
        max_slice_drop, significantly after Holm's correction over all of them (one-sided).
    hold: nobody has signed its data, or it cannot be told apart from the champion: the champion stays.
    promote: nothing of this, and it is significantly better than the champion or there is none.

    Raises NotReady when the champion was tried on other cases.
    Source of the tests: McNemar 1947 in its exact form, Holm 1979.
    """
    paired = None if champion is None else _Paired(candidate, champion, suite)
    shortfalls = [*_shortfalls(candidate, suite, gate_passed), *(paired.losses() if paired else ())]
    doubts = () if signed else ("Nobody has signed the data that it was trained on.",)
    if paired is None:
        return _judgement(shortfalls, doubts, "It meets the suite's thresholds, and there is no champion yet.", None)
    if not paired.is_better:
        doubts = (*doubts, f"It cannot be told apart from the champion: {paired}.")
    return _judgement(shortfalls, doubts, f"It is better than the champion: {paired}.", paired)


def mcnemar(num_gained: int, num_lost: int) -> float:
    """Two-sided exact p-value of a paired comparison from the cases on which the two models differ.

    Source: McNemar 1947; exact binomial form, Agresti 2013, "Categorical data analysis", 11.1.
    """
    return min(1.0, 2 * _binomial_tail(min(num_gained, num_lost), num_gained + num_lost))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values adjusted for looking at all of them (Holm 1979)."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: (p_values[name], name))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def _judgement(shortfalls: Sequence[str], doubts: Sequence[str], praise: str, paired: "_Paired | None") -> Judgement:
    reached: Verdict = "reject" if shortfalls else "hold" if doubts else "promote"
    return Judgement(
        verdict=reached,
        reasons=tuple(shortfalls or doubts or (praise,)),
        p_value=None if paired is None else paired.p_value,
        gain=None if paired is None else paired.gain,
    )


class _Paired:
    """Candidate and champion, case by case."""

    def __init__(self, candidate: TrialResult, champion: TrialResult, suite: SuiteSpec) -> None:
        _demand_same_cases(candidate, champion)
        self._suite = suite
        self._here, self._there = _right(candidate), _right(champion)
        self._members = _members(candidate)
        num_gained, num_lost = self._discordant(self._here)
        self.p_value = mcnemar(num_gained, num_lost)
        self.gain = _gain(num_gained, num_lost, len(self._here))
        self._significant = self.p_value < suite.significance
        self.is_better = self._significant and num_gained > num_lost
        self.is_worse = self._significant and num_lost > num_gained

    def __str__(self) -> str:
        gain = self.gain
        interval = f"95 % {gain.low:+.3f} to {gain.high:+.3f}"
        return f"{gain.value:+.3f} accuracy, {interval}, p {self.p_value:.2g}"

    def losses(self) -> Iterator[str]:
        """Worse overall, and the slices that lost more than they may, beyond chance."""
        if self.is_worse:
            yield f"It is worse than the champion: {self}."
        enough = {name: cases for name, cases in self._members.items() if len(cases) >= self._suite.min_slice_cases}
        pairs = {name: self._discordant(cases) for name, cases in enough.items()}
        p_values = {name: _binomial_tail(gained, gained + lost) for name, (gained, lost) in pairs.items()}
        for name, p_value in sorted(holm(p_values).items()):
            gained, lost = pairs[name]
            drop = (lost - gained) / len(enough[name])
            if drop > self._suite.max_slice_drop and p_value < self._suite.significance:
                yield (
                    f"It lost {drop:.3f} on {name} ({len(enough[name])} cases) against the champion "
                    f"(p {p_value:.2g} after Holm), and {self._suite.max_slice_drop:.3f} is allowed."
                )

    def _discordant(self, cases: Iterable[str]) -> tuple[int, int]:
        """How many of the cases only the candidate got right, and how many only the champion."""
        outcomes = [(self._here[case], self._there[case]) for case in cases]
        return outcomes.count((True, False)), outcomes.count((False, True))


def _binomial_tail(num: int, total: int) -> float:
    """P(X <= num) of `total` fair coins."""
    from scipy.special import bdtr

    return float(bdtr(num, total, 0.5))


def _right(result: TrialResult) -> dict[str, bool]:
    columns = (result.outcomes[name].to_pylist() for name in ("item_id", "reason"))
    return {item_id: not reason for item_id, reason in zip(*columns, strict=True)}


def _demand_same_cases(candidate: TrialResult, champion: TrialResult) -> None:
    mine, theirs = (one.outcomes.select(["item_id", "expected"]) for one in (candidate, champion))
    if not mine.equals(theirs):
        raise NotReady(
            f"the champion was tried on {champion.suite}, the candidate on {candidate.suite}",
            remedy="try the champion on the present suite first, then compare",
        )


def _shortfalls(candidate: TrialResult, suite: SuiteSpec, gate_passed: bool) -> Iterator[str]:
    if not gate_passed:
        yield "The data that it was trained on did not pass the gate."
    if candidate.overall.accuracy < suite.min_accuracy:
        yield f"Its accuracy is {candidate.overall.accuracy:.3f}, and the suite wants {suite.min_accuracy:.3f}."
    for one in candidate.slices:
        if one.num_cases >= suite.min_slice_cases and one.accuracy < suite.min_slice_accuracy:
            yield (
                f"Its accuracy on {one.name} ({one.num_cases} cases) is {one.accuracy:.3f}, "
                f"and the suite wants {suite.min_slice_accuracy:.3f}."
            )


def _members(result: TrialResult) -> dict[str, list[str]]:
    """The cases of each slice."""
    members: dict[str, list[str]] = {}
    columns = (result.outcomes[name].to_pylist() for name in ("item_id", "slices"))
    for item_id, slices in zip(*columns, strict=True):
        for name in slices:
            members.setdefault(name, []).append(item_id)
    return members


def _gain(num_gained: int, num_lost: int, num_cases: int) -> Gain:
    """Source of the interval: Bonett & Price 2012, adjusted Wald for paired proportions."""
    up, down = (num_gained + 1) / (num_cases + 2), (num_lost + 1) / (num_cases + 2)
    half = _Z95 * math.sqrt((up + down - (up - down) ** 2) / (num_cases + 2))
    return Gain(
        value=(num_gained - num_lost) / num_cases,
        low=max(-1.0, up - down - half),
        high=min(1.0, up - down + half),
    )
