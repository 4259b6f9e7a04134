"""One file of a delivery's place, opened as often as it is needed; and a source of that file alone."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from lake import ids
from lake.ingest.reading import File, Source, Unread
from lake.ingest.sources.guard import member, readable
from lake.ingest.sources.streams import Forward, bound, is_packed, unpacked

_PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst")


class OneFile(Protocol):
    """A file that can be opened again and again, local, remote or inside a source."""

    @property
    def name(self) -> str:
        """The last part of its path."""

    @property
    def url(self) -> str:
        """Where it is, as a person may type it again."""

    @property
    def size_bytes(self) -> int:
        """As it lies there. Raises DeliveryError."""

    def open(self) -> BinaryIO:
        """Its bytes as they lie there, from the beginning; seekable. Raises DeliveryError."""

    def identity(self) -> str:
        """Changes whenever its bytes do. Raises DeliveryError."""


class LocalFile:
    """A file of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name, self.url = path.name, str(path)

    @property
    def size_bytes(self) -> int:
        with readable(self.url):
            return self._path.stat().st_size

    def open(self) -> BinaryIO:
        with readable(self.url):
            return self._path.open("rb")

    def identity(self) -> str:
        with self.open() as file, readable(self.url):
            return ids.stream_id(file)


class InnerFile:
    """A file inside a source: a shard, a packed table."""

    def __init__(self, source: Source, path: str) -> None:
        self._source, self._path = source, path
        self.name, self.url = PurePosixPath(path).name, f"{source.url}/{path}"

    @cached_property
    def size_bytes(self) -> int:
        return next(file.size_bytes for file in self._source.files() if file.path == self._path)

    def open(self) -> BinaryIO:
        return self._source.open(self._path)

    def identity(self) -> str:
        with self.open() as file, readable(self.url):
            return ids.stream_id(file)


class FileSource:
    """One file alone: a table, a manifest, a .mat file; one that is packed is unpacked as it is read."""

    def __init__(self, file: OneFile) -> None:
        self._file = file
        self.name, self.url = file.name, file.url

    def files(self) -> Sequence[File]:
        return (File(bare_name(self.name), self._file.size_bytes),)

    def unread(self) -> Sequence[Unread]:
        return ()

    def open(self, path: str) -> BinaryIO:
        return open_plain(self._file) if path != self.name else self._file.open()

    def read(self, path: str, max_bytes: int) -> bytes:
        with member(self.url, path), self.open(path) as file:
            return file.read(max_bytes + 1)

    def identity(self) -> str:
        return self._file.identity()


def bare_name(name: str) -> str:
    """A file's name without the ending that says how it is packed."""
    ending = next((one for one in _PACKED_ENDINGS if name.lower().endswith(one)), "")
    return name[: len(name) - len(ending)] or name


def open_plain(file: OneFile) -> BinaryIO:
    """A file's bytes without their packing, which its name announces and its first bytes show; seekable."""
    raw = file.open()
    if bare_name(file.name) == file.name:
        return raw
    with readable(file.url):
        head = raw.read(6)
        raw.seek(0)
        if not is_packed(head):
            return raw
        raw.close()
        return cast(BinaryIO, Forward(lambda: unpacked(file.open()), bound(file.size_bytes), file.url))
