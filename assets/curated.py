"""curated_items: items are measured, near-duplicates leave, and the batch is held to its expectations."""

from functools import lru_cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from assets.stage import Report, Work, data_docs
from lake import engine
from lake.blobs import Blobs
from lake.packs import Place, read_item
from quality.checks import CheckResult, StageFacts
from quality.duplicates import embedding_matrix, near_duplicates
from quality.expectations import validate
from quality.probes import probe_row, probe_schema

_DROPPED = pa.schema([("item_id", pa.string()), ("near_duplicate_of", pa.string()), ("held_by", pa.string())])


def run(work: Work) -> Report:
    """One row an item that goes on, with its probes as columns."""
    probed = _probe(work, work.batch.read("items"))
    dropped = _near_duplicates(work, probed)
    gone = pa.array(dropped["item_id"].to_pylist(), pa.string())
    curated = probed.filter(pc.invert(pc.is_in(probed["item_id"], gone)))
    work.batch.write("dropped", dropped)
    work.batch.write("curated", curated)
    return Report(
        {"items": probed.num_rows, "near_duplicates": dropped.num_rows, "curated": curated.num_rows},
        preview=curated.drop_columns(["probe_embedding"]).slice(0, 8),
        checks=_checks(work, curated),
    )


def _checks(work: Work, curated: pa.Table) -> tuple[CheckResult, ...]:
    delivered = work.batch.read("quarantine", ["reason"]).num_rows + work.batch.read("items", ["item_id"]).num_rows
    quarantined = delivered - work.batch.read("items", ["item_id"]).num_rows
    if curated.num_rows == 0 and work.batch.read("orders", ["item_id"]).num_rows:
        return ()  # a delivery of orders alone brings no items to check
    facts = StageFacts(quarantined_share=quarantined / delivered if delivered else 0.0)
    return validate(curated, "curated_items", work.scenario.spec.quality, facts, docs=data_docs(work))


def _probe(work: Work, items: pa.Table) -> pa.Table:
    columns = ["pack", "offset", "length", "modality", "media_type"]
    function = partial(_probe_at, work.lake.lake_url)
    return engine.map_rows(items, columns, function, probe_schema(work.scenario.spec.modality))


def _probe_at(lake_url: str, pack: str, offset: int, length: int, modality: str, media_type: str) -> tuple[object, ...]:
    return probe_row(read_item(_blobs(lake_url), Place(pack, offset, length)), modality, media_type)


@lru_cache(maxsize=4)
def _blobs(url: str) -> Blobs:
    return Blobs(url)


def _near_duplicates(work: Work, probed: pa.Table) -> pa.Table:
    """Items of this batch that look like an earlier item (of any batch), or like another one of this batch.

    The earlier item stays, whichever it is: what a version or a trial suite holds is never taken back.
    """
    earlier = _earlier(work)
    names = ["item_id", "probe_phash", "probe_embedding"]
    both = probed.select(names)
    both = both if earlier is None else pa.concat_tables([earlier.select(names), both])
    quality = work.scenario.spec.quality
    clusters = near_duplicates(
        both["item_id"].to_pylist(),
        both["probe_phash"].to_pylist(),
        max_bits=quality.near_duplicate_bits,
        embeddings=embedding_matrix(both["probe_embedding"]),
        min_cosine=quality.near_duplicate_cosine,
    )
    before: dict[str, str] = {}
    if earlier is not None:
        before = dict(zip(earlier["item_id"].to_pylist(), earlier["batch"].to_pylist(), strict=True))
    return pa.Table.from_pylist(_leaving(clusters, before, work.batch_name), schema=_DROPPED)


def _leaving(clusters: pa.Table, before: dict[str, str], batch: str) -> list[dict[str, str]]:
    members: dict[str, list[str]] = {}
    for row in clusters.to_pylist():
        members.setdefault(row["cluster"], []).append(row["item_id"])
    leaving = []
    for cluster in members.values():
        stays = min(cluster, key=lambda item_id: (item_id not in before, item_id))
        for item_id in sorted(cluster):
            if item_id != stays and item_id not in before:
                leaving.append({"item_id": item_id, "near_duplicate_of": stays, "held_by": before.get(stays, batch)})
    return leaving


def _earlier(work: Work) -> pa.Table | None:
    """Curated items of the batches that were registered before this one."""
    parts = []
    for batch in work.lake.batches(work.scenario.name, upto=work.batch_name):
        if batch.name != work.batch_name and batch.has("curated"):
            rows = batch.read("curated", ["item_id", "probe_phash", "probe_embedding"])
            parts.append(rows.append_column("batch", pa.array([batch.name] * rows.num_rows, pa.string())))
    return pa.concat_tables(parts) if parts else None
