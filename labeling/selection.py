"""Which items the labeling budget buys: those asked for, a random share, and those that teach most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lake import ids
from lake.records import Reason

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_REQUESTED_SHARE = 0.5  # of the budget at most: what trials ask for must not crowd out the rest
_UNCERTAIN_POOL = 4  # uncertain items looked at for each one taken
_SAMPLE = 20_000  # items that the centres are found on
_ITERATIONS = 10


@dataclass(frozen=True)
class Candidate:
    """An item that could be bought."""

    item_id: str
    embedding: npt.ArrayLike
    probabilities: npt.ArrayLike | None = None  # of the champion model, (classes,)
    requested: Reason | None = None  # asked for by a trial or a review
    weight: float = 0.0  # how strongly it is asked for


@dataclass(frozen=True)
class Chosen:
    """An item that is bought."""

    item_id: str
    priority: float  # in (0, 1], larger is sooner
    reason: Reason


def select(pool: Sequence[Candidate], *, budget: int, explore: float, seed_key: str) -> tuple[Chosen, ...]:
    """At most `budget` items of `pool`, best first; the same whatever the order of `pool`.

    First those that were asked for, by weight, up to half of the budget. Then a share `explore` of the
    budget at random, so that what is measured on labels stays honest. The rest goes to diversity where no
    model has spoken (items nearest to the centres of k-means over embeddings), else to uncertainty: the
    smallest margins between a model's two best classes (Scheffer et al. 2001), spread out over the
    embeddings by farthest-first traversal (Gonzalez 1985).
    """
    candidates = sorted(pool, key=lambda one: one.item_id)
    order = np.array([ids.unit_interval("selection", seed_key, one.item_id) for one in candidates])
    free = np.ones(len(candidates), dtype=bool)
    wanted = [row for row, one in enumerate(candidates) if one.requested is not None]
    wanted.sort(key=lambda row: (-candidates[row].weight, order[row]))
    taken = _take(wanted[: int(budget * _REQUESTED_SHARE)], free)
    num_random = min(round(budget * explore), budget - len(taken))
    taken += _take(_by_hash(free, order)[:num_random], free)
    taken += _take(_most_useful(candidates, _by_hash(free, order), budget - len(taken)), free)
    return tuple(
        Chosen(candidates[row].item_id, 1 - rank / len(taken), candidates[row].requested or "new")
        for rank, row in enumerate(taken)
    )


def _take(rows: Sequence[int], free: npt.NDArray[np.bool_]) -> list[int]:
    """These rows, which are free no longer."""
    free[list(rows)] = False
    return list(rows)


def _by_hash(free: npt.NDArray[np.bool_], order: FloatArray) -> list[int]:
    """The free rows in random order."""
    rows = np.flatnonzero(free)
    return [int(row) for row in rows[np.argsort(order[rows], kind="stable")]]


def _most_useful(candidates: Sequence[Candidate], rows: Sequence[int], number: int) -> list[int]:
    """`number` of `rows`; they come in random order, which decides between equals."""
    if number <= 0 or len(rows) <= number:
        return list(rows[: max(0, number)])
    said = [candidates[row].probabilities for row in rows]
    known = [place for place, one in enumerate(said) if one is not None]
    embedding = np.array([candidates[row].embedding for row in rows], dtype=np.float64)
    if len(known) < len(rows):
        return [rows[place] for place in _medoids(embedding, number)]
    probabilities = np.sort(np.array(said, dtype=np.float64), axis=1)
    margin = probabilities[:, -1] - probabilities[:, -2]
    uncertain = np.argsort(margin, kind="stable")[: number * _UNCERTAIN_POOL]
    return [rows[uncertain[place]] for place in _farthest_first(embedding[uncertain], number)]


def _farthest_first(embedding: FloatArray, number: int) -> list[int]:
    """Rows of (rows, dimensions), each as far as can be from those before it; begins with the first."""
    chosen = [0]
    distance = _squared_distance(embedding, embedding[:1])[:, 0]
    while len(chosen) < number:
        distance[chosen[-1]] = -1.0  # never twice, also where many rows are equal
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, _squared_distance(embedding, embedding[chosen[-1:]])[:, 0])
    return chosen


def _medoids(embedding: FloatArray, number: int) -> list[int]:
    """Rows nearest to `number` centres of Lloyd's k-means, fullest cluster first; found on a sample.

    Own code, because scikit-learn adds up in the order its threads come in, and the last bits decide ties.
    """
    sample = embedding[: max(_SAMPLE, 2 * number)]
    centres = sample[:number].copy()
    for _ in range(_ITERATIONS):
        nearest = _nearest(sample, centres)
        sizes = np.bincount(nearest, minlength=number)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, sample)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
    return _distinct_nearest(sample, centres, np.argsort(-sizes, kind="stable"))


def _distinct_nearest(sample: FloatArray, centres: FloatArray, order: IntArray) -> list[int]:
    """For each centre, in `order`, the nearest row that no centre before it has taken."""
    chosen: list[int] = []
    length = np.einsum("nd,nd->n", sample, sample)  # squared; infinite once a row is taken
    for centre in order:
        row = int((length - 2 * (sample @ centres[centre])).argmin())
        length[row] = np.inf
        chosen.append(row)
    return chosen


def _nearest(points: FloatArray, centres: FloatArray) -> IntArray:
    """(points,): index of the nearest centre; in pieces, to bound memory."""
    piece = max(1, 8_000_000 // len(centres))
    parts = [
        _squared_distance(points[start : start + piece], centres).argmin(axis=1)
        for start in range(0, len(points), piece)
    ]
    return np.asarray(np.concatenate(parts), dtype=np.int64)


def _squared_distance(points: FloatArray, centres: FloatArray) -> FloatArray:
    """(points, centres)."""
    cross = points @ centres.T
    squares = np.einsum("nd,nd->n", points, points)[:, None] + np.einsum("nd,nd->n", centres, centres)[None, :]
    return np.asarray(np.maximum(squares - 2 * cross, 0.0), dtype=np.float64)
