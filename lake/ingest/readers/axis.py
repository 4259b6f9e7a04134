"""Moments, windows and points as rows of the series that they are said of."""

import io
import itertools
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

from lake import ids
from lake.answers import Segment, Shape
from lake.errors import DeliveryError
from lake.ingest.readers.paths import moment
from lake.ingest.readers.rows import Row, as_text, rows_of
from lake.ingest.reading import Column, Fault, Part, ReaderSpec
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
        if not min(self._times) <= at <= max(self._times):
            raise LookupError(text)
        if self._backwards is None:
            return float(bisect(self._times, at) + more)
        if at not in self._times:
            raise ValueError(f"no row stands at it, and the series runs backwards at its row {self._backwards}")
        return float(self._times.index(at))

    @cached_property
    def _times(self) -> list[float]:
        return [_seconds(as_text(one) or "") for one in self._values or ()]

    @cached_property
    def _backwards(self) -> int | None:
        """The first row that is earlier than the one before it, as where clocks are set back in autumn."""
        return next((at for at, (one, other) in enumerate(itertools.pairwise(self._times), 1) if other < one), None)


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


@dataclass(frozen=True)
class Stretch:
    """A window or a point as a file gives it."""

    label: str
    start: Any
    end: Any
    point: bool


def on_axis(axis: Axis, where: str, one: Stretch) -> Shape | Fault:
    """A stretch of a series, or what is wrong with it; where: it stands."""
    told, what = f"{one.label} {one.start} to {one.end}", "point" if one.point else "window"
    try:
        start, end = (axis.point(one.start),) * 2 if one.point else axis.window(one.start, one.end)
    except LookupError:
        return Fault(where, f"{what} outside the series", told)
    except ValueError as error:
        return Fault(where, "annotation unreadable", f"{told}: {error}")
    if end >= start:
        return Segment(one.label, start, end)
    turned = axis.point(one.end) < axis.point(one.start)
    return Fault(where, "window ends before it starts" if turned else "window without a row", told)


def on_no_axis(why: str, where: str, one: Stretch) -> Shape | Fault:
    """What is wrong with a stretch of a series whose axis cannot be read."""
    return Fault(where, "axis unreadable", f"{one.label} {one.start}: {why}")


def listed(value: Any) -> list[Any]:
    """A list, also one that stands in a cell as JSON, or the one value there is. Raises ValueError, TypeError."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = json.loads(value)
    if value is None or value == "" or isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} {str(value)[:80]!r} instead of a list")
    return value if isinstance(value, list) else [value]


def ends(one: Any) -> tuple[Any, ...]:
    """Start, end and perhaps class. Raises ValueError, TypeError, KeyError."""
    if isinstance(one, dict):
        return one["start"], one["end"], one.get("label")
    if not isinstance(one, list) or len(one) not in (2, 3):
        raise ValueError(f"{str(one)[:80]} is no [start, end] or [start, end, class]")
    return tuple(one)


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
