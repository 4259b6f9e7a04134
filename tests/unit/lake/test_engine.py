"""The engine: a function over rows, in order, with columns of every type, and errors that arrive."""

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pytest
from daft.pickle import cloudpickle

from lake import engine
from lake.errors import LakeError, SettingsError
from tests.unit.lake.samples import ROOT, run_python

# processes of the engine cannot import tests
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[attr-defined]

VALUES: dict[str, tuple[pa.DataType, object]] = {
    "text": (pa.string(), "多模态"),
    "integer": (pa.int64(), -(2**63)),
    "small integer": (pa.int32(), 7),
    "unsigned": (pa.uint64(), 2**64 - 1),
    "number": (pa.float64(), 0.1),
    "flag": (pa.bool_(), True),
    "bytes": (pa.binary(), b"\0\xff"),
    "time": (pa.timestamp("us", tz="UTC"), dt.datetime(2026, 3, 1, 12, 0, 0, 1, dt.UTC)),
    "money": (pa.decimal128(24, 8), Decimal("12.50000001")),
    "texts": (pa.list_(pa.string()), ["a", ""]),
    "vector": (pa.list_(pa.float32()), [1.5, -2.0]),
}


def numbers(count: int) -> pa.Table:
    return pa.table({"n": pa.array(range(count), pa.int64()), "kept": pa.array([str(n) for n in range(count)])})


def double(n: int) -> tuple[int]:
    return (2 * n,)


def boom(error: Exception, n: int) -> tuple[int]:
    if n == 7:
        raise error
    return (n,)


def one_back(value: object) -> tuple[object]:
    return (value,)


DOUBLED = pa.schema([("double", pa.int64())])


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_rows_keep_their_order_and_their_columns(count: int) -> None:
    table = engine.map_rows(numbers(count), ["n"], double, DOUBLED)
    assert table.schema.names == ["n", "kept", "double"]
    assert table["n"].to_pylist() == list(range(count))
    assert table["double"].to_pylist() == [2 * n for n in range(count)]
    assert table.schema.field("double").type == pa.int64()


def test_a_table_in_pieces_is_one_table() -> None:
    table = pa.concat_tables([numbers(10).slice(5), numbers(10).slice(0, 5)])
    done = engine.map_rows(table, ["n"], double, DOUBLED)
    assert done["double"].to_pylist() == [10, 12, 14, 16, 18, 0, 2, 4, 6, 8]


@pytest.mark.parametrize("name", VALUES)
def test_every_type_goes_in_and_comes_out_as_it_is(name: str) -> None:
    kind, value = VALUES[name]
    table = pa.table({"a": pa.array([value, None, value], kind)})
    done = engine.map_rows(table, ["a"], lambda a: (a,), pa.schema([("b", kind)]))
    assert done.schema.field("b").type == kind
    assert done["b"].to_pylist() == [value, None, value] == done["a"].to_pylist()


def test_a_column_may_be_null_throughout() -> None:
    done = engine.map_rows(
        numbers(3), ["n"], lambda _: (None, None), pa.schema([("a", pa.string()), ("b", pa.int64())])
    )
    assert done.select(["a", "b"]).to_pylist() == [{"a": None, "b": None}] * 3


def test_an_error_that_a_person_can_mend_arrives_as_it_was_raised() -> None:
    with pytest.raises(LakeError, match="no such pack\n  to mend it: bring it back"):
        engine.map_rows(numbers(10), ["n"], partial(boom, LakeError("no such pack", remedy="bring it back")), DOUBLED)


def test_any_other_error_ends_the_map_too() -> None:
    with pytest.raises(ZeroDivisionError):
        engine.map_rows(numbers(10), ["n"], partial(boom, ZeroDivisionError()), DOUBLED)


@pytest.mark.parametrize("sizes", [(), (0,), (5,), (1000, 0, 1, 300), (300,) * 8, (0, 0, 5)])
def test_tables_that_come_one_after_the_other_keep_their_rows_and_their_order(sizes: tuple[int, ...]) -> None:
    coming = [
        pa.table({"n": pa.array([1000 * at + n for n in range(size)], pa.int64())}) for at, size in enumerate(sizes)
    ]
    done = list(engine.map_stream(iter(coming), ["n"], double, DOUBLED))
    assert [one["n"].to_pylist() for one in done] == [one["n"].to_pylist() for one in coming]
    assert [one["double"].to_pylist() for one in done] == [[2 * n for n in one["n"].to_pylist()] for one in coming]
    assert {str(one.schema) for one in done} <= {"n: int64\ndouble: int64"}


@pytest.mark.parametrize("name", VALUES)
def test_every_type_goes_through_a_stream_as_it_is(name: str) -> None:
    kind, value = VALUES[name]
    table = pa.table({"a": pa.array([value, None, value], kind)})
    first, *more = engine.map_stream(iter([table] * 3), ["a"], one_back, pa.schema([("b", kind)]))
    assert first.schema.field("b").type == kind
    assert first["b"].to_pylist() == [value, None, value]
    assert [one.equals(first) for one in more] == [True, True]


def test_a_stream_is_read_no_more_than_a_few_tables_ahead() -> None:
    read = []

    def coming() -> Iterator[pa.Table]:
        for number in range(30):
            read.append(number)
            yield numbers(100)

    for taken, _ in enumerate(engine.map_stream(coming(), ["n"], double, DOUBLED)):
        time.sleep(0.02)
        assert len(read) <= taken + 6


def test_what_the_tables_of_a_stream_raise_comes_after_those_that_were_there() -> None:
    def coming() -> Iterator[pa.Table]:
        yield from [numbers(10)] * 4
        raise LakeError("the delivery is cut off", remedy="deliver it again")

    stream = engine.map_stream(coming(), ["n"], double, DOUBLED)
    assert [next(stream).num_rows for _ in range(4)] == [10] * 4
    with pytest.raises(LakeError, match="the delivery is cut off"):
        next(stream)


def test_an_error_in_a_stream_arrives_as_it_was_raised() -> None:
    with pytest.raises(LakeError, match="no such pack"):
        list(
            engine.map_stream(
                iter([numbers(10)] * 3), ["n"], partial(boom, LakeError("no such pack", remedy="x")), DOUBLED
            )
        )


def test_a_stream_that_nobody_reads_to_its_end_holds_nothing_up() -> None:
    code = """
from lake import engine
import pyarrow as pa
from lake.ids import key
numbers = pa.table({"n": ["a"] * 100})
HASHED = pa.schema([("c", pa.string())])
def first(n): return (key(n)[0],)
stream = engine.map_stream(iter([numbers] * 50), ["n"], first, HASHED)
print(next(stream).num_rows)
"""
    out, problems = run_python(code).communicate(timeout=60)
    assert out.strip() == "100", problems
    assert "Traceback" not in problems  # Python may say that a piece of shared memory was on its way


def test_an_unknown_engine_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="TRIALBASE_ENGINE"):
        engine.use("spark://host")


def test_an_engine_that_has_worked_stays() -> None:
    engine.use("native")
    engine.map_rows(numbers(1), ["n"], double, DOUBLED)
    engine.use("native")
    with pytest.raises(SettingsError, match="works on native already"):
        engine.use("ray://127.0.0.1:10001")


def test_a_cluster_without_ray_is_said_so_before_any_work() -> None:
    code = """
import importlib.util
from lake import engine
from lake.errors import SettingsError
try:
    engine.use("ray://127.0.0.1:10001")
except SettingsError as error:
    print(error)
else:
    print("Ray is not installed" if importlib.util.find_spec("ray") else "taken without Ray")
"""
    out, problems = run_python(code).communicate(timeout=60)
    assert out.startswith("Ray is not installed"), problems


def test_nothing_is_told_to_anybody() -> None:
    code = "import lake.engine, os; print(os.environ['DAFT_ANALYTICS_ENABLED'], os.environ['DO_NOT_TRACK'])"
    clean = {
        name: value for name, value in os.environ.items() if name not in ("DAFT_ANALYTICS_ENABLED", "DO_NOT_TRACK")
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]
