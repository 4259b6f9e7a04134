"""Near-duplicates of a batch, side by side."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from lake.store import Batch
from pipelines.web.items import Items
from pipelines.web.show import Shown, show_items

SHOWN_CLUSTERS = 12  # the largest ones
SHOWN_MEMBERS = 8


@dataclass(frozen=True)
class Member:
    """One of a cluster, and how far it is from the one that stays."""

    item: Shown
    stays: bool
    held_by: str  # the batch
    bits: int
    cosine: float


@dataclass(frozen=True)
class Cluster:
    """Items that nearly equal each other; who stays comes first, then the least alike."""

    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Clusters:
    """The largest clusters of a batch, and how many there are."""

    num_clusters: int
    shown: tuple[Cluster, ...]


def read_clusters(batch: Batch, items: Items, scenario: str) -> Clusters:
    """Clusters of a batch; none before it is curated."""
    if not batch.has("duplicates"):
        return Clusters(0, ())
    table = batch.read("duplicates")
    sizes = Counter(table["cluster"].to_pylist())
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:SHOWN_CLUSTERS]
    found = (_members(table.filter(pc.equal(table["cluster"], name)), items, scenario) for name in largest)
    return Clusters(
        len(sizes), tuple(Cluster(sizes[name], members) for name, members in zip(largest, found, strict=True))
    )


def _members(rows: pa.Table, items: Items, scenario: str) -> tuple[Member, ...]:
    order = [("representative", "descending"), ("cosine", "ascending"), ("item_id", "ascending")]
    rows = rows.sort_by(order).slice(0, SHOWN_MEMBERS)
    shown = show_items(items, scenario, rows["item_id"].to_pylist())
    return tuple(
        Member(item, row["representative"], row["held_by"], row["bits"], row["cosine"])
        for item, row in zip(shown, rows.to_pylist(), strict=True)
    )
