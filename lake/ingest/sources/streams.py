"""Packed streams, read forward; sought backward at the price of one scratch file, under stated bounds."""

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from lake.ingest.reading import Damaged

MAX_SCRATCH_BYTES = 2**40
_SCRATCH_SHARE = 0.8  # of the free disk
_FREE_BYTES = 2**30  # what anything may unpack to
_RATIO = 500  # and beyond that, for each byte it has; honest text and tables come to 5 to 50
_PIECE_BYTES = 1 << 20
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def is_packed(head: bytes) -> bool:
    """Whether the first bytes are those of gzip, bzip2, xz or Zstandard."""
    return head.startswith(_MAGIC)


def unpacked(raw: BinaryIO) -> BinaryIO:
    """What is packed by gzip, bzip2, xz or Zstandard, as its first bytes say; `raw` itself where none is."""
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(_MAGIC[0]):
        return cast(BinaryIO, _Both(gzip.GzipFile(fileobj=raw), raw))
    if head.startswith(_MAGIC[1]):
        return cast(BinaryIO, _Both(bz2.BZ2File(raw), raw))
    if head.startswith(_MAGIC[2]):
        return cast(BinaryIO, _Both(lzma.LZMAFile(raw), raw))
    if head.startswith(_MAGIC[3]):
        import pyarrow as pa

        return cast(BinaryIO, _Both(pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"), raw))
    return raw


class _Both:
    """An unpacking stream that closes what it reads from: libraries close their own half alone."""

    def __init__(self, stream: Any, raw: BinaryIO) -> None:
        self._stream, self._raw = stream, raw

    def __enter__(self) -> "_Both":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int) -> bytes:
        return bytes(self._stream.read(size))

    def close(self) -> None:
        self._stream.close()
        self._raw.close()


def bound(packed_bytes: int) -> int:
    """How many bytes something of this packed size may come to."""
    return min(MAX_SCRATCH_BYTES, _FREE_BYTES + _RATIO * packed_bytes)


class Forward(io.RawIOBase):
    """A packed stream that can be sought.

    Forward by reading on. The first time backward, all of it is unpacked into a scratch file without a name, which
    is gone when this is closed.
    """

    def __init__(self, again: Callable[[], BinaryIO], limit_bytes: int, where: str) -> None:
        super().__init__()
        self._again, self._limit, self._where = again, limit_bytes, where
        self._file: Any = again()
        self._at = 0
        self._on_disk = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        if self._on_disk:
            data: bytes = self._file.read(size)
        else:
            data = self._forward(size)
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            self._to_disk()
            offset += self._file.seek(0, io.SEEK_END)
        if offset < self._at:
            self._to_disk()
        if self._on_disk:
            self._file.seek(offset)
            self._at = offset
        while self._at < offset and self.read(min(_PIECE_BYTES, offset - self._at)):
            pass
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _forward(self, size: int) -> bytes:
        """All that was asked for, as far as there is; packed streams give what they like."""
        pieces: list[bytes] = []
        got, wanted = 0, size if size >= 0 else self._limit + 1
        while got < wanted and (piece := self._file.read(min(wanted - got, _PIECE_BYTES))):
            pieces.append(piece)
            got += len(piece)
            if self._at + got > self._limit:
                raise too_large(self._where, self._limit)
        return b"".join(pieces)

    def _to_disk(self) -> None:
        if self._on_disk:
            return
        self._file.close()
        self._file = to_scratch(self._again(), self._limit, self._where)
        self._on_disk = True


def to_scratch(stream: BinaryIO, limit_bytes: int, where: str) -> BinaryIO:
    """All of a stream in a temporary file without a name, at its beginning. Raises DeliveryError beyond the limit."""
    limit = min(limit_bytes, free_scratch())
    scratch = tempfile.TemporaryFile()  # noqa: SIM115 - it is the caller's
    try:
        copy(stream, cast(BinaryIO, scratch), limit, where)
    except BaseException:
        scratch.close()
        raise
    scratch.seek(0)
    return cast(BinaryIO, scratch)


def copy(stream: BinaryIO, to: BinaryIO, limit_bytes: int, where: str) -> None:
    """All of a stream into a file; the stream is closed. Raises DeliveryError beyond the limit."""
    written = 0
    with stream:
        while piece := stream.read(_PIECE_BYTES):
            written += to.write(piece)
            if written > limit_bytes:
                raise too_large(where, limit_bytes)


def free_scratch() -> int:
    """Bytes that a scratch file may take of the disk."""
    return int(_SCRATCH_SHARE * shutil.disk_usage(tempfile.gettempdir()).free)


def too_large(where: str, limit_bytes: int) -> Damaged:
    """The error for something that unpacks to more than it may."""
    return Damaged(
        f"{where} unpacks to more than {limit_bytes} bytes",
        remedy="deliver it unpacked, or in several archives; if it is honest and the disk is full, set TMPDIR to a "
        "larger one",
    )
