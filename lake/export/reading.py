"""A dataset version read item by item, as exports need it."""

import io
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.answers import KINDS, Box, shapes_of
from lake.blobs import Blobs
from lake.errors import LakeError
from lake.media import extension
from lake.packs import Place, read_item

_ROWS = 4096
_STRUCTURED = (*KINDS, "number")


@dataclass(frozen=True)
class Medium:
    """One file of a sample; `name` is "" for the main one."""

    name: str
    modality: str
    media_type: str
    place: Place

    def file(self, item_id: str) -> str:
        """A name that is this medium's alone in the whole version."""
        part = f".{self.name}" if self.name else ""
        return f"{item_id}{part}.{extension(self.media_type)}"


@dataclass(frozen=True)
class Labelled:
    """One item with what is said of it."""

    item_id: str
    split: str
    answer: str  # "" where nothing is said
    media: tuple[Medium, ...]  # the main one first
    facts: dict[str, Any]  # other columns of manifest and label that are plain values or lists of texts

    @property
    def main(self) -> Medium:
        return self.media[0]

    def boxes(self) -> tuple[Box, ...]:
        return shapes_of(self.answer, "boxes")


_FACTS = ("source", "delivery", "group", "licence", "consent", "attributes", "batch")
_LABEL_FACTS = ("confidence", "agreement", "method", "annotators", "adjudicated_by")


class Reading:
    """A version's folder; items come in the order of the manifest."""

    def __init__(self, folder: Path, tag: str, progress: Callable[[int, int], None]) -> None:
        self.folder = folder
        self.tag = tag
        self._progress = progress
        self._blobs = Blobs(str(folder))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return tuple(json.loads((self.folder / "classes.json").read_bytes()))

    @property
    def num_items(self) -> int:
        return int(pq.ParquetFile(self.folder / "manifest.parquet").metadata.num_rows)

    @cached_property
    def modalities(self) -> set[str]:
        """Of main media."""
        return set(self._column("manifest", "modality").unique().to_pylist())

    @cached_property
    def has_parts(self) -> bool:
        names = pq.read_schema(self.folder / "manifest.parquet").names
        return "parts" in names and bool(
            pc.any(pc.greater(pc.list_value_length(self._column("manifest", "parts")), 0)).as_py()
        )

    @cached_property
    def kinds(self) -> set[str]:
        """Of answers: keys of KINDS, number, class (all of those are known), text; "" for none."""
        answers = pc.unique(self._column("labels", "answer"))
        found = {one for one in _STRUCTURED if pc.any(pc.starts_with(answers, f'{{"{one}":')).as_py()}
        plain = set(
            answers.filter(pc.invert(pc.match_substring_regex(answers, f'^{{"({"|".join(_STRUCTURED)})":'))).to_pylist()
        )
        found |= {""} & plain
        words = plain - {""}
        return found | ({"class" if words <= set(self.classes) else "text"} if words else set())

    def demand(self, form: str, *, modalities: Collection[str] | None, kinds: Collection[str], parts: bool) -> None:
        """Raises LakeError where the version holds what a format cannot."""
        wrong = sorted(self.modalities - set(modalities or self.modalities)) + sorted(self.kinds - {"", *kinds})
        if self.has_parts and not parts:
            wrong.append("several media of one item")
        if wrong:
            raise LakeError(
                f"{form} cannot hold what {self.tag} holds: {', '.join(wrong)}",
                remedy="export it to webdataset or parquet, which hold everything",
            )

    def items(self) -> Iterator[Labelled]:
        """All items. Raises LakeError when a pack or table is damaged."""
        done, total = 0, self.num_items
        for manifest, labels in zip(self._rows("manifest"), self._rows("labels"), strict=True):
            for item, label in zip(manifest, labels, strict=True):
                if item["item_id"] != label["item_id"]:
                    raise LakeError(
                        f"labels and manifest of {self.tag} do not name the same items", remedy="restore it"
                    )
                yield _labelled(item, label)
            done += len(manifest)
            self._progress(done, total)

    def read(self, medium: Medium) -> bytes:
        return read_item(self._blobs, medium.place)

    def copy_media(self, item: Labelled, folder: Path) -> list[str]:
        """Write an item's media as files; their names."""
        names = [medium.file(item.item_id) for medium in item.media]
        for medium, name in zip(item.media, names, strict=True):
            (folder / name).write_bytes(self.read(medium))
        return names

    def _column(self, table: str, name: str) -> pa.ChunkedArray:
        return pq.read_table(self.folder / f"{table}.parquet", columns=[name], partitioning=None)[name]

    def _rows(self, table: str) -> Iterator[list[dict[str, Any]]]:
        file = pq.ParquetFile(self.folder / f"{table}.parquet", memory_map=True)
        for batch in file.iter_batches(_ROWS):
            yield batch.to_pylist()


def _labelled(item: dict[str, Any], label: dict[str, Any]) -> Labelled:
    facts = {name: item[name] for name in _FACTS if name in item} | {
        name: label[name] for name in _LABEL_FACTS if name in label
    }
    media = [_medium(item | {"name": ""}), *(_medium(part) for part in item.get("parts") or ())]
    return Labelled(item["item_id"], item["split"], label["answer"], tuple(media), facts)


def _medium(row: dict[str, Any]) -> Medium:
    place = Place(row["pack"], row["offset"], row["length"])
    return Medium(row["name"], row["modality"], row["media_type"], place)


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from a picture's head."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def upright(item: Labelled, form: str) -> tuple[Box, ...]:
    """The boxes of an item, none of which is turned. Raises LakeError."""
    boxes = item.boxes()
    if any(box.rotation for box in boxes):
        raise LakeError(
            f"{form} cannot hold the turned box in item {item.item_id[:12]}",
            remedy="export it to label-studio, webdataset or parquet",
        )
    return boxes


def class_index(classes: tuple[str, ...], boxes: Collection[Box]) -> dict[str, int]:
    """The number of each class. Raises LakeError for a box of a class that the version does not name."""
    index = {name: number for number, name in enumerate(classes)}
    strange = sorted({box.label for box in boxes} - set(index))
    if strange:
        raise LakeError(
            f"a box has the class {strange[0]!r}, which classes.json does not name", remedy="commit it anew"
        )
    return index
