"""Consensus on ratings and numbers: people differ in where they set zero and in how much they scatter."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa

from labeling.consensus.votes import DIGITS, Agreed, FloatArray, Votes, annotators_table
from lake.answers import number_of, number_text, rating_of, rating_text
from lake.errors import PlatformError

_PRIOR = 4.0  # answers at the crowd's scatter and without bias that each annotator starts with
_FREEDOM = 4.0  # degrees of freedom of the errors' t distribution: what lies far off counts little
_ROUNDS = 200
_RESTS = 1e-9  # change of any item's value, in standard deviations
_LEAST = 1e-9  # of a variance


@dataclass(frozen=True)
class FittedNumbers:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    bias: Mapping[str, float]  # what each annotator adds to the truth
    deviation: Mapping[str, float]  # standard deviation of their errors
    crowd: float  # of an annotator nothing is known of
    mean: float
    spread: float  # standard deviation of the items' values
    rating: bool
    gold: Mapping[str, str]
    method: str
    why: str

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator; accuracy is the chance to say the rating (half a step off at most), or to
        be off by less than one standard deviation of the crowd's."""
        within = [self._within(self.bias[who], self.deviation[who]) for who in self.votes.annotators]
        return annotators_table(self.votes, within)

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        values = _values(votes, rating=self.rating)
        return tuple(self._label(votes, row, values) for row in range(len(votes.items)))

    def _label(self, votes: Votes, row: int, values: FloatArray) -> Agreed:
        part, who = slice(votes.bounds[row], votes.bounds[row + 1]), votes.who(row)
        if votes.items[row] in self.gold:
            value, deviation = _value(self.gold[votes.items[row]], rating=self.rating), 0.0
        else:
            bias = np.array([self.bias.get(name, 0.0) for name in who])
            variance = np.array([self.deviation.get(name, self.crowd) for name in who]) ** 2
            value, deviation = _posterior(values[part] - bias, variance, self.mean, self.spread)
        label = float(round(value)) if self.rating else round(value, DIGITS)
        near = np.abs(values[part] - label) <= self._step
        return Agreed(
            item=votes.items[row],
            answer=rating_text(label) if self.rating else number_text(label),
            confidence=round(self._within(value - label, deviation), DIGITS),
            agreement=round(float(near.mean()), DIGITS),
            annotators=who,
        )

    @property
    def _step(self) -> float:
        return 0.5 if self.rating else self.crowd

    def _within(self, off: float, deviation: float) -> float:
        """Probability that a value with this error lies within a step of the label."""
        if deviation <= 0:
            return float(abs(off) <= self._step)
        scale = deviation * math.sqrt(2)
        return (math.erf((self._step - off) / scale) + math.erf((self._step + off) / scale)) / 2


@dataclass(frozen=True)
class Numbers:
    """How numbers become a label: the mean of the posterior, with each annotator's bias and scatter taken into account.

    A random-effects model (Gaussian values, errors with Student's t against outliers; Lange, Little & Taylor 1989),
    fitted by expectation-maximisation; bias and scatter are drawn to the crowd's. Confidence is the probability that
    the truth lies within one standard deviation of the crowd's errors.
    """

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedNumbers:
        """Learn from votes; items of `gold` are certain. Raises PlatformError for an answer that is no number."""
        return _fit(votes, gold or {}, rating=False)

    def distance(self, one: str, other: str) -> float:
        """Difference over the larger of the two, at most 1."""
        a, b = _value(one, rating=False), _value(other, rating=False)
        size = max(abs(a), abs(b))
        return min(1.0, abs(a - b) / size) if size else 0.0


@dataclass(frozen=True)
class Ratings:
    """How ratings become a label: as numbers do, rounded to a whole one; confidence is the probability of that one.

    steps: between the least rating and the greatest, for `distance`.
    """

    steps: float = 4.0

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedNumbers:
        """Learn from votes; items of `gold` are certain. Raises PlatformError for an answer that is no rating."""
        return _fit(votes, gold or {}, rating=True)

    def distance(self, one: str, other: str) -> float:
        """Difference over `steps`, at most 1."""
        return min(1.0, abs(_value(one, rating=True) - _value(other, rating=True)) / self.steps)


def _fit(votes: Votes, gold: Mapping[str, str], *, rating: bool) -> FittedNumbers:
    values = _values(votes, rating=rating)
    expert = {item: gold[item] for item in votes.items if item in gold}
    known = np.array([_value(expert[item], rating=rating) if item in expert else np.nan for item in votes.items])
    start = np.array([np.median(values[low:high]) for low, high in pairwise(votes.bounds)])
    scale = 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
    scale = scale or float(values.std() if len(values) else 0.0) or 1.0
    size = len(votes.annotators)
    count = np.bincount(votes.annotator, minlength=size)
    bias, variance, weight = np.zeros(size), np.full(size, max((scale / 2) ** 2, _LEAST)), np.ones(len(values))
    item_mean = np.where(np.isnan(known), start, known)
    if len(values):
        weight = (_FREEDOM + 1) / (_FREEDOM + (values - item_mean[votes.item]) ** 2 / variance[votes.annotator])
    for _ in range(_ROUNDS if len(values) else 0):
        mean, spread = float(item_mean.mean()), max(float(item_mean.var()), _LEAST)
        precision = weight / variance[votes.annotator]
        total = np.bincount(votes.item, weights=precision, minlength=len(votes.items)) + 1 / spread
        pulled = np.bincount(
            votes.item, weights=precision * (values - bias[votes.annotator]), minlength=len(votes.items)
        )
        after = np.where(np.isnan(known), (pulled + mean / spread) / total, known)
        uncertain = np.where(np.isnan(known), 1 / total, 0.0)
        off = values - after[votes.item]
        bias = np.bincount(votes.annotator, weights=weight * off, minlength=size) / (
            np.bincount(votes.annotator, weights=weight, minlength=size) + _PRIOR
        )
        squares = (off - bias[votes.annotator]) ** 2 + uncertain[votes.item]
        crowd = max(float((weight * squares).mean()), _LEAST)
        variance = (np.bincount(votes.annotator, weights=weight * squares, minlength=size) + _PRIOR * crowd) / (
            count + _PRIOR
        )
        weight = (_FREEDOM + 1) / (_FREEDOM + squares / variance[votes.annotator])
        moved = float(np.abs(after - item_mean).max())
        item_mean = after
        if moved < _RESTS * scale:
            break
    deviations = np.sqrt(variance)
    overall = float(np.sqrt((variance * count).sum() / max(1, count.sum())))
    return FittedNumbers(
        votes=votes,
        bias=dict(zip(votes.annotators, bias.round(DIGITS).tolist(), strict=True)),
        deviation=dict(zip(votes.annotators, deviations.round(DIGITS).tolist(), strict=True)),
        crowd=overall,
        mean=float(item_mean.mean()) if len(item_mean) else 0.0,
        spread=float(item_mean.std()) if len(item_mean) else 1.0,
        rating=rating,
        gold=expert,
        method="random_effects",
        why=f"each annotator's bias and scatter is taken into account; a usual error is {overall:.2g}",
    )


def _posterior(values: FloatArray, variance: FloatArray, mean: float, spread: float) -> tuple[float, float]:
    """Mean and standard deviation of the truth, with weights against outliers found as in the fit."""
    prior = 1 / max(spread**2, _LEAST)
    weight = np.ones(len(values))
    estimate = float(np.median(values))
    for _ in range(_ROUNDS):
        precision = weight / variance
        total = float(precision.sum()) + prior
        before, estimate = estimate, (float((precision * values).sum()) + mean * prior) / total
        weight = (_FREEDOM + 1) / (_FREEDOM + ((values - estimate) ** 2 + 1 / total) / variance)
        if abs(estimate - before) < _RESTS:
            break
    return estimate, math.sqrt(1 / total)


def _values(votes: Votes, *, rating: bool) -> FloatArray:
    """(votes,)."""
    by_code = np.array([_value(answer, rating=rating) for answer in votes.vocabulary], dtype=np.float64)
    return np.asarray(by_code[votes.code]) if len(by_code) else np.zeros(0)


def _value(answer: str, *, rating: bool) -> float:
    read: Callable[[str], float | None] = rating_of if rating else number_of
    value = read(answer)
    if value is None:
        try:
            value = float(answer)
        except ValueError:
            value = math.nan
    if not math.isfinite(value):
        raise PlatformError(f'"{answer[:60]}" is no number', remedy="correct that answer, or leave it out")
    return value
