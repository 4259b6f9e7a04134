"""The only Dagster entry point: every scenario's graph, its sensors, the resources."""

import logging

import dagster as dg

from assets.graph import scenario_graph
from assets.scenario import Scenario
from pipelines.executor import executor
from pipelines.ports import load_scenarios
from pipelines.resources import RESOURCES
from pipelines.sensors import scenario_sensors
from pipelines.settings import Settings

logger = logging.getLogger(__name__)


def definitions_of(scenarios: list[Scenario]) -> dg.Definitions:
    """Assets, checks, sensors and resources of some scenarios."""
    return dg.Definitions(
        assets=[asset for scenario in scenarios for asset in scenario_graph(scenario)],
        sensors=[sensor for scenario in scenarios for sensor in scenario_sensors(scenario)],
        resources=RESOURCES,
        executor=executor(__name__),
    )


def _load() -> dg.Definitions:
    good, wrong = load_scenarios(Settings.load())
    for name, error in wrong.items():
        logger.error("scenario %s is left out: %s", name, error)
    return definitions_of(list(good.values()))


defs = _load()
