"""curated_items: items are measured, near-duplicates leave, and the batch is held to its expectations."""

from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from assets import holding
from assets.stage import Report, Work, data_docs
from lake import engine
from lake.blobs import Blobs
from lake.packs import Place, read_item
from quality.checks import CheckResult, StageFacts
from quality.duplicates import CLUSTERS, Nearness, near_duplicates, sizes
from quality.expectations import validate
from quality.probes import probe_row, probe_schema


def run(work: Work) -> Report:
    """One row an item that goes on, with its probes as columns."""
    probed = _probe(work, work.batch.read("items"))
    duplicates = _near_duplicates(work, probed)
    dropped = _leaving(duplicates, work.batch_name)
    gone = pa.array(dropped["item_id"].to_pylist(), pa.string())
    curated = probed.filter(pc.invert(pc.is_in(probed["item_id"], gone)))
    work.batch.write("duplicates", duplicates)
    work.batch.write("dropped", dropped)
    work.batch.write("curated", curated)
    return Report(
        {
            "items": probed.num_rows,
            "near_duplicates": dropped.num_rows,
            "clusters": len(duplicates["cluster"].unique()),
            "cluster_sizes": sizes(duplicates),
            "curated": curated.num_rows,
        },
        preview=curated.drop_columns(["probe_embedding"]).slice(0, 8),
        checks=_checks(work, curated),
    )


def _checks(work: Work, curated: pa.Table) -> tuple[CheckResult, ...]:
    if not work.scenario.labeled:
        return (
            holding.settle(work)
            if work.lake.state.batch(work.scenario.name, work.batch_name).purpose == "labeling"
            else ()
        )
    delivered = work.batch.read("quarantine", ["reason"]).num_rows + work.batch.read("items", ["item_id"]).num_rows
    quarantined = delivered - work.batch.read("items", ["item_id"]).num_rows
    if curated.num_rows == 0 and work.batch.read("orders", ["item_id"]).num_rows:
        return ()  # a delivery of orders alone brings no items to check
    facts = StageFacts(quarantined_share=quarantined / delivered if delivered else 0.0)
    return validate(curated, "curated_items", work.scenario.quality, facts, docs=data_docs(work))


def _probe(work: Work, items: pa.Table) -> pa.Table:
    """Items with the probes that were taken when they came in; taken now where the code knows others by now."""
    wanted = probe_schema(work.scenario.spec.modality)
    probes = work.batch.read("probes") if work.batch.has("probes") else None
    if probes is not None and probes.schema.names == ["item_id", *wanted.names]:
        return pa.Table.from_arrays([*items.columns, *probes.columns[1:]], names=[*items.schema.names, *wanted.names])
    columns = ["pack", "offset", "length", "modality", "media_type"]
    function = partial(_probe_at, work.lake.lake_url)
    return engine.map_rows(items, columns, function, wanted)


def _probe_at(lake_url: str, pack: str, offset: int, length: int, modality: str, media_type: str) -> tuple[object, ...]:
    return probe_row(read_item(_blobs(lake_url), Place(pack, offset, length)), modality, media_type)


@lru_cache(maxsize=4)
def _blobs(url: str) -> Blobs:
    return Blobs(url)


def _near_duplicates(work: Work, probed: pa.Table) -> pa.Table:
    """Clusters of items of this batch that look like an earlier item (of any batch), or like one another.

    The columns of CLUSTERS, with the group of each item and the batch that holds it. A scenario that only holds
    deliveries says nothing of nearness: all its items stay.
    """
    earlier = _earlier(work)
    clusters = CLUSTERS.empty_table()
    if work.scenario.labeled:
        quality = work.scenario.quality
        nearness = Nearness(quality.near_duplicate_bits, quality.near_duplicate_cosine)
        clusters = near_duplicates(probed, earlier, nearness)
    own = probed.select(["item_id", "group"]).append_column("held_by", _repeated(work.batch_name, probed.num_rows))
    known = own if earlier is None else pa.concat_tables([earlier.select(own.column_names), own])
    at = pc.index_in(clusters["item_id"], value_set=known["item_id"].combine_chunks())
    for name in ("group", "held_by"):
        clusters = clusters.append_column(name, known[name].take(at))
    return clusters.drop_columns("held")


def _leaving(duplicates: pa.Table, batch: str) -> pa.Table:
    """item_id of those of this batch that leave, near_duplicate_of whom, and which batch holds that one.

    The earlier item stays, whichever it is: what a version or a trial suite holds is never taken back.
    """
    stays = duplicates.filter(duplicates["representative"])
    leaves = duplicates.filter(pc.and_(pc.invert(duplicates["representative"]), pc.equal(duplicates["held_by"], batch)))
    at = pc.index_in(leaves["cluster"], value_set=stays["item_id"].combine_chunks())
    return pa.table(
        {"item_id": leaves["item_id"], "near_duplicate_of": leaves["cluster"], "held_by": stays["held_by"].take(at)}
    ).sort_by("item_id")


def _repeated(text: str, times: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), times)


def _earlier(work: Work) -> pa.Table | None:
    """Curated items of the batches that were registered before this one."""
    parts = []
    for batch in work.lake.batches(work.scenario.name, upto=work.batch_name):
        if batch.name != work.batch_name and batch.has("curated"):
            rows = batch.read("curated", ["item_id", "group", "probe_phash", "probe_embedding"])
            parts.append(rows.append_column("held_by", _repeated(batch.name, rows.num_rows)))
    return pa.concat_tables(parts) if parts else None
