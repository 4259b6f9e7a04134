"""Materialising assets in this process, recorded in the installation's Dagster instance."""

import importlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lake.blobs import replace_text
from lake.errors import NotFound, SettingsError, TrialbaseError
from pipelines.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

    from assets.scenario import Scenario

_OURS = "# Written by Trialbase. Remove this line, and what you change below is kept.\n"
_DAGSTER_YAML = """telemetry:
  enabled: false
nux:
  enabled: false
compute_logs:
  module: pipelines.step_logs
  class: StepLogs
  config:
    base_dir: {home}/storage
"""


class StageFailed(TrialbaseError):
    """A stage ended in an error that is not one of ours."""


def dagster_home(settings: Settings) -> Path:
    """The folder of this installation's Dagster instance, made when it is not there, mended when it was moved."""
    home = settings.root / "dagster"
    file, wanted = home / "dagster.yaml", _OURS + _DAGSTER_YAML.format(home=home)
    found = file.read_text() if file.exists() else _OURS
    if found.startswith(_OURS) and found != wanted:
        replace_text(file, wanted)
    return home


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    import dagster as dg

    os.environ["DAGSTER_HOME"] = str(dagster_home(settings))
    return dg.DagsterInstance.get()


def materialise(settings: Settings, scenario: "Scenario", batch: str, stages: Sequence[str]) -> None:
    """Materialise some stages of a batch, one after the other. Raises what stopped them."""
    import dagster as dg

    from assets.graph import asset_key, partitions_of, scenario_graph
    from pipelines.resources import RESOURCES

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
        for key in keys:
            _check_batch(key, job.asset_layer.asset_graph.get(key).partitions_def, partition, instance)
        result = job.execute_in_process(
            asset_selection=list(keys),
            partition_key=partition,
            instance=instance,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    _raise_failure(result)
    return len(keys)


def _check_batch(
    key: "dg.AssetKey", known: "dg.PartitionsDefinition | None", batch: str | None, instance: "dg.DagsterInstance"
) -> None:
    """Raises NotFound for an asset made batch by batch without a batch, or with one that Dagster does not know."""
    if known is None:
        return
    name = key.to_user_string()
    if batch is None:
        raise NotFound(
            f"{name} is made for one batch at a time", remedy="give --batch; `trialbase status` names the batches"
        )
    if batch not in known.get_partition_keys(dynamic_partitions_store=instance):
        raise NotFound(f"{name} has no batch {batch}", remedy="`trialbase status` names the batches")


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
