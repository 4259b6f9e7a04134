"""Rows of a table file, whatever its form: CSV and its kin, JSON lines, JSON, YAML, Parquet; packed or not."""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from lake.errors import DeliveryError
from lake.ingest.reading import Column, Damaged, ReaderSpec, Source, Unread
from lake.ingest.sources.archives import ZipSource
from lake.ingest.sources.guard import member
from lake.ingest.sources.onefile import InnerFile, bare_name, open_plain
from lake.text import charset_of

CSV_ENDINGS = (".csv", ".tsv")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
YAML_ENDINGS = (".yaml", ".yml")
_BARE = (*CSV_ENDINGS, *JSON_ENDINGS, *YAML_ENDINGS, ".parquet")
ENDINGS = _BARE + tuple(ending + packed for ending in _BARE for packed in (".gz", ".bz2", ".xz", ".zst", ".zip"))
_MAX_JSON = 2**30
_MAX_YAML = 2**24
_MAX_LINE = 2**28
_MAX_CELL = 2**24
_DELIMITERS = ",\t;|"


class Row:
    """One row: its values by name, and by number from 1. `line`: where it stands in its file, from 1."""

    def __init__(self, line: int, values: Sequence[Any], index: Mapping[Column, int]) -> None:
        self.line, self.values, self.index = line, values, index

    def get(self, column: Column | None) -> Any:
        """A value; None where there is none. Of JSON also by a path: `messages.content`."""
        if column is None:
            return None
        at = self.index.get(column)
        if at is not None:
            return self.values[at]
        head, dot, rest = str(column).partition(".")
        return _inside(self.get(head), rest) if dot and head in self.index else None

    def has(self, column: Column) -> bool:
        """Whether the table has such a column."""
        return column in self.index or ("." in str(column) and str(column).partition(".")[0] in self.index)

    def text(self, column: Column | None) -> str | None:
        """A value as text; None where there is none or it is null."""
        return as_text(self.get(column))

    def plain(self) -> dict[str, Any]:
        """All values by name, or by number where there are no names."""
        named = {name: at for name, at in self.index.items() if isinstance(name, str)}
        chosen: Mapping[Column, int] = named or self.index  # type: ignore[assignment]
        return {str(name): self.values[at] for name, at in chosen.items()}


def as_text(value: Any) -> str | None:
    """A value as text; a list as lines, anything else with a structure as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def rows_of(source: Source, path: str, spec: ReaderSpec, *, even: bool = True) -> Iterator[Row | Unread]:
    """The rows of a table file in their order; what is no row is told apart, with the reason.

    even: whether a row of a CSV file with more or fewer columns than the first is none.
    """
    try:
        with member(source.url, path):
            yield from _rows(source, path, spec, even)
    except (ValueError, RecursionError, csv.Error) as error:
        yield Unread(path, "unreadable", str(error).partition("\n")[0] or type(error).__name__)
    except Damaged as error:
        yield Unread(path, "unreadable", error.what)


def open_table(source: Source, path: str) -> BinaryIO:
    """A table file's bytes without its packing; a zip archive around one file is opened too. Raises DeliveryError."""
    if path.lower().endswith(".zip"):
        archive = ZipSource(InnerFile(source, path))
        try:
            files = archive.files()
        except DeliveryError as error:
            raise Damaged(error.what, remedy=error.remedy) from error
        if len(files) != 1:
            raise Damaged(f"{path} holds {len(files)} files", remedy="pack one table in a zip archive of its own")
        return archive.open(files[0].path)
    return open_plain(InnerFile(source, path))


def open_text(source: Source, path: str, newline: str = "") -> io.TextIOWrapper:
    """A table file as text with its line ends. Raises DeliveryError, and ValueError where it is no text."""
    with open_table(source, path) as file:
        charset = charset_of(file)
    return io.TextIOWrapper(open_table(source, path), encoding=charset, newline=newline)


def lines_of(source: Source, path: str) -> Iterator[str]:
    """The lines of a text file without their ends. Raises DeliveryError, ValueError."""
    with open_text(source, path, newline="\n") as file:
        for line in _bounded(file):
            yield line.removesuffix("\n").removesuffix("\r")


def _bounded(file: io.TextIOWrapper) -> Iterator[str]:
    """Lines with their ends, as long as none of them would take all memory."""
    for number in itertools.count(1):
        line = file.readline(_MAX_LINE + 1)
        if len(line) > _MAX_LINE:
            raise ValueError(f"line {number} has more than {_MAX_LINE} characters")
        if not line:
            return
        yield line


def bare_path(path: str) -> str:
    """A table file's path without the ending that says how it is packed."""
    return bare_name(path[:-4] if path.lower().endswith(".zip") else path)


def plain_ending(path: str) -> str:
    """The ending of a table file without its packing: `.csv`."""
    return "." + bare_path(path).lower().rpartition(".")[2]


def _rows(source: Source, path: str, spec: ReaderSpec, even: bool) -> Iterator[Row | Unread]:
    ending = plain_ending(path)
    if ending == ".parquet":
        yield from _parquet(source, path)
    elif ending in JSON_ENDINGS:
        yield from _json(source, path, spec.header)
    elif ending in YAML_ENDINGS:
        from lake.ingest.readers.plain_yaml import load

        yield from _objects(path, load(_all(source, path, _MAX_YAML)), spec.header)
    else:
        yield from _csv(source, path, spec, even)


# --- CSV


def _csv(source: Source, path: str, spec: ReaderSpec, even: bool) -> Iterator[Row | Unread]:
    index: dict[Column, int] = {}
    for line, values in _cells(source, path, spec):
        if not index:
            index = {number: number - 1 for number in range(1, len(values) + 1)}
            if spec.header:
                index |= {name.strip(): at for at, name in enumerate(values)}
                width = len(values)
                continue
            width = len(values)
        if len(values) != width and even:
            yield Unread(f"{path}#{line}", "unreadable", f"{len(values)} columns where the first line has {width}")
        else:
            yield Row(line, values, index if len(values) == width else _numbered(index, len(values)))


def _numbered(index: Mapping[Column, int], width: int) -> dict[Column, int]:
    """The columns that a row of another width than the first has."""
    return {name: at for name, at in index.items() if at < width} | {at + 1: at for at in range(width)}


def _cells(source: Source, path: str, spec: ReaderSpec) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every line that is not empty; a blank as delimiter stands for any number of them."""
    delimiter = spec.delimiter if spec.delimiter is not None else _delimiter(source, path)
    if delimiter.isspace() and "\t" not in delimiter:
        yield from ((line, text.split()) for line, text in enumerate(lines_of(source, path), 1) if text.strip())
        return
    if not spec.quoted or delimiter == "":
        for line, text in enumerate(lines_of(source, path), 1):
            if text or delimiter == "":
                yield line, text.split(delimiter) if delimiter else [text]
        return
    with open_text(source, path) as file:
        reader = csv.reader(_bounded(file), delimiter=delimiter, strict=True)
        try:
            while (values := _next(reader)) is not None:
                if values:
                    yield reader.line_num, values
        except csv.Error as error:
            raise ValueError(
                f"line {reader.line_num} is no CSV: {error}; `quoted: false` if quotes are text"
            ) from error


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row, whose cells may be long texts: the limit is the whole process's, so it is put back at once."""
    before = csv.field_size_limit(_MAX_CELL)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(before)


def _delimiter(source: Source, path: str) -> str:
    """What splits the first lines most evenly; a comma where nothing does."""
    if plain_ending(path) == ".tsv":
        return "\t"
    head = list(itertools.islice(lines_of(source, path), 20))
    counts = {one: [line.count(one) for line in head if line] for one in _DELIMITERS}
    even = [one for one in _DELIMITERS if counts[one] and min(counts[one]) > 0 and len(set(counts[one])) == 1]
    some = [one for one in _DELIMITERS if counts[one] and counts[one][0] > 0]
    return (even or some or [","])[0]


# --- JSON


def _json(source: Source, path: str, header: bool) -> Iterator[Row | Unread]:
    if header and _is_lines(source, path):
        for line, text in enumerate(lines_of(source, path), 1):
            if text.strip():
                yield _json_line(path, line, text)
        return
    yield from _objects(path, json.loads(_all(source, path, _MAX_JSON)), header)


def _objects(path: str, found: Any, header: bool) -> Iterator[Row | Unread]:
    """The rows of a list of objects, or of an object of objects, whose names become the column `key`.

    Without a header names are data too: `{worker: {item: answer}}` is rows of three numbered columns.
    """
    if not header:
        for number, values in enumerate(_leaves(found, ()), 1):
            yield Row(number, values, {at: at - 1 for at in range(1, len(values) + 1)})
        return
    if isinstance(found, dict) and found and all(isinstance(one, dict) for one in found.values()):
        found = [{"key": name} | one for name, one in found.items()]
    for number, one in enumerate(found if isinstance(found, list) else [found], 1):
        yield _object(path, number, one)


def _leaves(value: Any, names: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if not isinstance(value, dict):
        yield (*names, value)
        return
    for name, inner in value.items():
        yield from _leaves(inner, (*names, name))


def _all(source: Source, path: str, limit: int) -> str:
    with open_text(source, path) as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise ValueError(f"more than {limit} characters: deliver it as JSON lines")
    return text


def _json_line(path: str, line: int, text: str) -> Row | Unread:
    try:
        return _object(path, line, json.loads(text))
    except (ValueError, RecursionError) as error:
        return Unread(f"{path}#{line}", "unreadable", f"no JSON: {error}")


def _object(path: str, number: int, found: Any) -> Row | Unread:
    if not isinstance(found, dict):
        return Unread(f"{path}#{number}", "unreadable", f"{type(found).__name__} instead of an object")
    return Row(number, list(found.values()), {name: at for at, name in enumerate(found)})


def _is_lines(source: Source, path: str) -> bool:
    """Whether every line is an object of its own: the first one is, and is not all there is."""
    if plain_ending(path) != ".json":
        return True
    first, second = [*itertools.islice((line for line in lines_of(source, path) if line.strip()), 2), "", ""][:2]
    try:
        return bool(second) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _inside(value: Any, path: str) -> Any:
    """What lies deeper in a JSON value; of a list, of each of its members."""
    if isinstance(value, list):
        return [_inside(one, path) for one in value]
    head, dot, rest = path.partition(".")
    inner = value.get(head) if isinstance(value, dict) else None
    return _inside(inner, rest) if dot else inner


# --- Parquet


def _parquet(source: Source, path: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = itertools.count(1)
    try:
        with open_table(source, path) as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=1024):
                index: dict[Column, int] = {name: at for at, name in enumerate(batch.schema.names)}
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield Row(next(numbers), values, index)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"no Parquet: {str(error).partition(chr(10))[0]}") from error
