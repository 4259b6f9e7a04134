"""Pairs of embeddings that point the same way, by looking only at those that lie together along one axis.

Two vectors of length 1 with cosine c are sqrt(2 - 2c) apart, so their places along any axis differ by no more.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from quality.duplicates.points import Embeddings, Flags, Indices, Points

_ROWS, _COLUMNS = 256, 8192  # multiplied at once
_AXES = 8
_SLACK = 1e-4  # for single precision, in places and cosines


class Angles:
    """Two sides along the axis on which the right one varies most."""

    def __init__(self, left: Points, right: Points, min_cosine: float) -> None:
        self._left, self._right, self._min_cosine = left, right, min_cosine
        self._same = left is right
        axes = _axes(right.vectors)
        self._theirs = right.vectors @ axes
        self._mine = self._theirs if self._same else left.vectors @ axes
        theirs, mine = self._theirs[:, 0], self._mine[:, 0]
        self._there, self._here = np.argsort(theirs, kind="stable"), np.argsort(mine, kind="stable")
        self._reach = math.sqrt(max(0.0, 2 - 2 * min_cosine)) + _SLACK
        ordered, looking = theirs[self._there], mine[self._here]
        self._start = np.searchsorted(ordered, looking - self._reach)
        self._end = np.searchsorted(ordered, looking + self._reach, side="right")
        if self._same:
            self._start = np.maximum(self._start, np.arange(1, len(ordered) + 1))

    @property
    def num_candidates(self) -> int:
        return int(np.maximum(0, self._end - self._start).sum())

    def together(self, here: Indices, there: Indices) -> Flags:
        """Which pairs may be alike, as their places are close: much cheaper than their cosine."""
        apart = self._mine[here] - self._theirs[there]
        return np.asarray(np.einsum("ij,ij->i", apart, apart) <= self._reach**2)

    def pairs(self) -> Iterator[tuple[Indices, Indices]]:
        """Pairs whose cosine is the least wanted, or a hair less."""
        for low in range(0, len(self._here), _ROWS):
            rows = np.arange(low, min(low + _ROWS, len(self._here)))
            first, last = int(self._start[rows].min()), int(self._end[rows].max())
            for column in range(first, last, _COLUMNS):
                at, beside = self._block(rows, np.arange(column, min(last, column + _COLUMNS)))
                once = beside > at if self._same else slice(None)
                yield self._here[at[once]], self._there[beside[once]]

    def _block(self, rows: Indices, columns: Indices) -> tuple[Indices, Indices]:
        """Which of the rows and columns, places along the axis, are alike."""
        here, there = self._here[rows], self._there[columns]
        mine, theirs = self._left.labels, self._right.labels
        if mine is not None and theirs is not None:
            rows = rows[(theirs[there] != mine[here][:, None]).any(axis=1)]
            here = self._here[rows]
        cosine = self._left.vectors[here] @ self._right.vectors[there].T
        at, beside = np.nonzero(cosine >= self._min_cosine - _SLACK)
        return rows[at], columns[beside]


def _axes(vectors: Embeddings) -> npt.NDArray[np.float32]:
    """(size, few): the directions in which a sample of some rows varies most, the first one most of all."""
    sample = vectors[:: max(1, len(vectors) // 10_000)]
    centred = sample - sample.mean(axis=0)
    return np.ascontiguousarray(np.linalg.eigh(centred.T @ centred)[1][:, : -_AXES - 1 : -1], dtype=np.float32)
