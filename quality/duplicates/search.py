"""The search for near pairs: exact, and by the cheaper of two ways."""

from collections.abc import Iterator

import numpy as np

from quality.duplicates import bands
from quality.duplicates.angles import Angles
from quality.duplicates.points import Indices, Nearness, Points, alike

_ANGLE_COST = 1.5  # of a candidate by angle, in candidates by bands


def near_pairs(left: Points, right: Points, nearness: Nearness) -> Iterator[tuple[Indices, Indices]]:
    """Every pair (a place in `left`, a place in `right`) that is near; a pair may come twice.

    Where both sides are the same object, the smaller place comes first, and no item is paired with itself. Which pairs
    come depends on nothing but the definition (and on labels, see Points), their order on much else.
    """
    if not len(left) or not len(right):
        return
    angles = Angles(left, right, nearness.min_cosine)
    for here, there in _candidates(left, right, nearness, angles):
        if left.labels is not None and right.labels is not None:
            apart = left.labels[here] != right.labels[there]
            here, there = here[apart], there[apart]
        near = np.bitwise_count(left.values[here] ^ right.values[there]) <= nearness.max_bits
        here, there = here[near], there[near]
        near = angles.together(here, there)
        here, there = here[near], there[near]
        close = alike(left.vectors, right.vectors, here, there, nearness.min_cosine)
        here, there = here[close], there[close]
        if len(here):
            yield (np.minimum(here, there), np.maximum(here, there)) if left is right else (here, there)


def _candidates(left: Points, right: Points, nearness: Nearness, angles: Angles) -> Iterator[tuple[Indices, Indices]]:
    cut = bands.plan(len(left), len(right), nearness.max_bits)
    mine, theirs = bands.spread(left, right, len(cut))
    if angles.num_candidates * _ANGLE_COST < bands.count(mine, theirs, cut):
        yield from angles.pairs()
        return
    for band in cut:
        yield from bands.candidates(mine, theirs, band, nearness.max_bits)
