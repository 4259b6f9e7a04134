"""COCO: JSON files of images, annotations and categories beside the pictures.

Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context"; format: cocodataset.org, "Data format".
"""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

from lake.answers import Keypoints, Polygon, Shape, is_finite, shapes_text
from lake.errors import DeliveryError
from lake.ingest.readers.paths import Places, is_document
from lake.ingest.readers.pictures import Drawn, sound
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Said, Sample, Source, medium

_MAX_JSON_BYTES = 2**30
_HEAD_BYTES = 1 << 16
_NOTHING = {"boxes": "a box", "polygons": "a polygon", "keypoints": "keypoints"}
_FEW = 16  # JSON files that are looked into

_Given: TypeAlias = Drawn | Polygon | Keypoints


class Coco:
    """Every picture that a file names is a sample; several JSON files are several annotators."""

    NAME = "coco"
    KEYS = frozenset({"shapes"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._kind = spec.shapes

    def recognises(self, source: Source) -> bool:
        found = [file.path for file in source.files() if file.path.lower().endswith(".json")]
        return any(_looks_like_it(source, path) for path in found[:_FEW])

    def read(self, source: Source) -> Iterator[Read]:
        pictures: dict[str, list[tuple[str, list[Shape]]]] = {}
        places = Places(source.files())
        for file in source.files():
            if is_document(file.path):
                yield Beside(file.path)
            elif file.path.lower().endswith(".json") and _looks_like_it(source, file.path):
                yield Beside(file.path)
                yield from _load(source, file.path, self._kind, places, pictures)
        for picture, drawn in sorted(pictures.items()):
            yield Sample(
                source=picture,
                parts=(medium(source, picture),),
                said=tuple(Said(annotator, shapes_text(self._kind, shapes)) for annotator, shapes in drawn),
            )


def _looks_like_it(source: Source, path: str) -> bool:
    head = source.read(path, _HEAD_BYTES)
    boxes = b'"annotations"' in head and b'"image_id"' in head
    return head.lstrip()[:1] == b"{" and (boxes or (b'"images"' in head and b'"file_name"' in head))


def _load(
    source: Source, path: str, kind: str, places: Places, pictures: dict[str, list[tuple[str, list[Shape]]]]
) -> Iterator[Read]:
    data = source.read(path, _MAX_JSON_BYTES)
    try:
        if len(data) > _MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {_MAX_JSON_BYTES} bytes")
        found = json.loads(data)
        categories = {one["id"]: one for one in found.get("categories", [])}
        images = {one["id"]: one for one in found["images"]}
        drawn: dict[Any, list[_Given]] = {key: [] for key in images}
        for one in found.get("annotations", []):
            wrong = _note(one, kind, categories, drawn)
            if wrong:
                yield Fault(path, wrong, f"annotation {one.get('id')}")
        sizes = {key: (_number(one, "width"), _number(one, "height")) for key, one in images.items()}
        files = {key: str(one["file_name"]) for key, one in images.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DeliveryError(
            f"{source.url}/{path} is no COCO file: {type(error).__name__} {error}",
            remedy="it needs images with id and file_name, annotations with image_id, category_id and bbox, and "
            "categories; or name another source.reader",
        ) from error
    for key, name in files.items():
        picture = places.find(name, path)
        if picture is None:
            yield Fault(path, "picture missing", name)
            continue
        shapes = [_held(f"{path}:{picture}", one, *sizes[key]) for one in drawn[key]]
        yield from (one for one in shapes if isinstance(one, Fault))
        pictures.setdefault(picture, []).append((path, [one for one in shapes if not isinstance(one, Fault)]))


def _note(one: dict[str, Any], kind: str, categories: dict[Any, Any], drawn: dict[Any, list[_Given]]) -> str:
    """Add an annotation to its picture; what is wrong with it, "" where nothing is."""
    if one["image_id"] not in drawn:
        return "annotation of no picture"
    if kind == "polygons" and isinstance(one.get("segmentation"), dict):
        return "mask without a polygon"  # run lengths
    makes = {"boxes": _box, "polygons": _polygon, "keypoints": _keypoints}
    category = categories.get(one["category_id"]) if "category_id" in one else None
    shape = makes[kind](one, category or {"name": ""})
    if shape is None:
        return f"annotation without {_NOTHING[kind]}"
    if category is None:
        return "annotation of no category"
    drawn[one["image_id"]].append(shape)
    return ""


def _box(one: dict[str, Any], category: dict[str, Any]) -> Drawn | None:
    if len(one.get("bbox") or ()) != 4:
        return None
    left, top, width, height = (float(value) for value in one["bbox"])
    return Drawn(str(category["name"]), left, top, left + width, top + height)


def _polygon(one: dict[str, Any], category: dict[str, Any]) -> Polygon | None:
    rings = tuple(tuple(float(value) for value in ring) for ring in one.get("segmentation") or ())
    sound_rings = bool(rings) and all(len(ring) >= 6 and len(ring) % 2 == 0 for ring in rings)
    return Polygon(str(category["name"]), rings) if sound_rings else None


def _keypoints(one: dict[str, Any], category: dict[str, Any]) -> Keypoints | None:
    """x, y and 0 for a point that is not marked, 1 for one that is hidden, 2 for one that can be seen."""
    values, names = [float(value) for value in one.get("keypoints") or ()], category.get("keypoints") or ()
    if len(values) != 3 * len(names):
        return None
    marked = zip(names, values[0::3], values[1::3], values[2::3], strict=True)
    points = tuple((str(name), x, y, seen == 2) for name, x, y, seen in marked if seen)
    return Keypoints(str(category["name"]), points) if points else None


def _held(source: str, shape: _Given, width: float | None, height: float | None) -> Shape | Fault:
    """A shape, or what is wrong with it in its picture."""
    if isinstance(shape, Drawn):
        return next(sound(source, [shape], width, height))
    what = "polygon" if isinstance(shape, Polygon) else "keypoint"
    places = _places(shape)
    if not all(is_finite(x, y) for x, y in places):
        return Fault(source, f"{what} without numbers", shape.label)
    if any(not (0 <= x <= (width or x) and 0 <= y <= (height or y)) for x, y in places):
        return Fault(source, f"{what} outside the picture", shape.label)
    if what == "polygon" and (len({x for x, _ in places}) == 1 or len({y for _, y in places}) == 1):
        return Fault(source, "polygon without extent", shape.label)
    return shape


def _places(shape: Polygon | Keypoints) -> list[tuple[float, float]]:
    if isinstance(shape, Keypoints):
        return [(x, y) for _, x, y, _ in shape.points]
    return [place for ring in shape.rings for place in zip(ring[0::2], ring[1::2], strict=True)]


def _number(image: dict[str, Any], key: str) -> float | None:
    """0 stands for what a tool did not know."""
    value = image.get(key)
    return float(value) if isinstance(value, int | float) and value > 0 else None
