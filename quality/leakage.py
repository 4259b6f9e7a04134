"""Nothing that a model is tried on may be in what it is trained on."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quality.duplicates import Nearness, near_pairs, points

SAME_ITEM, NEAR_DUPLICATE, SAME_GROUP = "same item", "near duplicate", "same group"


def leaks(train: pa.Table, cases: pa.Table, nearness: Nearness) -> pa.Table:
    """Which training items give a trial case away.

    train, cases: item_id, group, probe_phash, probe_embedding.
    Returns item_id, case_id and how (same item, near duplicate or same group: the strongest that holds,
    with the smallest case_id of that kind), one row a leaking training item, sorted by item_id.
    """
    cases = cases.sort_by("item_id")
    items, case_ids = train["item_id"], cases["item_id"]
    nobody = len(case_ids)
    case = np.full(len(items), nobody)
    how = np.full(len(items), "", dtype=object)
    for name, found in (
        (SAME_GROUP, _first(train["group"], cases["group"])),
        (NEAR_DUPLICATE, _nearest(train, cases, nearness)),
        (SAME_ITEM, _first(items, case_ids)),
    ):
        case[found < nobody], how[found < nobody] = found[found < nobody], name
    leaking = np.flatnonzero(case < nobody)
    table = pa.table(
        {
            "item_id": items.take(pa.array(leaking)),
            "case_id": case_ids.take(pa.array(case[leaking])),
            "how": pa.array(how[leaking], pa.string()),
        }
    )
    return table.sort_by("item_id")


def _first(wanted: pa.ChunkedArray, known: pa.ChunkedArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first place of each wanted value among the known ones; their number where there is none."""
    places = pc.index_in(wanted, value_set=known.combine_chunks())
    return np.asarray(places.fill_null(len(known)).to_numpy(), dtype=np.int64)


def _nearest(train: pa.Table, cases: pa.Table, nearness: Nearness) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first case that each training item nearly equals; the number of cases where there is none."""
    first = np.full(train.num_rows, cases.num_rows)
    for here, there in near_pairs(points(train), points(cases), nearness):
        np.minimum.at(first, here, there)
    return first
