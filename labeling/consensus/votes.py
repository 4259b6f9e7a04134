"""Who answered what, and what came out of it: what every kind of consensus takes and gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lake.errors import LakeError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

COLUMNS = ("item", "annotator", "answer")  # of a table of votes
DIGITS = 9  # of what is written, so that the last bits of a sum don't change a hash

ANNOTATORS_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("num_answers", pa.int64(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),  # expected share of right answers, or of right parts
    ]
)


@dataclass(frozen=True)
class Votes:
    """One row an answer; sorted by item, then annotator, and each annotator answers an item once."""

    items: tuple[str, ...]  # sorted
    annotators: tuple[str, ...]  # sorted
    vocabulary: tuple[str, ...]  # the different answers, canonical text (lake.answers), sorted
    item: IntArray  # (votes,), places in `items`
    annotator: IntArray  # (votes,), places in `annotators`
    code: IntArray  # (votes,), places in `vocabulary`

    @classmethod
    def of(cls, said: Iterable[tuple[str, str, str]]) -> "Votes":
        """Of (item, annotator, answer) in order of time; an annotator's last word on an item is the vote."""
        rows = list(said)
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return cls.of_table(pa.table([pa.array(column, pa.string()) for column in columns], names=list(COLUMNS)))

    @classmethod
    def of_table(cls, table: pa.Table) -> "Votes":
        """Of a table with the columns item, annotator and answer (strings), in order of time, as `of`.

        Three million rows take seconds. Raises LakeError where a value is missing.
        """
        missing = [name for name in COLUMNS if table[name].null_count]
        if missing:
            raise LakeError(f"{missing[0]} is empty in some rows", remedy="leave out rows without an answer")
        (items, item), (annotators, annotator), (vocabulary, code) = (_coded(table[name]) for name in COLUMNS)
        order = np.argsort(item * len(annotators) + annotator, kind="stable")  # of equals the later row stays last
        item, annotator, code = item[order], annotator[order], code[order]
        last = np.ones(len(item), dtype=bool)
        last[:-1] = (item[1:] != item[:-1]) | (annotator[1:] != annotator[:-1])
        return cls(items, annotators, vocabulary, item[last], annotator[last], code[last])

    @cached_property
    def bounds(self) -> IntArray:
        """(items + 1,): the votes of item i are the rows bounds[i]:bounds[i + 1]."""
        return np.searchsorted(self.item, np.arange(len(self.items) + 1)).astype(np.int64)

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """(votes,): what was said, canonical text."""
        return tuple(self.vocabulary[code] for code in self.code)

    def who(self, row: int) -> tuple[str, ...]:
        """The annotators of one item, sorted."""
        return tuple(self.annotators[i] for i in self.annotator[self.bounds[row] : self.bounds[row + 1]])

    def said(self, row: int) -> tuple[str, ...]:
        """The answers to one item, in the order of `who`."""
        return tuple(self.vocabulary[i] for i in self.code[self.bounds[row] : self.bounds[row + 1]])


def _coded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], IntArray]:
    """The different values, sorted, and (rows,) their places."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    return tuple(names[i] for i in order), place[codes]


@dataclass(frozen=True)
class Agreed:
    """What the answers to one item come to."""

    item: str
    answer: str  # canonical text
    confidence: float  # probability that the answer is right; of an answer in parts, the mean of its parts'
    agreement: float  # share of the votes, or of their parts, that say the same
    annotators: tuple[str, ...]  # who took part, sorted
    parts: tuple[float, ...] = ()  # probability of each part (shape, span, word), in the order of the answer


class Fitted(Protocol):
    """What was learned from votes. Immutable; the same votes in any order give the same."""

    @property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item."""

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator."""

    @property
    def method(self) -> str:
        """What was used, by name."""

    @property
    def why(self) -> str:
        """Why that method, in one sentence a labeling lead understands."""

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""


class Method(Protocol):
    """A way to agree on one kind of answer; its parameters stand in its constructor."""

    def fit(self, votes: Votes, *, gold: Mapping[str, str]) -> Fitted:
        """Learn from votes; the true answers to the items of `gold` are known and anchor the annotators."""

    def distance(self, one: str, other: str) -> float:
        """How far two answers are apart: 0 where they say the same, at most 1; symmetric."""


def annotators_table(votes: Votes, accuracy: Sequence[float] | FloatArray) -> pa.Table:
    """ANNOTATORS_SCHEMA of one accuracy an annotator."""
    counts = np.bincount(votes.annotator, minlength=len(votes.annotators))
    columns = [list(votes.annotators), counts, np.asarray(accuracy, dtype=np.float64).round(DIGITS)]
    return pa.table(columns, schema=ANNOTATORS_SCHEMA)
