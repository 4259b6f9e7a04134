"""Packs: plain uncompressed tar files that any WebDataset reader opens, with random reads by offset."""

import io
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from lake import ids
from lake.blobs import Blobs
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
    behind: a pack appears only whole, and the same items in the same order give the same pack.
    """

    def __init__(self, blobs: Blobs, limit_bytes: int = PACK_BYTES) -> None:
        self._blobs = blobs
        self._limit = limit_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="trialbase-pack-", dir=_beside(blobs))
        self._open: list[tuple[str, int, int]] = []
        self._tar: tarfile.TarFile | None = None
        self.places: dict[str, Place] = {}

    def __enter__(self) -> "PackWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            if self._tar is not None:
                self._tar.close()
            self._folder.cleanup()

    def add(self, item_id: str, media_type: str, data: bytes) -> None:
        """Append one item."""
        if self._tar is None:
            self._tar = tarfile.open(self._path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by _finish
        info = tarfile.TarInfo(f"{item_id}.{_EXTENSIONS[media_type]}")
        info.size = len(data)
        start = self._tar.offset + tarfile.BLOCKSIZE
        self._tar.addfile(info, io.BytesIO(data))
        self._open.append((item_id, start, len(data)))
        if self._tar.offset >= self._limit:
            self._finish()

    @property
    def _path(self) -> Path:
        return Path(self._folder.name) / "pack.tar"

    def _finish(self) -> None:
        if self._tar is None:
            return
        self._tar.close()
        self._tar = None
        pack = f"pack-{ids.file_id(self._path)[:24]}"
        if self._blobs.exists(pack_path(pack)):
            self._path.unlink()
        else:
            self._blobs.put(self._path, pack_path(pack))
        self.places |= {item: Place(pack, offset, length) for item, offset, length in self._open}
        self._open = []


def _beside(blobs: Blobs) -> str | None:
    """A folder on the packs' own file system, so that putting a pack in place is a rename."""
    local = blobs.local_path("packs")
    if local is None:
        return None
    local.mkdir(parents=True, exist_ok=True)
    return str(local)
