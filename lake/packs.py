"""Packs: plain uncompressed tar files that any WebDataset reader opens, with random reads by offset."""

import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from lake import ids
from lake.blobs import Blobs, not_written, scratch
from lake.errors import LakeError

PACK_BYTES = 256 * 2**20

_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "image/tiff": "tif",
    "text/plain": "txt",
}


@dataclass(frozen=True)
class Place:
    """Where an item's bytes lie."""

    pack: str
    offset: int
    length: int


def pack_path(pack: str) -> str:
    """A pack's path below the lake's root."""
    return f"packs/{pack}.tar"


def read_item(blobs: Blobs, place: Place) -> bytes:
    """One item's bytes, without reading the rest of the pack."""
    data = blobs.read(pack_path(place.pack), place.offset, place.offset + place.length)
    if len(data) != place.length:
        raise LakeError(
            f"pack {place.pack} ends before offset {place.offset + place.length}",
            remedy="it is damaged: restore it from a backup, or ingest its delivery again",
        )
    return data


class PackWriter:
    """Writes items into packs named by their content.

    Used as a context manager; places are known when it has ended. A writer that dies leaves nothing
    behind (what a killed one left is removed by the next): a pack appears only whole, and the same items
    in the same order give the same pack.
    """

    def __init__(self, blobs: Blobs, limit_bytes: int = PACK_BYTES) -> None:
        self._blobs = blobs
        self._limit = limit_bytes
        self._beside = (blobs.local_path("packs") or Path(tempfile.gettempdir())) / "trialbase-pack"
        self._scratch = ExitStack()
        self._open: tuple[Path, BinaryIO] | None = None
        self._size = 0
        self._held: list[tuple[str, int, int]] = []
        self.places: dict[str, Place] = {}

    def __enter__(self) -> "PackWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._scratch:
            if kind is None:
                self._finish()

    def add(self, item_id: str, media_type: str, data: bytes) -> None:
        """Append one item. Raises LakeError when it cannot be written."""
        info = tarfile.TarInfo(f"{item_id}.{_EXTENSIONS[media_type]}")
        info.size = len(data)
        header = info.tobuf(tarfile.USTAR_FORMAT)
        self._held.append((item_id, self._size + len(header), len(data)))
        self._write(header + data + bytes(-len(data) % tarfile.BLOCKSIZE))
        if self._size >= self._limit:
            self._finish()

    def _write(self, data: bytes) -> None:
        try:
            if self._open is None:
                self._open = self._scratch.enter_context(scratch(self._beside))
            self._open[1].write(data)
        except OSError as error:
            raise not_written(str(self._beside), error) from error
        self._size += len(data)

    def _finish(self) -> None:
        if self._open is None:
            return
        self._write(bytes(2 * tarfile.BLOCKSIZE))  # the mark of a tar file's end
        self._write(bytes(-self._size % tarfile.RECORDSIZE))
        path, file = self._open
        try:
            file.flush()
        except OSError as error:
            raise not_written(str(path), error) from error
        pack = f"pack-{ids.file_id(path)[:24]}"
        if not self._blobs.exists(pack_path(pack)):
            self._blobs.put(path, pack_path(pack))
        self.places |= {item: Place(pack, offset, length) for item, offset, length in self._held}
        self._held, self._open, self._size = [], None, 0
        self._scratch.close()
