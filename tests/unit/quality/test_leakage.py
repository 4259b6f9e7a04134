"""Leakage: nothing of the trial in the training."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from quality.leakage import leaks, split_of

NORTH, EAST = [1.0, 0.0], [0.0, 1.0]


def items(rows: list[tuple[str, str, str, list[float]]]) -> pa.Table:
    names = ("item_id", "group", "probe_phash", "probe_embedding")
    types = (pa.string(), pa.string(), pa.string(), pa.list_(pa.float32()))
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(types)]
    return pa.table(dict(zip(names, columns, strict=True)))


CASES = items([("case2", "g2", "0" * 16, NORTH), ("case1", "g1", "0" * 16, NORTH), ("case3", "g1", "f" * 16, EAST)])


def test_the_strongest_reason_with_the_smallest_case_is_named() -> None:
    train = items(
        [
            ("far", "g9", "00000000ffffffff", NORTH),
            ("near", "g1", "0000000000000003", NORTH),
            ("group", "g1", "00000000ffffffff", NORTH),
            ("case3", "g1", "f" * 16, EAST),
            ("alike", "g8", "0" * 16, EAST),
        ]
    )
    found = leaks(train, CASES, max_bits=4, min_cosine=0.99).to_pylist()
    assert [(row["item_id"], row["case_id"], row["how"]) for row in found] == [
        ("case3", "case3", "same item"),
        ("group", "case1", "same group"),
        ("near", "case1", "near duplicate"),
    ]


def test_nothing_leaks_from_or_into_nothing() -> None:
    none = items([])
    assert leaks(none, CASES, max_bits=4, min_cosine=0.9).num_rows == 0
    assert leaks(CASES, none, max_bits=4, min_cosine=0.9).num_rows == 0


@given(st.text(), st.floats(0.01, 0.98))
def test_a_group_stays_in_its_split_while_the_share_grows(group: str, share: float) -> None:
    assert split_of(group, validation_share=share) == split_of(group, validation_share=share)
    if split_of(group, validation_share=share) == "validation":
        assert split_of(group, validation_share=share + 0.01) == "validation"


def test_the_share_is_about_right() -> None:
    splits = [split_of(f"cell {number}", validation_share=0.2) for number in range(2000)]
    assert 0.17 < splits.count("validation") / len(splits) < 0.23
