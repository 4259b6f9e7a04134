"""The only Dagster entry point: every scenario's graph, its sensors, the resources."""

import logging

import dagster as dg

from assets.graph import scenario_graph
from assets.scenario import Scenario
from pipelines.ports import load_scenarios
from pipelines.resources import RESOURCES
from pipelines.sensors import scenario_sensors
from pipelines.settings import Settings

logger = logging.getLogger(__name__)

# Each step of a run is a process; a server forked from has these imported already (4 s instead of 15 s
# for ten trivial steps).
PRELOAD = (
    "pipelines.definitions",
    "dagster._core.executor.multiprocess",
    "dagster._core.execution.plan.external_step",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.schedules.sqlite",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.fs_io_manager",
    "dagster._core.run_coordinator.default_run_coordinator",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.launcher.default_run_launcher",
    "dagster._grpc.types",
)


def executor(preload: tuple[str, ...] = PRELOAD) -> dg.ExecutorDefinition:
    """Steps as processes, two at once, forked from a server that has its imports done."""
    return dg.multiprocess_executor.configured(
        {"max_concurrent": 2, "start_method": {"forkserver": {"preload_modules": list(preload)}}}
    )


def definitions_of(scenarios: list[Scenario]) -> dg.Definitions:
    """Assets, checks, sensors and resources of some scenarios."""
    return dg.Definitions(
        assets=[asset for scenario in scenarios for asset in scenario_graph(scenario)],
        sensors=[sensor for scenario in scenarios for sensor in scenario_sensors(scenario)],
        resources=RESOURCES,
        executor=executor(),
    )


def _load() -> dg.Definitions:
    good, wrong = load_scenarios(Settings.load())
    for name, error in wrong.items():
        logger.error("scenario %s is left out: %s", name, error)
    return definitions_of(list(good.values()))


defs = _load()
