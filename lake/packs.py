"""Packs: plain uncompressed tar files that any WebDataset reader opens, with random reads by offset."""

import hashlib
import os
import re
import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from lake.blobs import Blobs, not_written, scratch
from lake.errors import LakeError
from lake.media import extension

PACK_BYTES = 256 * 2**20
_OPEN_PACKS = 64
_NAME_DIGITS = 24
_EMPTY_HEADER = tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT)
_MAX_NAME, _MAX_SIZE = 100, 8**11  # of a ustar header's fields
_PLACES = pa.schema(
    [
        ("item_id", pa.string()),
        ("pack", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("main", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Place:
    """Where an item's bytes lie."""

    pack: str
    offset: int
    length: int


def pack_path(pack: str) -> str:
    """A pack's path below the lake's root."""
    return f"packs/{pack}.tar"


def pack_name(sha256: str) -> str:
    """The name of a pack with these bytes."""
    return f"pack-{sha256[:_NAME_DIGITS]}"


def is_pack_path(path: str) -> bool:
    """Whether a path below the lake's root is that of a pack, and not of one that is being written."""
    return re.fullmatch(rf"packs/pack-[0-9a-f]{{{_NAME_DIGITS}}}\.tar", path) is not None


def packs_of(items: pa.Table) -> tuple[str, ...]:
    """The packs that rows of items need, for their main media and for their parts; in order."""
    return tuple(sorted(places_of(items)["pack"].unique().to_pylist()))


def places_of(items: pa.Table) -> pa.Table:
    """Where the media of items lie: item_id, pack, offset, length, and whether it is the item's main medium."""
    names = [name for name in _PLACES.names if name != "main"]
    places = [_places(*(items[name] for name in names), main=True)]
    if "parts" in items.column_names:  # tables of earlier releases have none
        lists = items["parts"].combine_chunks()
        parts, owners = pc.list_flatten(lists), items["item_id"].take(pc.list_parent_indices(lists))
        places.append(_places(owners, *(pc.struct_field(parts, name) for name in names[1:]), main=False))
    return pa.concat_tables(places)


def _places(*columns: pa.Array, main: bool) -> pa.Table:
    return pa.table([*columns, pa.repeat(main, len(columns[0]))], names=_PLACES.names).cast(_PLACES)


class _Descriptor:
    """An open pack; closed when nobody reads from it any more, whatever thread let go of it."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


@lru_cache(maxsize=_OPEN_PACKS)
def _descriptor(blobs: Blobs, pack: str) -> _Descriptor | None:
    """A descriptor that stays open, since opening costs more than reading; None on an object store."""
    local = blobs.local_path(pack_path(pack))
    return None if local is None else _Descriptor(str(local))


def read_item(blobs: Blobs, place: Place) -> bytes:
    """One item's bytes, without reading the rest of the pack."""
    data = _read_local(blobs, place)
    if len(data) != place.length:
        data = blobs.read(pack_path(place.pack), place.offset, place.offset + place.length)
    if len(data) != place.length:
        raise LakeError(
            f"pack {place.pack} ends before offset {place.offset + place.length}",
            remedy="it is damaged: restore it from a backup, or ingest its delivery again",
        )
    return data


def _read_local(blobs: Blobs, place: Place) -> bytes:
    """The bytes, where the pack lies on this machine; b"" where it does not, or cannot be read."""
    try:
        found = _descriptor(blobs, place.pack)
        return b"" if found is None else os.pread(found.number, place.length, place.offset)
    except OSError:
        return b""


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
        self._sha256 = hashlib.sha256()
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

    def add(self, item_id: str, media_type: str, data: bytes, part: str = "") -> None:
        """Append one medium of an item; its place is found under the item's id, of a further part under `id.part`.

        The parts of an item that are added one after the other are one sample to a WebDataset reader. Raises
        LakeError when it cannot be written.
        """
        name = f"{item_id}.{part}" if part else item_id
        header = _header(f"{name}.{extension(media_type)}", len(data))
        self._held.append((name, self._size + len(header), len(data)))
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
        self._sha256.update(data)
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
        pack = pack_name(self._sha256.hexdigest())
        if not self._blobs.exists(pack_path(pack)):
            self._blobs.put(path, pack_path(pack))
        self.places |= {item: Place(pack, offset, length) for item, offset, length in self._held}
        self._held, self._open, self._size, self._sha256 = [], None, 0, hashlib.sha256()
        self._scratch.close()


def _header(name: str, size: int) -> bytes:
    """The ustar header of a file, as tarfile writes it: made of one that it wrote, as there are many."""
    encoded = name.encode()
    if len(encoded) > _MAX_NAME or size >= _MAX_SIZE:
        info = tarfile.TarInfo(name)
        info.size = size
        return info.tobuf(tarfile.USTAR_FORMAT)
    head = bytearray(_EMPTY_HEADER)
    head[: len(encoded)] = encoded
    head[124:136] = b"%011o\0" % size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)
