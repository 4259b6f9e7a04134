"""A delivery: a folder of media, with three optional files beside them.

answers.csv    columns file, answer: what an expert says (gold for labeling, expected answers for a trial)
order.jsonl    one object a line: item_id, reason, why, weight: work asked for on items already held
groups.csv     columns file, group: patient, cell, device, speaker: never spans two splits
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lake import ids
from lake.errors import DeliveryError
from lake.ingest.beside import ANSWERS, GROUPS, ORDER, Order, read_orders, read_pairs

__all__ = ["ANSWERS", "GROUPS", "ORDER", "Delivery", "Listing", "Order", "list_files", "read_delivery", "with_digests"]

_BESIDE = (ANSWERS, ORDER, GROUPS)


@dataclass(frozen=True)
class Listing:
    """Names in a delivered folder, relative to it and sorted; nothing is read yet."""

    path: Path
    files: tuple[str, ...]
    links: tuple[str, ...]  # and sockets, pipes, devices: never followed
    misnamed: tuple[str, ...]  # names that are not UTF-8, as text with \x.. escapes: no table can hold them


@dataclass(frozen=True)
class Delivery(Listing):
    """What one folder holds."""

    delivery_id: str
    answers: dict[str, str]
    groups: dict[str, str]
    orders: tuple[Order, ...]


def read_delivery(path: Path) -> Delivery:
    """Look through a folder without decoding anything. Raises DeliveryError."""
    listing = list_files(path)
    with readable(path):
        digests = [ids.file_id(path / name) for name in listing.files]
    return with_digests(listing, digests)


def list_files(path: Path) -> Listing:
    """The names in a folder. Raises DeliveryError when it is none or cannot be read."""
    if not path.is_dir():
        raise DeliveryError(f"{path} is not a folder", remedy="give the folder that holds the delivered files")
    files: list[str] = []
    links: list[str] = []
    misnamed: list[str] = []
    with readable(path):
        for name, plain in _walk(path):
            if name in _BESIDE:
                if not plain:
                    raise DeliveryError(
                        f"{path / name} is not a plain file: links are not followed", remedy="put the file itself there"
                    )
            elif not _is_utf8(name):
                misnamed.append(os.fsencode(name).decode("utf-8", "backslashreplace"))
            else:
                (files if plain else links).append(name)
    return Listing(path, tuple(sorted(files)), tuple(sorted(links)), tuple(sorted(misnamed)))


def with_digests(listing: Listing, digests: Sequence[str]) -> Delivery:
    """The delivery of a listing whose files have these sha256. Raises DeliveryError."""
    path = listing.path
    with readable(path):
        beside = [(name, ids.file_id(path / name)) for name in _BESIDE if (path / name).is_file()]
        named = frozenset((*listing.files, *listing.links, *listing.misnamed))
        delivery = Delivery(
            path,
            listing.files,
            listing.links,
            listing.misnamed,
            ids.key(
                *(part for pair in zip(listing.files, digests, strict=True) for part in pair),
                *(part for pair in beside for part in pair),
                *(part for name in listing.links + listing.misnamed for part in (name, "")),
            ),
            read_pairs(path / ANSWERS, "answer", named),
            read_pairs(path / GROUPS, "group", named),
            tuple(read_orders(path / ORDER)),
        )
    if not named and not delivery.orders:
        raise DeliveryError(f"{path} holds no files", remedy="give the folder that holds the delivered files")
    return delivery


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the operating system refuses below a delivery becomes a DeliveryError."""
    try:
        yield
    except OSError as error:
        raise DeliveryError(
            f"{error.filename or path} cannot be read: {error.strerror or error}",
            remedy="correct its rights, or wait until the delivery has arrived whole, then ingest again",
        ) from error


def _walk(root: Path) -> Iterator[tuple[str, bool]]:
    """(path relative to the root, is it a plain file) of everything but folders."""
    pending = [""]
    while pending:
        below = pending.pop()
        with os.scandir(root / below) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{below}{entry.name}/")
                else:
                    yield below + entry.name, entry.is_file(follow_symlinks=False)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
