"""Tables: equal rows are equal bytes; a write is seen whole or not at all."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.blobs import Blobs
from lake.errors import LakeError, NotFound
from lake.tables import parquet_bytes, read_table, write_table
from tests.unit.lake.samples import run_python

ROWS = st.lists(
    st.fixed_dictionaries({"a": st.none() | st.text("xyz", max_size=3), "b": st.none() | st.lists(st.integers(0, 9))}),
    max_size=20,
)
SHAPE = pa.schema([("a", pa.string()), ("b", pa.list_(pa.int64()))])


@settings(max_examples=50)
@given(ROWS, st.integers(0, 20))
def test_equal_tables_are_equal_bytes_however_they_were_put_together(rows: list[dict[str, object]], cut: int) -> None:
    whole = pa.Table.from_pylist(rows, schema=SHAPE)
    pieces = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)]).replace_schema_metadata({"made": "by hand"})
    assert parquet_bytes(pieces) == parquet_bytes(whole)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.list_(pa.int64()), [1, 2]),
        (pa.list_(pa.int64(), 2), [1, 2]),
        (pa.list_(pa.list_(pa.int64(), 2)), [[1, 2]]),
        (pa.struct([("n", pa.list_(pa.int64()))]), {"n": [1]}),
    ],
    ids=str,
)
def test_a_table_that_was_read_is_written_as_the_same_bytes(tmp_path: Path, kind: pa.DataType, value: object) -> None:
    blobs = Blobs(str(tmp_path))
    write_table(blobs, "t.parquet", pa.table({"a": pa.array([value, value], kind)}))
    assert parquet_bytes(read_table(blobs, "t.parquet")) == (tmp_path / "t.parquet").read_bytes()


def test_some_columns_can_be_read_alone(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    write_table(blobs, "t.parquet", pa.Table.from_pylist([{"a": "x", "b": [1]}], schema=SHAPE))
    assert read_table(blobs, "t.parquet", ["b"]).to_pylist() == [{"b": [1]}]


def test_a_table_in_use_stays_as_it_was_when_another_takes_its_place(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    write_table(blobs, "t.parquet", pa.table({"a": list(range(100_000))}))
    held = read_table(blobs, "t.parquet")
    write_table(blobs, "t.parquet", pa.table({"a": [0]}))
    assert held["a"].to_pylist() == list(range(100_000))


def test_no_table_is_not_an_empty_table(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"t\.parquet is not there"):
        read_table(Blobs(str(tmp_path)), "t.parquet")


@pytest.mark.parametrize("keep", [0, 3, 200])
def test_a_damaged_table_is_named(tmp_path: Path, keep: int) -> None:
    blobs = Blobs(str(tmp_path))
    write_table(blobs, "t.parquet", pa.table({"a": list(range(1000))}))
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:keep])
    with pytest.raises(LakeError, match=r"t\.parquet is damaged"):
        read_table(blobs, "t.parquet")


KILLED_WRITE = """
import pathlib, sys
import pyarrow as pa
from lake.blobs import Blobs
from lake.tables import write_table
mortal(sys.argv[1], int(sys.argv[2]))
write_table(Blobs(sys.argv[1]), "t.parquet", pa.table({"a": [2]}))
"""


@pytest.mark.parametrize("moment", [1, 2])  # before the file beside it is made; before it is renamed
def test_a_killed_write_leaves_the_old_table_and_the_next_one_leaves_nothing_of_it(tmp_path: Path, moment: int) -> None:
    blobs = Blobs(str(tmp_path))
    write_table(blobs, "t.parquet", pa.table({"a": [1]}))
    process = run_python(KILLED_WRITE, str(tmp_path), str(moment))
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert read_table(blobs, "t.parquet")["a"].to_pylist() == [1]
    write_table(blobs, "t.parquet", pa.table({"a": [3]}))
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    assert read_table(blobs, "t.parquet")["a"].to_pylist() == [3]
