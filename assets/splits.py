"""The splits of a scenario's items: decided once, when their batch first becomes part of a version, and kept."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.stage import Work
from lake.store import Batch
from quality.splits import assign

_KEPT = pa.schema([("item_id", pa.string()), ("split", pa.string()), ("reason", pa.string())])


def splits(work: Work, batches: list[str]) -> pa.Table:
    """item_id, split, reason of all curated items of some labeling batches; split is null for who stays out.

    The table `splits` of a batch is written once, in the light of all that are there: a version keeps its splits
    whatever comes later, and in whatever order batches are signed.
    """
    name = work.scenario.name
    with work.lake.lock(f"splits-{name}"):
        for batch in work.lake.batches(name, purpose="labeling"):
            if batch.name in batches and not batch.has("splits"):
                batch.write("splits", _decided(work, batch))
    return pa.concat_tables(work.lake.batch(name, one).read("splits") for one in batches)


def _decided(work: Work, batch: Batch) -> pa.Table:
    others = [one for one in work.lake.batches(work.scenario.name) if one.name != batch.name]
    settled = [one for one in others if one.has("splits")]
    duplicates = [one.read("duplicates") for one in (*settled, batch) if one.has("duplicates")]
    items = pa.concat_tables(one.read("curated", ["item_id", "group"]) for one in (*settled, batch))
    names = items.column_names
    items = pa.concat_tables([items, *(one.select(names) for one in duplicates)])
    known = pa.concat_tables([_KEPT.empty_table(), *(one.read("splits") for one in settled)])
    at = pc.index_in(items["item_id"], value_set=known["item_id"].combine_chunks())
    members = items.append_column("split", known["split"].take(at)).append_column(
        "cluster", _clusters(items["item_id"], duplicates)
    )
    found = assign(members, validation_share=work.scenario.training.validation_share)
    own = batch.read("curated", ["item_id"])
    return found.take(pc.index_in(own["item_id"], value_set=found["item_id"].combine_chunks())).cast(_KEPT)


def _clusters(item_ids: pa.ChunkedArray, duplicates: list[pa.Table]) -> pa.Array:
    """A name for the cluster of each item, null for none: clusters of several batches that share an item are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not duplicates:
        return pa.nulls(len(item_ids), pa.string())
    both = pa.concat_tables(one.select(["item_id", "cluster"]) for one in duplicates)
    known = pa.concat_arrays([*both["item_id"].chunks, *both["cluster"].chunks]).unique()
    here, there = (np.asarray(pc.index_in(both[name], value_set=known)) for name in ("item_id", "cluster"))
    graph = coo_array((np.ones(len(here), np.bool_), (here, there)), shape=(len(known), len(known)))
    numbers = connected_components(graph, directed=False)[1]
    return pa.array(numbers).take(pc.index_in(item_ids, value_set=known).combine_chunks()).cast(pa.string())
