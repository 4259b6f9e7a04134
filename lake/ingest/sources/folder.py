"""A folder of this machine."""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from lake import ids
from lake.errors import DeliveryError
from lake.ingest.beside import ANSWERS, GROUPS, ORDER
from lake.ingest.reading import File, Unread
from lake.ingest.sources.guard import is_utf8, readable, shown

_BESIDE = (ANSWERS, ORDER, GROUPS)
_identities: dict[tuple[str, str, Sequence[Unread]], str] = {}  # of this process, which registers and then takes in
_KEPT_IDENTITIES = 64
# never through a link that came later, never waiting for a pipe that came later
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderSource:
    """Everything below a folder, in any depth. Files are read as they were listed, or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.url = str(path)

    def files(self) -> Sequence[File]:
        return self._listing[0]

    def unread(self) -> Sequence[Unread]:
        return self._listing[1]

    def open(self, path: str) -> BinaryIO:
        with readable(self.url):
            return os.fdopen(self._handle(path), "rb")

    def read(self, path: str, max_bytes: int) -> bytes:
        """As of the listing: a file that was written since is refused, so that nothing half comes in."""
        with readable(self.url):
            handle = self._handle(path)
            try:
                return _at_most(handle, min(max_bytes, self._listing[2][path][0]) + 1)
            finally:
                os.close(handle)

    def identity(self) -> str:
        return self._identity

    @cached_property
    def _identity(self) -> str:
        """Of names and bytes; a folder keeps it wherever it lies. Read once while nothing in it changes."""
        stamps = ids.set_id(f"{name} {size} {changed}" for name, (size, changed) in self._listing[2].items())
        key = self.url, stamps, self.unread()
        if key not in _identities:
            if len(_identities) >= _KEPT_IDENTITIES:
                _identities.clear()
            _identities[key] = self._read_identity()
        return _identities[key]

    def _read_identity(self) -> str:
        digests = {}
        for file in self.files():
            with self.open(file.path) as opened, readable(self.url):
                digests[file.path] = ids.stream_id(opened)
        media = [text for name in sorted(set(digests) - set(_BESIDE)) for text in (name, digests[name])]
        beside = [text for name in _BESIDE if name in digests for text in (name, digests[name])]
        left = [text for one in sorted(self.unread(), key=_links_first) for text in (one.path, "")]
        return ids.key(*media, *beside, *left)

    def _handle(self, path: str) -> int:
        handle = os.open(f"{self.url}/{path}", _FLAGS)
        now = os.fstat(handle)
        if (now.st_size, now.st_mtime_ns) != self._listing[2][path]:
            os.close(handle)
            raise DeliveryError(
                f"{self.path / path} changed while it was read", remedy="ingest the delivery when it has arrived whole"
            )
        return handle

    @cached_property
    def _listing(self) -> tuple[tuple[File, ...], tuple[Unread, ...], dict[str, tuple[int, int]]]:
        """Files, what stays out, and (size, time of change) of each file."""
        stamps: dict[str, tuple[int, int]] = {}
        left: list[Unread] = []
        with readable(self.url):
            for name, stat in _walk(self.url):
                if name in _BESIDE and stat is None:
                    raise DeliveryError(
                        f"{self.path / name} is not a plain file: links are not followed",
                        remedy="put the file itself there",
                    )
                if not is_utf8(name):
                    left.append(Unread(shown(name), "unreadable", "its name is not UTF-8"))
                elif stat is None:
                    left.append(Unread(name, "link", "not a plain file: links are not followed"))
                else:
                    stamps[name] = (stat.st_size, stat.st_mtime_ns)
        files = tuple(File(name, stamps[name][0]) for name in sorted(stamps))
        return files, tuple(sorted(left, key=lambda one: one.path)), stamps


def _walk(root: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """(path below the root, what a plain file is) of everything but folders."""
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(f"{root}/{below}") as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{below}{entry.name}/")
                else:
                    plain = entry.is_file(follow_symlinks=False)
                    yield below + entry.name, entry.stat(follow_symlinks=False) if plain else None


def _at_most(handle: int, limit_bytes: int) -> bytes:
    """os.read may give less than it is asked for."""
    pieces = []
    while limit_bytes > 0 and (piece := os.read(handle, min(limit_bytes, 1 << 30))):
        pieces.append(piece)
        limit_bytes -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _links_first(one: Unread) -> tuple[bool, str]:
    return (one.reason != "link", one.path)
