"""How alike two shapes are, from 0 to 1, and what several of them come to."""

import math
from collections.abc import Sequence

import numpy as np

from labeling.consensus.votes import FloatArray
from lake.answers import Box, Keypoints, Mask, Polygon, Segment, Solid

Point = tuple[float, float]

_GRID = 256  # cells of the longer side on which outlines are compared
_LEAST = 1e-9  # of an area


# --- boxes


def corners(box: Box) -> tuple[Point, ...]:
    """The four corners of a box, turned about its upper left one, in order."""
    turn = math.radians(box.rotation)
    along = (box.width * math.cos(turn), box.width * math.sin(turn))
    down = (-box.height * math.sin(turn), box.height * math.cos(turn))
    x, y = box.x, box.y
    return (
        (x, y),
        (x + along[0], y + along[1]),
        (x + along[0] + down[0], y + along[1] + down[1]),
        (x + down[0], y + down[1]),
    )


def box_likeness(one: Box, other: Box) -> float:
    """Intersection over union."""
    if one.rotation % 360 == other.rotation % 360 == 0:
        width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
        height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
        shared = max(0.0, width) * max(0.0, height)
    else:
        shared = shared_area(corners(one), corners(other))
    return _over_union(shared, one.width * one.height, other.width * other.height, one == other)


def fused_boxes(boxes: Sequence[Box], weights: Sequence[float]) -> Box:
    """Weighted medians of the sides; of turned boxes of middle and size, and the mean direction."""
    if all(box.rotation % 360 == 0 for box in boxes):
        left, top = (median([getattr(box, name) for box in boxes], weights) for name in ("x", "y"))
        right = median([box.x + box.width for box in boxes], weights)
        bottom = median([box.y + box.height for box in boxes], weights)
        return Box(boxes[0].label, left, top, max(0.0, right - left), max(0.0, bottom - top))
    middles = [np.mean(corners(box), axis=0) for box in boxes]
    x, y = (median([float(middle[axis]) for middle in middles], weights) for axis in (0, 1))
    width, height = (median([getattr(box, name) for box in boxes], weights) for name in ("width", "height"))
    turn = mean_angle([math.radians(box.rotation) for box in boxes], weights)
    left = x - (width * math.cos(turn) - height * math.sin(turn)) / 2
    top = y - (width * math.sin(turn) + height * math.cos(turn)) / 2
    return Box(boxes[0].label, left, top, width, height, math.degrees(turn) % 360)


# --- boxes in space


def solid_likeness(one: Solid, other: Solid) -> float:
    """Intersection over union in space; boxes stand upright."""
    height = min(one.z + one.height, other.z + other.height) - max(one.z, other.z)
    shared = shared_area(_ground(one), _ground(other)) * max(0.0, height)
    mine, theirs = (solid.length * solid.width * solid.height for solid in (one, other))
    return _over_union(shared, mine, theirs, one == other)


def fused_solids(solids: Sequence[Solid], weights: Sequence[float]) -> Solid:
    """Weighted medians of place and size, and the mean direction."""
    names = ("x", "y", "z", "length", "width", "height")
    x, y, z, length, width, height = (median([getattr(one, name) for one in solids], weights) for name in names)
    return Solid(solids[0].label, x, y, z, length, width, height, mean_angle([one.yaw for one in solids], weights))


def _ground(solid: Solid) -> tuple[Point, ...]:
    cos, sin = math.cos(solid.yaw), math.sin(solid.yaw)
    half = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    at = [(along * solid.length / 2, across * solid.width / 2) for along, across in half]
    return tuple((solid.x + a * cos - b * sin, solid.y + a * sin + b * cos) for a, b in at)


# --- outlines and masks


def polygon_likeness(one: Polygon, other: Polygon) -> float:
    """Intersection over union, on a grid of 256 cells along the longer side of both."""
    points = [ring[axis::2] for polygon in (one, other) for ring in polygon.rings for axis in (0, 1)]
    if not any(points) or one.rings == other.rings:
        return float(one.rings == other.rings)
    left, top = (min(min(at) for at in points[axis::2] if at) for axis in (0, 1))
    right, bottom = (max(max(at) for at in points[axis::2] if at) for axis in (0, 1))
    scale = _GRID / max(right - left, bottom - top, _LEAST)
    size = (max(1, math.ceil((right - left) * scale)) + 1, max(1, math.ceil((bottom - top) * scale)) + 1)
    mine, theirs = (_drawn(polygon, left, top, scale, size) for polygon in (one, other))
    return _over_union(float((mine & theirs).sum()), float(mine.sum()), float(theirs.sum()), one.rings == other.rings)


def _drawn(
    polygon: Polygon, left: float, top: float, scale: float, size: tuple[int, int]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    from PIL import Image, ImageDraw

    picture = Image.new("1", size)
    for ring in polygon.rings:
        points = [((x - left) * scale, (y - top) * scale) for x, y in zip(ring[::2], ring[1::2], strict=True)]
        if len(points) > 1:
            ImageDraw.Draw(picture).polygon(points, fill=1, outline=1)
    return np.asarray(picture)


def fused_polygons(polygons: Sequence[Polygon], weights: Sequence[float]) -> Polygon:
    """The one that is most like all others."""
    likeness = [
        sum(weight * polygon_likeness(one, other) for other, weight in zip(polygons, weights, strict=True))
        for one in polygons
    ]
    best = min(range(len(polygons)), key=lambda place: (-round(likeness[place], 9), polygons[place].rings))
    return Polygon(polygons[0].label, polygons[best].rings)


def mask_likeness(one: Mask, other: Mask) -> float:
    """Intersection over union of pixels; masks of pictures of different size share nothing."""
    if (one.width, one.height) != (other.width, other.height):
        return 0.0
    mine, theirs = pixels(one), pixels(other)
    return _over_union(float((mine & theirs).sum()), float(mine.sum()), float(theirs.sum()), one.counts == other.counts)


def fused_masks(masks: Sequence[Mask], weights: Sequence[float]) -> Mask:
    """The pixels that more than half of the weight marks."""
    of_size = max({(one.width, one.height) for one in masks}, key=lambda size: (_behind(masks, weights, size), size))
    part = [(one, weight) for one, weight in zip(masks, weights, strict=True) if (one.width, one.height) == of_size]
    total = sum(weight for _, weight in part)
    votes = sum(weight * pixels(one) for one, weight in part)
    return mask_of(masks[0].label, np.asarray(votes) > total / 2, *of_size)


def _behind(masks: Sequence[Mask], weights: Sequence[float], size: tuple[int, int]) -> float:
    return sum(weight for one, weight in zip(masks, weights, strict=True) if (one.width, one.height) == size)


def pixels(mask: Mask) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """(width * height,), row by row."""
    on = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(on, mask.counts)


def mask_of(label: str, marked: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]", width: int, height: int) -> Mask:
    """A mask of its pixels, row by row."""
    flat = np.r_[False, marked.reshape(-1)]
    starts = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(np.r_[0, starts, len(flat) - 1])
    return Mask(label, width, height, tuple(int(count) for count in counts))


# --- points and stretches of time


def keypoint_likeness(one: Keypoints, other: Keypoints) -> float:
    """Mean over all points named of exp(-d^2 / 2s^2): d between two of a name, s a tenth of the things' extent.

    Source: object keypoint similarity, with one width for all points (Lin et al. 2014, COCO).
    """
    mine, theirs = ({name: (x, y) for name, x, y, _ in thing.points} for thing in (one, other))
    places = np.array([*mine.values(), *theirs.values()])
    if not len(places):
        return 1.0
    extent = float(np.linalg.norm(places.max(axis=0) - places.min(axis=0))) / 10
    names = sorted({*mine, *theirs})
    near = [_near(mine[name], theirs[name], extent) for name in names if name in mine and name in theirs]
    return sum(near) / len(names)


def _near(one: Point, other: Point, width: float) -> float:
    apart = math.dist(one, other)
    return math.exp(-(apart**2) / (2 * width**2)) if width > 0 else float(apart == 0)


def fused_keypoints(things: Sequence[Keypoints], weights: Sequence[float]) -> Keypoints:
    """Weighted medians of each point that half of the weight names; it is seen where half of those say so."""
    total = sum(weights)
    points = []
    for name in dict.fromkeys(point[0] for thing in things for point in thing.points):
        found = [
            (point, weight)
            for thing, weight in zip(things, weights, strict=True)
            for point in thing.points
            if point[0] == name
        ]
        behind = [weight for _, weight in found]
        if sum(behind) * 2 >= total:
            x, y = (median([point[axis] for point, _ in found], behind) for axis in (1, 2))  # type: ignore[misc]
            seen = sum(weight for point, weight in found if point[3]) * 2 >= sum(behind)
            points.append((name, x, y, seen))
    return Keypoints(things[0].label, tuple(sorted(points)))


def segment_likeness(one: Segment, other: Segment, margin: float) -> float:
    """Intersection over union of time; of a point and another 1 - distance / margin."""
    if one.start == one.end or other.start == other.end:
        apart = max(abs(one.start - other.start), abs(one.end - other.end))
        return max(0.0, 1 - apart / margin) if margin > 0 else float(apart == 0)
    shared = max(0.0, min(one.end, other.end) - max(one.start, other.start))
    return _over_union(shared, one.end - one.start, other.end - other.start, one == other)


def fused_segments(segments: Sequence[Segment], weights: Sequence[float]) -> Segment:
    """Weighted medians of beginning and end."""
    start = median([one.start for one in segments], weights)
    end = median([one.end for one in segments], weights)
    return Segment(segments[0].label, start, max(start, end))


# --- what all have in common


def median(values: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted median; between two where the weight falls between them."""
    order = sorted(zip(values, weights, strict=True))
    half, passed = sum(weights) / 2, 0.0
    for place, (value, weight) in enumerate(order):
        passed += weight
        if abs(passed - half) < 1e-12 and place + 1 < len(order):
            return (value + order[place + 1][0]) / 2
        if passed > half:
            return value
    return order[-1][0]


def mean_angle(angles: Sequence[float], weights: Sequence[float]) -> float:
    """Direction of the weighted sum of unit vectors, radians."""
    x = sum(weight * math.cos(angle) for angle, weight in zip(angles, weights, strict=True))
    y = sum(weight * math.sin(angle) for angle, weight in zip(angles, weights, strict=True))
    return math.atan2(y, x)


def shared_area(one: Sequence[Point], other: Sequence[Point]) -> float:
    """Area of the intersection of two convex outlines (Sutherland & Hodgman 1974)."""
    subject, clip = _counterclockwise(one), _counterclockwise(other)
    for (x0, y0), (x1, y1) in zip(clip, [*clip[1:], clip[0]], strict=True):
        kept: list[Point] = []
        sides = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in subject]
        for place, point in enumerate(subject):
            before, was, now = subject[place - 1], sides[place - 1], sides[place]
            if (was >= 0) != (now >= 0):
                part = was / (was - now)
                kept.append((before[0] + part * (point[0] - before[0]), before[1] + part * (point[1] - before[1])))
            if now >= 0:
                kept.append(point)
        subject = kept
        if not subject:
            return 0.0
    return abs(_area(subject))


def _area(outline: Sequence[Point]) -> float:
    """Signed, positive where the outline turns left."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True)) / 2


def _counterclockwise(outline: Sequence[Point]) -> list[Point]:
    return list(outline) if _area(outline) >= 0 else list(outline)[::-1]


def _over_union(shared: float, one: float, other: float, same: bool) -> float:
    """Intersection over union; of two without extent whether they are the same."""
    union = one + other - shared
    return min(1.0, shared / union) if union > _LEAST else float(same)


def spread(values: FloatArray) -> float:
    """From the least to the greatest; 0 of nothing."""
    return float(values.max() - values.min()) if len(values) else 0.0
