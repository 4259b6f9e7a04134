"""How much of two shapes is the same, and which shapes of one answer are which of another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lake.answers import Box, Keypoints, Shape, Solid
from lake.answers import Polygon as Outline

RENAMED_IOU = 0.5  # from here on a shape of another class is the same thing under another name (PASCAL VOC's bound)
GRID = 256  # fields on the longer side of what two outlines are compared on
Polygon = list[tuple[float, float]]


@dataclass(frozen=True)
class Matched:
    """What became of the shapes of one answer in another."""

    kept: int  # not changed at all
    moved: tuple[float, ...]  # the IoU of each that has the same class in another place, falling
    renamed: tuple[tuple[str, str], ...]  # (class before, class after) of those in the same place
    added: int
    removed: int


def match(before: Sequence[Shape], after: Sequence[Shape]) -> Matched:
    """Match shapes of one kind: equal ones first, then by class and falling IoU, then by place alone.

    Greedy as in the COCO evaluation; in a tie the earlier shape goes first, so the result does not depend on chance.
    """
    old, new = _without_common(before, after)
    moved = _pairs(old, new, same_class=True, least=0.0)
    left_old = [one for number, one in enumerate(old) if number not in {pair[1] for pair in moved}]
    left_new = [one for number, one in enumerate(new) if number not in {pair[2] for pair in moved}]
    renamed = _pairs(left_old, left_new, same_class=False, least=RENAMED_IOU)
    return Matched(
        kept=len(before) - len(old),
        moved=tuple(pair[0] for pair in moved),
        renamed=tuple((left_old[pair[1]].label, left_new[pair[2]].label) for pair in renamed),
        added=len(left_new) - len(renamed),
        removed=len(left_old) - len(renamed),
    )


def iou(one: Shape, other: Shape) -> float:
    """Intersection over union of two shapes of one kind, 0 to 1; a shape without extent meets only its equal."""
    if one == other:
        return 1.0
    if isinstance(one, Box) and isinstance(other, Box):
        shared, both = _boxes(one, other)
    elif isinstance(one, Solid) and isinstance(other, Solid):
        shared, both = _solids(one, other)
    elif isinstance(one, Outline) and isinstance(other, Outline):
        shared, both = _outlines(one, other)
    elif isinstance(one, Keypoints) or isinstance(other, Keypoints):
        return 0.0
    else:
        shared, both = _stretches(one, other)
    return shared / (both - shared) if shared > 0 else 0.0


def _without_common(before: Sequence[Shape], after: Sequence[Shape]) -> tuple[list[Shape], list[Shape]]:
    new = list(after)
    old = []
    for one in before:
        if one in new:
            new.remove(one)
        else:
            old.append(one)
    return old, new


def _pairs(
    old: Sequence[Shape], new: Sequence[Shape], *, same_class: bool, least: float
) -> list[tuple[float, int, int]]:
    """(IoU, number in old, number in new), each shape at most once, the largest IoU first."""
    found = [
        (iou(one, other), first, last)
        for first, one in enumerate(old)
        for last, other in enumerate(new)
        if (one.label == other.label) == same_class
    ]
    taken: list[tuple[float, int, int]] = []
    firsts: set[int] = set()
    lasts: set[int] = set()
    for value, first, last in sorted(found, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if value > 0 and value >= least and first not in firsts and last not in lasts:
            taken.append((value, first, last))
            firsts.add(first)
            lasts.add(last)
    return taken


def _stretches(one: Any, other: Any) -> tuple[float, float]:
    """Of spans and segments: what both cover, and the sum of both."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared, (one.end - one.start) + (other.end - other.start)


def _boxes(one: Box, other: Box) -> tuple[float, float]:
    both = one.width * one.height + other.width * other.height
    if one.rotation == 0 == other.rotation:
        wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
        high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
        return (wide * high if wide > 0 and high > 0 else 0.0), both
    return _area(_clipped(_box_corners(one), _box_corners(other))), both


def _solids(one: Solid, other: Solid) -> tuple[float, float]:
    """Of boxes that turn about the upright axis: the shared ground times the shared height."""
    high = min(one.z + one.height, other.z + other.height) - max(one.z, other.z)
    ground = _area(_clipped(_ground(one), _ground(other))) if high > 0 else 0.0
    return ground * max(high, 0.0), one.length * one.width * one.height + other.length * other.width * other.height


def _outlines(one: Outline, other: Outline) -> tuple[float, float]:
    """Counted on a grid over both: outlines may be hollow, in pieces, or cross themselves."""
    import numpy as np
    from PIL import Image, ImageDraw

    (left, top, right, bottom), (west, north, east, south) = _bounds(one), _bounds(other)
    if left >= east or west >= right or top >= south or north >= bottom:
        return 0.0, 1.0
    left, top = min(left, west), min(top, north)
    side = max(right - left, east - left, bottom - top, south - top)
    masks = []
    for shape in (one, other):
        image = Image.new("1", (GRID + 1, GRID + 1))
        for ring in shape.rings:
            places = zip(ring[0::2], ring[1::2], strict=True)
            ImageDraw.Draw(image).polygon([((x - left) / side * GRID, (y - top) / side * GRID) for x, y in places], 1)
        masks.append(np.asarray(image))
    return float((masks[0] & masks[1]).sum()), float(masks[0].sum() + masks[1].sum())


def _bounds(shape: Outline) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of an outline."""
    across, down = ([value for ring in shape.rings for value in ring[at::2]] for at in (0, 1))
    return min(across), min(down), max(across), max(down)


def _box_corners(box: Box) -> Polygon:
    turn = math.radians(box.rotation)
    return _turned([(0, 0), (box.width, 0), (box.width, box.height), (0, box.height)], turn, box.x, box.y)


def _ground(solid: Solid) -> Polygon:
    long, wide = solid.length / 2, solid.width / 2
    return _turned([(-long, -wide), (long, -wide), (long, wide), (-long, wide)], solid.yaw, solid.x, solid.y)


def _turned(corners: Sequence[tuple[float, float]], turn: float, x: float, y: float) -> Polygon:
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in corners]


def _clipped(subject: Polygon, window: Polygon) -> Polygon:
    """The part of a convex polygon inside another; both go round the same way. Source: Sutherland & Hodgman 1974."""
    for at, end in enumerate(window):
        start = window[at - 1]
        sides = [_side(start, end, point) for point in subject]
        inside: Polygon = []
        for number, point in enumerate(subject):
            before, last = sides[number - 1], subject[number - 1]
            if (before >= 0) != (sides[number] >= 0):
                share = before / (before - sides[number])
                inside.append((last[0] + share * (point[0] - last[0]), last[1] + share * (point[1] - last[1])))
            if sides[number] >= 0:
                inside.append(point)
        subject = inside
    return subject


def _side(start: tuple[float, float], end: tuple[float, float], point: tuple[float, float]) -> float:
    """Positive on the side of the line on which the polygon lies."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _area(polygon: Polygon) -> float:
    """Source: the shoelace formula."""
    return sum(polygon[at - 1][0] * y - x * polygon[at - 1][1] for at, (x, y) in enumerate(polygon)) / 2
