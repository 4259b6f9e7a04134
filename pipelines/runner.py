"""Materialising assets from the command line: in this process, recorded in the installation's Dagster instance."""

import dataclasses
import importlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.annotations import count, of_batch, sync
from assets.loop import AGREEMENT, BY_NAME, JUDGEMENT, STAGES
from assets.scenario import Scenario
from assets.stage import Ports, Report, Work, carry_out
from assets.status import Status, status_of
from assets.training_run import finished
from lake.blobs import replace_text
from lake.errors import NotFound, NotReady, SettingsError, TrialbaseError
from lake.ingest import register
from lake.records import Annotation, Purpose, Task, to_table
from pipelines.ports import open_ports
from pipelines.settings import Settings
from pipelines.show import progress_bar

if TYPE_CHECKING:
    import dagster as dg

Say = Callable[[str], None]
POLL_S = 0.5
_DAGSTER_YAML = "telemetry:\n  enabled: false\n"


class StageFailed(TrialbaseError):
    """A stage ended in an error that is not one of ours."""


def dagster_home(settings: Settings) -> Path:
    """The folder of this installation's Dagster instance, made when it is not there."""
    home = settings.root / "dagster"
    if not (home / "dagster.yaml").exists():
        replace_text(home / "dagster.yaml", _DAGSTER_YAML)
    return home


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    import dagster as dg

    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    return dg.DagsterInstance.get()


def advance(settings: Settings, scenario: Scenario, ports: Ports, batch: str, say: Say) -> Status:
    """Move a batch on until it waits for a person; a training run is waited for.

    What a check blocked or a steward rejected is tried again once: the scenario or the answers may be mended.
    """
    before: Status | None = None
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
    sync(work)
    tasks = work.batch.records("tasks", Task)
    have = of_batch(work, tasks)
    work.batch.write("annotations", to_table(have, Annotation))
    return count(tasks, have)["tasks_complete"] >= scenario.spec.quality.min_overlap_share * len(tasks)


def _wait_for_machine(ports: Ports, scenario: Scenario, batch: str, say: Say) -> None:
    """Until the run has ended; raises ComputeError when it failed."""
    end = time.monotonic() + scenario.spec.training.timeout_s + 60
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
    settings: Settings, scenario: Scenario, paths: Sequence[Path], purpose: Purpose, *, shown: bool = True
) -> tuple[str, Report]:
    """Take deliveries in as one batch, and let Dagster know; returns the batch's name and what came in."""
    with progress_bar("ingest", shown=shown) as progress:
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


def materialise(settings: Settings, scenario: Scenario, batch: str, stages: Sequence[str]) -> None:
    """Materialise some stages of a batch, one after the other. Raises what stopped them."""
    import dagster as dg

    from assets.graph import asset_key, partitions_of, scenario_graph
    from pipelines.resources import RESOURCES

    unknown = [stage for stage in stages if stage not in {one.name for one in STAGES}]
    if unknown:
        raise NotFound(
            f"there is no stage {unknown[0]!r}", remedy=f"stages are {', '.join(one.name for one in STAGES)}"
        )
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions(partitions_of(scenario.name).name or "", [batch])
        result = dg.materialize(
            scenario_graph(scenario),
            selection=[asset_key(scenario.name, stage) for stage in stages],
            partition_key=batch,
            instance=instance,
            resources=RESOURCES,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={"scenario": scenario.name, "batch": batch},
            raise_on_error=False,
        )
    _raise_failure(result)


def materialise_selection(settings: Settings, selection: str, partition: str | None) -> int:
    """Materialise whatever a Dagster selection names, of all definitions. Returns how many steps ran."""
    import dagster as dg

    defs = load_definitions(settings)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # the selection's own parser uses beta parameters
            chosen = dg.AssetSelection.from_string(selection)
        job = defs.resolve_implicit_global_asset_job_def()
        keys = chosen.resolve(job.asset_layer.asset_graph)
    except (dg.DagsterError, ValueError) as error:
        raise NotFound(
            f"{selection!r} selects no assets: {error}",
            remedy="use Dagster's selection syntax, such as 'group:digits' or 'key:digits/labels+'",
        ) from error
    if not keys:
        raise NotFound(f"{selection!r} selects no assets", remedy="`dg list defs` shows all of them")
    with open_instance(settings) as instance:
        result = job.execute_in_process(
            asset_selection=list(keys),
            partition_key=partition,
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    _raise_failure(result)
    return len(keys)


def load_definitions(settings: Settings) -> "dg.Definitions":
    """The definitions that TRIALBASE_DEFINITIONS names."""
    try:
        found: dg.Definitions = importlib.import_module(settings.definitions).defs
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"{settings.definitions} holds no Dagster definitions: {error}",
            remedy="set TRIALBASE_DEFINITIONS to a module with `defs = dagster.Definitions(...)`",
        ) from error
    return found


def _raise_failure(result: "dg.ExecuteInProcessResult") -> None:
    """What stopped a run; a check that blocks is no error: the batch's status tells of it."""
    if result.success:
        return
    for event in _failures(result):
        data = event.step_failure_data
        error = data.error
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            return
        if data.user_failure_data is not None:  # our own error, passed on as dagster.Failure
            what, _, remedy = (data.user_failure_data.description or "").partition("\n  to mend it: ")
            raise StageFailed(what, remedy=remedy or "see the run in Dagster")
        cause = error.cause if error is not None and error.cause is not None else error
        text = "it was stopped" if cause is None else cause.to_string()
        raise StageFailed(
            f"{event.step_key} failed:\n{text}",
            remedy="rerun: it is safe; if it stays, report it with the run's log in Dagster",
        )


def _failures(result: "dg.ExecuteInProcessResult") -> "Iterator[dg.DagsterEvent]":
    return (event for event in result.all_events if event.is_step_failure)
