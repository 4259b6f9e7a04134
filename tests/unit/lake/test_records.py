"""Records and tables: whatever a record holds comes back from Arrow and from Parquet."""

import dataclasses
import datetime as dt
import io
import types
import typing
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import records
from lake.records import Annotation, Label, Offer, SignOff, from_table, schema, to_table
from lake.tables import parquet_bytes

ALL: list[Any] = [
    kind for kind in vars(records).values() if dataclasses.is_dataclass(kind) and kind.__module__ == "lake.records"
]
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"])),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    Decimal: st.decimals(-(10**15), 10**15, places=8),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.none() | values(next(one for one in inner if one is not types.NoneType))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    return PLAIN[hint]


def rows(kind: type[Any]) -> st.SearchStrategy[list[Any]]:
    hints = typing.get_type_hints(kind)
    fields = {field.name: values(hints[field.name]) for field in dataclasses.fields(kind)}
    if kind is SignOff:
        fields["at"] = st.datetimes(timezones=st.just(dt.UTC))  # it takes no other
    return st.lists(st.builds(kind, **fields), max_size=4)


def test_every_record_is_covered() -> None:
    assert {"Item", "Quarantined", "Task", "Annotation", "Label", "Run", "LedgerEntry"} <= {one.__name__ for one in ALL}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_records_come_back_from_a_table_as_they_were(kind: type[Any], data: st.DataObject) -> None:
    given_rows = data.draw(rows(kind))
    table = to_table(given_rows, kind)
    assert table.schema == schema(kind)
    assert list(from_table(table, kind)) == given_rows
    assert list(from_table(pq.read_table(io.BytesIO(parquet_bytes(table))), kind)) == given_rows


def test_times_come_back_in_utc() -> None:
    east = dt.datetime(2026, 3, 1, 8, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    item = records.Item(
        item_id="i",
        modality="image",
        media_type="image/png",
        size_bytes=1,
        pack="p",
        offset=0,
        length=1,
        source="s",
        delivery="d",
        licence="l",
        consent="c",
        group="g",
        captured_at=east,
    )
    (back,) = from_table(to_table([item], records.Item), records.Item)
    assert back.captured_at is not None
    assert back.captured_at.utcoffset() == dt.timedelta(0)
    assert back.captured_at.hour == 0


def test_money_finer_than_its_column_is_refused_and_never_rounded() -> None:
    offer = Offer(
        provider="p", offer_id="o", accelerator="a", count=1, price_per_hour=Decimal("0.123456789"), currency="CNY"
    )
    with pytest.raises(pa.ArrowInvalid):
        to_table([offer], Offer)


def test_a_wider_table_gives_its_records_and_a_narrower_one_does_not() -> None:
    label = Label(
        item_id="i", schema_version="s", answer="a", confidence=1, agreement=1, method="m", annotators=("x", "y")
    )
    table = to_table([label], Label)
    wide = table.append_column("batch", pa.array(["b"]))
    assert list(from_table(wide, Label)) == [label]
    with pytest.raises(KeyError, match="answer"):
        list(from_table(table.drop_columns(["answer"]), Label))


def test_only_optional_fields_may_be_null() -> None:
    nullable = {field.name for field in schema(Annotation) if field.nullable}
    assert nullable == set()
    assert schema(records.Item).field("captured_at").nullable
