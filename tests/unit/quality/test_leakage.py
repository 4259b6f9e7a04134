"""Leakage: nothing of the trial in the training."""

import time

import numpy as np
import pyarrow as pa

from quality.duplicates import Nearness
from quality.leakage import leaks

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
    found = leaks(train, CASES, Nearness(4, 0.99)).to_pylist()
    assert [(row["item_id"], row["case_id"], row["how"]) for row in found] == [
        ("case3", "case3", "same item"),
        ("group", "case1", "same group"),
        ("near", "case1", "near duplicate"),
    ]


def test_nothing_leaks_from_or_into_nothing() -> None:
    none = items([])
    assert leaks(none, CASES, Nearness(4, 0.9)).num_rows == 0
    assert leaks(CASES, none, Nearness(4, 0.9)).num_rows == 0


def test_a_hundred_thousand_items_against_ten_thousand_cases_take_seconds() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 110_000, dtype=np.uint64)
    values[100_000:101_000] = values[:1_000] ^ np.uint64(0b101)
    vectors = rng.normal(size=(110_000, 16))
    vectors[100_000:101_000] = vectors[:1_000]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{place:06}" for place in range(110_000)]
    table = pa.table(
        {
            "item_id": names,
            "group": names,
            "probe_phash": [f"{value:016x}" for value in values.tolist()],
            "probe_embedding": pa.array(list(vectors.astype(np.float32)), pa.list_(pa.float32())),
        }
    )
    started = time.perf_counter()
    found = leaks(table.slice(0, 100_000), table.slice(100_000), Nearness(4, 0.99))
    seconds = time.perf_counter() - started
    assert found["item_id"].to_pylist() == names[:1_000]
    assert found["case_id"].to_pylist() == names[100_000:101_000]
    assert seconds < 15
