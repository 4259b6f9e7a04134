"""What an intake has done so far, kept a segment at a time, so that one that was killed goes on there.

A segment is one pack's worth of samples: its tables lie below `ingest/` of its batch until all are in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from lake.ingest.reading import Fault
from lake.records import Annotation, Item, Quarantined, to_table
from lake.store import Batch

ANSWERS = pa.schema([("item_id", pa.string()), ("answer", pa.string())])
FAULTS = pa.schema([("source", pa.string()), ("reason", pa.string()), ("detail", pa.string())])
_DONE = pa.schema([("reads", pa.int64())])
TABLES = ("answers", "said", "faults", "probes", "quarantine", "items")  # in the order of writing


@dataclass(frozen=True)
class Segment:
    """The rows of one segment; `reads` says how many reads of the deliveries came before its end."""

    reads: int
    tables: Mapping[str, pa.Table]


def fault_table(faults: list[Fault]) -> pa.Table:
    """Faults as rows, in their order."""
    rows = [{"source": one.source, "reason": one.reason, "detail": one.detail} for one in faults]
    return pa.Table.from_pylist(rows, schema=FAULTS)


def empty_tables(probes: pa.Schema) -> dict[str, pa.Table]:
    """All tables without a row."""
    with_id = pa.schema([("item_id", pa.string()), *probes])
    return {
        "answers": ANSWERS.empty_table(),
        "said": to_table([], Annotation),
        "faults": FAULTS.empty_table(),
        "probes": with_id.empty_table(),
        "quarantine": to_table([], Quarantined),
        "items": to_table([], Item),
    }


def keep(batch: Batch, number: int, segment: Segment) -> None:
    """Write a segment; it counts once its last file is there."""
    for name in TABLES:
        batch.write(f"{_path(number)}-{name}", segment.tables[name])
    batch.write(f"{_path(number)}-done", pa.table({"reads": [segment.reads]}, schema=_DONE))


def kept(batch: Batch) -> list[Segment]:
    """The segments that are there whole, in their order."""
    found: list[Segment] = []
    while batch.has(f"{_path(len(found))}-done"):
        path = _path(len(found))
        reads = batch.read(f"{path}-done")["reads"][0].as_py()
        found.append(Segment(reads, {name: batch.read(f"{path}-{name}") for name in TABLES}))
    return found


def clear(batch: Batch) -> None:
    """Take segments away, the last one first, once their rows are in the batch's own tables."""
    count = 0
    while any(batch.has(f"{_path(count)}-{name}") for name in ("done", *TABLES)):
        count += 1
    for number in reversed(range(count)):
        for name in ("done", *TABLES):
            batch.remove(f"{_path(number)}-{name}")


def _path(number: int) -> str:
    return f"ingest/{number:05}"
