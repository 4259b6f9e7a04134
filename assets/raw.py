"""raw_items: a registered batch of deliveries becomes items, duplicates and quarantined files."""

from assets.stage import Report, Work
from lake.ingest import take
from quality.probes import measure, probe_schema


def run(work: Work) -> Report:
    """Every delivered byte accounted for: delivered = items + quarantined."""
    spec = work.scenario.spec
    receipt = take(
        work.lake,
        spec.name,
        work.batch_name,
        spec.modality,
        spec.source,
        classes=work.scenario.classes,
        measure=measure,
        measured=probe_schema(spec.modality),
        progress=work.progress,
    )
    summary = {
        "delivered": receipt.delivered,
        "items": receipt.items,
        "quarantined": sum(receipt.quarantined.values()),
        "orders": receipt.orders,
        "said": receipt.said,
        "faults": sum(receipt.faults.values()),
    }
    summary |= {f"quarantined: {reason}": count for reason, count in receipt.quarantined.items()}
    summary |= {f"fault: {reason}": count for reason, count in receipt.faults.items()}
    return Report(summary, preview=work.batch.read("items").slice(0, 8))
