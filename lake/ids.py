"""Identity is content: every id is a hash of what it names, never of a position or a time."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: that is half of what a short key costs


def content_id(data: bytes) -> str:
    """sha256 of some bytes, 64 hexadecimal digits: the identity of an item."""
    return hashlib.sha256(data).hexdigest()


def file_id(path: Path) -> str:
    """sha256 of a file's bytes, read in pieces of 1 MiB."""
    with path.open("rb") as file:
        return stream_id(file)


def stream_id(file: BinaryIO) -> str:
    """sha256 of what is left of an open file, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


def key(*parts: str | int) -> str:
    """sha256 of an ordered list of parts; ("a", "bc") and ("ab", "c") differ."""
    return content_id(_encode(parts).encode("utf-8", "surrogatepass"))


def set_id(members: Iterable[str]) -> str:
    """sha256 of a set of ids: the same whatever order they come in, and however often."""
    return key(*sorted(set(members)))


def unit_interval(*parts: str | int) -> float:
    """A number in [0, 1) drawn by hash: the same for the same parts, on every machine, for ever."""
    return int(key(*parts)[:13], 16) / float(16**13)


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes of a name, for folders and URLs; other scripts as they are read."""
    from anyascii import anyascii

    return re.sub(r"[^a-z0-9]+", "-", anyascii(text).lower()).strip("-")[:40].strip("-") or "x"
