"""Rows of the state database that are no records: nothing but the state holds them."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from lake.records import Purpose

Fact = str | int | float | bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchRow:
    """One batch of deliveries."""

    scenario: str
    batch: str
    sequence: int
    purpose: Purpose
    paths: tuple[str, ...]
    registered_at: dt.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished stage said of itself: the same inputs give the same summary."""

    scenario: str
    batch: str
    stage: str
    summary: Mapping[str, Fact]
