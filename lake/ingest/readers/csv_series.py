"""Time series as tables: one series a file, or one for each value of a column (`split_by`)."""

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from lake.errors import DeliveryError
from lake.ingest.readers.paths import Pattern, Told, is_document, matches, moment, only, wanted
from lake.ingest.readers.rows import CSV_ENDINGS, Row, bare_path, open_table, plain_ending, rows_of
from lake.ingest.readers.says import Known, Says
from lake.ingest.reading import Beside, Column, Fault, Part, Read, ReaderSpec, Sample, Source, Unread, inline, medium
from lake.ingest.sources.guard import member

_ENDINGS = CSV_ENDINGS + tuple(ending + packed for ending in CSV_ENDINGS for packed in (".gz", ".bz2", ".xz", ".zip"))
_TIME_NAMES = ("time", "timestamp", "datetime", "date", "time_s", "t", "seconds", "ts", "时间")
_HEAD_ROWS = 20
_MANY = 8  # files that are looked into


@dataclass
class _Series:
    """The rows of one series."""

    source: str
    text: io.StringIO = field(default_factory=io.StringIO)
    known: Known = field(default_factory=Known)
    faults: list[Fault] = field(default_factory=list)


class CsvSeries:
    """Columns that say something of the whole series (its answer, group, annotator) are taken out of it.

    They count as they stand in its first row.
    """

    NAME = "csv_series"
    KEYS = Says.KEYS - {"spans"} | {"files", "pattern", "delimiter", "quoted", "header", "split_by"}

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._pattern = Pattern(spec)

    def recognises(self, source: Source) -> bool:
        """Tables and documents alone, all with a column of time and numbers beside it."""
        if not only(source.files(), _ENDINGS):
            return False
        return all(self._is_series(source, path) for path in wanted(source.files(), None, _ENDINGS)[:_MANY])

    def read(self, source: Source) -> Iterator[Read]:
        tables = wanted(source.files(), self._spec.files, _ENDINGS)
        if not tables:
            raise DeliveryError(
                f"{source.url} holds no series", remedy="give source.reader.files: a glob of its tables"
            )
        for file in source.files():
            outside = self._spec.files is not None and not matches(file.path, self._spec.files)
            if file.path in tables or outside or is_document(file.path) or file.path == self._spec.classes:
                yield Beside(file.path)
        says = Says(self._spec.model_copy(update={"time": None}), source)
        whole = self._spec.split_by is None and not says.columns
        for path in tables:
            told = self._pattern.told(path)
            yield from self._whole(source, path, says, told) if whole else self._file(source, path, says, told)

    def _whole(self, source: Source, path: str, says: Says, told: Told) -> Iterator[Read]:
        """A file that says nothing but its series stays as it is."""
        first = next(rows_of(source, path, self._spec), None)
        if isinstance(first, Unread):
            yield first
            return
        packed = bare_path(path) != path
        part = (
            Part("", f"{path}#{bare_path(path)}", partial(_unpacked, source, path)) if packed else medium(source, path)
        )
        known = Known()
        if first is not None:
            self._left(first, says, f"{source.url}/{path}")
            yield from self._note(known, first, path, path, says, told)
        yield _sample(path, part, known, told)

    def _file(self, source: Source, path: str, says: Says, told: Told) -> Iterator[Read]:
        """Series of one file, in the order in which they begin; one that goes on later is one all the same."""
        series: dict[str, _Series] = {}
        left: tuple[Column, ...] = ()
        for row in rows_of(source, path, self._spec):
            if isinstance(row, Unread):
                yield row
                continue
            if not series:
                left = self._left(row, says, f"{source.url}/{path}")
            key = (row.text(self._spec.split_by) or "") if self._spec.split_by is not None else ""
            if key not in series:
                series[key] = self._begin(f"{path}#{key}" if key else path, row, path, says, told, left)
            csv.writer(series[key].text, lineterminator="\n").writerow([row.get(column) for column in left])
        for one in series.values():
            yield from one.faults
            data = one.text.getvalue().encode("utf-8", "replace")
            yield _sample(one.source, inline(data, f"{one.source}.csv"), one.known, told)

    def _begin(self, source: str, row: Row, path: str, says: Says, told: Told, left: tuple[Column, ...]) -> _Series:
        made = _Series(source)
        if self._spec.header:
            csv.writer(made.text, lineterminator="\n").writerow(left)
        made.faults = list(self._note(made.known, row, source, path, says, told))
        return made

    def _note(self, known: Known, row: Row, source: str, path: str, says: Says, told: Told) -> Iterator[Fault]:
        """Add what the path and the first row say of a series; it was captured when its time begins."""
        if told.answer:
            known.said[told.annotator or "file name", "path"] = says.named(told.answer)
        yield from says.note(known, row, source, path, told)
        with suppress(ValueError, OverflowError):  # seconds since its own beginning are no date
            known.captured_at = moment(row.text(self._spec.time)) or known.captured_at

    def _left(self, row: Row, says: Says, where: str) -> tuple[Column, ...]:
        """The columns of a series, its time first."""
        for column in (*says.columns, *(one for one in (self._spec.split_by, self._spec.time) if one is not None)):
            if not row.has(column):
                known = ", ".join(str(name) for name in row.index)
                raise DeliveryError(f"{where} has no column {column!r}", remedy=f"its columns are {known}")
        taken = (*says.columns, self._spec.split_by)
        out = {row.index[column] for column in taken if column is not None and column in row.index}
        names: dict[int, Column] = {}
        for name, at in row.index.items():
            if at not in names or isinstance(name, str):
                names[at] = name
        time = row.index.get(self._spec.time) if self._spec.time is not None else None
        order = sorted(names, key=lambda at: (at != time, at))
        return tuple(names[at] for at in order if at not in out)

    def _is_series(self, source: Source, path: str) -> bool:
        rows = [one for one, _ in zip(rows_of(source, path, self._spec), range(_HEAD_ROWS), strict=False)]
        if not rows or not all(isinstance(row, Row) for row in rows) or plain_ending(path) not in CSV_ENDINGS:
            return False
        good = [row for row in rows if isinstance(row, Row)]
        names = [name for name in good[0].index if isinstance(name, str)]
        others = [name for name in names if name.lower() not in _TIME_NAMES]
        numbers = [name for name in others if all(_is_number(row.text(name)) for row in good)]
        return len(others) < len(names) and bool(numbers)


def _sample(source: str, part: Part, known: Known, told: Told) -> Sample:
    return Sample(
        source=source,
        parts=(part,),
        said=known.as_said(),
        expert=known.expert,
        group=known.group or told.group,
        captured_at=known.captured_at,
        attributes=told.attributes,
    )


def _unpacked(source: Source, path: str, max_bytes: int) -> bytes:
    with member(source.url, path), open_table(source, path) as file:
        return file.read(max_bytes + 1)


def _is_number(text: str | None) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
