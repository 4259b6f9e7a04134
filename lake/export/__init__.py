"""Dataset versions in the formats that other tools read: a new folder, whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lake.errors import LakeError
from lake.export import coco, csv, label_studio, parquet, webdataset, yolo
from lake.export.reading import Reading
from lake.versions import DvcVersions

__all__ = ["FORMATS", "export"]

Progress = Callable[[int, int], None]
FORMATS: dict[str, Callable[[Reading, Path], None]] = {
    "coco": coco.write,
    "yolo": yolo.write,
    "webdataset": webdataset.write,
    "parquet": parquet.write,
    "csv": csv.write,
    "label-studio": label_studio.write,
}


def export(versions: DvcVersions, tag: str, form: str, to: Path, progress: Progress = lambda _done, _all: None) -> Path:
    """Write a version into a new folder, with its card beside. Raises LakeError, also for what a format cannot hold.

    form: a key of FORMATS. progress: items done, items in all.
    """
    if form not in FORMATS:
        raise LakeError(f"the format {form} is unknown", remedy=f"use one of {', '.join(FORMATS)}")
    if to.exists():
        raise LakeError(f"{to} is already there", remedy="give a folder that does not exist yet")
    reading = Reading(versions.folder(tag), tag, progress)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
            out = Path(folder) / to.name
            out.mkdir()
            FORMATS[form](reading, out)
            shutil.copyfile(reading.folder / "card.md", out / "README.md")
            out.replace(to)
    except OSError as error:
        raise LakeError(
            f"{to} cannot be written: {error.strerror or error}", remedy="free space there, or correct its rights"
        ) from error
    return to
