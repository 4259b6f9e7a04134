"""Tar archives, plain or packed, read in place.

Format: POSIX.1-2017, pax, "ustar Interchange Format"; what it says of names is never trusted.
"""

import io
import tarfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, cast

from lake.errors import DeliveryError
from lake.ingest.reading import Damaged, File, Unread
from lake.ingest.sources.guard import Listing, member, plain_name, readable
from lake.ingest.sources.onefile import OneFile
from lake.ingest.sources.streams import Forward, bound, is_packed, unpacked

_MAX_HEADER_BYTES = 1 << 20
_MAX_PADDING_BYTES = 1 << 20


class TarSource:
    """The members of a tar archive.

    A packed one is read from its beginning to its end once for its listing, and once more as long as members are asked
    for in the order in which they lie; out of order, it is unpacked into a scratch file.
    """

    def __init__(self, file: OneFile) -> None:
        self._file = file
        self.name, self.url = file.name, file.url

    def files(self) -> Sequence[File]:
        return self._listing[0]

    def unread(self) -> Sequence[Unread]:
        return self._listing[1]

    def members(self) -> Iterator[str]:
        """The files in the order in which they lie: the cheap one for packed archives."""
        return iter(sorted(self._places, key=lambda path: self._places[path]))

    def open(self, path: str) -> BinaryIO:
        offset, size = self._places[path]
        return cast(BinaryIO, io.BufferedReader(_Window(self, self._handle, offset, size)))

    def read(self, path: str, max_bytes: int) -> bytes:
        offset, size = self._places[path]
        with member(self.url, path):
            self._handle.seek(offset)
            data = self._handle.read(min(size, max_bytes + 1))
        if len(data) < min(size, max_bytes + 1):
            raise Damaged(f"{self.url}: {path} ends too early", remedy="deliver the archive again whole")
        return data

    def identity(self) -> str:
        return self._file.identity()

    @cached_property
    def _handle(self) -> BinaryIO:
        """For members' bytes."""
        handle = self._opened()
        weakref.finalize(self, handle.close)
        return handle

    def _opened(self) -> BinaryIO:
        raw = self._file.open()
        with readable(self.url):
            head = raw.read(6)
            raw.seek(0)
            if not is_packed(head):
                return raw
            raw.close()
            again = lambda: unpacked(self._file.open())  # noqa: E731 - two places call it
            return cast(BinaryIO, Forward(again, bound(self._file.size_bytes), self.url))

    @property
    def _places(self) -> dict[str, tuple[int, int]]:
        return self._listing[2]

    @cached_property
    def _listing(self) -> tuple[tuple[File, ...], tuple[Unread, ...], dict[str, tuple[int, int]]]:
        """Files, what stays out, and (offset, size) of each file."""
        listing = Listing(self.url)
        places: dict[str, tuple[int, int]] = {}
        with readable(self.url), self._opened() as handle:
            for one in _members(handle, self.url):
                name = plain_name(one.name)
                if one.issparse():
                    listing.leave(name, "unsupported", "it is stored as a sparse file")
                elif not one.isreg():
                    listing.leave(name, "link", "not a plain file: links are not followed")
                elif listing.add(name, one.size):
                    places[name] = (one.offset_data, one.size)
            if _more(handle):
                listing.leave(self.name, "unsupported", "there is something behind the end of the archive")
        return listing.files(), listing.left(), places


@dataclass(eq=False)
class _Window(io.RawIOBase):
    """A stretch of an open file, as a file."""

    source: TarSource  # the archive stays open as long as a member of it is
    handle: BinaryIO
    offset: int
    size: int
    at: int = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence])
        return self.at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self.size - self.at))
        if wanted:
            self.handle.seek(self.offset + self.at)
            data = self.handle.read(wanted)
            buffer[: len(data)] = data
            self.at += len(data)
            return len(data)
        return 0


class _Headers(io.RawIOBase):
    """What tarfile reads headers through: a header that claims to be huge is refused before memory is taken."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.last = b""  # what was read last

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _members(handle: BinaryIO, url: str) -> Iterator[tarfile.TarInfo]:
    """Everything but folders. Raises DeliveryError where the archive does not end as one must."""
    headers = _Headers(handle)
    archive = tarfile.open(fileobj=cast(BinaryIO, headers), mode="r:", encoding="utf-8")  # noqa: SIM115
    while (one := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined] # it would keep all of them
        if not one.isdir():
            yield one
    if len(headers.last) < tarfile.BLOCKSIZE or any(headers.last):
        what = "is damaged" if any(headers.last) else "has no end: it is cut off"
        raise DeliveryError(f"{url} {what} (byte {archive.offset})", remedy="deliver the archive again whole")


def _more(handle: BinaryIO) -> bool:
    """Whether anything but zeros follows the end mark."""
    for _ in range(_MAX_PADDING_BYTES >> 16):
        padding = handle.read(1 << 16)
        if not padding:
            return False
        if any(padding):
            return True
    return True
