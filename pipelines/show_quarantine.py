"""What did not come in of a delivery, in a terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from lake.store import Batch
from pipelines.show import Table, print_json, print_table, printable

FIRST_FILES = 3  # of each reason, after an ingest
_COLUMNS = ["source", "reason", "detail", "size_bytes", "duplicate_of"]


def show_quarantine(batch: Batch, *, as_json: bool) -> None:
    """Every quarantined file and every fault of a batch."""
    refused, faults = _rows(batch, "quarantine", _COLUMNS), _rows(batch, "faults", None)
    if as_json:
        print_json({"quarantined": refused, "faults": faults})
        return
    if not refused and not faults:
        print("everything came in")
        return
    rows = [(row["source"], row["reason"], row["detail"]) for row in [*refused, *faults]]
    print_table(Table(("file", "reason", "detail"), rows))


def first_refused(batch: Batch) -> Iterator[str]:
    """A line for each reason: how many files, and the first few of them."""
    for table in ("quarantine", "faults"):
        rows = _rows(batch, table, ["source", "reason"])
        for reason, count in sorted(Counter(row["reason"] for row in rows).items()):
            names = sorted({row["source"] for row in rows if row["reason"] == reason})
            more = f", and {len(names) - FIRST_FILES} more" if len(names) > FIRST_FILES else ""
            yield f"{count} {reason}: {', '.join(map(printable, names[:FIRST_FILES]))}{more}"


def _rows(batch: Batch, table: str, columns: list[str] | None) -> list[dict[str, Any]]:
    if not batch.has(table):
        return []
    rows: list[dict[str, Any]] = batch.read(table, columns).to_pylist()
    return sorted(rows, key=lambda row: (row["reason"], row["source"]))
