"""COCO: JSON files of images, annotations and categories beside the pictures.

Source: Lin et al. 2014, "Microsoft COCO: Common Objects in Context"; format: cocodataset.org, "Data format".
"""

import json
from collections.abc import Iterator
from typing import Any

from lake.answers import Box
from lake.errors import DeliveryError
from lake.ingest.readers.paths import Places, is_document
from lake.ingest.readers.pictures import Drawn, said, sound
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Sample, Source, medium

_MAX_JSON_BYTES = 2**30
_HEAD_BYTES = 1 << 16
_FEW = 16  # JSON files that are looked into


class Coco:
    """Every picture that a file names is a sample; several JSON files are several annotators."""

    NAME = "coco"
    KEYS: frozenset[str] = frozenset()

    def __init__(self, spec: ReaderSpec) -> None:
        del spec

    def recognises(self, source: Source) -> bool:
        found = [file.path for file in source.files() if file.path.lower().endswith(".json")]
        return any(_looks_like_it(source, path) for path in found[:_FEW])

    def read(self, source: Source) -> Iterator[Read]:
        pictures: dict[str, list[tuple[str, list[Box]]]] = {}
        places = Places(source.files())
        for file in source.files():
            if is_document(file.path):
                yield Beside(file.path)
            elif file.path.lower().endswith(".json") and _looks_like_it(source, file.path):
                yield Beside(file.path)
                yield from _load(source, file.path, places, pictures)
        for picture, drawn in sorted(pictures.items()):
            yield Sample(
                source=picture,
                parts=(medium(source, picture),),
                said=tuple(said(annotator, boxes) for annotator, boxes in drawn),
            )


def _looks_like_it(source: Source, path: str) -> bool:
    head = source.read(path, _HEAD_BYTES)
    boxes = b'"annotations"' in head and b'"image_id"' in head
    return head.lstrip()[:1] == b"{" and (boxes or (b'"images"' in head and b'"file_name"' in head))


def _load(
    source: Source, path: str, places: Places, pictures: dict[str, list[tuple[str, list[Box]]]]
) -> Iterator[Read]:
    data = source.read(path, _MAX_JSON_BYTES)
    try:
        if len(data) > _MAX_JSON_BYTES:
            raise ValueError(f"it is larger than {_MAX_JSON_BYTES} bytes")
        found = json.loads(data)
        names = {one["id"]: str(one["name"]) for one in found.get("categories", [])}
        images = {one["id"]: one for one in found["images"]}
        drawn: dict[Any, list[Drawn]] = {key: [] for key in images}
        for one in found.get("annotations", []):
            wrong = _note(one, names, drawn)
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
        boxes = list(sound(f"{path}:{picture}", drawn[key], *sizes[key]))
        yield from (one for one in boxes if isinstance(one, Fault))
        pictures.setdefault(picture, []).append((path, [one for one in boxes if isinstance(one, Box)]))


def _note(one: dict[str, Any], names: dict[Any, str], drawn: dict[Any, list[Drawn]]) -> str:
    """Add an annotation to its picture; what is wrong with it, "" where nothing is."""
    if one["image_id"] not in drawn:
        return "annotation of no picture"
    if len(one.get("bbox") or ()) != 4:
        return "annotation without a box"
    left, top, width, height = (float(value) for value in one["bbox"])
    label = names.get(one["category_id"])
    if label is None:
        return "annotation of no category"
    drawn[one["image_id"]].append(Drawn(label, left, top, left + width, top + height))
    return ""


def _number(image: dict[str, Any], key: str) -> float | None:
    """0 stands for what a tool did not know."""
    value = image.get(key)
    return float(value) if isinstance(value, int | float) and value > 0 else None
