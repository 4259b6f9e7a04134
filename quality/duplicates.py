"""Near duplicates: the same picture or text again, up to recompression, a few grey levels, a typing error.

Two items are near when their perceptual hashes differ in few bits and, where embeddings are given, their
embeddings point the same way. The hash makes it fast, the embedding makes it right: on scikit-learn's
1,797 digits at 64 x 64 (all different) the hashes alone call 69 pairs near at 4 bits and 401 at 6, with a
cosine of 0.998 none, while recompressed, brightened and noisy copies stay within 4 bits and above 0.9998.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lake.errors import LakeError

HASH_BITS = 64
_CHUNK_PAIRS = 1 << 22  # compared at once: about 100 MB of temporary arrays
_CHUNK_VECTORS = 1 << 17  # pairs of 64 numbers: about 64 MB

Hashes: TypeAlias = npt.NDArray[np.uint64]
Indices: TypeAlias = npt.NDArray[np.int64]
Embeddings: TypeAlias = npt.NDArray[np.float32]


def near_duplicates(
    item_ids: Sequence[str],
    hashes: Sequence[str],
    *,
    max_bits: int,
    embeddings: Embeddings | None = None,
    min_cosine: float = -1.0,
) -> pa.Table:
    """Clusters of items that are near each other, directly or through others.

    hashes: 16 hexadecimal digits each. embeddings: (items, size), rows of length 1 or 0; a row of zeros
    (a flat image, an empty text) says nothing and is near nothing. `min_cosine` counts with embeddings only.
    Returns item_id, cluster (the smallest item_id of the cluster) and representative (bool, one a
    cluster), sorted by item_id: the same table whatever the order of the input.
    """
    order = np.argsort(np.asarray(item_ids, dtype=np.str_), kind="stable")
    ids = [item_ids[place] for place in order]
    values = parse_hashes(hashes)[order]
    vectors = None if embeddings is None else np.asarray(embeddings, dtype=np.float32)[order]
    component = _components(values, vectors, max_bits, min_cosine)
    _, first, member_of = np.unique(component, return_index=True, return_inverse=True)
    smallest = first[member_of]  # ids are sorted, so a component's first item has its smallest id
    return pa.table(
        {
            "item_id": pa.array(ids, pa.string()),
            "cluster": pa.array([ids[place] for place in smallest], pa.string()),
            "representative": pa.array(smallest == np.arange(len(ids)), pa.bool_()),
        }
    )


def near_pairs(
    left: Hashes,
    right: Hashes,
    max_bits: int,
    left_vectors: Embeddings | None = None,
    right_vectors: Embeddings | None = None,
    min_cosine: float = -1.0,
) -> Iterator[tuple[Indices, Indices]]:
    """Every pair (a place in `left`, a place in `right`) that is near, exactly; a pair may come twice.

    Where both sides are the same array, each pair comes with the smaller place first and none with itself.
    Pigeonhole: cut into max_bits + 1 bands, two hashes that differ in max_bits bits agree in a band.
    """
    if not 0 <= max_bits < HASH_BITS:
        raise ValueError(f"max_bits is {max_bits}, not 0 to {HASH_BITS - 1}")
    for here, there in _candidates(left, right, max_bits):
        if left is right:
            keep = here < there
            here, there = here[keep], there[keep]
        near = np.bitwise_count(left[here] ^ right[there]) <= max_bits
        here, there = here[near], there[near]
        if left_vectors is not None and right_vectors is not None:
            alike = _alike(left_vectors, right_vectors, here, there, min_cosine)
            here, there = here[alike], there[alike]
        if len(here):
            yield here, there


def parse_hashes(hashes: Sequence[str]) -> Hashes:
    """Perceptual hashes as 64-bit integers; LakeError for one that is not 16 hexadecimal digits."""
    try:
        if any(len(text) != HASH_BITS // 4 for text in hashes):
            raise ValueError("wrong length")
        return np.array([int(text, 16) for text in hashes], dtype=np.uint64)
    except (TypeError, ValueError) as error:
        bad = next((text for text in hashes if not _is_hash(text)), None)
        raise LakeError(
            f"{bad!r} is not a perceptual hash of {HASH_BITS // 4} hexadecimal digits",
            remedy="probe the items again: materialize curated_items",
        ) from error


def embedding_matrix(column: pa.ChunkedArray) -> Embeddings:
    """A column of lists of one length as (rows, length); (0, 0) for an empty column."""
    rows = column.combine_chunks()
    if not len(rows):
        return np.empty((0, 0), dtype=np.float32)
    return np.asarray(rows.flatten(), dtype=np.float32).reshape(len(rows), -1)


def _is_hash(text: object) -> bool:
    digits = set("0123456789abcdefABCDEF")
    return isinstance(text, str) and len(text) == HASH_BITS // 4 and set(text) <= digits


def _components(values: Hashes, vectors: Embeddings | None, max_bits: int, min_cosine: float) -> npt.NDArray[np.int64]:
    """A number for every item, the same for items of one cluster.

    Items with the same hash and embedding are compared once, and edges are forgotten as soon as they are
    joined, so a thousand copies of one picture cost no more than one.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    says_something = np.ones(len(values), np.bool_)
    if vectors is not None:
        says_something &= vectors.any(axis=1)
    signature = np.column_stack([values] if vectors is None else [values, vectors.view(np.uint32)])
    _, first, member_of = np.unique(signature[says_something], axis=0, return_index=True, return_inverse=True)
    places = np.flatnonzero(says_something)[first]
    values, vectors = values[places], None if vectors is None else vectors[places]
    labels = np.arange(len(places))
    for here, there in near_pairs(values, values, max_bits, vectors, vectors, min_cosine):
        edges = (np.ones(len(here), np.bool_), (labels[here], labels[there]))
        graph = coo_array(edges, shape=(len(labels), len(labels)))
        labels = connected_components(graph, directed=False)[1].astype(np.int64)[labels]
    component = len(values) + np.arange(len(says_something))
    component[says_something] = labels[member_of.ravel()]
    return component


def _alike(
    left: Embeddings, right: Embeddings, here: Indices, there: Indices, min_cosine: float
) -> npt.NDArray[np.bool_]:
    """Which pairs have rows that point the same way; rows of zeros point nowhere."""
    alike = np.empty(len(here), np.bool_)
    for low in range(0, len(here), _CHUNK_VECTORS):
        a, b = left[here[low : low + _CHUNK_VECTORS]], right[there[low : low + _CHUNK_VECTORS]]
        close = np.einsum("ij,ij->i", a, b) >= min_cosine
        alike[low : low + _CHUNK_VECTORS] = close & a.any(axis=1) & b.any(axis=1)
    return alike


def _candidates(left: Hashes, right: Hashes, max_bits: int) -> Iterator[tuple[Indices, Indices]]:
    """Pairs that agree in at least one band; all pairs where the bands would not save work."""
    bands = list(_bands(max_bits + 1))
    work = sum(_Band(left, right, *band).num_pairs for band in bands)
    if work >= len(left) * len(right):
        bands = [(0, 0)]
    for band in bands:
        yield from _Band(left, right, *band).pairs()


def _bands(count: int) -> Iterator[tuple[int, int]]:
    """Shift and width in bits of `count` bands that cover a hash, their widths as equal as can be."""
    edges = [HASH_BITS * place // count for place in range(count + 1)]
    for low, high in pairwise(edges):
        yield low, high - low


class _Band:
    """The pairs of two lists of hashes that agree in `width` bits above `shift`."""

    def __init__(self, left: Hashes, right: Hashes, shift: int, width: int) -> None:
        left_keys, right_keys = _cut(left, shift, width), _cut(right, shift, width)
        self._order = np.argsort(right_keys, kind="stable")
        sorted_keys = right_keys[self._order]
        self._start = np.searchsorted(sorted_keys, left_keys, side="left")
        self._count = np.searchsorted(sorted_keys, left_keys, side="right") - self._start
        self.num_pairs = int(self._count.sum())

    def pairs(self) -> Iterator[tuple[Indices, Indices]]:
        """In chunks of about _CHUNK_PAIRS, at least one row of the left side each."""
        total = np.concatenate([[0], np.cumsum(self._count)])
        low = 0
        while low < len(self._count):
            high = int(np.searchsorted(total, total[low] + _CHUNK_PAIRS, side="right")) - 1
            high = max(high, low + 1)
            count = self._count[low:high]
            here = np.repeat(np.arange(low, high), count)
            step = np.arange(len(here)) - np.repeat(total[low:high] - total[low], count)
            yield here, self._order[self._start[here] + step]
            low = high


def _cut(values: Hashes, shift: int, width: int) -> Hashes:
    mask = np.uint64((1 << width) - 1)
    return (values >> np.uint64(shift)) & mask if width else np.zeros_like(values)
