"""A dataset version's folder as arrays to train on."""

import json
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake import ids
from lake.errors import LakeError
from lake.records import Split

_RESTORE = "check the version out again (`trialbase dataset checkout`)"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Labelled items of one split, ordered by item id, whatever order the files hold them in.

    targets: (items,) int64, index into `classes`. weights: (items,) float32, the labels' confidence.
    """

    item_ids: tuple[str, ...]
    media: tuple[bytes, ...]
    targets: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.item_ids)


def load(dataset_dir: Path, split: Split) -> Examples:
    """The items of a split whose label has a confidence above 0, with their bytes checked against their ids.

    Raises LakeError when a file is missing or damaged, or an answer is none of the classes.
    """
    classes = read_classes(dataset_dir)
    rows = _labelled(dataset_dir, split)
    index = {name: number for number, name in enumerate(classes)}
    if strangers := sorted(set(rows["answer"].to_pylist()) - set(index)):
        raise LakeError(
            f"labels of {dataset_dir} name {', '.join(strangers[:5])}, which classes.json lacks", remedy=_RESTORE
        )
    return Examples(
        item_ids=tuple(rows["item_id"].to_pylist()),
        media=_media(dataset_dir, rows),
        targets=np.array([index[answer] for answer in rows["answer"].to_pylist()], dtype=np.int64),
        weights=rows["confidence"].to_numpy().astype(np.float32),
        classes=classes,
    )


def read_classes(dataset_dir: Path) -> tuple[str, ...]:
    """The classes of a dataset version, in the order that its models use."""
    path = dataset_dir / "classes.json"
    try:
        classes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LakeError(f"{path} cannot be read: {error}", remedy=_RESTORE) from error
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise LakeError(f"{path} is not a list of class names", remedy=_RESTORE)
    return tuple(classes)


def _labelled(dataset_dir: Path, split: Split) -> pa.Table:
    """Columns item_id, pack, offset, length, answer, confidence, ordered by item_id."""
    manifest = _table(dataset_dir / "manifest.parquet", ["item_id", "pack", "offset", "length", "split"])
    labels = _table(dataset_dir / "labels.parquet", ["item_id", "answer", "confidence"])
    confidence = labels["confidence"]
    given = pc.and_(pc.is_valid(confidence), pc.greater(confidence, 0))  # NaN is not greater
    manifest = manifest.filter(pc.equal(manifest["split"], split)).drop_columns(["split"])
    joined = manifest.join(labels.filter(pc.fill_null(given, False)), "item_id", join_type="inner")
    return joined.sort_by("item_id")


def _table(path: Path, columns: Sequence[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise LakeError(f"{path} cannot be read: {error}", remedy=_RESTORE) from error


def _media(dataset_dir: Path, rows: pa.Table) -> tuple[bytes, ...]:
    """The bytes of each row, in order; each pack is opened once."""
    packs = {name: _open(dataset_dir / "packs" / f"{name}.tar") for name in sorted(set(rows["pack"].to_pylist()))}
    try:
        return tuple(
            _checked(packs[row["pack"]][row["offset"] : row["offset"] + row["length"]], row["item_id"], row["pack"])
            for row in rows.to_pylist()
        )
    finally:
        for pack in packs.values():
            pack.close()


def _open(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise LakeError(f"pack {path} cannot be read: {error}", remedy=_RESTORE) from error


def _checked(data: bytes, item_id: str, pack: str) -> bytes:
    if ids.content_id(data) != item_id:
        raise LakeError(f"pack {pack} does not hold the bytes of item {item_id}: it is damaged", remedy=_RESTORE)
    return data
