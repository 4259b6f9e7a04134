"""Point clouds from KITTI's scans, PCD and PLY files."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lake.media.kinds import Refused
from lake.media.numbers import Numbers, demand_size

_MAX_HEAD_BYTES = 1 << 16
_MAX_FIELDS = 100
_PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
_PCD_TYPES = {"I": "i", "U": "u", "F": "f"}


def from_velodyne(data: bytes, max_values: int) -> Numbers:
    """KITTI's scans: x, y, z in metres and reflectance, little-endian float32, nothing else. Raises Refused.

    Any bytes could be one, so a scan has to make sense: points near enough to have been seen.
    """
    if len(data) % 16:
        raise Refused("unreadable", f"{len(data)} bytes are no whole number of points of 16 bytes")
    demand_size(len(data) // 16, 4, max_values)
    values = np.frombuffer(data, dtype="<f4").reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        sensible = (np.abs(values[:, :3]) < 1e4).all(axis=1)
    if 2 * sensible.sum() < len(values):
        raise Refused("unreadable", "most of its points lie more than 10 km away: not a scan")
    return Numbers.of(values, ("x", "y", "z", "intensity"))


def from_pcd(data: bytes, max_values: int) -> Numbers:
    """A PCD file of version 0.7, ascii or binary. Raises Refused."""
    head, body = _head(data, b"\nDATA ")
    facts = {words[0].upper(): words[1:] for line in head if (words := line.split()) and not line.startswith("#")}
    try:
        names, kinds = facts["FIELDS"], facts["TYPE"]
        sizes, counts = [int(size) for size in facts["SIZE"]], [int(count) for count in facts.get("COUNT", [])]
        num_points = int(facts["POINTS"][0]) if "POINTS" in facts else int(facts["WIDTH"][0]) * int(facts["HEIGHT"][0])
        form = facts["DATA"][0].lower()
        fields = [
            (name, f"<{_PCD_TYPES[kind]}{size}", count)
            for name, kind, size, count in zip(names, kinds, sizes, counts or [1] * len(names), strict=True)
        ]
    except (KeyError, ValueError, IndexError) as error:
        raise Refused("unreadable", f"its head is not that of a PCD file: {error}") from error
    if form not in ("ascii", "binary"):
        raise Refused("unsupported", f"a PCD file of the form {form[:20]}: save it as binary")
    return _read(data[body:], fields, num_points, is_text=form == "ascii", max_values=max_values)


def from_ply(data: bytes, max_values: int) -> Numbers:
    """The vertices of a PLY file, which come first in it. Raises Refused."""
    head, body = _head(data, b"\nend_header")
    lines = [line.split() for line in head]
    try:
        order = _PLY_ORDERS[next(words[1] for words in lines if words[:1] == ["format"])]
        elements = [at for at, words in enumerate(lines) if words[:1] == ["element"]]
        _, name, count = lines[elements[0]]
        if name != "vertex":
            raise Refused("unsupported", f"a PLY file that begins with {name[:20]} instead of vertex")
        last = elements[1] if len(elements) > 1 else len(lines)
        properties = [words for words in lines[elements[0] + 1 : last] if words[:1] == ["property"]]
        fields = [(words[2], (order or "<") + _PLY_TYPES[words[1]], 1) for words in properties]
        num_points = int(count)
    except (KeyError, ValueError, IndexError, StopIteration) as error:
        raise Refused("unreadable", f"its head is not that of a PLY file: {error}") from error
    return _read(data[body:], fields, num_points, is_text=not order, max_values=max_values)


def _head(data: bytes, last: bytes) -> tuple[list[str], int]:
    """Lines up to the one that begins with `last`, and where the points begin."""
    found = data.find(last, 0, _MAX_HEAD_BYTES)
    end = data.find(b"\n", found + 1, _MAX_HEAD_BYTES)
    if found < 0 or end < 0:
        raise Refused("unreadable", f"its head does not end within {_MAX_HEAD_BYTES} bytes")
    return data[:end].decode("latin-1").splitlines(), end + 1


def _read(
    body: bytes, fields: list[tuple[str, str, int]], num_points: int, *, is_text: bool, max_values: int
) -> Numbers:
    """fields: name, NumPy type and how many numbers of it, in the order of a point."""
    width = sum(count for _, _, count in fields)
    if not {"x", "y", "z"} <= {name for name, _, _ in fields}:
        raise Refused("unreadable", "its points have no x, y and z")
    if len(fields) > _MAX_FIELDS or any(count < 1 for _, _, count in fields) or num_points < 0:
        raise Refused("unreadable", f"{num_points} points of {len(fields)} fields")
    demand_size(num_points, width, max_values)
    try:
        columns = _text_columns(body, fields, num_points) if is_text else _columns(body, fields, num_points)
    except (ValueError, TypeError) as error:
        raise Refused("unreadable", f"its points cannot be read: {str(error)[:200]}") from error
    scalars = [name for name, _, count in fields if count == 1]
    names = ["x", "y", "z", *(name for name in scalars if name not in "xyz" and name.strip("_"))]
    return Numbers.of(np.column_stack([columns[name] for name in names]), names)


def _columns(body: bytes, fields: list[tuple[str, str, int]], num_points: int) -> dict[str, npt.NDArray[Any]]:
    kind = np.dtype([(f"{at}", form, (count,)) for at, (_, form, count) in enumerate(fields)])
    if len(body) < num_points * kind.itemsize:
        raise ValueError(f"{len(body)} bytes are not {num_points} points of {kind.itemsize}")
    points = np.frombuffer(body, kind, num_points)
    return {name: points[f"{at}"][:, 0] for at, (name, _, count) in enumerate(fields) if count == 1}


def _text_columns(body: bytes, fields: list[tuple[str, str, int]], num_points: int) -> dict[str, npt.NDArray[Any]]:
    width = sum(count for _, _, count in fields)
    words = body.split(None, num_points * width)[: num_points * width]
    values = np.array([float(word) for word in words]).reshape(num_points, width)
    starts = np.cumsum([0, *(count for _, _, count in fields)])
    return {name: values[:, start] for (name, _, count), start in zip(fields, starts, strict=False) if count == 1}


READERS: dict[str, Callable[[bytes, int], Numbers]] = {
    "application/x-kitti-velodyne": from_velodyne,
    "application/x-pcd": from_pcd,
    "application/x-ply": from_ply,
}
