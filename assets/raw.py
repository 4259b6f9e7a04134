"""raw_items: a registered batch of deliveries becomes items, duplicates and quarantined files."""

from assets.stage import Report, Work
from lake.ingest import take


def run(work: Work) -> Report:
    """Every delivered byte accounted for: delivered = items + quarantined."""
    spec = work.scenario.spec
    receipt = take(work.lake, spec.name, work.batch_name, spec.modality, spec.source, progress=work.progress)
    quarantined = sum(receipt.quarantined.values())
    summary = {
        "delivered": receipt.delivered,
        "items": receipt.items,
        "quarantined": quarantined,
        "orders": receipt.orders,
    } | {f"quarantined: {reason}": count for reason, count in receipt.quarantined.items()}
    return Report(summary, preview=work.batch.read("items").slice(0, 8))
