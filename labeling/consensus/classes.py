"""Consensus on one class out of several: counting votes, and models of how each annotator errs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from labeling.consensus import evidence
from labeling.consensus.confusion import Ballots, Fitter, Model
from labeling.consensus.one_coin import OneCoin
from labeling.consensus.votes import DIGITS, Agreed, FloatArray, IntArray, Votes, annotators_table
from lake.errors import PlatformError, SpecError

VERSION = "2"  # changes with every change that may change a label
SMOOTHING = 2.0  # votes a row of each of Dawid and Skene's confusion matrices starts with
ROOM = 20_000_000  # cells of all confusion matrices together; where more were needed, one number an annotator does

ClassMethod = Literal["auto", "majority", "one_coin", "dawid_skene", "ibcc", "ebcc"]


@dataclass(frozen=True)
class FittedChoices:
    """One label an item. Immutable; the same votes in any order give the same."""

    votes: Votes
    classes: tuple[str, ...]
    posterior: FloatArray  # (items, classes), rows sum to 1; of `majority` the shares of votes
    accuracy: FloatArray  # (annotators,), expected share of right answers
    method: str
    why: str
    model: Model | OneCoin | None = None  # what was learned of annotators; majority learns nothing
    codes: Mapping[str, int] = field(repr=False, default_factory=dict)

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; of equally probable classes the first in the order of the question."""
        return _labels(self.votes, self._said(self.votes), self.posterior, self.classes)

    @property
    def table(self) -> pa.Table:
        """item, answer, confidence, agreement: as `labels`, for millions of items."""
        best, confidence, agreement = _best(self.votes, self._said(self.votes), self.posterior)
        answer = pa.DictionaryArray.from_arrays(pa.array(best, pa.int32()), pa.array(list(self.classes), pa.string()))
        columns = [pa.array(self.votes.items, pa.string()), answer.cast(pa.string()), confidence, agreement]
        return pa.table(columns, names=["item", "answer", "confidence", "agreement"])

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator."""
        return annotators_table(self.votes, self.accuracy)

    @property
    def confusion(self) -> FloatArray:
        """(annotators, classes, classes), [a, t, v] = P(a says v | truth is t). Raises SpecError where none is made."""
        if not isinstance(self.model, Model):
            raise SpecError(f"{self.method} has no confusion matrices", remedy="fit `ibcc` or `dawid_skene`")
        return self.model.confusion

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        said, unknown = _codes(votes, self.codes), np.full(len(votes.items), -1)
        place = {name: row for row, name in enumerate(self.votes.annotators)}
        who = np.array([place.get(name, -1) for name in votes.annotators], dtype=np.int64)
        if self.model is None:
            ballots = _ballots(votes, said, unknown, self.classes)
            posterior = ballots.shares(ballots.table)
        else:
            posterior = self.model.of_crew(who).posterior(_ballots(votes, said, unknown, self.classes))
        return _labels(votes, said, posterior, self.classes)

    def _said(self, votes: Votes) -> IntArray:
        return _codes(votes, self.codes)


@dataclass(frozen=True)
class Choices:
    """How votes for one class out of several become a label.

    classes: of the question, in its order; None takes those that were said, sorted. Methods: `majority` counts;
    `one_coin` knows one accuracy an annotator; `dawid_skene` and `ibcc` a confusion matrix each, as a point or as a
    distribution; `ebcc` also that errors go together on some kinds of items; `auto` takes the one of the last two,
    and the prior, that explains the votes best, without looking at the truth.
    Sources: Dawid & Skene 1979; Kim & Ghahramani 2012 (IBCC); Li, Rubinstein & Cohn 2019 (EBCC).
    """

    classes: Sequence[str] | None = None
    method: ClassMethod = "auto"
    max_iterations: int = 300
    tolerance: float = 1e-5  # gain in mean log-likelihood a vote at which it rests, nats

    def __post_init__(self) -> None:
        if self.method not in get_args(ClassMethod):
            remedy = f"take one of {', '.join(get_args(ClassMethod))}"
            raise SpecError(f'"{self.method}" is no method for classes', remedy=remedy)

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedChoices:
        """Learn from votes; items of `gold` are certain, and anchor what is learned of annotators.

        Raises PlatformError for an answer, or gold, that is no class of the question.
        """
        expert = gold or {}
        classes = tuple(self.classes or sorted({*votes.vocabulary, *expert.values()}))
        codes = {name: place for place, name in enumerate(classes)}
        said = _codes(votes, codes)
        known = np.array([_code(codes, expert[item]) if item in expert else -1 for item in votes.items], dtype=np.int64)
        ballots = _ballots(votes, said, known, classes)
        method, model, why = self._model(ballots)
        posterior = _counted(ballots) if model is None else model.posterior(ballots)
        return FittedChoices(
            votes=votes,
            classes=classes,
            posterior=posterior,
            accuracy=_accuracy(votes, said, posterior) if model is None else model.accuracy,
            method=method,
            why=why,
            model=model,
            codes=codes,
        )

    def distance(self, one: str, other: str) -> float:
        """1 where they differ."""
        return float(one != other)

    def _model(self, ballots: Ballots) -> tuple[str, Model | OneCoin | None, str]:
        if self.method == "majority":
            return "majority", None, "majority was asked for: each vote counts the same"
        if not ballots.num_classes:
            return "majority", None, "there is no answer to learn from"
        cells = ballots.num_annotators * ballots.num_classes**2
        if self.method == "one_coin" or cells > ROOM:
            asked = "was asked for" if self.method == "one_coin" else f"serves {ballots.num_classes:,} classes"
            return "one_coin", OneCoin.fit(ballots, self.max_iterations), f"one accuracy an annotator {asked}"
        if self.method == "dawid_skene":
            fitter = Fitter(1, SMOOTHING, False, max_iterations=self.max_iterations, tolerance=self.tolerance)
            return "dawid_skene", fitter.fit(ballots), "dawid_skene was asked for: a confusion matrix an annotator"
        return evidence.choose(ballots, self.method, self.max_iterations, self.tolerance)


def _code(codes: Mapping[str, int], answer: str) -> int:
    if answer not in codes:
        remedy = f"the classes are {', '.join(list(codes)[:12])}"
        raise PlatformError(f'"{answer}" is no class of this question', remedy=remedy)
    return codes[answer]


def _codes(votes: Votes, codes: Mapping[str, int]) -> IntArray:
    """(votes,): the class each vote names."""
    place = np.array([_code(codes, name) for name in votes.vocabulary], dtype=np.int64)
    return place[votes.code]


def _ballots(votes: Votes, said: IntArray, known: IntArray, classes: Sequence[str]) -> Ballots:
    return Ballots.of(votes.item, votes.annotator, said, known, (len(votes.annotators), len(classes)))


def _counted(ballots: Ballots) -> FloatArray:
    """Shares of votes; gold is certain."""
    shares = ballots.shares(ballots.table)
    certain = np.flatnonzero(ballots.known >= 0)
    shares[certain] = np.eye(ballots.num_classes)[ballots.known[certain]]
    return shares


def _accuracy(votes: Votes, said: IntArray, posterior: FloatArray) -> FloatArray:
    """(annotators,): expected share of right answers."""
    size = len(votes.annotators)
    right = np.bincount(votes.annotator, weights=posterior[votes.item, said], minlength=size)
    return np.asarray(right / np.bincount(votes.annotator, minlength=size))


def _best(votes: Votes, said: IntArray, posterior: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """(items,) each: the most probable class, its probability, and the share of votes for it."""
    best = posterior.round(DIGITS).argmax(axis=1) if len(posterior) else np.zeros(0, dtype=np.int64)
    confidence = posterior[np.arange(len(best)), best].round(DIGITS)
    size = len(votes.items)
    same = np.bincount(votes.item, weights=said == best[votes.item], minlength=size)
    return best, confidence, (same / np.bincount(votes.item, minlength=size)).round(DIGITS)


def _labels(votes: Votes, said: IntArray, posterior: FloatArray, classes: Sequence[str]) -> tuple[Agreed, ...]:
    best, confidence, agreement = _best(votes, said, posterior)
    rows = zip(votes.items, best.tolist(), confidence.tolist(), agreement.tolist(), strict=True)
    return tuple(
        Agreed(item, classes[place], sure, share, votes.who(row)) for row, (item, place, sure, share) in enumerate(rows)
    )
