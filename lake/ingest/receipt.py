"""The end of an intake: the batch's own tables, and what became of every delivered file."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from lake.ingest import segments
from lake.ingest.beside import Order
from lake.ingest.segments import Segment
from lake.store import Batch

REASONS = (
    "empty",
    "oversize",
    "unreadable",
    "mistyped",
    "unsupported",
    "link",
    "duplicate",
    "wrong modality",
    "incomplete",
)
_ORDERS = pa.schema([("item_id", pa.string()), ("reason", pa.string()), ("why", pa.string()), ("weight", pa.float64())])


@dataclass(frozen=True)
class Receipt:
    """What became of a batch; delivered = items + quarantined, further media of a sample not counted."""

    scenario: str
    batch: str
    delivered: int
    items: int
    quarantined: dict[str, int]  # by reason
    orders: int
    said: int  # answers that came with the delivery
    faults: dict[str, int]  # by reason


def finish(folder: Batch, done: Sequence[Segment], orders: Iterable[Order], measured: pa.Schema) -> None:
    """The batch's own tables, of all segments; `items` comes last: its presence says that the batch is in."""
    empty = segments.empty_tables(measured)
    tables = {name: pa.concat_tables([empty[name], *(one.tables[name] for one in done)]) for name in segments.TABLES}
    folder.write("orders", _merged_orders(orders))
    folder.write("answers", _firsts(tables["answers"], "item_id"))
    folder.write("said", _firsts(tables["said"], "annotation_id"))
    folder.write("faults", tables["faults"])
    folder.write("probes", tables["probes"].sort_by("item_id"))
    folder.write("quarantine", tables["quarantine"].sort_by([("delivery", "ascending"), ("source", "ascending")]))
    folder.write("items", tables["items"].sort_by("item_id"))


def _firsts(table: pa.Table, key: str) -> pa.Table:
    """The first row of each key, sorted by key."""
    numbered = table.append_column("__row", pa.array(range(table.num_rows), pa.int64()))
    first = numbered.group_by(key).aggregate([("__row", "min")])["__row_min"]
    return table.take(first).sort_by(key)


def _merged_orders(orders: Iterable[Order]) -> pa.Table:
    """One row an item: its heaviest order."""
    best: dict[str, Order] = {}
    for order in orders:
        if order.item_id not in best or order.weight > best[order.item_id].weight:
            best[order.item_id] = order
    rows = [vars(best[item_id]) for item_id in sorted(best)]
    return pa.Table.from_pylist(rows, schema=_ORDERS)


def receipt_of(folder: Batch) -> Receipt:
    """What became of a batch that is in."""
    reasons = Counter(folder.read("quarantine", ["reason"])["reason"].to_pylist())
    items = folder.read("items", ["item_id"]).num_rows
    faults = Counter(folder.read("faults", ["reason"])["reason"].to_pylist()) if folder.has("faults") else Counter()
    return Receipt(
        scenario=folder.scenario,
        batch=folder.name,
        delivered=items + reasons.total(),
        items=items,
        quarantined={reason: reasons[reason] for reason in REASONS if reasons[reason]},
        orders=folder.read("orders", ["item_id"]).num_rows,
        said=folder.read("said", ["item_id"]).num_rows if folder.has("said") else 0,
        faults=dict(sorted(faults.items())),
    )
