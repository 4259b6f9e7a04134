"""Nothing that a model is tried on may be in what it is trained on."""

import pyarrow as pa

from lake.ids import unit_interval
from lake.records import Split
from quality.duplicates import embedding_matrix, near_pairs, parse_hashes

SAME_ITEM, NEAR_DUPLICATE, SAME_GROUP = "same item", "near duplicate", "same group"


def leaks(train: pa.Table, cases: pa.Table, *, max_bits: int, min_cosine: float) -> pa.Table:
    """Which training items give a trial case away.

    train, cases: item_id, group, probe_phash, probe_embedding.
    Returns item_id, case_id and how (same item, near duplicate or same group: the strongest that holds,
    with the smallest case_id of that kind), one row a leaking training item, sorted by item_id.
    """
    found = {
        **{item: (case, SAME_GROUP) for item, case in _same_group(train, cases).items()},
        **{item: (case, NEAR_DUPLICATE) for item, case in _near(train, cases, max_bits, min_cosine).items()},
        **{item: (item, SAME_ITEM) for item in {*_strings(train, "item_id")} & {*_strings(cases, "item_id")}},
    }
    ids = sorted(found)
    return pa.table(
        {
            "item_id": pa.array(ids, pa.string()),
            "case_id": pa.array([found[item][0] for item in ids], pa.string()),
            "how": pa.array([found[item][1] for item in ids], pa.string()),
        }
    )


def split_of(group: str, *, validation_share: float) -> Split:
    """The split of a group, drawn by hash: it never changes, however many groups come later."""
    return "validation" if unit_interval("split", group) < validation_share else "train"


def _same_group(train: pa.Table, cases: pa.Table) -> dict[str, str]:
    """Training item to the smallest case of its group."""
    of_group: dict[str, str] = {}
    for case, group in zip(_strings(cases, "item_id"), _strings(cases, "group"), strict=True):
        of_group[group] = min(case, of_group.get(group, case))
    pairs = zip(_strings(train, "item_id"), _strings(train, "group"), strict=True)
    return {item: of_group[group] for item, group in pairs if group in of_group}


def _near(train: pa.Table, cases: pa.Table, max_bits: int, min_cosine: float) -> dict[str, str]:
    """Training item to the smallest case that it nearly equals."""
    items, case_ids = _strings(train, "item_id"), _strings(cases, "item_id")
    nearest: dict[str, str] = {}
    for here, there in near_pairs(
        parse_hashes(_strings(train, "probe_phash")),
        parse_hashes(_strings(cases, "probe_phash")),
        max_bits,
        embedding_matrix(train["probe_embedding"]),
        embedding_matrix(cases["probe_embedding"]),
        min_cosine,
    ):
        for a, b in zip(here.tolist(), there.tolist(), strict=True):
            item, case = items[a], case_ids[b]
            nearest[item] = min(case, nearest.get(item, case))
    return nearest


def _strings(table: pa.Table, column: str) -> list[str]:
    values: list[str] = table[column].to_pylist()
    return values
