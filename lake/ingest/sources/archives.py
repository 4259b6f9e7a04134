"""Zip archives, read in place.

Format: PKWARE, APPNOTE.TXT, "ZIP File Format Specification".
"""

import weakref
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, BinaryIO, cast

from lake.errors import DeliveryError
from lake.ingest.reading import File, Unread
from lake.ingest.sources.guard import MAX_MEMBERS, Listing, member, plain_name, readable
from lake.ingest.sources.onefile import OneFile
from lake.text import decode

_ENCRYPTED, _UTF8 = 0x1, 0x800
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_WINDOWS = 0  # made by: names with backslashes
_MAX_DIRECTORY_BYTES = 300 * MAX_MEMBERS


class ZipSource:
    """The members of a zip archive."""

    def __init__(self, file: OneFile) -> None:
        self._file = file
        self.name, self.url = file.name, file.url

    def files(self) -> Sequence[File]:
        return self._listing[0]

    def unread(self) -> Sequence[Unread]:
        return self._listing[1]

    def open(self, path: str) -> BinaryIO:
        with member(self.url, path):
            file = self._zip.open(self._listing[2][path])
        cast(Any, file).source = self  # the archive stays open as long as a member of it is
        return cast(BinaryIO, file)

    def read(self, path: str, max_bytes: int) -> bytes:
        """Stops after max_bytes + 1 bytes, whatever the archive claims."""
        with member(self.url, path), self.open(path) as file:
            return file.read(max_bytes + 1)

    def identity(self) -> str:
        return self._file.identity()

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        handle = self._file.open()
        weakref.finalize(self, handle.close)
        with readable(self.url):
            _bounded(handle, self.url)
            return zipfile.ZipFile(handle)

    @cached_property
    def _listing(self) -> tuple[tuple[File, ...], tuple[Unread, ...], dict[str, zipfile.ZipInfo]]:
        """Files, what stays out, and where each file is."""
        listing = Listing(self.url)
        places: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            name = plain_name(zip_name(info))
            kind = (info.external_attr >> 16) & 0o170000
            if info.is_dir():
                continue
            if info.flag_bits & _ENCRYPTED:
                listing.leave(name, "unreadable", "it is encrypted")
            elif kind not in (0, 0o100000):
                listing.leave(name, "link", "not a plain file: links are not followed")
            elif info.compress_type not in _METHODS:
                listing.leave(name, "unsupported", f"packed by method {info.compress_type}")
            elif listing.add(name, info.file_size):
                places[name] = info
        return listing.files(), listing.left(), places


def zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name. Where it does not say UTF-8 it may be that all the same, or GBK of Chinese systems, or cp437."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(ValueError):
            name = decode(name.encode("cp437"))[0]
    return name.replace("\\", "/") if info.create_system == _WINDOWS else name


def _bounded(handle: BinaryIO, url: str) -> None:
    """Refuse a directory that would take all memory, before it is read: its size stands near the archive's end."""
    size = handle.seek(0, 2)
    handle.seek(max(0, size - (1 << 16) - 22))
    tail = handle.read((1 << 16) + 22)
    at = tail.rfind(b"PK\x05\x06")
    claimed = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if claimed == 0xFFFFFFFF:  # Zip64: the real one stands before
        before = tail.rfind(b"PK\x06\x06", 0, at)
        claimed = int.from_bytes(tail[before + 40 : before + 48], "little") if before >= 0 else size
    handle.seek(0)
    if claimed > _MAX_DIRECTORY_BYTES:
        raise DeliveryError(f"{url} has more than {MAX_MEMBERS} members", remedy="deliver it in several archives")
