"""Batches of real pictures in a home of a test's own, and labels as people would have left them."""

from pathlib import Path

from assets.labels import GATE
from assets.loop import BY_NAME
from assets.scenario import load_scenario
from assets.stage import Work, carry_out
from lake.ingest import register
from lake.ingest.beside import ORDER
from lake.records import Label, Purpose, Task, to_table
from lake.state import Outcome
from pipelines.ports import open_ports
from pipelines.settings import Settings
from quality.checks import CheckResult
from quality.gate import judge
from tests.shared_data import ROOT


def empty_home(home: Path) -> Work:
    """The scenario `digits` in an empty home."""
    scenario = load_scenario(ROOT / "assets" / "scenarios" / "digits")
    return Work(open_ports(Settings(home=home)), scenario, "")


def deliver(work: Work, folder: Path, files: dict[str, bytes], purpose: Purpose = "labeling") -> Work:
    """A batch of files by name, taken in and curated."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    batch = register(work.lake, work.scenario.name, [folder], purpose=purpose)
    made = Work(work.ports, work.scenario, batch)
    carry_out(BY_NAME["raw_items"], made)
    carry_out(BY_NAME["curated_items"], made)
    return made


def order_file(item_ids: list[str]) -> dict[str, bytes]:
    """A delivery that asks for items again."""
    line = '{{"item_id": "{}", "reason": "review", "why": "rejected", "weight": 1.0}}\n'
    return {ORDER: "".join(line.format(one) for one in item_ids).encode()}


def label(work: Work, confidence: float = 1.0) -> list[str]:
    """Every curated item bought and labeled; the batch waits for a steward. Returns the items."""
    items: list[str] = work.batch.read("curated", ["item_id"])["item_id"].to_pylist()
    tasks = [
        Task(
            task_id=one[:32],
            scenario=work.scenario.name,
            item_id=one,
            guideline_version="1",
            batch=work.batch_name,
            overlap=3,
            priority=1.0,
            reason="new",
        )
        for one in items
    ]
    labels = [
        Label(
            item_id=one,
            schema_version="1",
            answer=str(number % 3),
            confidence=confidence,
            agreement=1.0,
            method="dawid_skene",
            annotators=("ada",),
        )
        for number, one in enumerate(items)
    ]
    work.batch.write("tasks", to_table(tasks, Task))
    work.batch.write("labels", to_table(labels, Label))
    judged(work)
    for stage in ("label_tasks", "annotations", "labels"):
        work.lake.state.finish(
            Outcome(scenario=work.scenario.name, batch=work.batch_name, stage=stage, summary={"gate": "pass"})
        )
    return items


def judged(work: Work) -> None:
    """A gate report that passes."""
    check = CheckResult(
        name="c", stage="labels", passed=True, severity="block", observed="1", expected="1", num_failing=0
    )
    report = judge(work.scenario.name, work.batch_name, [check])
    work.lake.blobs.write(work.batch.path(GATE), report.to_json().encode())
