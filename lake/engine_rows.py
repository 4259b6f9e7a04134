"""Rows in, structs out: what every way of working on a table shares."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa


def rows_of(function: Callable[..., tuple[object, ...]], out: pa.Schema, *columns: Sequence[Any]) -> pa.StructArray:
    """`function(*values of columns)` for every row, as an array of structs with the fields of `out`."""
    rows = [function(*row) for row in zip(*columns, strict=True)]
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), out, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=list(out))


def appended(table: pa.Table, found: pa.Array, out: pa.Schema) -> pa.Table:
    """A table with what was found of its rows, an array of structs, as columns of `out`."""
    struct = found if isinstance(found, pa.StructArray) else found.chunk(0)
    fresh = [struct.field(name).cast(out.field(name).type) for name in out.names]
    return pa.Table.from_arrays([*table.combine_chunks().columns, *fresh], schema=joined(table.schema, out))


def joined(left: pa.Schema, right: pa.Schema) -> pa.Schema:
    """The columns of both."""
    return pa.schema([*left, *right])
