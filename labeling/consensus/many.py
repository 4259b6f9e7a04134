"""Consensus on several classes of one item: each class is a question of its own, yes or no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from labeling.consensus.confusion import Ballots, Fitter, Model
from labeling.consensus.votes import DIGITS, Agreed, FloatArray, IntArray, Votes, annotators_table
from lake.answers import classes_of, classes_text, kind_of
from lake.errors import PlatformError


@dataclass(frozen=True)
class FittedManyClasses:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    classes: tuple[str, ...]
    models: tuple[Model, ...]  # one a class
    accuracy: FloatArray  # (annotators,), expected share of right yeses and noes
    gold: Mapping[str, str]
    method: str
    why: str

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; `parts` is the probability of each class of the answer."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator."""
        return annotators_table(self.votes, self.accuracy)

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        place = {name: row for row, name in enumerate(self.votes.annotators)}
        who = np.array([place.get(name, -1) for name in votes.annotators], dtype=np.int64)
        said, known = _said(votes, self.classes), _known(votes, self.gold, self.classes)
        yes = [
            model.of_crew(who).posterior(_ballots(votes, said[:, column], known[:, column]))[:, 1]
            for column, model in enumerate(self.models)
        ]
        table = np.array(yes).T.reshape(len(votes.items), len(self.classes)).round(DIGITS)
        return tuple(self._label(votes, row, table[row], said) for row in range(len(votes.items)))

    def _label(self, votes: Votes, row: int, yes: FloatArray, said: IntArray) -> Agreed:
        part = slice(votes.bounds[row], votes.bounds[row + 1])
        chosen = yes >= 0.5
        order = sorted(np.flatnonzero(chosen), key=lambda column: self.classes[column])
        same = said[part] == chosen
        return Agreed(
            item=votes.items[row],
            answer=classes_text([self.classes[column] for column in order]),
            confidence=round(float(np.maximum(yes, 1 - yes).mean()) if len(yes) else 1.0, DIGITS),
            agreement=round(float(same.mean()) if same.size else 1.0, DIGITS),
            annotators=votes.who(row),
            parts=tuple(float(yes[column]) for column in order),
        )


@dataclass(frozen=True)
class ManyClasses:
    """How choices of several classes become a label: for each class, whether it holds.

    Annotators have a sensitivity and a specificity for each class, drawn to their own accuracy, which is drawn to the
    crowd's (labeling.consensus.confusion with the classes no and yes): who says little is judged by the rest.
    classes: of the question; None takes those that were said.
    """

    classes: Sequence[str] | None = None

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedManyClasses:
        """Learn from votes; items of `gold` are certain. Raises PlatformError for an unknown class."""
        expert = {item: gold[item] for item in votes.items if item in gold} if gold else {}
        answers = [*votes.vocabulary, *expert.values()]
        classes = tuple(self.classes or sorted({name for answer in answers for name in classes_of(answer)}))
        said, known = _said(votes, classes), _known(votes, expert, classes)
        models = tuple(
            Fitter().fit(_ballots(votes, said[:, column], known[:, column])) for column in range(len(classes))
        )
        accuracy = np.mean([model.accuracy for model in models], axis=0) if models else np.ones(len(votes.annotators))
        return FittedManyClasses(
            votes=votes,
            classes=classes,
            models=models,
            accuracy=accuracy,
            gold=expert,
            method="ibcc_by_class",
            why="each class is agreed on by itself, by how often each annotator sees it where it is, and where not",
        )

    def distance(self, one: str, other: str) -> float:
        """1 - Jaccard index of the two sets of classes; two empty ones are the same."""
        mine, theirs = set(classes_of(one)), set(classes_of(other))
        return 1 - len(mine & theirs) / len(mine | theirs) if mine | theirs else 0.0


def _said(votes: Votes, classes: Sequence[str]) -> IntArray:
    """(votes, classes): 1 where the vote names the class."""
    table = np.array([_row(answer, classes) for answer in votes.vocabulary], dtype=np.int64)
    return table.reshape(len(votes.vocabulary), len(classes))[votes.code]


def _known(votes: Votes, gold: Mapping[str, str], classes: Sequence[str]) -> IntArray:
    """(items, classes): 1 or 0 where the truth is known, else -1."""
    unknown = [-1] * len(classes)
    rows = [_row(gold[item], classes) if item in gold else unknown for item in votes.items]
    return np.array(rows, dtype=np.int64).reshape(len(votes.items), len(classes))


def _row(answer: str, classes: Sequence[str]) -> list[int]:
    named = set(classes_of(answer)) if kind_of(answer) in ("classes", "text") else {answer}
    strange = sorted(named - set(classes))
    if strange:
        raise PlatformError(
            f'"{strange[0]}" is no class of this question', remedy=f"the classes are {', '.join(classes[:12])}"
        )
    return [int(name in named) for name in classes]


def _ballots(votes: Votes, said: IntArray, known: IntArray) -> Ballots:
    return Ballots.of(votes.item, votes.annotator, said, known, (len(votes.annotators), 2))
