"""Where each batch stands, who is waited for, and what to type next."""

from dataclasses import dataclass
from typing import Literal

from assets.annotations import count
from assets.loop import AGREEMENT, INTAKE, JUDGEMENT, SEGMENTS, STAGES, TRAINING, TRIAL_INTAKE
from assets.stage import Work, blocks, kept_checks
from lake.records import Annotation, Task
from lake.state import BatchRow

Waiting = Literal["nobody", "the loop", "annotators", "steward", "data owner", "machine"]


@dataclass(frozen=True)
class Status:
    """One batch."""

    scenario: str
    batch: str
    purpose: str
    done: tuple[str, ...]  # stages
    waits_for: Waiting
    says: str
    ready: tuple[str, ...]  # stages that could run now
    next: str  # what to type


def status_of(work: Work) -> Status:
    """Read from the lake alone: no server is asked."""
    row = work.lake.state.batch(work.scenario.name, work.batch_name)
    outcomes = work.lake.state.outcomes(row.scenario, row.batch)
    done = tuple(stage.name for stage in STAGES if stage.name in outcomes)
    waits, says, ready, command = _next(work, row, set(done))
    return Status(row.scenario, row.batch, row.purpose, done, waits, says, ready, command)


def _next(work: Work, row: BatchRow, done: set[str]) -> tuple[Waiting, str, tuple[str, ...], str]:
    run = f"trialbase run {row.scenario}"
    blocked, stage = _blocked(work, done)
    if blocked:
        again = tuple(name for segment in SEGMENTS if stage in segment for name in segment[segment.index(stage) :])
        return "data owner", f"blocked: {blocked}", again, f"mend the delivery or scenario.yaml, then {run}"
    for segment in (TRIAL_INTAKE,) if row.purpose == "trial" else (INTAKE,):
        if missing := tuple(stage for stage in segment if stage not in done):
            return "the loop", f"{missing[0]} comes next", missing, run
    if row.purpose == "trial":
        return "nobody", "trial cases are ready", (), ""
    if missing := tuple(stage for stage in AGREEMENT if stage not in done):
        return _labeling(work, run, missing)
    if "dataset" not in done:
        return _signing(work, row, run)
    if missing := tuple(stage for stage in TRAINING if stage not in done):
        return "the loop", f"{missing[0]} comes next", missing, run
    if missing := tuple(stage for stage in JUDGEMENT if stage not in done):
        return ("machine" if missing[0] == "model" else "the loop"), f"{missing[0]} comes next", missing, run
    summary = work.lake.state.outcomes(row.scenario, row.batch)["trial"].summary
    return "nobody", f"{summary['model']}: {summary['verdict']}", (), ""


def _blocked(work: Work, done: set[str]) -> tuple[str, str]:
    """The first blocking check of a stage that ran and is not done, and the stage."""
    for stage in ("curated_items", "annotations", "labels", "dataset"):
        if stage not in done and work.batch.has(f"checks_{stage}"):
            for check in kept_checks(work, stage):
                if blocks(check):
                    return f"{stage}: {check.name} (observed {check.observed}, expected {check.expected})", stage
    return "", ""


def _labeling(work: Work, run: str, missing: tuple[str, ...]) -> tuple[Waiting, str, tuple[str, ...], str]:
    tasks = work.batch.records("tasks", Task)
    have = work.batch.records("annotations", Annotation) if work.batch.has("annotations") else []
    counts = count(tasks, have)
    text = f"{counts['annotations']} of {counts['answers_wanted']} answers at the last look"
    return "annotators", text, missing, run


def _signing(work: Work, row: BatchRow, run: str) -> tuple[Waiting, str, tuple[str, ...], str]:
    from assets.dataset import signature
    from assets.labels import gate_report

    report, signed = gate_report(work), signature(work)
    if report.verdict == "block":
        return "data owner", "the gate blocks", (), f"trialbase report {row.scenario} {row.batch}"
    if signed is not None and signed.report_hash == report.report_hash and signed.decision != "reject":
        return "the loop", f"signed by {signed.by}", TRAINING, run
    if signed is not None and signed.decision == "reject" and signed.report_hash == report.report_hash:
        command = f"correct the answers in Label Studio, then {run}"
        return "data owner", f"rejected by {signed.by}: {signed.reason}", AGREEMENT, command
    flag = "--approve" if report.verdict == "pass" else '--waive "REASON"'
    return "steward", f"gate: {report.verdict}", (), f"trialbase sign {row.scenario} {row.batch} --as NAME {flag}"
