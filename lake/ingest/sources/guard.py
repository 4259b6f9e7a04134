"""What the system, an archive or a store refuses becomes an error that a person can mend; names are looked at."""

import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from lake.errors import DeliveryError
from lake.ingest.reading import Damaged, File, Unread

MAX_MEMBERS = 1_000_000
_CLIENTS = ("zlib", "_lzma", "lzma", "botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec", "pyarrow")
_KNOWN = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@contextmanager
def readable(where: str | Path) -> Iterator[None]:
    """What is refused while a source is read becomes a DeliveryError."""
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        if not _is_refusal(error):
            raise
        raise DeliveryError(
            f"{getattr(error, 'filename', None) or where} cannot be read: {_says(error)}",
            remedy="correct its rights, address or credentials, or wait until the delivery has arrived whole, "
            "then ingest again",
        ) from error


@contextmanager
def member(where: str, path: str) -> Iterator[None]:
    """What is refused while one member of an archive is read becomes Damaged: the others can still be read."""
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        if not _is_refusal(error):
            raise
        raise Damaged(f"{where}: {path} cannot be read: {_says(error)}", remedy="deliver it again whole") from error


def _is_refusal(error: Exception) -> bool:
    """zlib, lzma and the clients of stores have errors of their own."""
    return isinstance(error, _KNOWN) or type(error).__module__.partition(".")[0] in _CLIENTS


def _says(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


class Listing:
    """Sorts what a source holds into files and what stays out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._files: dict[str, File] = {}
        self._left: list[Unread] = []

    def add(self, name: str, size_bytes: int) -> bool:
        """Whether a plain file of that name is taken; the later of two with one name is."""
        wrong = wrong_name(name)
        if wrong:
            self.leave(name, "unreadable", wrong)
            return False
        if name in self._files:
            self.leave(name, "unreadable", "its name stands in the delivery twice: the later one is taken")
        self._files[name] = File(name, size_bytes)
        self._bounded()
        return True

    def leave(self, name: str, reason: str, detail: str) -> None:
        """Something stays out."""
        self._left.append(Unread(shown(name), reason, detail))
        self._bounded()

    def files(self) -> tuple[File, ...]:
        return tuple(self._files[name] for name in sorted(self._files))

    def left(self) -> tuple[Unread, ...]:
        return tuple(sorted(self._left, key=lambda one: (one.path, one.reason, one.detail)))

    def _bounded(self) -> None:
        if len(self._files) + len(self._left) > MAX_MEMBERS:
            raise DeliveryError(
                f"{self._url} has more than {MAX_MEMBERS} members", remedy="deliver it in several archives"
            )


def wrong_name(name: str) -> str:
    """Why a member's name cannot be taken; "" where it can."""
    if not is_utf8(name) or "\0" in name:
        return "its name is not UTF-8"
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or name[1:3] in (":\\", ":/"):
        return "its name leads out of the delivery"
    return "" if any(part not in ("", ".") for part in parts) else "it has no name"


def plain_name(name: str) -> str:
    """A member's name as other programs see it: without `./` and doubled slashes."""
    return str(PurePosixPath(name)) if name and not name.startswith("/") else name


def is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(name: str) -> str:
    """A name as text that any table can hold: bytes that are no UTF-8 as \\x.. escapes."""
    if is_utf8(name):
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
