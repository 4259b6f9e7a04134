"""What is compared: hashes of 64 bits with their embeddings, and when two of them are near."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lake.errors import LakeError

HASH_BITS = 64
_CHUNK_VECTORS = 1 << 17  # pairs of 64 numbers: about 64 MB
_UNSURE = 1e-5  # a cosine in single precision is off by less
_EXACT = 2**24  # steps of an embedding's numbers where it has to be exact

Hashes: TypeAlias = npt.NDArray[np.uint64]
Indices: TypeAlias = npt.NDArray[np.int64]
Embeddings: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Nearness:
    """Two items are near when their hashes differ in few bits and their embeddings point the same way."""

    max_bits: int
    min_cosine: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_bits < HASH_BITS:
            raise ValueError(f"max_bits is {self.max_bits}, not 0 to {HASH_BITS - 1}")


@dataclass(frozen=True)
class Points:
    """Some items as the search sees them.

    values: (items,) hashes. vectors: (items, size), rows of length 1, or 0 for what is near nothing.
    labels: (items,) numbers; pairs with the same number are not looked for. They may be changed in place, to
    numbers that make more pairs the same, while pairs come. None looks for all pairs.
    """

    values: Hashes
    vectors: Embeddings
    labels: Indices | None = None

    def __len__(self) -> int:
        return len(self.values)


def points(table: pa.Table) -> Points:
    """probe_phash and probe_embedding of a table; LakeError for a damaged hash."""
    return Points(parse_hashes(table["probe_phash"].to_pylist()), embedding_matrix(table["probe_embedding"]))


def parse_hashes(hashes: Sequence[str]) -> Hashes:
    """Perceptual hashes as 64-bit integers; LakeError for one that is not 16 hexadecimal digits."""
    try:
        if any(len(text) != HASH_BITS // 4 for text in hashes):
            raise ValueError("wrong length")
        return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)
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


def alike(left: Embeddings, right: Embeddings, here: Indices, there: Indices, min_cosine: float) -> Flags:
    """Which pairs of rows point the same way; rows of zeros point nowhere.

    Close calls are settled in whole numbers, so that no order of adding up decides one.
    """
    found = np.empty(len(here), np.bool_)
    for low in range(0, len(here), _CHUNK_VECTORS):
        part = slice(low, low + _CHUNK_VECTORS)
        a, b = left[here[part]], right[there[part]]
        cosine = np.einsum("ij,ij->i", a, b)
        close = cosine >= min_cosine
        unsure = np.flatnonzero(np.abs(cosine - min_cosine) < _UNSURE)
        close[unsure] = _products(a[unsure], b[unsure]) >= math.ceil(min_cosine * _EXACT**2)
        found[part] = close & a.any(axis=1) & b.any(axis=1)
    return found


def cosines(left: Embeddings, right: Embeddings) -> npt.NDArray[np.float64]:
    """Of rows with rows, in steps that are the same on every machine."""
    return np.round(_products(left, right) / _EXACT**2, 6)


def _products(left: Embeddings, right: Embeddings) -> Indices:
    whole = [np.round(one.astype(np.float64) * _EXACT).astype(np.int64) for one in (left, right)]
    return np.asarray(np.einsum("ij,ij->i", *whole), dtype=np.int64)


def _is_hash(text: object) -> bool:
    digits = set("0123456789abcdefABCDEF")
    return isinstance(text, str) and len(text) == HASH_BITS // 4 and set(text) <= digits
