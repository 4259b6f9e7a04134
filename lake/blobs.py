"""Bytes at a URL: one small door to local folders and object stores (fsspec)."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import fsspec

from lake.errors import LakeError, NotFound


class Blobs:
    """Files below one root, any fsspec URL (`/data`, `s3://bucket/prefix`).

    A write is seen whole or not at all: local files are renamed into place, object stores put
    objects atomically by themselves. A store that refuses or does not answer is a LakeError.
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
        self._failures: tuple[type[Exception], ...] = (OSError, *_client_errors(filesystem))

    def read(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes [start, end) of a file, all of it by default. Raises NotFound."""
        with self._reading(path):
            return bytes(self._fs.cat_file(self._at(path), start=start, end=end))

    def write(self, path: str, data: bytes) -> None:
        """Put a file's bytes in place, atomically."""
        if self._local:
            _replace(Path(self._at(path)), data)
            return
        with self._writing(path):
            self._fs.pipe_file(self._at(path), data)

    def put(self, local: Path, path: str) -> None:
        """Put a local file in place, atomically; the local file is moved away."""
        target = Path(self._at(path))
        with self._writing(path):
            if not self._local:
                self._fs.put_file(str(local), self._at(path))
                local.unlink()
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(local)
            local.replace(target)
            sync(target.parent)

    def remove(self, path: str) -> None:
        """Take a file away; nothing where there is none."""
        with self._writing(path), suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file below a folder, and its size in bytes; none where there is no folder."""
        with self._reading(folder):
            self._fs.invalidate_cache()  # object stores remember what they listed
            found = self._fs.find(self._at(folder), detail=True)
        return {str(PurePosixPath(path).relative_to(self._root)): one["size"] for path, one in sorted(found.items())}

    def exists(self, path: str) -> bool:
        with self._reading(path):
            return bool(self._fs.exists(self._at(path)))

    def local_path(self, path: str) -> Path | None:
        """Where the file lies on this machine; None on an object store."""
        return Path(self._at(path)) if self._local else None

    def fetch(self, path: str, to: Path) -> None:
        """Copy a file to this machine; a hard link where that is possible. Raises NotFound."""
        local = self.local_path(path)
        with self._reading(path):
            if local is None or not _linked(local, to):
                self._fs.get_file(self._at(path), str(to))

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(
                f"{self.url}/{path} is not there",
                remedy="restore it from a backup, or ingest its delivery again",
            ) from error
        except self._failures as error:
            raise LakeError(
                f"{self.url}/{path} cannot be read: {_says(error)}",
                remedy="correct its rights, TRIALBASE_LAKE_URL or the store's credentials, or wait until it answers",
            ) from error

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            raise not_written(f"{self.url}/{path}", error) from error

    def _at(self, path: str) -> str:
        return str(self._root / path)


def replace_text(target: Path, text: str) -> None:
    """Write a small local file so that a reader sees the old or the new one, never half."""
    _replace(target, text.encode())


def sync(path: Path) -> None:
    """Have the operating system put a file's bytes, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def scratch(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """An open file beside `target` to write, flush and rename; gone afterwards unless it was renamed.

    It stays locked while it is written: what a killed process left behind bears no lock, and the
    next writer of the same target removes it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{_escaped(target.name)}.????????"):
        _remove_if_left(stale)
    while True:
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        file = temporary.open("wb")
        try:
            with suppress(OSError):  # a file system without locks: nothing is taken for dead there
                fcntl.flock(file, fcntl.LOCK_EX)
            if temporary.exists():  # or it was taken for a dead one before it was locked
                yield temporary, file
                return
        finally:
            temporary.unlink(missing_ok=True)
            with suppress(OSError):  # bytes that did not fit, of a file that is gone
                file.close()


def _remove_if_left(stale: Path) -> None:
    with suppress(OSError), stale.open("rb") as file:  # locked: somebody is writing it; or gone meanwhile
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stale.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _replace(target: Path, data: bytes) -> None:
    try:
        with scratch(target) as (temporary, file):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
        sync(target.parent)
    except OSError as error:
        raise not_written(str(target), error) from error


def not_written(target: str, error: Exception) -> LakeError:
    """The error for a file that could not be written."""
    return LakeError(
        f"{target} cannot be written: {_says(error)}",
        remedy="free space, or correct the place's rights and credentials, then rerun: nothing was lost",
    )


def _linked(source: Path, to: Path) -> bool:
    try:
        os.link(source, to)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:  # another file system, or one without links
        return False
    return True


def _says(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _client_errors(filesystem: Any) -> tuple[type[Exception], ...]:
    """What an object store's client raises beside OSError when it gets no answer or has no credentials."""
    if "s3" not in _protocols(filesystem):
        return ()
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
    )

    return (BotoCoreError, ClientError)
