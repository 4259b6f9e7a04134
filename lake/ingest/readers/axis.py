"""Moments, windows and points as rows of the series that they are said of."""

import io
import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import Any, BinaryIO

from lake import ids
from lake.errors import DeliveryError
from lake.ingest.readers.paths import moment
from lake.ingest.readers.rows import Row, as_text, rows_of
from lake.ingest.reading import Column, Part, ReaderSpec
from lake.ingest.sources.onefile import FileSource

_MAX_BYTES = 2**30
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SINCE_1970 = re.compile(r"\d{9,11}(\.\d+)?")


class Axis:
    """The time of a series, row by row; without one (`values` None) numbers stand for themselves.

    A moment is the row that stands at it, a number the number of a row, from 0.
    """

    def __init__(self, values: list[Any] | None) -> None:
        self._values = values

    def point(self, value: Any) -> float:
        """The last row that is not later than a moment. Raises ValueError, LookupError outside the series."""
        return self._row(value, bisect_right, -1)

    def window(self, start: Any, end: Any) -> tuple[float, float]:
        """The first row and the last one inside. Raises ValueError, LookupError outside the series."""
        return self._row(start, bisect_left, 0), self._row(end, bisect_right, -1)

    def _row(self, value: Any, bisect: Any, more: int) -> float:
        text = as_text(value) if not isinstance(value, bool) else None
        text = (text or "").strip()
        if _NUMBER.fullmatch(text) and (self._values is None or not _SINCE_1970.fullmatch(text)):
            number = float(text)
            if number < 0 or (self._values is not None and number > len(self._values) - 1):
                raise LookupError(text)
            return number
        if self._values is None:
            raise ValueError(f"{text[:80]!r} is no number: `axis` says where the time of the series stands")
        at = _seconds(text)
        if not self._times or not self._times[0] <= at <= self._times[-1]:
            raise LookupError(text)
        return float(bisect(self._times, at) + more)

    @cached_property
    def _times(self) -> list[float]:
        times = [_seconds(as_text(one) or "") for one in self._values or ()]
        late = next((at for at, (one, other) in enumerate(itertools.pairwise(times), 2) if other < one), None)
        if late is not None:
            raise ValueError(f"the series runs backwards at its row {late}")
        return times


def axis_of(part: Part, column: Column | None, header: bool) -> Axis:
    """The axis of a series. Raises DeliveryError, ValueError where it has none of this name."""
    if column is None:
        return Axis(None)
    data = part.read(_MAX_BYTES)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{part.file} is larger than {_MAX_BYTES} bytes")
    values = list(_values(FileSource(_Held(part.file, data)), column, header))
    if not values:
        raise ValueError(f"{part.file} holds nothing in {column!r}")
    return Axis(values)


def _values(source: FileSource, column: Column, header: bool) -> Iterator[Any]:
    for row in rows_of(source, source.name, ReaderSpec(name="table", header=header)):
        if not isinstance(row, Row):
            raise DeliveryError(f"{row.path} is {row.reason}: {row.detail}", remedy="deliver it again whole")
        value = row.get(column)
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value


def _seconds(text: str) -> float:
    """Seconds since 1970. Raises ValueError."""
    try:
        found = moment(text)
    except OverflowError as error:
        raise ValueError(text) from error
    if found is None:
        raise ValueError("no moment")
    return found.timestamp()


class _Held:
    """A series that has been read, as a file."""

    def __init__(self, file: str, data: bytes) -> None:
        self.name = self.url = file
        self._data = data
        self.size_bytes = len(data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)

    def identity(self) -> str:
        return ids.content_id(self._data)
