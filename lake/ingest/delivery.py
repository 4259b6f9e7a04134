"""A delivery: a folder of media, with three optional files beside them.

answers.csv    columns file, answer: what an expert says (gold for labeling, expected answers for a trial)
order.jsonl    one object a line: item_id, reason, why, weight: work asked for on items already held
groups.csv     columns file, group: patient, cell, device, speaker: never spans two splits
"""

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from lake import ids
from lake.errors import DeliveryError
from lake.records import Reason

ANSWERS, ORDER, GROUPS = "answers.csv", "order.jsonl", "groups.csv"


@dataclass(frozen=True)
class Order:
    """Work asked for on an item that the lake already holds."""

    item_id: str
    reason: Reason
    why: str
    weight: float


@dataclass(frozen=True)
class Delivery:
    """What one folder holds; media files by path relative to it, sorted."""

    path: Path
    delivery_id: str
    files: tuple[str, ...]
    links: tuple[str, ...]  # never followed
    answers: dict[str, str]
    groups: dict[str, str]
    orders: tuple[Order, ...]


def read_delivery(path: Path) -> Delivery:
    """Look through a folder without decoding anything. Raises DeliveryError."""
    if not path.is_dir():
        raise DeliveryError(f"{path} is not a folder", remedy="give the folder that holds the delivered files")
    try:
        files, links = _walk(path)
        digests = [(name, ids.file_id(path / name)) for name in files]
        beside = [(name, ids.file_id(path / name)) for name in (ANSWERS, ORDER, GROUPS) if (path / name).is_file()]
    except OSError as error:
        raise DeliveryError(
            f"{error.filename} cannot be read: {error.strerror}",
            remedy="correct its rights, then ingest again",
        ) from error
    delivery = Delivery(
        path,
        ids.key(*(part for pair in digests + beside for part in pair)),
        files,
        links,
        _pairs(path / ANSWERS, "answer"),
        _pairs(path / GROUPS, "group"),
        tuple(_orders(path / ORDER)),
    )
    _known(delivery)
    if not files and not links and not delivery.orders:
        raise DeliveryError(f"{path} holds no files", remedy="give the folder that holds the delivered files")
    return delivery


def _walk(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    files, links = [], []
    for folder, folders, names in os.walk(root, onerror=_raise):
        here = Path(folder)
        for name in [*names, *(one for one in folders if (here / one).is_symlink())]:
            relative = (here / name).relative_to(root).as_posix()
            if (here / name).is_symlink() or not (here / name).is_file():
                links.append(relative)
            elif relative not in (ANSWERS, ORDER, GROUPS):
                files.append(relative)
    return tuple(sorted(files)), tuple(sorted(links))


def _raise(error: OSError) -> None:
    raise error


def _pairs(path: Path, column: str) -> dict[str, str]:
    """A two-column CSV as a mapping from file."""
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", column} <= set(reader.fieldnames or ()):
                raise DeliveryError(
                    f"{path}: its first line must name the columns file and {column}", remedy="add that line"
                )
            return {row["file"]: row[column].strip() for row in reader if row["file"]}
    except (UnicodeDecodeError, csv.Error, AttributeError) as error:
        raise DeliveryError(f"{path} is not a UTF-8 CSV file: {error}", remedy="save it as UTF-8 CSV") from error


def _orders(path: Path) -> Iterator[Order]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            order = Order(str(row["item_id"]), row["reason"], str(row["why"]), float(row["weight"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DeliveryError(
                f"{path}:{number}: not an order: {error}",
                remedy="each line is an object with item_id, reason, why and weight",
            ) from error
        if order.reason not in get_args(Reason):
            raise DeliveryError(
                f"{path}:{number}: unknown reason {order.reason!r}",
                remedy=f"use one of {', '.join(get_args(Reason))}",
            )
        yield order


def _known(delivery: Delivery) -> None:
    """answers.csv and groups.csv may only speak of files that were delivered."""
    for name, mapping in ((ANSWERS, delivery.answers), (GROUPS, delivery.groups)):
        unknown = sorted(set(mapping) - set(delivery.files) - set(delivery.links))
        if unknown:
            raise DeliveryError(
                f"{delivery.path / name} names {len(unknown)} files that are not in the delivery, first {unknown[0]!r}",
                remedy="correct the file column: paths relative to the delivery's folder",
            )
