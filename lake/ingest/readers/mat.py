"""MATLAB v5 files of measurements: structs of curves, such as NASA's battery sets, or matrices.

Format: MathWorks, "MAT-File Format"; ti.arc.nasa.gov, "Battery Data Set". Nothing in a file is executed: function
handles and objects of classes are left out.
"""

import csv
import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from lake.answers import number_text
from lake.ingest.readers.paths import Pattern, is_document, matches, only, wanted
from lake.ingest.reading import Beside, Fault, Part, Read, ReaderSpec, Said, Sample, Source, Unread, inline

_MAX_BYTES = 2**30  # of a file, and of what it unpacks to
_PIECE_BYTES = 1 << 16
_COMPRESSED = 15
_LEAST_CURVE = 2
_DEPTH = 6


class Mat:
    """Each element of a struct array that holds curves is a sample; curves of another length are parts of their own."""

    NAME = "mat"
    KEYS = frozenset({"files", "pattern", "number", "above"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._pattern = Pattern(spec)

    def recognises(self, source: Source) -> bool:
        return only(source.files(), (".mat",))

    def read(self, source: Source) -> Iterator[Read]:
        found = wanted(source.files(), self._spec.files, (".mat",))
        for file in source.files():
            outside = self._spec.files is not None and not matches(file.path, self._spec.files)
            if is_document(file.path) or outside:
                yield Beside(file.path)
        for path in found:
            try:
                variables = load(source.read(path, _MAX_BYTES))
            except ValueError as error:
                yield Unread(path, "unreadable", str(error))
                continue
            reads = list(self._samples(variables, path))
            good = any(isinstance(one, Sample) for one in reads)
            yield from [Beside(path), *reads] if good else [Unread(path, "unsupported", "it holds no curves")]

    def _samples(self, variables: dict[str, Any], path: str) -> Iterator[Read]:
        told = self._pattern.told(path)
        for name, value in sorted(variables.items()):
            for place, fields in _records(value, name, 0):
                curves = {field: one for field, one in fields.items() if _is_curve(one)}
                source = f"{path}#{place}"
                if not curves:
                    yield Fault(source, "no curves", ", ".join(fields))
                    continue
                said, fault = self._number(fields, source, path)
                yield from [fault] if fault else []
                yield Sample(
                    source=source,
                    parts=tuple(_parts(curves, source)),
                    said=said,
                    group=told.group or name,
                    attributes=told.attributes | _facts({k: v for k, v in fields.items() if k != self._spec.number}),
                )

    def _number(self, fields: dict[str, Any], source: str, path: str) -> tuple[tuple[Said, ...], Fault | None]:
        value = fields.get(str(self._spec.number)) if self._spec.number is not None else None
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf" or value.size > 1:
            return (), None
        number = float(value.ravel()[0]) if value.size else float("nan")
        if not np.isfinite(number):
            return (), Fault(source, "number unreadable", "there is none")
        if self._spec.above is not None and number <= self._spec.above:
            return (), Fault(source, f"{self._spec.number} not above {self._spec.above:g}", f"{number:g}")
        return (Said(path, number_text(number)),), None


def load(data: bytes) -> dict[str, Any]:
    """The variables of a file. Raises ValueError that says what is wrong."""
    from scipy.io import loadmat

    if len(data) > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
    if data[:116].startswith(b"MATLAB 7.3") or data[:8] == b"\x89HDF\r\n\x1a\n":
        raise ValueError("a MATLAB 7.3 file: save it with -v7")
    _bounded(data)
    try:
        found = loadmat(io.BytesIO(data), chars_as_strings=True, verify_compressed_data_integrity=True)
    except Exception as error:  # its reader is compiled code that is fed foreign bytes
        raise ValueError(f"no MATLAB file: {str(error) or type(error).__name__}") from error
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _bounded(data: bytes) -> None:
    """Refuse what unpacks to more than it may, before anything is built of it. Raises ValueError."""
    order = "<" if data[126:128] == b"IM" else ">"
    at, total = 128, 0
    while at + 8 <= len(data):
        kind, size = struct.unpack(f"{order}II", data[at : at + 8])
        if kind == _COMPRESSED:
            for length in _unfolded(data, at + 8, at + 8 + size):
                total += length
                if total > _MAX_BYTES:
                    raise ValueError(f"it unpacks to more than {_MAX_BYTES} bytes")
        at += 8 + size


def _unfolded(data: bytes, start: int, end: int) -> Iterator[int]:
    """How many bytes each piece of a packed stretch comes to. Raises ValueError."""
    packer = zlib.decompressobj()
    try:
        for at in range(start, min(end, len(data)), _PIECE_BYTES):
            piece = data[at : min(at + _PIECE_BYTES, end)]
            while piece:
                yield len(packer.decompress(piece, _PIECE_BYTES))
                piece = packer.unconsumed_tail
    except zlib.error as error:
        raise ValueError(f"damaged at byte {start}: {error}") from error


def _records(value: Any, place: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, fields by name) of every element of a struct array, those of structs inside it included."""
    if not isinstance(value, np.ndarray) or depth > _DEPTH:
        return
    if value.dtype.names is None:
        if depth == 0 and _is_matrix(value):
            yield place, {place: value}
        return
    for number, element in enumerate(value.ravel()):
        here = f"{place}[{number}]" if value.size > 1 else place
        fields = {name: element[name] for name in value.dtype.names}
        inner = {name: one for name, one in fields.items() if _is_struct(one)}
        single = {name: one for name, one in inner.items() if one.size == 1}
        flat = dict(fields)
        for one in single.values():
            flat |= {name: one.ravel()[0][name] for name in one.dtype.names}
        if any(_is_curve(one) for one in flat.values()):
            yield here, {name: one for name, one in flat.items() if name not in inner}
            continue
        if value.size > 1 and len(inner) == len(single):
            yield here, flat
        for name, one in inner.items():
            yield from _records(one, f"{here}.{name}", depth + 1)


def _parts(curves: dict[str, Any], source: str) -> Iterator[Part]:
    """Curves of one length are one part; the longest come first."""
    by_length: dict[int, dict[str, Any]] = {}
    for name, value in curves.items():
        columns = value if _is_matrix(value) else value.reshape(-1, 1)
        by_length.setdefault(len(columns), {})[name] = columns
    order = sorted(by_length, key=lambda length: (-length, list(by_length[length])))
    for number, length in enumerate(order):
        name = "" if number == 0 else min(by_length[length])
        yield inline(_csv(by_length[length]), f"{source}{'.' + name if name else ''}.csv", name)


def _csv(columns: dict[str, Any]) -> bytes:
    """A table of curves; a complex one is two columns. Time comes first where there is one."""
    names: list[str] = []
    values: list[Any] = []
    for name, matrix in sorted(columns.items(), key=lambda pair: pair[0].lower() != "time"):
        for number, column in enumerate(matrix.T, 1):
            called = name if matrix.shape[1] == 1 else f"{name}_{number}"
            halves = [("_re", column.real), ("_im", column.imag)] if column.dtype.kind == "c" else [("", column)]
            names += [called + ending for ending, _ in halves]
            values += [half.tolist() for _, half in halves]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*values, strict=True))
    return text.getvalue().encode()


def _facts(fields: dict[str, Any]) -> dict[str, str]:
    """What else an element says: words and single numbers."""
    facts: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size == 1:
            facts[name] = re.sub(r"\s+", " ", str(value.ravel()[0]))
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iufb" and value.size == 1:
            facts[name] = f"{value.ravel()[0]:g}"
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and _LEAST_CURVE < value.size <= _DEPTH:
            facts[name] = " ".join(f"{one:g}" for one in value.ravel())
    return facts


def _is_struct(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.names is not None


def _is_matrix(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iufc" and value.ndim == 2 and min(value.shape) > 1


def _is_curve(value: Any) -> bool:
    """More numbers than a date's six."""
    plain = isinstance(value, np.ndarray) and value.dtype.kind in "iufc" and value.ndim <= 2
    return bool(plain and value.size > _DEPTH and (min(value.shape) == 1 or _is_matrix(value)))
