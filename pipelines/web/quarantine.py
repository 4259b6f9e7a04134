"""Which files of a batch did not come in, and why; and what its delivery says that is not sound."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from assets.stage import Work
from lake.records import Quarantined, from_table
from lake.store import Batch
from pipelines.web.batch import PAGE_ROWS, Page
from pipelines.web.items import Items
from pipelines.web.show import Shown, show_items


@dataclass(frozen=True)
class RefusedFile:
    """One quarantined file; `twin` is the item that a duplicate repeats."""

    file: Quarantined
    twin: Shown | None


@dataclass(frozen=True)
class FaultRow:
    """Something a delivery says that is not sound; the item itself may have come in."""

    source: str
    reason: str
    detail: str


@dataclass(frozen=True)
class QuarantineView:
    """What the page shows; a reason narrows both lists, and "" is all of them."""

    reason: str
    reasons: Mapping[str, int]  # of all quarantined files
    fault_reasons: Mapping[str, int]
    files: tuple[RefusedFile, ...]
    page: Page
    faults: tuple[FaultRow, ...]
    faults_page: Page


def read_quarantine(work: Work, items: Items, *, reason: str, page: int, faults_page: int) -> QuarantineView:
    """The page of that number of each list, sorted by reason and file."""
    refused, faults = _table(work.batch, "quarantine"), _table(work.batch, "faults")
    files_at, files = _part(refused, reason, page)
    faults_at, rows = _part(faults, reason, faults_page)
    quarantined = list(from_table(files, Quarantined)) if files.num_rows else []
    twins = sorted({one.duplicate_of for one in quarantined if one.duplicate_of})
    shown = dict(zip(twins, show_items(items, work.scenario.name, twins), strict=True))
    return QuarantineView(
        reason=reason,
        reasons=_reasons(refused),
        fault_reasons=_reasons(faults),
        files=tuple(RefusedFile(one, shown.get(one.duplicate_of or "")) for one in quarantined),
        page=files_at,
        faults=tuple(FaultRow(row["source"], row["reason"], row["detail"]) for row in rows.to_pylist()),
        faults_page=faults_at,
    )


def _reasons(table: pa.Table) -> dict[str, int]:
    """How many rows each reason has, in the order of the reasons."""
    counts = table.group_by("reason").aggregate([([], "count_all")]).sort_by("reason")
    return dict(zip(counts["reason"].to_pylist(), counts["count_all"].to_pylist(), strict=True))


def _table(batch: Batch, name: str) -> pa.Table:
    """A table of the batch; without rows before the delivery was taken in."""
    return batch.read(name) if batch.has(name) else pa.table({"reason": pa.array([], pa.string())})


def _part(table: pa.Table, reason: str, number: int) -> tuple[Page, pa.Table]:
    """One page of the rows of a reason."""
    rows = table.filter(pc.equal(table["reason"], reason)) if reason else table
    at = Page.at(number, rows.num_rows)
    if not rows.num_rows:
        return at, rows
    return at, rows.sort_by([("reason", "ascending"), ("source", "ascending")]).slice(at.start, PAGE_ROWS)
