"""What a stage is, what it may use, and how its result is kept. No Dagster here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from assets.scenario import Scenario
from labeling.platform import AnnotationPlatform
from lake.records import to_table
from lake.state import Outcome
from lake.store import Batch, Lake
from lake.versions import DvcVersions
from quality.checks import CheckResult
from training.compute.provider import ComputeProvider
from training.tracking import Tracker

Fact = str | int | float | bool | None
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Doors:
    """How to open what lies outside the lake; nothing is opened before a stage asks for it."""

    platform: Callable[[], AnnotationPlatform]
    tracker: Callable[[], Tracker]
    compute: Callable[[Scenario], ComputeProvider]
    media_url: Callable[[str, str], str]  # (scenario, item_id) -> a link that annotators' browsers can open
    dvc_remote: str | None = None


@dataclass(frozen=True)
class Ports:
    """The lake, and the doors to everything else."""

    lake: Lake
    doors: Doors

    @cached_property
    def platform(self) -> AnnotationPlatform:
        return self.doors.platform()

    @cached_property
    def tracker(self) -> Tracker:
        return self.doors.tracker()

    @cached_property
    def versions(self) -> DvcVersions:
        return DvcVersions(self.lake, self.doors.dvc_remote)


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Work:
    """One stage at one batch of one scenario."""

    ports: Ports
    scenario: Scenario
    batch_name: str
    progress: Progress = no_progress

    @property
    def lake(self) -> Lake:
        return self.ports.lake

    @property
    def batch(self) -> Batch:
        return self.lake.batch(self.scenario.name, self.batch_name)


@dataclass(frozen=True)
class Report:
    """What a stage says of itself."""

    summary: Mapping[str, Fact]
    preview: pa.Table | None = None  # a few rows for people to look at
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One asset of the loop."""

    name: str
    run: Callable[[Work], Report]
    after: tuple[str, ...]
    says: str
    kinds: frozenset[str] = field(default_factory=frozenset)
    checked: bool = False  # its report carries checks


def carry_out(stage: Stage, work: Work) -> Report:
    """Run a stage and keep that it is done; a check that blocks leaves it undone."""
    report = stage.run(work)
    if stage.checked:
        work.batch.write(f"checks_{stage.name}", to_table(report.checks, CheckResult))
    if not any(blocks(check) for check in report.checks):
        outcome = Outcome(
            scenario=work.scenario.name, batch=work.batch_name, stage=stage.name, summary=dict(report.summary)
        )
        work.lake.state.finish(outcome)
    return report


def data_docs(work: Work) -> Path:
    """Where the Data Docs of a batch lie."""
    return work.lake.home / "data-docs" / work.scenario.name / work.batch_name


def kept_checks(work: Work, stage: str) -> list[CheckResult]:
    """What the checks of an earlier stage of this batch said."""
    return work.batch.records(f"checks_{stage}", CheckResult)


def blocks(check: CheckResult) -> bool:
    """A failed check that nobody may waive."""
    return not check.passed and check.severity == "block"
