"""Deliveries that lie in an object store or on a web server, through fsspec."""

import tempfile
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from lake import ids
from lake.ingest.reading import File, Unread
from lake.ingest.sources.guard import Listing, readable
from lake.ingest.sources.streams import MAX_SCRATCH_BYTES, copy, free_scratch

REMOTE = ("s3://", "http://", "https://")
CONNECT_TIMEOUT_S, SILENCE_TIMEOUT_S = 30.0, 60.0


def is_remote(place: str) -> bool:
    """Whether a place is on another machine."""
    return place.startswith(REMOTE)


def filesystem_of(url: str, *, redirects: bool = True) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path in it."""
    import fsspec

    options: dict[str, Any] = {}
    if url.startswith("http"):
        import aiohttp

        # no limit for a whole file, which may be large; one for a server that falls silent
        silence = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_TIMEOUT_S)
        options = {"client_kwargs": {"timeout": silence}} | ({} if redirects else {"allow_redirects": False})
    with readable(url):
        return cast(tuple[Any, str], fsspec.core.url_to_fs(url, **options))


class RemoteFile:
    """One file of an object store or a web server."""

    def __init__(self, url: str, *, redirects: bool = True) -> None:
        self.url = url
        self.name = PurePosixPath(url.partition("?")[0]).name
        self._fs, self._path = filesystem_of(url, redirects=redirects)
        self._copy: Any = None  # a file of this machine, where it cannot be read in ranges

    @property
    def size_bytes(self) -> int:
        size = self._info.get("size")
        if size is not None:
            return int(size)
        with self.open() as file:
            return file.seek(0, 2)

    def open(self) -> BinaryIO:
        """Read in ranges; where a server has no ranges, from a copy in a scratch file."""
        with readable(self.url):
            return self._copy_again() if self._copy is not None else self._in_ranges() or self._copied()

    def _in_ranges(self) -> BinaryIO | None:
        """None where the server gives files only whole."""
        file = self._fs.open(self._path, "rb")
        try:
            if self.url.startswith("http"):
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 1))
                file.read(1)
            file.seek(0)
        except ValueError:  # a stream, or more bytes than were asked for
            file.close()
            return None
        return cast(BinaryIO, file)

    def _copied(self) -> BinaryIO:
        scratch = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it lives as long as this does
        weakref.finalize(self, scratch.close)
        whole = self._fs.open(self._path, "rb", block_size=0)
        copy(whole, cast(BinaryIO, scratch), min(MAX_SCRATCH_BYTES, free_scratch()), self.url)
        scratch.flush()
        self._copy = scratch
        return self._copy_again()

    def _copy_again(self) -> BinaryIO:
        return Path(self._copy.name).open("rb")

    def identity(self) -> str:
        """Of the store's tag and size; where it has none, of the bytes."""
        tag = tag_of(self._info)
        if tag:
            return ids.key(tag, str(self._info.get("size")))
        with self.open() as file, readable(self.url):
            return ids.stream_id(file)

    @cached_property
    def _info(self) -> dict[str, Any]:
        with readable(self.url):
            return dict(self._fs.info(self._path))


class BucketSource:
    """What lies below a prefix of an object store."""

    def __init__(self, url: str, filesystem: Any, root: str) -> None:
        self.url, self.name = url.rstrip("/"), PurePosixPath(root).name
        self._fs, self._root = filesystem, root.rstrip("/")

    def files(self) -> Sequence[File]:
        return self._listing[0]

    def unread(self) -> Sequence[Unread]:
        return self._listing[1]

    def open(self, path: str) -> BinaryIO:
        with readable(f"{self.url}/{path}"):
            return cast(BinaryIO, self._fs.open(f"{self._root}/{path}", "rb"))

    def read(self, path: str, max_bytes: int) -> bytes:
        with readable(f"{self.url}/{path}"):
            return bytes(self._fs.cat_file(f"{self._root}/{path}", start=0, end=max_bytes + 1))

    def identity(self) -> str:
        pairs = ((name, tag_of(info) or f"{info.get('size')} {info.get('LastModified')}") for name, info in self._found)
        return ids.key(*(text for pair in pairs for text in pair))

    @cached_property
    def _found(self) -> list[tuple[str, dict[str, Any]]]:
        with readable(self.url):
            found = self._fs.find(self._root, detail=True)
        inside = ((name.removeprefix(f"{self._root}/"), info) for name, info in sorted(found.items()))
        return [(name, info) for name, info in inside if name and not name.endswith("/")]

    @cached_property
    def _listing(self) -> tuple[tuple[File, ...], tuple[Unread, ...]]:
        listing = Listing(self.url)
        for name, info in self._found:
            listing.add(name, int(info["size"] or 0))
        return listing.files(), listing.left()


def tag_of(info: dict[str, Any]) -> str:
    """What a store says of a file's contents; "" where it says nothing that changes with every change."""
    tag = str(info.get("ETag") or info.get("etag") or "")
    return "" if tag.startswith("W/") else tag
