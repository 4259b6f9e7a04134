"""Where each batch stands, who is waited for, and what to type next."""

from dataclasses import dataclass
from typing import Literal

from assets.answers import count
from assets.ended import ended, ordered_again, renewed
from assets.loop import AGREEMENT, INTAKE, JUDGEMENT, SEGMENTS, STAGES, TRAINING, TRIAL_INTAKE, stages_of
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
    look: str = ""  # what shows why it ended


def status_of(work: Work) -> Status:
    """Read from the lake alone: no server is asked."""
    row = work.lake.state.batch(work.scenario.name, work.batch_name)
    outcomes = work.lake.state.outcomes(row.scenario, row.batch)
    done = tuple(stage.name for stage in STAGES if stage.name in outcomes)
    if why := ended(work, row, outcomes):
        look = f"trialbase quarantine {row.scenario} {row.batch}"
        return Status(row.scenario, row.batch, row.purpose, done, "nobody", why, (), "", look)
    if renewed(work, outcomes):
        done = ()
    waits, says, ready, command = _next(work, row, set(done))
    return Status(row.scenario, row.batch, row.purpose, done, waits, says, ready, command)


def _next(work: Work, row: BatchRow, done: set[str]) -> tuple[Waiting, str, tuple[str, ...], str]:
    run = f"trialbase run {row.scenario}"
    blocked, stage = _blocked(work, done)
    if blocked:
        # what was refused for a limit of scenario.yaml comes in again once that is corrected
        first = "raw_items" if stage == "curated_items" else stage
        again = tuple(name for segment in SEGMENTS if stage in segment for name in segment[segment.index(first) :])
        again = tuple(name for name in again if name in {one.name for one in stages_of(work.scenario)})
        return "data owner", f"blocked: {blocked}", again, f"mend the delivery or scenario.yaml, then {run}"
    short = row.purpose == "trial" or not work.scenario.labeled
    if missing := tuple(stage for stage in (TRIAL_INTAKE if short else INTAKE) if stage not in done):
        return "the loop", f"{missing[0]} comes next", missing, run
    if row.purpose == "trial":
        return _trial_cases(work, row)
    if not work.scenario.labeled:
        return _holding(work, row, run, done)
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


def _trial_cases(work: Work, row: BatchRow) -> tuple[Waiting, str, tuple[str, ...], str]:
    """A case without a right answer is of no use."""
    cases = work.batch.read("curated", ["item_id"]).num_rows
    answered = work.batch.read("answers", ["item_id"]).num_rows
    if cases and not answered:
        command = f"deliver the cases with answers.csv: trialbase ingest {row.scenario} FOLDER --for trial"
        return "data owner", f"none of {cases} trial cases has an answer", (), command
    return "nobody", "trial cases are ready", (), ""


def _holding(work: Work, row: BatchRow, run: str, done: set[str]) -> tuple[Waiting, str, tuple[str, ...], str]:
    if "dataset" not in done:
        return _signing(work, row, run)
    summary = work.lake.state.outcomes(row.scenario, row.batch)["dataset"].summary
    return "nobody", f"held in {summary['version']}", (), ""


def _labeling(work: Work, run: str, missing: tuple[str, ...]) -> tuple[Waiting, str, tuple[str, ...], str]:
    tasks = work.batch.records("tasks", Task)
    have = work.batch.records("annotations", Annotation) if work.batch.has("annotations") else []
    counts = count(tasks, have)
    text = f"{counts['annotations']} of {counts['answers_wanted']} answers at the last look"
    left_out = work.batch.read("left_out").to_pylist() if work.batch.has("left_out") else []
    if spam := sum(row["num_votes"] for row in left_out):
        text += f"; {spam} votes of {', '.join(row['annotator'] for row in left_out)} are left out"
    return "annotators", text, missing, run


def _signing(work: Work, row: BatchRow, run: str) -> tuple[Waiting, str, tuple[str, ...], str]:
    from assets.dataset import signature
    from assets.labels import gate_report
    from assets.review import num_fresh, num_waiting

    report, signed = gate_report(work), signature(work)
    bound = signed is not None and signed.report_hash == report.report_hash and signed.decision != "reject"
    if not bound and (fresh := num_fresh(work)):
        return "the loop", f"{fresh} decisions of experts come into the labels", ("labels",), run
    if report.verdict == "block":
        return "data owner", "the gate blocks", (), f"trialbase report {row.scenario} {row.batch}"
    if signed is not None and bound:
        return "the loop", f"signed by {signed.by}", TRAINING if work.scenario.labeled else ("dataset",), run
    if signed is not None and signed.decision == "reject" and signed.report_hash == report.report_hash:
        return _rejected(work, row, run, f"rejected by {signed.by}: {signed.reason}")
    flag = "--approve" if report.verdict == "pass" else '--waive "REASON"'
    experts = f"; {waiting} items are with experts" if (waiting := num_waiting(work)) else ""
    return (
        "steward",
        f"gate: {report.verdict}{experts}",
        (),
        f"trialbase sign {row.scenario} {row.batch} --as NAME {flag}",
    )


def _rejected(work: Work, row: BatchRow, run: str, says: str) -> tuple[Waiting, str, tuple[str, ...], str]:
    """A rejected batch is open until its answers are corrected, or all its items are ordered again."""
    if not work.scenario.labeled:
        return "data owner", says, (), "deliver corrected data"
    again, labeled, where = ordered_again(work)
    if again == labeled:
        return "nobody", f"rejected; its items are ordered again in {where}", (), ""
    if again:
        says += f"; {again} of its {labeled} items are ordered again in {where}"
    order = f'trialbase order {row.scenario} {row.batch} --why "REASON"'
    return "data owner", says, AGREEMENT, f"{order}, or correct the answers in Label Studio and {run}"
