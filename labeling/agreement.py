"""How far annotators agree beyond chance."""

import math

import numpy as np
import numpy.typing as npt

from lake.intervals import Interval

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_NUM_RESAMPLES = 1000
_SEED = 20110125  # of the resamples: the same votes give the same interval


def krippendorff_alpha(votes: IntArray) -> Interval:
    """Krippendorff's alpha for nominal answers; 1 is full agreement, 0 is chance.

    votes: (items, annotators), class index, -1 where not asked. Items with fewer than two votes say
    nothing about agreement and are left out. The interval comes from resampling items 1,000 times with
    a fixed seed. All three numbers are NaN where nothing can be said: no item has two votes, or all votes
    name the same class, so that chance itself would agree. (A NaN is never above a floor.)
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C.
    """
    num_classes = int(votes.max(initial=-1)) + 1
    counts = np.stack([(votes == one).sum(axis=1) for one in range(num_classes)], axis=1) if num_classes else None
    if counts is None:
        return Interval(math.nan, math.nan, math.nan)
    counts = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    disagreement = _disagreement(counts)
    value = float(_alpha(np.ones((1, len(counts))), counts, disagreement)[0])
    if math.isnan(value):
        return Interval(math.nan, math.nan, math.nan)
    resampled = _resampled(counts, disagreement)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _disagreement(counts: FloatArray) -> FloatArray:
    """(items,): how much each item adds to the observed disagreement, (n_u^2 - sum n_uc^2) / (n_u - 1)."""
    total = counts.sum(axis=1)
    return np.asarray((total**2 - (counts**2).sum(axis=1)) / (total - 1), dtype=np.float64)


def _alpha(weights: FloatArray, counts: FloatArray, disagreement: FloatArray) -> FloatArray:
    """Alpha of each row of weights (samples, items); NaN where no disagreement could be expected."""
    by_class = weights @ counts
    total = by_class.sum(axis=1)
    expected = (total**2 - (by_class**2).sum(axis=1)) / np.maximum(total - 1, 1)
    observed = weights @ disagreement
    return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1), np.nan)


def _resampled(counts: FloatArray, disagreement: FloatArray) -> FloatArray:
    """Alpha of items drawn with replacement, where it is defined."""
    generator = np.random.default_rng(_SEED)
    num_items = len(counts)
    rows = max(1, min(_NUM_RESAMPLES, 20_000_000 // num_items))  # a bounded piece of memory at a time
    drawn = []
    for start in range(0, _NUM_RESAMPLES, rows):
        num_rows = min(rows, _NUM_RESAMPLES - start)
        picks = generator.integers(0, num_items, (num_rows, num_items))
        weights = np.stack([np.bincount(pick, minlength=num_items) for pick in picks]).astype(np.float64)
        drawn.append(_alpha(weights, counts, disagreement))
    alphas = np.concatenate(drawn)
    return np.asarray(alphas[~np.isnan(alphas)], dtype=np.float64)
