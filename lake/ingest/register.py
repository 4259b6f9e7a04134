"""Deliveries get a batch, before anything of them is taken in."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from lake import ids
from lake.errors import DeliveryError
from lake.ingest.beside import ANSWERS, ORDER, Order, read_orders, read_pairs
from lake.ingest.reading import Source
from lake.ingest.sources import open_source
from lake.records import Purpose
from lake.store import Lake


def register(
    lake: Lake,
    scenario: str,
    places: Sequence[str | Path],
    *,
    purpose: Purpose = "labeling",
    answers: Collection[str] | None = None,
) -> str:
    """Give deliveries a batch; the same deliveries get the same batch, in whatever order and however often.

    places: folders, archives or files, local or on `s3://` and `http(s)://`. answers: what experts may say in an
    answers.csv; None for anything. Returns the batch's name: the first delivery's name and eight digits of what all
    of them hold. Raises DeliveryError for what cannot be taken in at all, and for orders of items that the lake does
    not hold.
    """
    if not places:
        raise DeliveryError("no delivery was named", remedy="give one folder, archive or file, or more")
    found = [open_source(place) for place in places]
    for source in found:
        if not source.files() and not source.unread():
            raise DeliveryError(f"{source.url} holds no files", remedy="give the place that holds the delivered files")
    deliveries = {source.identity(): source for source in sorted(found, key=lambda one: one.url, reverse=True)}
    _orders_known(lake, scenario, deliveries.values())
    _answers_known(deliveries.values(), answers)
    batch = f"{ids.slug(min(one.name for one in deliveries.values()))}-{digest(scenario, purpose, deliveries)}"
    lake.state.add_batch(scenario, batch, purpose, sorted(one.url for one in deliveries.values()))
    return batch


def is_held(lake: Lake, scenario: str, place: Path) -> bool:
    """Whether a batch holds this delivery, wherever it lay when it was registered. Raises DeliveryError."""
    rows = lake.state.batches(scenario)
    if any(str(place.resolve()) in row.paths for row in rows):
        return True
    identity = open_source(place).identity()
    return any(row.batch.endswith(digest(scenario, row.purpose, [identity])) for row in rows)


def digest(scenario: str, purpose: Purpose, identities: Iterable[str]) -> str:
    """Eight digits of what a batch's deliveries hold."""
    return ids.key(scenario, purpose, ids.set_id(identities))[:8]


def orders_of(source: Source) -> list[Order]:
    """What a delivery asks for on items that are held already."""
    return list(read_orders(source))


def _answers_known(deliveries: Iterable[Source], allowed: Collection[str] | None) -> None:
    """What experts said must be an answer that the scenario knows."""
    for source in deliveries if allowed else ():
        for file, answer in sorted(read_pairs(source, ANSWERS, "answer").items()):
            if answer not in (allowed or ()):
                raise DeliveryError(
                    f"{source.url}/{ANSWERS}: {answer!r}, said of {file}, is no answer of this scenario",
                    remedy=f"use one of {', '.join(allowed or ())}",
                )


def _orders_known(lake: Lake, scenario: str, deliveries: Iterable[Source]) -> None:
    known: set[str] | None = None
    for source in deliveries:
        for line, order in enumerate(orders_of(source), 1):
            known = lake.item_ids(scenario) if known is None else known
            if order.item_id not in known:
                raise DeliveryError(
                    f"{source.url}/{ORDER}:{line}: scenario {scenario} holds no item {order.item_id[:12]}",
                    remedy="order work on items that were ingested before, or remove the line",
                )
