"""Pairs of hashes that differ in few bits, by looking only where they nearly agree in a part.

Cut into bands with budgets that sum up to max_bits + 1 less the number of bands, two hashes that differ in max_bits
bits keep to the budget in at least one band. Source: Qin et al. 2018, "GPH: similarity search in Hamming space".
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np

from quality.duplicates.points import HASH_BITS, Hashes, Indices, Points

_CHUNK_PAIRS = 1 << 21  # looked at together: about 100 MB of temporary arrays
_LONG = 64  # candidates of one item in one place, from which it pays to leave out those with its own label
_LOOKUP_COST = 0.4  # of finding a place, in candidates looked at
_MAX_WIDTH = 22  # bits of a band: a table of 32 MiB
_LABEL_BITS = 40


@dataclass(frozen=True)
class Band:
    """`width` bits above `shift`, in which up to `budget` bits may differ."""

    shift: int
    width: int
    budget: int

    @cached_property
    def masks(self) -> Indices:
        """Every difference within the budget, 0 first."""
        chosen = (bits for count in range(self.budget + 1) for bits in combinations(range(self.width), count))
        return np.array([sum(1 << bit for bit in bits) for bits in chosen], dtype=np.int64)

    def cut(self, values: Hashes) -> Indices:
        return ((values >> np.uint64(self.shift)) & np.uint64((1 << self.width) - 1)).astype(np.int64)


def plan(num_left: int, num_right: int, max_bits: int) -> list[Band]:
    """The bands that cost least were all bits drawn by chance; no wider than that many items need."""
    most = min(_MAX_WIDTH, max(8, num_right.bit_length() + 4))
    plans = [_cut_into(count, max_bits, most) for count in range(1, max_bits + 2)]
    return min(plans, key=lambda bands: sum(_cost(band, num_left, num_right) for band in bands))


def spread(left: Points, right: Points, num_bands: int) -> tuple[Points, Points]:
    """Both with their bits in another order, which leaves distances alone: every band gets some that vary.

    The even ones are dealt out first, as bits that are nearly always the same tell nothing apart.
    """
    share = _bits(right.values).mean(axis=0)
    order = np.argsort(np.abs(share - 0.5), kind="stable")
    dealt = np.argsort(np.arange(HASH_BITS) % num_bands, kind="stable")
    theirs = _moved(right, order[dealt])
    return theirs if left is right else _moved(left, order[dealt]), theirs


def candidates(left: Points, right: Points, band: Band, max_bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs within the band's budget whose hashes differ in at most max_bits bits.

    Where both sides are the same, each pair comes once, and none with itself.
    """
    same = left is right
    theirs = _Sorted(right, band)
    mine = theirs if same else _Sorted(left, band)
    for mask in band.masks.tolist():
        here, start, end = theirs.places(mine, mask, same)
        for at, there in _expand(here, start, end):
            near = np.bitwise_count(mine.values[at] ^ theirs.values[there]) <= max_bits
            yield mine.order[at[near]], theirs.order[there[near]]


def count(left: Points, right: Points, bands: list[Band]) -> int:
    """How many candidates, before labels leave some out."""
    total = 0
    for band in bands:
        ours = np.bincount(band.cut(left.values), minlength=1 << band.width)
        theirs = np.bincount(band.cut(right.values), minlength=1 << band.width)
        keys = np.flatnonzero(ours)
        total += sum(int(ours[keys] @ theirs[keys ^ mask]) for mask in band.masks.tolist())
    return total // 2 if left is right else total


class _Sorted:
    """One side, sorted by what a band sees, then by label."""

    def __init__(self, side: Points, band: Band) -> None:
        keys = band.cut(side.values)
        labels = np.zeros(len(side), np.int64) if side.labels is None else side.labels
        self.order = np.lexsort((labels, keys))
        self.values, self.keys, self.labels = side.values[self.order], keys[self.order], labels[self.order]
        self._starts = np.zeros((1 << band.width) + 1, np.int64)
        np.cumsum(np.bincount(keys, minlength=1 << band.width), out=self._starts[1:])
        self._has_labels = side.labels is not None

    def places(self, mine: "_Sorted", mask: int, same: bool) -> tuple[Indices, Indices, Indices]:
        """(of `mine`, from here, up to there): who is to be compared with which stretch of this side."""
        here = np.arange(len(mine.keys))
        if same and mask:  # of two places that differ, the one with 0 in their highest bit looks at the other
            here = here[(mine.keys & (1 << (mask.bit_length() - 1))) == 0]
        there = mine.keys[here] ^ mask
        start, end = self._starts[there], self._starts[there + 1]
        if same and not mask:
            start = here + 1
        some = np.flatnonzero(end > start)
        here, start, end = here[some], start[some], end[some]
        return self._without_own(mine, mask, here, start, end) if self._has_labels else (here, start, end)

    def _without_own(
        self, mine: "_Sorted", mask: int, here: Indices, start: Indices, end: Indices
    ) -> tuple[Indices, Indices, Indices]:
        """The same without long runs that carry the label of who looks."""
        long = end - start > _LONG
        if not long.any():
            return here, start, end
        at = here[long]
        own = (mine.keys[at] ^ mask) << _LABEL_BITS | mine.labels[at]
        low = np.clip(np.searchsorted(self._runs, own, side="left"), start[long], end[long])
        high = np.clip(np.searchsorted(self._runs, own, side="right"), start[long], end[long])
        short = ~long
        return (
            np.concatenate([here[short], at, at]),
            np.concatenate([start[short], start[long], high]),
            np.concatenate([end[short], low, end[long]]),
        )

    @cached_property
    def _runs(self) -> Indices:
        return self.keys << _LABEL_BITS | self.labels


def _expand(here: Indices, start: Indices, end: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Stretches as pairs, in chunks of about _CHUNK_PAIRS, one stretch at least."""
    total = np.concatenate([[0], np.cumsum(end - start)])
    low = 0
    while low < len(here):
        high = max(low + 1, int(np.searchsorted(total, total[low] + _CHUNK_PAIRS, side="right")) - 1)
        lengths = end[low:high] - start[low:high]
        first = np.repeat(start[low:high] - (total[low:high] - total[low]), lengths)
        if len(first):
            yield np.repeat(here[low:high], lengths), first + np.arange(len(first))
        low = high


def _cut_into(num_bands: int, max_bits: int, most: int) -> list[Band]:
    edges = [HASH_BITS * place // num_bands for place in range(num_bands + 1)]
    spare, extra = divmod(max_bits + 1 - num_bands, num_bands)
    return [
        Band(low, min(high - low, most), spare + (place < extra)) for place, (low, high) in enumerate(pairwise(edges))
    ]


def _cost(band: Band, num_left: int, num_right: int) -> float:
    num_masks = sum(math.comb(band.width, bits) for bits in range(band.budget + 1))
    return num_masks * num_left * (_LOOKUP_COST + num_right / (1 << band.width))


def _moved(side: Points, order: Indices) -> Points:
    values = np.packbits(_bits(side.values)[:, order]).view(">u8").astype(np.uint64)
    return Points(values, side.vectors, side.labels)


def _bits(values: Hashes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.unpackbits(values.astype(">u8").view(np.uint8)).reshape(len(values), HASH_BITS)
