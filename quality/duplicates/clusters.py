"""Clusters of near items: connected components of the near pairs, and who of each goes on."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quality.duplicates.points import HASH_BITS, Embeddings, Hashes, Indices, Nearness, Points, alike, cosines, points
from quality.duplicates.search import near_pairs

_EDGES = 1 << 18  # gathered before labels are joined
_STEPS = (1, 2, 4, 8)  # to neighbours that are tried first

CLUSTERS = pa.schema(
    [
        ("item_id", pa.string()),
        ("cluster", pa.string()),
        ("representative", pa.bool_()),
        ("held", pa.bool_()),
        ("bits", pa.int64()),
        ("cosine", pa.float64()),
    ]
)


def near_duplicates(new: pa.Table, held: pa.Table | None, nearness: Nearness) -> pa.Table:
    """Clusters of at least two items that are near each other, directly or through others, one of them new at least.

    new, held: item_id, probe_phash, probe_embedding; no item is in both. Pairs of held items are not looked for:
    that was done when they came. Returns, sorted by cluster and item_id, one row a member: cluster (the item_id of
    its representative), representative (the held item with the smallest item_id, else the new one), held, and bits
    and cosine between it and its representative (which may be beyond the limits where others lie between). The
    same table whatever the order of the input.
    """
    names = ["item_id", "probe_phash", "probe_embedding"]
    sides = [side.select(names) for side in (held, new) if side is not None and side.num_rows]
    if not new.num_rows:
        return CLUSTERS.empty_table()
    rows, num_held = pa.concat_tables(sides), sum(side.num_rows for side in sides) - new.num_rows
    both = points(rows)
    labels = components(both, num_held, nearness)
    place = _members(labels, num_held)
    ids = np.asarray(rows["item_id"].take(pa.array(place)).to_pylist(), dtype=np.str_)
    order = np.lexsort((ids, place >= num_held, labels[place]))
    return _table(ids[order], place[order], labels, both, num_held)


def sizes(clusters: pa.Table) -> str:
    """How many clusters have how many members, as "2: 310, 3: 12, 4 to 7: 3"; empty for none."""
    counts = np.unique(np.asarray(clusters["cluster"].to_pylist(), dtype=np.str_), return_counts=True)[1]
    highest = int(counts.max(initial=1)).bit_length()
    bounds = [(2, 2), (3, 3), *((1 << bits, (2 << bits) - 1) for bits in range(2, highest))]
    told = [(low, high, int(((counts >= low) & (counts <= high)).sum())) for low, high in bounds]
    return ", ".join(f"{low if low == high else f'{low} to {high}'}: {count}" for low, high, count in told if count)


def _members(labels: Indices, num_held: int) -> Indices:
    """Places of the items whose cluster has two members or more, one of them new at least."""
    size, num_new = np.bincount(labels), np.bincount(labels[num_held:], minlength=int(labels.max()) + 1)
    return np.flatnonzero((size[labels] > 1) & (num_new[labels] > 0))


def _table(ids: npt.NDArray[np.str_], place: Indices, labels: Indices, both: Points, num_held: int) -> pa.Table:
    """Members of clusters, given cluster by cluster with the representative first."""
    here = np.arange(len(place))
    begins = np.append(True, labels[place][1:] != labels[place][:-1])[: len(place)]
    first = np.maximum.accumulate(np.where(begins, here, 0))
    vectors = both.vectors[place]
    columns = [
        pa.array(ids, pa.string()),
        pa.array(ids[first], pa.string()),
        pa.array(begins, pa.bool_()),
        pa.array(place < num_held, pa.bool_()),
        pa.array(np.bitwise_count(both.values[place] ^ both.values[place[first]]), pa.int64()),
        pa.array(cosines(vectors, vectors[first]), pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=CLUSTERS).sort_by([("cluster", "ascending"), ("item_id", "ascending")])


def components(both: Points, num_held: int, nearness: Nearness) -> Indices:
    """A number for every item, the same for items of one cluster; the first num_held are held."""
    some = np.flatnonzero(both.vectors.any(axis=1))
    num_held = int(np.searchsorted(some, num_held))
    joined = _Joined(both.values[some], both.vectors[some], num_held)
    joined.neighbours(nearness)
    joined.all(nearness)
    labels = len(both) + np.arange(len(both))
    labels[some] = joined.labels
    return labels


class _Joined:
    """Items with the number of the cluster that each is known to belong to."""

    def __init__(self, values: Hashes, vectors: Embeddings, num_held: int) -> None:
        self.labels = np.arange(len(values))
        self._everyone = Points(values, vectors, self.labels)
        self._held = Points(values[:num_held], vectors[:num_held], self.labels[:num_held])
        self._new = Points(values[num_held:], vectors[num_held:], self.labels[num_held:])

    def neighbours(self, nearness: Nearness) -> None:
        """Try the neighbours in some orders, so that the search meets few pairs of a crowd that is one cluster."""
        values, vectors = self._everyone.values, self._everyone.vectors
        if not len(values):
            return
        for shift in range(0, HASH_BITS, 16):
            order = np.lexsort((vectors[:, 0], (values >> np.uint64(shift)) & np.uint64(0xFFFF)))
            for step in _STEPS:
                self._try(order[:-step], order[step:], nearness)

    def all(self, nearness: Nearness) -> None:
        """Try every pair that may be near and is not joined yet."""
        kept: list[tuple[Indices, Indices]] = []
        num_held = len(self._held)
        for left, shift in ((self._held, 0), (self._new, num_held)):
            for here, there in near_pairs(left, self._new, nearness):
                kept.append((here + shift, there + num_held))
                if sum(len(one) for one, _ in kept) >= _EDGES:
                    self._join(kept)
            self._join(kept)

    def _try(self, here: Indices, there: Indices, nearness: Nearness) -> None:
        some = (here >= len(self._held)) | (there >= len(self._held))
        some &= self.labels[here] != self.labels[there]
        here, there = here[some], there[some]
        values, vectors = self._everyone.values, self._everyone.vectors
        near = np.bitwise_count(values[here] ^ values[there]) <= nearness.max_bits
        here, there = here[near], there[near]
        close = alike(vectors, vectors, here, there, nearness.min_cosine)
        self._join([(here[close], there[close])])

    def _join(self, edges: list[tuple[Indices, Indices]]) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if not sum(len(one) for one, _ in edges):
            edges.clear()
            return
        here, there = (np.concatenate(side) for side in zip(*edges, strict=True))
        graph = coo_array(
            (np.ones(len(here), np.bool_), (self.labels[here], self.labels[there])), shape=(len(self.labels),) * 2
        )
        self.labels[:] = connected_components(graph, directed=False)[1][self.labels]
        edges.clear()
