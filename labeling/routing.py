"""Where the next votes go: which items need another, from whom, which are done, and which an expert has to decide.

A model's prediction is one more voter, with a confusion matrix estimated like anybody's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from labeling.consensus.classes import FittedChoices
from labeling.consensus.confusion import CROWD
from labeling.consensus.votes import FloatArray, IntArray
from lake import ids
from lake.errors import SpecError

Verdict = Literal["done", "more", "expert"]

BANDS = (0.6, 0.9)  # of a model's confidence: in each it is a voter of its own
_LAST = 1e-3  # weight of the plain error where no single vote could turn a label


@dataclass(frozen=True)
class Routed:
    """What becomes of an item."""

    item: str
    verdict: Verdict
    expected_error: float  # probability that the label is wrong
    num_votes: int  # of people, so far


@dataclass(frozen=True)
class Router:
    """When an item has votes enough.

    Raises SpecError unless 0 < target_error < 1 and 1 <= min_votes <= max_votes.
    """

    target_error: float
    min_votes: int
    max_votes: int

    def __post_init__(self) -> None:
        if not 0 < self.target_error < 1:
            raise SpecError(f"an error of {self.target_error:g} is no target", remedy="give one between 0 and 1")
        if not 1 <= self.min_votes <= self.max_votes:
            raise SpecError(
                f"at least {self.min_votes} and at most {self.max_votes} votes contradict each other",
                remedy="give at least 1, and no more at least than at most",
            )

    def route(self, fitted: FittedChoices) -> tuple[Routed, ...]:
        """Each item: done where the expected error is at most the target, else more votes, or an expert where all
        that may be asked have answered."""
        votes = fitted.votes
        people = ~np.array([is_machine(name) for name in votes.annotators], dtype=bool)
        num_votes = np.bincount(votes.item, weights=people[votes.annotator], minlength=len(votes.items)).astype(int)
        error = 1 - fitted.posterior.max(axis=1, initial=0.0)
        rows = zip(votes.items, error.tolist(), num_votes.tolist(), strict=True)
        return tuple(Routed(item, self._verdict(wrong, number), wrong, number) for item, wrong, number in rows)

    def _verdict(self, error: float, num_votes: int) -> Verdict:
        if num_votes >= self.min_votes and error <= self.target_error:
            return "done"
        return "more" if num_votes < self.max_votes else "expert"


@dataclass(frozen=True)
class Offers:
    """Votes that could be bought: who is free to answer what."""

    item: IntArray  # (offers,), rows of the posterior
    annotator: IntArray  # (offers,), rows of the confusion matrices


def best_offers(
    offers: Offers, posterior: FloatArray, confusion: FloatArray, num_answers: IntArray, budget: int, seed_key: str
) -> IntArray:
    """Places of at most `budget` offers, at most one an item, those first that are expected to mend most labels.

    posterior: (items, classes). confusion: (annotators, classes, classes). num_answers: (annotators,) so far.
    Of each item's annotators the one with the best accuracy is taken, drawn from what is known of it, so that people
    who are hardly known get a chance (Thompson 1933). Its worth is the gain in the probability that the label is right
    after its vote, averaged over what it may say (expected value of information, Howard 1966).
    """
    draw = np.random.default_rng(int(ids.key("offers", seed_key)[:12], 16))
    accuracy = np.einsum("akk->a", confusion) / confusion.shape[1]
    spread = np.sqrt(accuracy * (1 - accuracy) / (num_answers + CROWD))
    promise = draw.normal(accuracy, spread)[offers.annotator]
    order = np.lexsort((-promise, offers.item))
    first = order[np.r_[True, offers.item[order][1:] != offers.item[order][:-1]]] if len(order) else order
    before = posterior[offers.item[first]]
    after = (before[:, :, None] * confusion[offers.annotator[first]]).max(axis=1).sum(axis=1)
    error = 1 - before.max(axis=1, initial=0.0)
    worth = after - (1 - error) + _LAST * error + 1e-9 * draw.random(len(first))
    return np.asarray(first[np.argsort(-worth, kind="stable")[:budget]])


def is_machine(annotator: str) -> bool:
    """Whether an annotator's name is a model's."""
    return annotator.startswith("model:")


def machine_votes(
    name: str, items: Sequence[str], probabilities: npt.ArrayLike, classes: Sequence[str]
) -> list[tuple[str, str, str]]:
    """A model's predictions as (item, annotator, answer), for consensus beside the votes of people.

    probabilities: (items, classes). What it is sure of, takes for likely and guesses are three voters, `model:NAME
    sure` and so on, for it is right more often where it is sure; consensus finds out how often. Raises SpecError for
    another shape.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    if table.shape != (len(items), len(classes)):
        raise SpecError(
            f"{name} gives probabilities of shape {table.shape} for {len(items)} items and {len(classes)} classes",
            remedy="give one row an item and one column a class, in the order of the question",
        )
    best = table.argmax(axis=1)
    bands = np.searchsorted(BANDS, table.max(axis=1, initial=0.0), side="right")
    words = ("guess", "likely", "sure")
    return [
        (item, f"model:{name} {words[band]}", classes[place])
        for item, band, place in zip(items, bands, best, strict=True)
    ]


def overlap_wanted(routed: Sequence[Routed], overlap: Mapping[str, int]) -> dict[str, int]:
    """The overlap that each item should have now: one more than its votes where it needs more."""
    return {
        one.item: max(overlap[one.item], one.num_votes + 1)
        for one in routed
        if one.verdict == "more" and one.item in overlap
    }
