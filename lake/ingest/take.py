"""Taking a batch of deliveries into the lake."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pyarrow as pa

from lake import engine, ids
from lake.errors import DeliveryError
from lake.ingest.beside import ANSWERS, ORDER, Order
from lake.ingest.delivery import Delivery, Listing, list_files, read_delivery, readable, with_digests
from lake.media import Limits, Refused, inspect
from lake.packs import PackWriter, Place
from lake.records import Item, Modality, Purpose, Quarantined, to_table
from lake.store import Lake

REASONS = (
    "empty",
    "oversize",
    "unreadable",
    "mistyped",
    "unsupported",
    "link",
    "duplicate",
    "wrong modality",
)
_FOUND = pa.schema(
    [
        ("sha256", pa.string()),
        ("media_type", pa.string()),
        ("modality", pa.string()),
        ("size_bytes", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
_ORDERS = pa.schema([("item_id", pa.string()), ("reason", pa.string()), ("why", pa.string()), ("weight", pa.float64())])
_ANSWERS = pa.schema([("item_id", pa.string()), ("answer", pa.string())])


class SourceSpec(Limits):
    """Where items come from and what they may cost."""

    licence: str
    consent: str
    group_by: Literal["file", "folder"] = "file"  # groups.csv of a delivery goes before this


@dataclass(frozen=True)
class Receipt:
    """What became of a batch; delivered = items + quarantined."""

    scenario: str
    batch: str
    delivered: int
    items: int
    quarantined: dict[str, int]  # by reason
    orders: int


def register(
    lake: Lake,
    scenario: str,
    paths: Sequence[Path],
    *,
    purpose: Purpose = "labeling",
    answers: Collection[str] | None = None,
) -> str:
    """Give deliveries a batch; the same deliveries get the same batch, in whatever order and however often.

    answers: what experts may say; None for anything.
    Returns the batch's name: the first folder's name and eight digits of what all of them hold. Raises
    DeliveryError for what cannot be taken in at all, and for orders of items that the lake does not hold.
    """
    if not paths:
        raise DeliveryError("no delivery was named", remedy="give one folder or more")
    found = [read_delivery(path.resolve()) for path in paths]
    deliveries = {one.delivery_id: one for one in sorted(found, key=lambda one: one.path, reverse=True)}
    folders = sorted(one.path for one in deliveries.values())
    batch = f"{ids.slug(min(path.name for path in folders))}-{_digest(scenario, purpose, deliveries)}"
    _orders_known(lake, scenario, deliveries.values())
    _answers_known(deliveries.values(), answers)
    lake.state.add_batch(scenario, batch, purpose, [str(path) for path in folders])
    return batch


def _digest(scenario: str, purpose: Purpose, delivery_ids: Iterable[str]) -> str:
    return ids.key(scenario, purpose, ids.set_id(delivery_ids))[:8]


def _answers_known(deliveries: Iterable[Delivery], allowed: Collection[str] | None) -> None:
    """What experts said must be an answer that the scenario knows."""
    for delivery in deliveries if allowed is not None else ():
        for file, answer in sorted(delivery.answers.items()):
            if answer not in (allowed or ()):
                raise DeliveryError(
                    f"{delivery.path / ANSWERS}: {answer!r}, said of {file}, is no answer of this scenario",
                    remedy=f"use one of {', '.join(allowed or ())}",
                )


def _orders_known(lake: Lake, scenario: str, deliveries: Iterable[Delivery]) -> None:
    known: set[str] | None = None
    for delivery in deliveries:
        for line, order in enumerate(delivery.orders, 1):
            known = _known_items(lake, scenario) if known is None else known
            if order.item_id not in known:
                raise DeliveryError(
                    f"{delivery.path / ORDER}:{line}: scenario {scenario} holds no item {order.item_id[:12]}",
                    remedy="order work on items that were ingested before, or remove the line",
                )


def take(
    lake: Lake,
    scenario: str,
    batch: str,
    modality: Modality,
    spec: SourceSpec,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Receipt:
    """Take a registered batch in. Killed anywhere it starts again and ends the same; done twice it adds nothing."""
    folder = lake.batch(scenario, batch)
    with lake.lock(f"ingest-{scenario}"):
        if not folder.has("items"):
            row = lake.state.batch(scenario, batch)
            inspected = [_inspect(list_files(Path(path)), spec) for path in row.paths]
            if _digest(scenario, row.purpose, (one.delivery_id for one, _ in inspected)) != batch[-8:]:
                raise DeliveryError(
                    f"what batch {batch} names has changed since it was registered: {', '.join(row.paths)}",
                    remedy="put it back as it was; or ingest it again as it is, as a batch of its own",
                )
            _take(lake, scenario, batch, inspected, modality, spec, progress)
    return _receipt(lake, scenario, batch)


def _take(
    lake: Lake,
    scenario: str,
    batch: str,
    inspected: Sequence[tuple[Delivery, pa.Table]],
    modality: Modality,
    spec: SourceSpec,
    progress: Callable[[int, int], None],
) -> None:
    known = _known_items(lake, scenario)
    total, done = sum(found.num_rows for _, found in inspected), 0
    kept: dict[str, tuple[Delivery, str, dict[str, str | int]]] = {}
    refused: list[Quarantined] = []
    answers: dict[str, str] = {}
    with PackWriter(lake.blobs) as packs:
        for delivery, found in inspected:
            refused += _not_read(delivery)
            for row in found.to_pylist():
                done += 1
                progress(done, total)
                name, item_id = str(row["file"]), str(row["sha256"])
                reason, detail = row["reason"], row["detail"]
                if reason is None and row["modality"] != modality:
                    reason, detail = "wrong modality", f"{row['modality']}, this scenario takes {modality}"
                if reason is None and (item_id in known or item_id in kept):
                    reason, detail = "duplicate", f"same bytes as {item_id[:12]}"
                if reason is None:
                    packs.add(item_id, row["media_type"], _same_bytes(delivery.path / name, item_id))
                    kept[item_id] = (delivery, name, row)
                else:
                    refused.append(_refuse(delivery, name, item_id, row["size_bytes"], reason, detail))
                if name in delivery.answers and reason in (None, "duplicate"):
                    answers.setdefault(item_id, delivery.answers[name])
    items = [_item(*kept[item_id], modality, item_id, packs.places[item_id], spec) for item_id in sorted(kept)]
    folder = lake.batch(scenario, batch)
    orders = _merged_orders(order for one, _ in inspected for order in one.orders)
    folder.write("orders", orders)
    answered = [{"item_id": item_id, "answer": answer} for item_id, answer in sorted(answers.items())]
    folder.write("answers", pa.Table.from_pylist(answered, schema=_ANSWERS))
    folder.write("quarantine", to_table(sorted(refused, key=lambda one: (one.delivery, one.source)), Quarantined))
    folder.write("items", to_table(items, Item))  # the last one: its presence says that the batch is in


def _known_items(lake: Lake, scenario: str) -> set[str]:
    known: set[str] = set()
    for batch in lake.batches(scenario):
        if batch.has("items"):
            known.update(batch.read("items", ["item_id"])["item_id"].to_pylist())
    return known


def _inspect(listing: Listing, spec: SourceSpec) -> tuple[Delivery, pa.Table]:
    """The delivery of a listing, and one row a file: what it is, or why it is refused."""
    limits = Limits(max_bytes=spec.max_bytes, max_pixels=spec.max_pixels)
    files = pa.table({"file": pa.array(listing.files, pa.string())})
    found = engine.map_rows(files, ["file"], partial(_inspect_file, listing.path, limits), _FOUND)
    return with_digests(listing, found["sha256"].to_pylist()), found


def _inspect_file(
    root: Path, limits: Limits, name: str
) -> tuple[str, str | None, str | None, int, str | None, str | None]:
    path = root / name
    with readable(path):
        size = path.stat().st_size
        if size > limits.max_bytes:  # not even read into memory
            return ids.file_id(path), None, None, size, "oversize", f"{size} bytes, limit {limits.max_bytes}"
        data = path.read_bytes()
    try:
        media = inspect(data, name, limits)
    except Refused as refusal:
        return ids.content_id(data), None, None, size, refusal.reason, refusal.detail
    return ids.content_id(data), media.media_type, media.modality, size, None, None


def _same_bytes(path: Path, item_id: str) -> bytes:
    """A file's bytes, as long as they are those that were inspected."""
    with readable(path):
        data = path.read_bytes()
    if ids.content_id(data) != item_id:
        raise DeliveryError(f"{path} changed while it was read", remedy="ingest the delivery when it has arrived whole")
    return data


def _not_read(delivery: Delivery) -> list[Quarantined]:
    links = [
        _refuse(delivery, name, "", 0, "link", "not a plain file: links are not followed") for name in delivery.links
    ]
    misnamed = [_refuse(delivery, name, "", 0, "unreadable", "its name is not UTF-8") for name in delivery.misnamed]
    return links + misnamed


def _refuse(delivery: Delivery, name: str, sha256: str, size: int, reason: str, detail: str) -> Quarantined:
    return Quarantined(
        source=name,
        delivery=delivery.delivery_id,
        size_bytes=size,
        sha256=sha256,
        reason=reason,
        detail=detail,
        duplicate_of=sha256 if reason == "duplicate" else None,
    )


def _item(
    delivery: Delivery,
    name: str,
    row: dict[str, str | int],
    modality: Modality,
    item_id: str,
    place: Place,
    spec: SourceSpec,
) -> Item:
    default = item_id if spec.group_by == "file" else str(Path(name).parent)
    return Item(
        item_id=item_id,
        modality=modality,
        media_type=str(row["media_type"]),
        size_bytes=int(row["size_bytes"]),
        pack=place.pack,
        offset=place.offset,
        length=place.length,
        source=f"{delivery.path.name}/{name}",
        delivery=delivery.delivery_id,
        licence=spec.licence,
        consent=spec.consent,
        group=delivery.groups.get(name, default),
    )


def _merged_orders(orders: Iterable[Order]) -> pa.Table:
    """One row an item: its heaviest order."""
    best: dict[str, Order] = {}
    for order in orders:
        if order.item_id not in best or order.weight > best[order.item_id].weight:
            best[order.item_id] = order
    rows = [vars(best[item_id]) for item_id in sorted(best)]
    return pa.Table.from_pylist(rows, schema=_ORDERS)


def _receipt(lake: Lake, scenario: str, batch: str) -> Receipt:
    folder = lake.batch(scenario, batch)
    reasons = folder.read("quarantine", ["reason"])["reason"].to_pylist()
    items = folder.read("items", ["item_id"]).num_rows
    counts = {reason: reasons.count(reason) for reason in REASONS if reason in reasons}
    return Receipt(scenario, batch, items + len(reasons), items, counts, folder.read("orders", ["item_id"]).num_rows)
