"""What can be said of an item, in one canonical text each: what annotations and labels hold as `answer`.

A choice among classes is the class's name, a transcript the words themselves: plain text. Everything with a
structure is JSON with sorted keys and no spaces, so that equal answers are equal text:

    {"boxes": [{"label": "cat", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "rotation": 0.0}, ...]}
    {"spans": [{"label": "person", "start": 0, "end": 3}, ...]}
    {"segments": [{"label": "speech", "start": 0.0, "end": 1.5}, ...]}
    {"solids": [{"label": "Car", "x": .., "y": .., "z": .., "length": .., "width": .., "height": .., "yaw": ..}, ...]}
    {"polygons": [{"label": "cat", "rings": [[x, y, x, y, x, y, ...], ...]}, ...]}
    {"keypoints": [{"label": "person", "points": [["nose", x, y, true], ...]}, ...]}
    {"number": 1.5}

Parts are sorted, so that the order in which a person drew them says nothing.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from lake.errors import LakeError


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle in a picture, in pixels from the upper left corner; turned clockwise about that corner."""

    label: str
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0  # degrees


@dataclass(frozen=True, order=True)
class Span:
    """Characters [start, end) of a text."""

    label: str
    start: int
    end: int


@dataclass(frozen=True, order=True)
class Segment:
    """A stretch of time, in seconds from the beginning (in a series: of its index); a point where both are equal."""

    label: str
    start: float
    end: float


@dataclass(frozen=True, order=True)
class Solid:
    """A box in space, in metres; x, y, z is the middle of its bottom, yaw radians about the upright axis."""

    label: str
    x: float
    y: float
    z: float
    length: float
    width: float
    height: float
    yaw: float


@dataclass(frozen=True, order=True)
class Polygon:
    """An outline in a picture, in pixels from the upper left corner; of several rings where it is in pieces."""

    label: str
    rings: tuple[tuple[float, ...], ...]  # of each x, y, x, y, ...


@dataclass(frozen=True, order=True)
class Keypoints:
    """Named points of one thing in a picture, in pixels from the upper left corner."""

    label: str
    points: tuple[tuple[str, float, float, bool], ...]  # name, x, y, whether it can be seen


Shape: TypeAlias = Box | Span | Segment | Solid | Polygon | Keypoints
KINDS: dict[str, type[Box] | type[Span] | type[Segment] | type[Solid] | type[Polygon] | type[Keypoints]] = {
    "boxes": Box,
    "spans": Span,
    "segments": Segment,
    "solids": Solid,
    "polygons": Polygon,
    "keypoints": Keypoints,
}


def shapes_text(kind: str, shapes: Sequence[Shape]) -> str:
    """The canonical text of some shapes of one kind (a key of KINDS). Numbers that are not finite are refused."""
    return _json({kind: [asdict(one) for one in sorted(shapes, key=lambda one: _json(asdict(one)))]})


def number_text(value: float) -> str:
    """The canonical text of a number."""
    return _json({"number": float(value)})


def shapes_of(answer: str, kind: str) -> tuple[Any, ...]:
    """The shapes that an answer holds, of the class that KINDS names; () for an answer of another kind."""
    found = _parsed(answer)
    whole = ({name: _frozen(value) for name, value in one.items()} for one in found.get(kind, ()))
    return tuple(KINDS[kind](**one) for one in whole)


def number_of(answer: str) -> float | None:
    """The number that an answer holds; None for another kind."""
    value = _parsed(answer).get("number")
    return None if value is None else float(value)


def kind_of(answer: str) -> str:
    """A key of KINDS, number, or text for a class or words."""
    return next(iter(_parsed(answer)), "text")


def classes_of(answer: str) -> tuple[str, ...]:
    """The classes that an answer names, once for each time: its shapes' labels, or the class itself."""
    kind = kind_of(answer)
    if kind == "text":
        return (answer,)
    return () if kind == "number" else tuple(one.label for one in shapes_of(answer, kind))


def _parsed(answer: str) -> dict[str, Any]:
    """The one-keyed object of a structured answer; {} for plain text, whatever it looks like."""
    if not answer.startswith('{"'):
        return {}
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    known = isinstance(found, dict) and len(found) == 1 and next(iter(found)) in (*KINDS, "number")
    return found if known else {}


def _frozen(value: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise LakeError(f"an answer holds a number that is none: {value}", remedy="leave it out") from error


def is_finite(*values: float) -> bool:
    """Whether all are numbers that can be drawn."""
    return all(map(math.isfinite, values))
