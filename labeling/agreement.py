"""How far annotators agree, beyond chance and two by two, on answers of any kind."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from labeling.consensus.votes import DIGITS, FloatArray, IntArray, Votes
from lake.intervals import Interval, wilson

Distance = Callable[[str, str], float]  # 0 where two answers say the same, at most 1; symmetric

_NUM_RESAMPLES = 1000
_NUM_BLOCKS = 10_000  # items are resampled one by one up to so many, in blocks of equal size beyond
_FEW = 1000  # different answers up to which every two are compared
_NUM_SAMPLED = 20_000  # pairs of answers that chance is estimated from where there are more
_SEED = 20110125  # of the resamples: the same votes give the same interval
_Z = 1.959964  # of 95 %

PAIRS_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("other", pa.string(), nullable=False),
        pa.field("num_items", pa.int64(), nullable=False),  # that both answered
        pa.field("agreement", pa.float64(), nullable=False),  # mean of 1 - distance
        pa.field("low", pa.float64(), nullable=False),  # 95 %; Wilson where answers are the same or not, else normal
        pa.field("high", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class _Pairs:
    """Every two answers to the same item; one row a pair."""

    item: IntArray
    annotator: IntArray
    other: IntArray
    distance: FloatArray


def krippendorff_alpha(votes: Votes, distance: Distance | None = None) -> Interval:
    """Krippendorff's alpha; 1 is full agreement, 0 is chance. distance None: answers are the same or not (nominal).

    Items with fewer than two votes say nothing about agreement and are left out. The interval is 95 % of 1,000
    resamples of items with a fixed seed. Where there are more than 1,000 different answers and a distance, what
    chance would give is estimated from 20,000 pairs. All three numbers are NaN where nothing can be said: no item
    has two votes, or all say the same, so that chance itself would agree. (A NaN is never above a floor.)
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C.
    """
    size = np.bincount(votes.item, minlength=len(votes.items))
    kept = np.flatnonzero(size[votes.item] >= 2)
    if not len(kept):
        return _NOTHING
    pairs = _pairs(votes, distance)
    observed = 2 * np.bincount(pairs.item, weights=pairs.distance, minlength=len(votes.items)) / np.maximum(size - 1, 1)
    several = np.flatnonzero(size >= 2)
    block = _blocks(len(several))
    at = np.full(len(votes.items), -1)
    at[several] = block
    by_block = np.bincount(block, weights=observed[several]).astype(np.float64)
    votes_by_block = np.bincount(at[votes.item[kept]], minlength=len(by_block)).astype(np.float64)
    chance = _chance(votes, kept, at, len(by_block), distance)
    value = float(_alpha(np.ones((1, len(by_block))), by_block, votes_by_block, chance)[0])
    if math.isnan(value):
        return _NOTHING
    low, high = np.quantile(_resampled(by_block, votes_by_block, chance), [0.025, 0.975])
    return Interval(value, float(low), float(high))


_NOTHING = Interval(math.nan, math.nan, math.nan)


def pair_agreement(votes: Votes, distance: Distance | None = None) -> pa.Table:
    """PAIRS_SCHEMA: every two annotators who share items, those who share most first."""
    pairs = _pairs(votes, distance)
    size = len(votes.annotators)
    key, number = np.unique(pairs.annotator * size + pairs.other, return_inverse=True)
    count = np.bincount(number, minlength=len(key))
    same = 1 - pairs.distance
    total, squares = (np.bincount(number, weights=part, minlength=len(key)) for part in (same, same**2))
    rows = []
    for place in np.argsort(-count, kind="stable"):
        share = _interval(int(count[place]), float(total[place]), float(squares[place]), nominal=distance is None)
        one, other = divmod(int(key[place]), size)
        names = {"annotator": votes.annotators[one], "other": votes.annotators[other]}
        rows.append({**names, "num_items": int(count[place])} | _rounded(share))
    return pa.Table.from_pylist(rows, schema=PAIRS_SCHEMA)


def agreement_with_others(votes: Votes, distance: Distance | None = None) -> dict[str, float]:
    """Mean of 1 - distance to the others' answers to the same items, by annotator; only those who share any."""
    pairs = _pairs(votes, distance)
    who = np.concatenate([pairs.annotator, pairs.other])
    count = np.bincount(who, minlength=len(votes.annotators))
    total = np.bincount(who, weights=np.tile(1 - pairs.distance, 2), minlength=len(votes.annotators))
    return {votes.annotators[i]: round(float(total[i] / count[i]), DIGITS) for i in np.flatnonzero(count)}


def _rounded(share: Interval) -> dict[str, float]:
    return {
        "agreement": round(share.value, DIGITS),
        "low": round(share.low, DIGITS),
        "high": round(share.high, DIGITS),
    }


def _interval(count: int, total: float, squares: float, *, nominal: bool) -> Interval:
    if nominal:
        return wilson(round(total), count)
    mean = total / count
    spread = math.sqrt(max(0.0, squares / count - mean**2) / max(1, count - 1)) if count > 1 else 0.5
    return Interval(mean, max(0.0, mean - _Z * spread), min(1.0, mean + _Z * spread))


def _pairs(votes: Votes, distance: Distance | None) -> _Pairs:
    """The longest item decides how many steps that takes; each is vectorised over all votes."""
    longest = int(np.diff(votes.bounds).max(initial=0))
    rows, others = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for step in range(1, longest):
        row = np.flatnonzero(votes.item[step:] == votes.item[:-step])
        rows.append(row)
        others.append(row + step)
    row, other = np.concatenate(rows), np.concatenate(others)
    apart = _distances(votes, votes.code[row], votes.code[other], distance)
    return _Pairs(votes.item[row], votes.annotator[row], votes.annotator[other], apart)


def _distances(votes: Votes, one: IntArray, other: IntArray, distance: Distance | None) -> FloatArray:
    """Each different pair of answers is measured once."""
    if distance is None:
        return np.asarray(one != other, dtype=np.float64)
    size = len(votes.vocabulary)
    key, place = np.unique(np.minimum(one, other) * size + np.maximum(one, other), return_inverse=True)
    measured = np.empty(len(key), dtype=np.float64)
    for row, (a, b) in enumerate(zip(*np.divmod(key, size), strict=True)):
        measured[row] = 0.0 if a == b else distance(votes.vocabulary[a], votes.vocabulary[b])
    return np.asarray(measured[place], dtype=np.float64)


def _blocks(num_items: int) -> IntArray:
    """(items,): the block each belongs to."""
    if num_items <= _NUM_BLOCKS:
        return np.arange(num_items)
    return np.random.default_rng(_SEED).permutation(num_items) % _NUM_BLOCKS


def _chance(
    votes: Votes, kept: IntArray, at: IntArray, num_blocks: int, distance: Distance | None
) -> Callable[[FloatArray], FloatArray]:
    """From weights of blocks (samples, blocks) to the sum of distances between every two of their answers."""
    said, size = votes.code[kept], len(votes.vocabulary)
    if distance is not None and size > _FEW:
        draw = np.random.default_rng(_SEED).integers(0, len(kept), (2, _NUM_SAMPLED))
        draw = draw[:, draw[0] != draw[1]]
        mean = float(_distances(votes, said[draw[0]], said[draw[1]], distance).mean())
        total = np.bincount(at[votes.item[kept]], minlength=num_blocks)
        return lambda weights: mean * (weights @ total) * (weights @ total - 1)
    from scipy import sparse

    table = sparse.coo_matrix((np.ones(len(kept)), (at[votes.item[kept]], said)), shape=(num_blocks, size)).tocsr()
    if distance is None:
        return lambda weights: (lambda n: n.sum(axis=1) ** 2 - (n**2).sum(axis=1))(weights @ table)
    every = np.indices((size, size)).reshape(2, -1)
    apart = _distances(votes, every[0], every[1], distance).reshape(size, size)
    return lambda weights: (lambda n: ((n @ apart) * n).sum(axis=1))(weights @ table)


def _alpha(
    weights: FloatArray, observed: FloatArray, num_votes: FloatArray, chance: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """Alpha of each row of weights (samples, blocks); NaN where no disagreement could be expected."""
    total = weights @ num_votes
    expected = chance(weights) / np.maximum(total - 1, 1)
    return np.where(expected > 1e-12, 1 - (weights @ observed) / np.where(expected > 1e-12, expected, 1), np.nan)


def _resampled(observed: FloatArray, num_votes: FloatArray, chance: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Alpha of blocks drawn with replacement, where it is defined."""
    generator, size = np.random.default_rng(_SEED), len(observed)
    rows = max(1, min(_NUM_RESAMPLES, 2_000_000 // size))  # a bounded piece of memory at a time
    drawn = []
    for start in range(0, _NUM_RESAMPLES, rows):
        picks = generator.integers(0, size, (min(rows, _NUM_RESAMPLES - start), size))
        weights = np.stack([np.bincount(pick, minlength=size) for pick in picks]).astype(np.float64)
        drawn.append(_alpha(weights, observed, num_votes, chance))
    alphas = np.concatenate(drawn)
    return np.asarray(alphas[~np.isnan(alphas)], dtype=np.float64)
