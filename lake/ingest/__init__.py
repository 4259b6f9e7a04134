"""Deliveries come in: every byte becomes an item, a duplicate or a quarantined file with a reason."""

from lake.ingest.delivery import Delivery, read_delivery
from lake.ingest.take import REASONS, Receipt, SourceSpec, register, take

__all__ = ["REASONS", "Delivery", "Receipt", "SourceSpec", "read_delivery", "register", "take"]
