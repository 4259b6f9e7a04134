"""Typed rows of the state database."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from lake.records import Decision, Purpose, Verdict

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignOffRow:
    """One decision of a person on one quality report."""

    scenario: str
    batch: str
    report_hash: str
    by: str
    role: str
    decision: Decision
    reason: str
    at: dt.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One model judged on one suite."""

    trial_id: str
    scenario: str
    batch: str
    model: str
    suite: str
    accuracy: float
    worst_slice: str
    verdict: Verdict
    reasons: tuple[str, ...]
    num_failures: int
    champion: str | None
