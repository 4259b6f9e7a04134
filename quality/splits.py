"""Which split an item goes to: by its group and by what it nearly equals, and for ever."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lake.ids import unit_interval
from lake.records import Split

IN_BOTH = "it nearly equals items of both splits"
DIVIDED = "its group is in {group}, and what it nearly equals in {cluster}"

_NAMES: tuple[Split, Split] = ("train", "validation")
_TRAIN, _VALIDATION, _BOTH = 1, 2, 3  # as sets of splits; 0 is none yet

Ints: TypeAlias = npt.NDArray[np.int64]


def split_of(group: str, *, validation_share: float) -> Split:
    """The split of a group, drawn by hash: it never changes, however many groups come later."""
    return "validation" if unit_interval("split", group) < validation_share else "train"


def assign(members: pa.Table, *, validation_share: float) -> pa.Table:
    """A split for every item that has none, so that no group and no cluster of near-duplicates spans two.

    members: item_id, group, cluster (null for what nearly equals nothing), split (null where it is not decided).
    What is decided stays. Groups and clusters that hang together and hold nothing decided go where their decided
    neighbours are; where there are none, or some in both, their split is drawn by the smallest group's name.
    Returns item_id, split and reason, in the order of `members`; where an item would bridge two splits, its split
    is null and the reason says why.
    """
    graph = _Graph(members)
    sets = graph.decided()
    loose = graph.components(sets == 0)
    of_component = graph.neighbours(loose, sets)
    drawn = np.flatnonzero((of_component == 0) | (of_component == _BOTH))
    for component, group in zip(drawn.tolist(), graph.names(loose, drawn), strict=True):
        side = split_of(group, validation_share=validation_share)
        of_component[component] = _TRAIN if side == "train" else _VALIDATION
    sets = np.where(loose >= 0, of_component[loose], sets) if len(of_component) else sets
    return _told(members, sets[graph.group], np.where(graph.cluster < 0, sets[graph.group], sets[graph.cluster]))


class _Graph:
    """Groups and clusters as numbered nodes; an item is an edge between its group and its cluster."""

    def __init__(self, members: pa.Table) -> None:
        groups = members["group"].combine_chunks().dictionary_encode()
        clusters = members["cluster"].combine_chunks().dictionary_encode()
        self._groups = groups.dictionary
        self.group = np.asarray(groups.indices, dtype=np.int64)
        found = np.asarray(clusters.indices.fill_null(-1), dtype=np.int64)
        self.cluster = np.where(found < 0, -1, found + len(groups.dictionary))
        self._size = len(groups.dictionary) + len(clusters.dictionary)
        self._linked = np.flatnonzero(self.cluster >= 0)
        self._split = np.asarray(pc.index_in(members["split"], value_set=pa.array(_NAMES)).fill_null(-1)) + 1

    def decided(self) -> Ints:
        """For every node the set of splits that its decided items are in."""
        sets = np.zeros(self._size, np.int64)
        for nodes in (self.group, self.cluster):
            some = np.flatnonzero((self._split > 0) & (nodes >= 0))
            np.bitwise_or.at(sets, nodes[some], self._split[some])
        return sets

    def components(self, loose: npt.NDArray[np.bool_]) -> Ints:
        """For every loose node the number of the component that it forms with other loose ones; -1 for the rest."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        here, there = self.group[self._linked], self.cluster[self._linked]
        both = loose[here] & loose[there]
        edges = (np.ones(int(both.sum()), np.bool_), (here[both], there[both]))
        found = connected_components(coo_array(edges, shape=(self._size, self._size)), directed=False)[1]
        numbers = np.full(self._size, -1)
        numbers[loose] = np.unique(found[loose], return_inverse=True)[1]
        return numbers

    def neighbours(self, component: Ints, sets: Ints) -> Ints:
        """For every component the set of splits that its decided neighbours are in; what is in both says nothing."""
        found = np.zeros(int(component.max(initial=-1)) + 1, np.int64)
        mine, theirs = self.group[self._linked], self.cluster[self._linked]
        for here, there in ((mine, theirs), (theirs, mine)):
            tells = (component[here] >= 0) & (sets[there] != _BOTH)
            np.bitwise_or.at(found, component[here[tells]], sets[there[tells]])
        return found

    def names(self, component: Ints, wanted: Ints) -> list[str]:
        """The smallest group that some components touch."""
        order = np.asarray(pc.array_sort_indices(self._groups), dtype=np.int64)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        smallest = np.full(int(component.max(initial=-1)) + 1, len(order))
        for nodes, group in ((self.group, self.group), (self.cluster[self._linked], self.group[self._linked])):
            some = component[nodes] >= 0
            np.minimum.at(smallest, component[nodes[some]], rank[group[some]])
        return list(self._groups.take(pa.array(order[smallest[wanted]])).to_pylist())


def _told(members: pa.Table, group: Ints, cluster: Ints) -> pa.Table:
    """Decided splits as they are, and the others where group and cluster are in the same one."""
    names = np.array([None, *_NAMES, None], dtype=object)
    reasons = np.array(
        [[DIVIDED.format(group=names[g], cluster=names[c]) if g != c else "" for c in range(4)] for g in range(4)],
        dtype=object,
    )
    reasons[:, _BOTH] = reasons[_BOTH, :] = IN_BOTH
    split, reason = names[np.where(group == cluster, group, 0)], reasons[group, cluster]
    known = np.asarray(members["split"].is_valid())
    split[known], reason[known] = np.asarray(members["split"].to_pylist(), dtype=object)[known], ""
    columns = [members["item_id"], pa.array(split, pa.string()), pa.array(reason, pa.string())]
    return pa.table(dict(zip(("item_id", "split", "reason"), columns, strict=True)))
