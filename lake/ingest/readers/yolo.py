"""YOLO: pictures in images/, one text file a picture in labels/, classes in data.yaml, classes.txt or the scenario.

Format: docs.ultralytics.com, "Object Detection Datasets": class, centre x and y, width, height, as shares
of the picture.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from lake.answers import Box
from lake.errors import DeliveryError
from lake.ingest.readers.paths import folders, is_document
from lake.ingest.readers.pictures import ENDINGS, Drawn, said, size_of, sound
from lake.ingest.readers.plain_yaml import load
from lake.ingest.readers.says import classes_of
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Said, Sample, Source, medium

_MAX_BYTES = 10_000_000
_CLASS_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


class Yolo:
    """Every picture is a sample; of a picture without a label file nothing is said."""

    NAME = "yolo"
    KEYS = frozenset({"classes"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec

    def recognises(self, source: Source) -> bool:
        names = {name for folder in folders(source.files()) for name in folder.split("/")}
        return {"images", "labels"} <= names and _class_file(source) is not None

    def read(self, source: Source) -> Iterator[Read]:
        names = self._names(source)
        labels = {file.path for file in source.files() if file.path.endswith(".txt")}
        for file in source.files():
            if file.path.lower().endswith(ENDINGS):
                label = _label_file(file.path)
                yield from _sample(source, file.path, label if label in labels else None, names)
                labels.discard(label)
            elif is_document(file.path) or file.path == self._spec.classes or _is_list(file.path):
                yield Beside(file.path)
        for path in sorted(labels):
            if "labels" in PurePosixPath(path).parts[:-1]:
                yield Beside(path)
                yield Fault(path, "picture missing", "there is no picture of this name")

    def _names(self, source: Source) -> tuple[str, ...]:
        path = _class_file(source)
        if self._spec.classes or path is None:
            return classes_of(self._spec, source)
        text = source.read(path, _MAX_BYTES).decode("utf-8", "replace")
        if not path.endswith((".yaml", ".yml")):
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        try:
            found: Any = load(text)["names"]
            return (
                tuple(str(found[key]) for key in sorted(found)) if isinstance(found, dict) else tuple(map(str, found))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DeliveryError(
                f"{source.url}/{path} names no classes: {type(error).__name__}", remedy="add `names: [...]`"
            ) from error


def _class_file(source: Source) -> str | None:
    return next((file.path for file in source.files() if PurePosixPath(file.path).name in _CLASS_FILES), None)


def _is_list(path: str) -> bool:
    """The class file, or a list of the pictures of one part (train.txt)."""
    pure = PurePosixPath(path)
    return pure.name in _CLASS_FILES or (pure.suffix in (".txt", ".cache") and "labels" not in pure.parts[:-1])


def _label_file(picture: str) -> str:
    """labels/ in the place of the last images/, .txt in the place of the picture's ending."""
    parts = list(PurePosixPath(picture).with_suffix(".txt").parts)
    if "images" in parts[:-1]:
        at = len(parts) - 2 - parts[:-1][::-1].index("images")
        parts[at] = "labels"
    return "/".join(parts)


def _sample(source: Source, picture: str, label: str | None, names: tuple[str, ...]) -> Iterator[Read]:
    drawn: tuple[Said, ...] = ()
    if label is not None:
        yield Beside(label)
        size = size_of(partial(source.read, picture))
        boxes = list(_boxes(source, label, names, *size)) if size else []
        yield from (one for one in boxes if isinstance(one, Fault))
        drawn = (said("labels", [one for one in boxes if isinstance(one, Box)]),) if size else ()
    yield Sample(source=picture, parts=(medium(source, picture),), said=drawn)


def _boxes(source: Source, path: str, names: tuple[str, ...], width: int, height: int) -> Iterator[Box | Fault]:
    for number, line in enumerate(source.read(path, _MAX_BYTES).decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            at = int(words[0])
            label = names[at] if names and at >= 0 else str(at)
            x, y, w, h = (float(one) for one in words[1:5])
        except (ValueError, IndexError):
            yield Fault(f"{path}:{number}", "annotation unreadable", line[:80])
            continue
        shape = Drawn(label, (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        yield from sound(f"{path}:{number}", [_rounded(shape, width, height)], width, height)


def _rounded(box: Drawn, width: int, height: int) -> Drawn:
    """Shares with six digits miss a picture's edge by a hair: within half a pixel it is the edge."""

    def near(value: float, end: int) -> float:
        return 0.0 if -0.5 < value < 0 else float(end) if end < value < end + 0.5 else round(value, 4)

    left, right = near(box.left, width), near(box.right, width)
    return Drawn(box.label, left, near(box.top, height), right, near(box.bottom, height))
