"""Bytes at a URL: one small door to local folders and object stores (fsspec)."""

import os
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from lake.errors import LakeError, NotFound


class Blobs:
    """Files below one root, any fsspec URL (`/data`, `s3://bucket/prefix`).

    A write is seen whole or not at all: local files are renamed into place, object stores put
    objects atomically by themselves.
    """

    def __init__(self, url: str) -> None:
        try:
            filesystem, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise LakeError(f"{url} cannot be opened: {error}", remedy="correct TRIALBASE_LAKE_URL") from error
        self.url = url
        self._fs: Any = filesystem
        self._root = PurePosixPath(root)
        self._local = "file" in _protocols(filesystem)

    def read(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes [start, end) of a file, all of it by default."""
        try:
            return bytes(self._fs.cat_file(self._at(path), start=start, end=end))
        except FileNotFoundError as error:
            raise NotFound(
                f"{self.url}/{path} is not there",
                remedy="restore it from a backup, or ingest its delivery again",
            ) from error

    def write(self, path: str, data: bytes) -> None:
        """Put a file's bytes in place, atomically."""
        if not self._local:
            self._fs.pipe_file(self._at(path), data)
            return
        target = Path(self._at(path))
        _replace(target, data)

    def put(self, local: Path, path: str) -> None:
        """Put a local file in place, atomically; the local file may be moved away."""
        if not self._local:
            self._fs.put_file(str(local), self._at(path))
            local.unlink()
            return
        target = Path(self._at(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        sync(local)
        local.replace(target)

    def exists(self, path: str) -> bool:
        return bool(self._fs.exists(self._at(path)))

    def local_path(self, path: str) -> Path | None:
        """Where the file lies on this machine; None on an object store."""
        return Path(self._at(path)) if self._local else None

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to this machine; a hard link where that is possible."""
        local = self.local_path(path)
        if local is None:
            to.write_bytes(self.read(path))
            return
        try:
            os.link(local, to)
        except FileNotFoundError as error:
            raise NotFound(f"{local} is not there", remedy="ingest its delivery again") from error
        except OSError:  # another file system
            to.write_bytes(local.read_bytes())

    def _at(self, path: str) -> str:
        return str(self._root / path)


def replace_text(target: Path, text: str) -> None:
    """Write a small local file so that a reader sees the old or the new one, never half."""
    _replace(target, text.encode())


def sync(path: Path) -> None:
    """Have the operating system put a file's bytes on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LakeError(
            f"{target} cannot be written: {error.strerror}",
            remedy="free disk space or correct the folder's rights, then rerun: nothing was lost",
        ) from error


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
