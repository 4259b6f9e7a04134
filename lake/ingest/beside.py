"""The three files that may lie beside the media of a delivery; what is wrong in them is named by line."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from lake.errors import DeliveryError
from lake.ingest.reading import Source
from lake.records import Reason

ANSWERS, ORDER, GROUPS = "answers.csv", "order.jsonl", "groups.csv"
_HEAVIEST = 1e300
_ITEM_ID = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Order:
    """Work asked for on an item that the lake already holds."""

    item_id: str
    reason: Reason
    why: str
    weight: float


def read_pairs(source: Source, name: str, column: str) -> dict[str, str]:
    """A CSV of the columns file and `column` as a mapping from delivered file; {} where there is none."""
    delivered = {one.path for one in source.files()}
    if name not in delivered:
        return {}
    delivered = (delivered | {one.path for one in source.unread()}) - {ANSWERS, ORDER, GROUPS}
    path = f"{source.url}/{name}"
    reader = csv.reader(io.StringIO(_text(source, name).removeprefix("\ufeff"), newline=""), strict=True)
    pairs: dict[str, str] = {}
    try:
        names = next(reader, [])
        if names.count("file") != 1 or names.count(column) != 1:
            raise _wrong(path, 1, f"the first line must name the columns file and {column}", "add that line")
        for row in reader:
            if row:
                file, value = _pair(path, reader.line_num, names, row, column)
                if pairs.setdefault(file, value) != value:
                    raise _wrong(path, reader.line_num, f"a second {column} for {file!r}", "keep one of the two")
                if file not in delivered:
                    raise _wrong(
                        path,
                        reader.line_num,
                        f"{file!r} is not in the delivery",
                        "correct the file column: paths relative to the delivery's folder",
                    )
    except csv.Error as error:
        raise _wrong(path, reader.line_num, f"not CSV: {error}", "save it as UTF-8 CSV") from error
    return pairs


def _pair(path: str, line: int, names: list[str], row: list[str], column: str) -> tuple[str, str]:
    if len(row) != len(names):
        what = f"{len(row)} columns where the first line names {len(names)}"
        raise _wrong(path, line, what, "put a value that holds a comma in double quotes")
    file, value = row[names.index("file")], row[names.index(column)].strip()
    if not file or not value:
        raise _wrong(path, line, f"no {'file' if not file else column}", "fill it in, or remove the line")
    return file, value


def read_orders(source: Source) -> Iterator[Order]:
    """The orders of a delivery, in their order; none where there is no such file."""
    if all(one.path != ORDER for one in source.files()):
        return
    path = f"{source.url}/{ORDER}"
    lines = _text(source, ORDER).removesuffix("\n").split("\n")  # not splitlines(): JSON may hold U+2028
    for number, line in enumerate(lines, 1):
        try:
            yield _order(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise _wrong(
                path,
                number,
                f"not an order: {error}",
                "each line is an object with item_id (64 hexadecimal digits), "
                f"reason ({', '.join(get_args(Reason))}), why (text) and weight (a number)",
            ) from error


def _order(row: Any) -> Order:
    """Raises ValueError that says what is wrong."""
    if not isinstance(row, dict):
        raise ValueError(f"{type(row).__name__} instead of an object")
    for name in ("item_id", "reason", "why", "weight"):
        if name not in row:
            raise ValueError(f"no {name}")
    item_id, reason, why, weight = row["item_id"], row["reason"], row["why"], row["weight"]
    if not (isinstance(item_id, str) and _ITEM_ID.fullmatch(item_id)):
        raise ValueError(f"item_id {item_id!r}")
    if reason not in get_args(Reason):
        raise ValueError(f"reason {reason!r}")
    if not isinstance(why, str):
        raise ValueError(f"why {why!r}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not -_HEAVIEST < weight < _HEAVIEST:
        raise ValueError(f"weight {weight!r}")
    return Order(item_id, reason, why, float(weight))


def _text(source: Source, name: str) -> str:
    with source.open(name) as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"{source.url}/{name}"
        raise _wrong(where, line, f"byte {error.start} is not UTF-8", "save it as UTF-8") from error


def _wrong(path: str, line: int, what: str, remedy: str) -> DeliveryError:
    return DeliveryError(f"{path}:{line}: {what}", remedy=remedy)
