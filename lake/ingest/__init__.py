"""Deliveries come in: every byte becomes an item, a duplicate or a quarantined file with a reason."""

from lake.ingest.receipt import REASONS, Receipt
from lake.ingest.register import is_held, register
from lake.ingest.spec import SourceSpec
from lake.ingest.take import outdated, take

__all__ = ["REASONS", "Receipt", "SourceSpec", "is_held", "outdated", "register", "take"]
