"""What files beside the samples say of them, whichever reader makes these: `source.reader.beside`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from lake.answers import Shape, shapes_text
from lake.errors import DeliveryError
from lake.ingest.readers.axis import Stretch, axis_of, ends, listed, on_axis, on_no_axis
from lake.ingest.readers.paths import Names, Pattern, Told, matches
from lake.ingest.readers.pictures import Drawn, size_of, sound
from lake.ingest.readers.rows import Row, rows_of
from lake.ingest.readers.says import Known, Says
from lake.ingest.reading import (
    Beside,
    BesideSpec,
    Column,
    Fault,
    Read,
    Reader,
    ReaderSpec,
    Said,
    Sample,
    Source,
    Unread,
)

_FIELD = re.compile(r"\{([^{}]*)\}")
_ROWS = {"pattern", "answer", "number", "above", "annotator", "group", "classes", "delimiter", "quoted", "header"}


@dataclass
class _OfSample:
    """What one entry of `beside` says of a sample: shapes with their places by annotator, and everything else."""

    shapes: dict[str, list[tuple[str, Drawn | Stretch | Fault]]] = field(default_factory=dict)
    known: Known = field(default_factory=Known)


_Check: TypeAlias = Callable[[str, Any], Shape | Fault]  # where it stands and the shape as a file gives it


class WithLabels:
    """A reader whose samples are said something of in files beside them."""

    def __init__(self, reader: Reader, spec: ReaderSpec) -> None:
        self._reader, self._spec = reader, spec
        self.NAME, self.KEYS = reader.NAME, reader.KEYS

    def recognises(self, source: Source) -> bool:
        return self._reader.recognises(source)

    def read(self, source: Source) -> Iterator[Read]:
        """What the reader reads but the files beside. It reads twice: first for the names of all samples."""
        entries = [_Entry(one, source) for one in self._spec.beside]
        beside = {path for one in entries for path in one.paths}
        yield from (Beside(path) for path in sorted(beside))
        names = Names(one.source for one in self._without(source, beside) if isinstance(one, Sample))
        for entry in entries:
            yield from entry.load(names)
        for read in self._without(source, beside):
            if isinstance(read, Sample):
                for entry in entries:
                    faults, read = entry.said_of(read, self._spec.header)
                    yield from faults
            yield read

    def _without(self, source: Source, beside: set[str]) -> Iterator[Read]:
        return (read for read in self._reader.read(source) if _file_of(read) not in beside)


def _file_of(read: Read) -> str:
    match read:
        case Beside():
            return read.file
        case Unread():
            return read.path.partition("#")[0]
        case Sample() | Fault():
            return read.source.partition("#")[0]


class _Entry:
    """One entry of `beside`, and what its files say."""

    def __init__(self, spec: BesideSpec, source: Source) -> None:
        self._spec, self._source = spec, source
        self._rows = ReaderSpec(name="table", **spec.model_dump(include=_ROWS))
        self._pattern, self._says = Pattern(self._rows), Says(self._rows, source)
        self._files = [file.path for file in source.files() if matches(file.path, spec.files)]
        self._told: dict[str, _OfSample] = {}
        self._missing, self._rows_read = self._columns, False  # columns that no row has had so far
        if not self._files:
            raise DeliveryError(
                f"{source.url} holds no {spec.files}", remedy="correct source.reader.beside, or deliver those files"
            )

    @property
    def paths(self) -> list[str]:
        """Of all files that it reads."""
        return [*self._files, *([self._spec.classes] if isinstance(self._spec.classes, str) else [])]

    def load(self, names: Names) -> Iterator[Fault]:
        """Read all files; what is wrong with them. Raises DeliveryError for a column that a file does not have."""
        for path in self._files:
            told = self._pattern.told(path)
            facts = {"stem": PurePosixPath(path).stem, **_groups(told)}
            name = self._name(facts, None)
            sample = names.find(name, path) if name is not None else None
            if name is not None and sample is None:
                yield Fault(path, "sample missing", f"there is no {name[:200]}")
                continue
            drawn: list[tuple[str, Drawn | Stretch | Fault]] | None = None
            if sample is not None and self._spec.kind and self._spec.annotator is None:
                drawn = self._of(sample).shapes.setdefault(told.annotator or self._spec.files, [])
            for fault in self._load(path, told, facts, names):
                if drawn is not None and fault.reason == "annotation unreadable":
                    drawn.append((fault.source, fault))  # it does not say that there is nothing
                else:
                    yield fault
        if self._missing and self._rows_read:
            raise DeliveryError(
                f"{self._source.url}/{self._spec.files} has no column {min(map(str, self._missing))}",
                remedy="correct source.reader.beside",
            )

    def said_of(self, sample: Sample, header: bool) -> tuple[list[Fault], Sample]:
        """A sample with what is said of it. header: of the series that it may be."""
        told = self._told.get(sample.source)
        if told is None:
            return [], sample
        faults: list[Fault] = []
        said = list(told.known.as_said())
        if told.shapes:
            check = self._check(sample, header)
            for who, shapes in sorted(told.shapes.items()):
                good = list(_good(shapes, check, faults))
                if good or not shapes:  # where nothing is good, nobody has said that there is nothing
                    said.append(Said(who, shapes_text(self._spec.kind, good)))
        group = told.known.group or sample.group
        if self._spec.right:
            right = said[0].answer if said else None
            return faults, replace(sample, expert=sample.expert if sample.expert is not None else right, group=group)
        return faults, replace(sample, said=(*sample.said, *said), group=group)

    # --- loading

    def _of(self, sample: str) -> _OfSample:
        return self._told.setdefault(sample, _OfSample())

    def _load(self, path: str, told: Told, facts: Mapping[str, str], names: Names) -> Iterator[Fault]:
        for row in rows_of(self._source, path, self._rows, even=False):
            if isinstance(row, Unread):
                yield Fault(row.path.replace("#", ":"), "annotation unreadable", row.detail)
                continue
            self._rows_read = True
            self._missing = {one for one in self._missing if not row.has(one)}
            where, name = f"{path}:{row.line}", self._name(facts, row) or ""
            sample = names.find(name, path)
            if sample is None:
                yield Fault(where, "sample missing", f"there is no {name[:200]}")
                continue
            yield from self._says.note(self._of(sample).known, row, where, self._spec.files, told)
            if self._spec.kind:
                who = row.text(self._spec.annotator) or told.annotator or self._spec.files
                drawn = self._of(sample).shapes.setdefault(who, [])
                drawn += [(where, one) for one in self._drawn(row, where)]

    def _name(self, facts: Mapping[str, str], row: Row | None) -> str | None:
        """What a row calls its sample; without a row None where only rows can say it."""
        found = {one: _fact(one, facts, row) for one in _FIELD.findall(self._spec.item)}
        if row is None and None in found.values():
            return None
        return _FIELD.sub(lambda one: found[one[1]] or "", self._spec.item)

    @property
    def _columns(self) -> set[Column]:
        """Columns that some row has to have."""
        boxes = self._spec.boxes.model_dump().values() if self._spec.boxes else ()
        windows = self._spec.windows if isinstance(self._spec.windows, tuple) else (self._spec.windows,)
        groups = {"stem", "line", *re.compile(self._spec.pattern or "").groupindex}
        items = (int(one) if one.isdecimal() else one for one in set(_FIELD.findall(self._spec.item)) - groups)
        columns = (*self._says.columns, *boxes, *windows, self._spec.points, *items)
        return {one for one in columns if one is not None}

    def _drawn(self, row: Row, where: str) -> Iterator[Drawn | Stretch | Fault]:
        """What a row draws. Its faults are told with those of its sample."""
        try:
            made = self._stretches(row) if self._spec.boxes is None else [partial(self._box, row)]
        except (TypeError, ValueError) as error:
            yield Fault(where, "annotation unreadable", f"{type(error).__name__}: {error}")
            return
        for one in made:
            try:
                yield one()
            except (TypeError, ValueError, KeyError) as error:
                yield Fault(where, "annotation unreadable", f"{type(error).__name__}: {error}")

    def _stretches(self, row: Row) -> list[Callable[[], Drawn | Stretch]]:
        """What makes each window or point of a row. Raises ValueError, TypeError."""
        if self._spec.points is not None:
            return [partial(self._stretch, one, one, point=True) for one in listed(row.get(self._spec.points))]
        if isinstance(self._spec.windows, tuple):
            return [partial(self._stretch, *(row.get(one) for one in self._spec.windows))]
        return [partial(self._window, one) for one in listed(row.get(self._spec.windows))]

    def _window(self, one: Any) -> Stretch:
        return self._stretch(*ends(one))

    def _box(self, row: Row) -> Drawn:
        columns = self._spec.boxes
        assert columns is not None, "boxes are what this entry draws"
        left, top = (float(row.text(one) or "") for one in (columns.left, columns.top))
        right = float(row.text(columns.right if columns.right is not None else columns.width) or "")
        bottom = float(row.text(columns.bottom if columns.bottom is not None else columns.height) or "")
        label = self._says.named(row.text(columns.label) or "") or self._spec.label
        right, bottom = right + left * (columns.right is None), bottom + top * (columns.bottom is None)
        return Drawn(label, left, top, right, bottom)

    def _stretch(self, start: Any, end: Any, label: Any = None, *, point: bool = False) -> Stretch:
        named = self._says.named(str(label)) if label is not None else self._spec.label
        if not named:
            raise ValueError("no class: `label` names the one that all are of")
        return Stretch(named, start, end, point)

    # --- holding against the medium

    def _check(self, sample: Sample, header: bool) -> _Check:
        if self._spec.kind == "boxes":
            return partial(_in_picture, size_of(sample.parts[0].read) or (None, None))
        try:
            return partial(on_axis, axis_of(sample.parts[0], self._spec.axis, header))
        except (DeliveryError, ValueError) as error:
            return partial(on_no_axis, str(error).partition("\n")[0])


def _in_picture(size: tuple[int, int] | tuple[None, None], where: str, one: Any) -> Shape | Fault:
    return next(sound(where, [one], *size))


def _good(shapes: list[tuple[str, Drawn | Stretch | Fault]], check: _Check, faults: list[Fault]) -> Iterator[Shape]:
    """Shapes that hold against their medium, each once; the others become faults."""
    seen: set[Shape] = set()
    for where, one in shapes:
        found = one if isinstance(one, Fault) else check(where, one)
        if isinstance(found, Fault):
            faults.append(found)
        elif found in seen:
            faults.append(Fault(where, "repeated row", f"{found.label} stands there already"))
        else:
            seen.add(found)
            yield found


def _groups(told: Told) -> dict[str, str]:
    named = {"annotator": told.annotator, "group": told.group, "answer": told.answer, "time": told.time}
    return told.attributes | {name: value for name, value in named.items() if value}


def _fact(name: str, facts: Mapping[str, str], row: Row | None) -> str | None:
    """What stands for `{name}`: a group of the path, a column, the number of the line."""
    if name in facts or row is None:
        return facts.get(name)
    column: Column = int(name) if name.isascii() and name.isdigit() and not row.has(name) else name
    return str(row.line) if name == "line" and not row.has(name) else row.text(column)
