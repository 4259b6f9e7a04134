"""Shapes in pictures: pixels from the upper left corner here, percentages of the picture's sides there.

A picture's edge cannot be drawn over, and Label Studio refuses what lies beyond 100 %. So what is sent is cut off at
the edge: a box that is not turned loses what is outside, a point outside moves to the nearest edge, a turned box stays
as it is. What is read is kept as it is. Pixels are rounded to PIXEL_DIGITS decimals, so that every answer that came
from the platform, or was rounded and lies inside, comes back equal.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from labeling import brush
from labeling.answers_entries import (
    PIXEL_DIGITS,
    Entry,
    Finite,
    Json,
    Shown,
    entries,
    known,
    label_of,
    percent,
    pixel,
    region,
    region_id,
    regions,
    size_of,
    size_shown,
    unreadable,
    value_of,
)
from labeling.config import LabelConfig
from lake.answers import Box, Mask, Polygon, shapes_of, shapes_text

_FULL_TURN = 360


class RectangleValue(BaseModel):
    """A rectangle, in percent; `rotation` clockwise about its upper left corner, in degrees."""

    x: Finite
    y: Finite
    width: Finite
    height: Finite
    rotation: Finite = 0.0
    rectanglelabels: list[str] = []


class PolygonValue(BaseModel):
    """Corners, in percent."""

    points: list[tuple[Finite, Finite]]
    polygonlabels: list[str] = []


class BrushValue(BaseModel):
    """A mask."""

    rle: list[int]
    brushlabels: list[str] = []


def boxes_to_result(answer: str, config: LabelConfig, shown: Shown) -> list[Json]:
    """One region for each box."""
    boxes: tuple[Box, ...] = shapes_of(answer, "boxes")
    if not boxes:
        return []
    width, height = size_shown(shown, config)
    found = []
    for place, box in enumerate(boxes):
        x, across = (box.x, box.width) if box.rotation else _cut(box.x, box.width, width)
        y, down = (box.y, box.height) if box.rotation else _cut(box.y, box.height, height)
        value: Json = {
            "x": percent(x, width),
            "y": percent(y, height),
            "width": percent(across, width),
            "height": percent(down, height),
            "rotation": _turn(box.rotation),
            "rectanglelabels": [known(box.label, config.classes, config)],
        }
        found.append(region(config, place, value, **_size(width, height)))
    return found


def boxes_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all boxes."""
    boxes = []
    for entry in regions(entries(result, config), config):
        value = value_of(entry, RectangleValue, config)
        width, height = size_of(entry, config)
        boxes.append(
            Box(
                label_of(value.rectanglelabels, config.classes, config),
                pixel(value.x, width),
                pixel(value.y, height),
                pixel(value.width, width),
                pixel(value.height, height),
                _turn(value.rotation),
            )
        )
    return shapes_text("boxes", boxes)


def polygons_to_result(answer: str, config: LabelConfig, shown: Shown) -> list[Json]:
    """One region for each ring; the rings of one polygon are related to its first."""
    polygons: tuple[Polygon, ...] = shapes_of(answer, "polygons")
    if not polygons:
        return []
    width, height = size_shown(shown, config)
    found: list[Json] = []
    links: list[Json] = []
    for polygon in polygons:
        first = region_id(config, len(found))
        for number, ring in enumerate(polygon.rings):
            points = [
                [percent(_inside(x, width), width), percent(_inside(y, height), height)]
                for x, y in zip(ring[::2], ring[1::2], strict=True)
            ]
            value: Json = {
                "points": points,
                "closed": True,
                "polygonlabels": [known(polygon.label, config.classes, config)],
            }
            found.append(region(config, len(found), value, **_size(width, height)))
            if number:
                links.append({"type": "relation", "from_id": first, "to_id": found[-1]["id"], "direction": "right"})
    return found + links


def polygons_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all polygons: regions that are related are rings of one."""
    found = entries(result, config)
    parts = regions(found, config)
    polygons = []
    for group in _related(parts, found, config):
        labels, rings = set(), []
        for entry in group:
            value = value_of(entry, PolygonValue, config)
            width, height = size_of(entry, config)
            labels.add(label_of(value.polygonlabels, config.classes, config))
            points = ((pixel(x, width), pixel(y, height)) for x, y in value.points)
            rings.append(tuple(side for point in points for side in point))
        if len(labels) > 1:
            raise unreadable(f"related pieces of {' and '.join(sorted(labels))}", config)
        polygons.append(Polygon(labels.pop(), tuple(sorted(rings))))
    return shapes_text("polygons", polygons)


def masks_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """One region for each mask, which knows its size itself."""
    masks: tuple[Mask, ...] = shapes_of(answer, "masks")
    found = []
    for place, mask in enumerate(masks):
        label = known(mask.label, config.classes, config)
        value: Json = {"format": "rle", "rle": brush.encode(mask), "brushlabels": [label]}
        found.append(region(config, place, value, **_size(mask.width, mask.height)))
    return found


def masks_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all masks."""
    masks = []
    for entry in regions(entries(result, config), config):
        value = value_of(entry, BrushValue, config)
        label = label_of(value.brushlabels, config.classes, config)
        masks.append(brush.decode(value.rle, label, *size_of(entry, config)))
    return shapes_text("masks", masks)


def _related(parts: Sequence[Entry], found: Sequence[Entry], config: LabelConfig) -> list[list[Entry]]:
    """Regions that hang together by relations, in the order in which their first ones come."""
    group = {part.id or f"region {place}": [part] for place, part in enumerate(parts)}
    if len(group) < len(parts):
        raise unreadable("two regions of one id", config)
    for link in found:
        if link.type == "relation":
            if link.from_id not in group or link.to_id not in group:
                raise unreadable("a relation to a region that is not there", config)
            one, other = group[link.from_id], group[link.to_id]
            if one is not other:
                one.extend(other)
                group.update({part.id: one for part in other})
    return list({id(parts): parts for parts in group.values()}.values())


def _size(width: int, height: int) -> Json:
    return {"original_width": width, "original_height": height, "image_rotation": 0}


def _cut(start: float, length: float, size: int) -> tuple[float, float]:
    """What of a side lies inside the picture; at its edge and without length where nothing does."""
    if start >= 0 and start + length <= size:
        return start, length
    low, high = _inside(start, size), _inside(start + length, size)
    return low, round(high - low, PIXEL_DIGITS)


def _inside(at: float, size: int) -> float:
    return min(max(at, 0.0), float(size))


def _turn(degrees: float) -> float:
    """Degrees in [0, 360)."""
    return round(degrees % _FULL_TURN, PIXEL_DIGITS) % _FULL_TURN + 0.0
