"""Tables from CSV, JSON and Parquet."""

import csv
import datetime as dt
import io
import itertools
import json
import math
import zlib
from typing import Any

import numpy as np
import pyarrow as pa

from lake.media.kinds import Refused
from lake.media.numbers import MAX_COLUMNS, Floats, Numbers, demand_size
from lake.text import decode

_DELIMITERS = ",;\t|"
_HEAD_CHARS = 1 << 20
_BYTES_PER_VALUE = 64  # unpacked, of a Parquet file: more is a bomb


def from_csv(data: bytes, delimiter: str | None, max_values: int) -> tuple[Numbers, str]:
    """A table and its charset; its first line holds names where no cell of it is a number. Raises Refused."""
    import pyarrow.csv

    try:
        text, charset = decode(data)
    except ValueError as error:
        raise Refused("unreadable", str(error)) from error
    if "\0" in text:
        raise Refused("unreadable", "it holds NUL bytes")
    if not text.strip():
        raise Refused("empty", "only white space")
    delimiter, first = _first_line(text, delimiter)
    demand_size(1, len(first), max_values)
    has_names = not any(_is_number(cell) for cell in first)
    plain = text.encode()
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(plain),
            pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=min(len(plain) + 1, 2**31 - 1),
                autogenerate_column_names=not has_names,
            ),
            pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
    except (pa.ArrowException, ValueError) as error:
        raise Refused("unreadable", f"not CSV: {_brief(error)}") from error
    return _from_arrow(table, first if has_names else [], max_values), charset


def _first_line(text: str, delimiter: str | None) -> tuple[str, list[str]]:
    """The delimiter and the cells of the first line that is not empty."""
    head = text[:_HEAD_CHARS].lstrip("\r\n")
    line = head.partition("\n")[0]
    if len(line) == _HEAD_CHARS:
        raise Refused("oversize", f"a line of {_HEAD_CHARS} characters or more")
    delimiter = delimiter or max(_DELIMITERS, key=line.count)
    try:
        cells = next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise Refused("unreadable", f"its first line is not CSV: {error}") from error
    return delimiter, [cell.strip() for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def from_parquet(data: bytes, max_values: int) -> Numbers:
    """A table's flat columns; lists and structs are left out. Raises Refused."""
    import pyarrow.parquet as pq

    try:
        facts = pq.read_metadata(pa.BufferReader(data))
        demand_size(facts.num_rows, facts.num_columns, max_values)
        unpacked = sum(facts.row_group(at).total_byte_size for at in range(facts.num_row_groups))
        if unpacked > _BYTES_PER_VALUE * max_values:
            raise Refused("oversize", f"{unpacked} bytes unpacked, for at most {max_values} values")
        schema = facts.schema.to_arrow_schema()
        flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
        texts = [field.name for field in schema if _is_text(field.type)]
        # a dictionary holds a text once, however often it stands in the column
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        table = file.read(columns=flat, use_threads=False)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, KeyError) as error:
        raise Refused("unreadable", f"not Parquet: {_brief(error)}") from error
    return _from_arrow(table, table.column_names, max_values)


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _from_arrow(table: pa.Table, names: list[str], max_values: int) -> Numbers:
    demand_size(table.num_rows, table.num_columns, max_values)
    values = np.empty((table.num_rows, table.num_columns), order="F")
    for at, column in enumerate(table.columns):
        try:
            values[:, at] = _floats(column)
        except (pa.ArrowException, ValueError, OverflowError, UnicodeDecodeError) as error:
            raise Refused("unreadable", f"column {at + 1}: {_brief(error)}") from error
    texts = [_is_text(column.type) or pa.types.is_dictionary(column.type) for column in table.columns]
    return Numbers.of(values, names, texts)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _floats(column: pa.ChunkedArray) -> Floats:
    """One column; NaN for null."""
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if _is_text(kind):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        coded = pa.chunked_array([_coded(chunk) for chunk in column.chunks], pa.float64())
        return np.asarray(coded.to_numpy(zero_copy_only=False), dtype=np.float64)
    scale = 1.0
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column, scale = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False), 1e-6
        column = column.cast(pa.int64())
    elif pa.types.is_time(kind) or pa.types.is_duration(kind):
        column = column.cast(pa.int64())
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, dtype=np.float64) * scale


def _coded(chunk: pa.DictionaryArray) -> pa.Array:
    codes = pa.array([_code(value) for value in chunk.dictionary.to_pylist()], pa.float64())
    return codes.take(chunk.indices)


def _code(text: str | bytes | None) -> float:
    """The same number for the same text, NaN for none."""
    return float(zlib.crc32(text if isinstance(text, bytes) else text.encode())) if text else math.nan


def from_json(data: bytes, max_values: int) -> Numbers:
    """A row (an object), rows (a list of objects) or columns (an object of lists). Raises Refused."""
    if sum(data.count(mark) for mark in (b",", b":", b"[", b"{")) > 8 * max_values + 1000:
        raise Refused("oversize", f"more than {max_values} values")  # they would take 20 times the file's size
    try:
        text, _charset = decode(data)
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("unreadable", f"not JSON: {_brief(error)}") from error
    rows = _rows(found, max_values)
    names = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    demand_size(len(rows), len(names), max_values)
    try:
        values = np.array([[_cell(row.get(name)) for name in names] for row in rows], dtype=np.float64)
    except OverflowError as error:
        raise Refused("unreadable", "a number that is too large") from error
    texts = [any(isinstance(row.get(name), str) and math.isnan(_time(row[name])) for row in rows) for name in names]
    return Numbers.of(values.reshape(len(rows), len(names)), names, texts)


def _rows(found: Any, max_values: int) -> list[dict[str, Any]]:
    if isinstance(found, dict) and found and all(isinstance(column, list) for column in found.values()):
        lengths = {len(column) for column in found.values()}
        if len(lengths) > 1:
            raise Refused("unreadable", "its columns differ in length")
        demand_size(lengths.pop(), len(found), max_values)
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("unreadable", "neither a row, nor rows, nor columns")
    widest = max((len(row) for row in rows), default=0)
    demand_size(len(rows) if widest <= MAX_COLUMNS else 1, widest, max_values)
    return rows


def _cell(value: Any) -> float:
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        time = _time(value)
        return _code(value) if math.isnan(time) else time
    return math.nan if value is None else _code(json.dumps(value, sort_keys=True))


def _time(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 date, taken as UTC where it does not say; NaN for any other text."""
    if not (8 <= len(text) <= 40 and text[:4].isdecimal()):
        return math.nan
    try:
        time = dt.datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
