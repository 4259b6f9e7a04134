"""What can be said of an item, in one canonical text each: what annotations and labels hold as `answer`.

A choice among classes is the class's name, a transcript the words themselves: plain text. Everything with a
structure is JSON with sorted keys and no spaces, so that equal answers are equal text:

    {"boxes": [{"label": "cat", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "rotation": 0.0}, ...]}
    {"spans": [{"label": "person", "start": 0, "end": 3}, ...]}
    {"segments": [{"label": "speech", "start": 0.0, "end": 1.5}, ...]}
    {"solids": [{"label": "Car", "x": .., "y": .., "z": .., "length": .., "width": .., "height": .., "yaw": ..}, ...]}
    {"polygons": [{"label": "cat", "rings": [[x, y, x, y, x, y, ...], ...]}, ...]}
    {"keypoints": [{"label": "person", "points": [["nose", x, y, true], ...]}, ...]}
    {"masks": [{"label": "cat", "width": 4, "height": 2, "counts": [3, 2, 3]}, ...]}
    {"classes": ["cat", "dog"]}        several classes of one item, or none
    {"ranking": ["b", "a"]}            things by name, the best first
    {"rating": 4}
    {"number": 1.5}

Spans may be related, each end being the place of a span in the sorted list:

    {"relations": [{"source": 0, "target": 1, "label": "works for"}], "spans": [...]}

Parts are sorted, so that the order in which a person drew them says nothing.
"""

import json
import math
from collections.abc import Collection, Sequence
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


@dataclass(frozen=True, order=True)
class Mask:
    """Pixels of a picture that belong together, row by row from the upper left corner."""

    label: str
    width: int
    height: int
    counts: tuple[int, ...]  # lengths of runs, off and on by turns, the first one off; their sum is width * height


@dataclass(frozen=True, order=True)
class Relation:
    """That one span has to do with another; `source` and `target` are places in the sorted spans of the answer."""

    source: int
    target: int
    label: str  # "" where the question names none


Shape: TypeAlias = Box | Span | Segment | Solid | Polygon | Keypoints | Mask
KINDS: dict[
    str, type[Box] | type[Span] | type[Segment] | type[Solid] | type[Polygon] | type[Keypoints] | type[Mask]
] = {
    "boxes": Box,
    "spans": Span,
    "segments": Segment,
    "solids": Solid,
    "polygons": Polygon,
    "keypoints": Keypoints,
    "masks": Mask,
}
_PLAIN = ("classes", "ranking", "rating", "number")  # kinds without shapes


def shapes_text(kind: str, shapes: Sequence[Shape]) -> str:
    """The canonical text of some shapes of one kind (a key of KINDS). Numbers that are not finite are refused."""
    return _json({kind: [asdict(one) for one in sorted(shapes, key=lambda one: _json(asdict(one)))]})


def number_text(value: float) -> str:
    """The canonical text of a number."""
    return _json({"number": float(value)})


def rating_text(value: float) -> str:
    """The canonical text of a rating: of so many stars."""
    return _json({"rating": int(value) if float(value).is_integer() else float(value)})


def classes_text(classes: Collection[str]) -> str:
    """The canonical text of a choice of several classes, or of none of them."""
    return _json({"classes": sorted(set(classes))})


def ranking_text(names: Sequence[str]) -> str:
    """The canonical text of an order, the best first."""
    return _json({"ranking": list(names)})


def related_text(spans: Sequence[Span], relations: Sequence[Relation]) -> str:
    """The canonical text of spans and how they are related; ends are places in `spans` as it is given."""
    order = sorted(range(len(spans)), key=lambda place: _json(asdict(spans[place])))
    now = {before: place for place, before in enumerate(order)}
    links = sorted({Relation(now[one.source], now[one.target], one.label) for one in relations})
    if not links:
        return shapes_text("spans", spans)
    return _json({"relations": [asdict(one) for one in links], "spans": [asdict(spans[place]) for place in order]})


def shapes_of(answer: str, kind: str) -> tuple[Any, ...]:
    """The shapes that an answer holds, of the class that KINDS names; () for an answer of another kind."""
    found = _parsed(answer)
    whole = ({name: _frozen(value) for name, value in one.items()} for one in found.get(kind, ()))
    return tuple(KINDS[kind](**one) for one in whole)


def number_of(answer: str) -> float | None:
    """The number that an answer holds; None for another kind."""
    value = _parsed(answer).get("number")
    return None if value is None else float(value)


def rating_of(answer: str) -> float | None:
    """The rating that an answer holds; None for another kind."""
    value = _parsed(answer).get("rating")
    return None if value is None else float(value)


def ranking_of(answer: str) -> tuple[str, ...]:
    """Names, the best first; () for an answer of another kind."""
    return tuple(_parsed(answer).get("ranking", ()))


def relations_of(answer: str) -> tuple[Relation, ...]:
    """How the spans of an answer are related."""
    return tuple(Relation(**one) for one in _parsed(answer).get("relations", ()))


def kind_of(answer: str) -> str:
    """A key of KINDS, classes, ranking, rating, number, or text for a class or words."""
    return next((key for key in _parsed(answer) if key != "relations"), "text")


def classes_of(answer: str) -> tuple[str, ...]:
    """The classes that an answer names, once for each time: its shapes' labels, or the class itself."""
    kind = kind_of(answer)
    if kind == "text":
        return (answer,)
    if kind == "classes":
        return tuple(_parsed(answer)["classes"])
    return tuple(one.label for one in shapes_of(answer, kind)) if kind in KINDS else ()


def _parsed(answer: str) -> dict[str, Any]:
    """The one-keyed object of a structured answer; {} for plain text, whatever it looks like."""
    if not answer.startswith('{"'):
        return {}
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    kinds = set(found) - {"relations"} if isinstance(found, dict) and "spans" in found else set(found)
    return found if isinstance(found, dict) and len(kinds) == 1 and kinds <= {*KINDS, *_PLAIN} else {}


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
