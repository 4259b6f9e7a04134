"""Moving batches on from the command line, as far as they go without waiting for a person."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from assets import review
from assets.answers import count, of_batch, reopen, sync
from assets.loop import AGREEMENT, BY_NAME, JUDGEMENT
from assets.scenario import Scenario
from assets.stage import Ports, Report, Work, carry_out
from assets.status import Status, status_of
from assets.tasks import ask_others
from assets.training_run import finished
from lake.errors import NotReady
from lake.ingest import register
from lake.records import Annotation, Purpose, Task, to_table
from pipelines.dagster_page import show_scenario
from pipelines.materialise import materialise, open_instance
from pipelines.ports import open_ports
from pipelines.settings import Settings
from pipelines.show import progress_bar

Say = Callable[[str], None]
POLL_S = 0.5


def advance(settings: Settings, scenario: Scenario, ports: Ports, batch: str, say: Say) -> Status:
    """Move a batch on until it waits for a person; a training run is waited for.

    What a check blocked or a steward rejected is tried again once: the scenario or the answers may be mended.
    """
    before: Status | None = None
    review.look(Work(ports, scenario, batch))
    while True:
        status = status_of(Work(ports, scenario, batch))
        if not status.ready or status == before:
            return status
        before = status
        if status.ready[0] == AGREEMENT[0] and not _answers_complete(ports, scenario, batch):
            return status_of(Work(ports, scenario, batch))
        if status.ready[0] == JUDGEMENT[0]:
            _wait_for_machine(ports, scenario, batch, say)
        say(f"{batch}: {' → '.join(status.ready)}")
        materialise(settings, scenario, batch, status.ready)


def _answers_complete(ports: Ports, scenario: Scenario, batch: str) -> bool:
    """Pull what people answered, and keep this batch's part for the status to show."""
    work = Work(ports, scenario, batch)
    project = sync(work)
    tasks = work.batch.records("tasks", Task)
    ask_others(work, tasks)
    have = of_batch(work, tasks)
    reopen(work, project, tasks, have)
    work.batch.write("annotations", to_table(have, Annotation))
    return count(tasks, have)["tasks_complete"] >= scenario.quality.min_overlap_share * len(tasks)


def _wait_for_machine(ports: Ports, scenario: Scenario, batch: str, say: Say) -> None:
    """Until the run has ended; raises ComputeError when it failed."""
    end = time.monotonic() + scenario.training.timeout_s + 60
    said = ""
    while True:
        try:
            finished(Work(ports, scenario, batch))
        except NotReady as waiting:
            if time.monotonic() > end:
                raise
            if waiting.what.partition(" for ")[0] != said:
                said = waiting.what.partition(" for ")[0]
                say(said)
            time.sleep(POLL_S)
        else:
            return


def ingest(
    settings: Settings, scenario: Scenario, paths: Sequence[str | Path], purpose: Purpose, *, shown: bool = True
) -> tuple[str, Report]:
    """Take deliveries in as one batch, and let Dagster know; returns the batch's name and what came in."""
    settings.make_home()
    with progress_bar("ingest", shown=shown, of_bytes=True) as progress:
        work = Work(open_ports(settings), scenario, "", progress)
        batch = register(work.lake, scenario.name, paths, purpose=purpose, answers=scenario.classes)
        report = carry_out(BY_NAME["raw_items"], dataclasses.replace(work, batch_name=batch))
    _tell_dagster(settings, scenario, batch, report)
    return batch, report


def _tell_dagster(settings: Settings, scenario: Scenario, batch: str, report: Report) -> None:
    """The files are in already: Dagster gets the event without a run of its own."""
    import dagster as dg

    from assets.graph import asset_key, metadata_of, partitions_of

    with open_instance(settings) as instance:
        instance.add_dynamic_partitions(partitions_of(scenario.name).name or "", [batch])
        key = asset_key(scenario.name, "raw_items")
        event = dg.AssetMaterialization(key, partition=batch, metadata=metadata_of(report))
        instance.report_runless_asset_event(event)
    show_scenario(settings, scenario.name)
