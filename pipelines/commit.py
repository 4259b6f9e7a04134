"""`trialbase dataset commit`: the stage `dataset` of the batches that are signed, and nothing after it."""

from collections.abc import Sequence

from assets.dataset import sign_off_roles, signature
from assets.labels import gate_report
from assets.scenario import Scenario
from assets.stage import Ports, Work
from lake.errors import GateError, NotReady, TrialbaseError
from lake.records import DatasetVersion
from pipelines.materialise import materialise
from pipelines.settings import Settings
from quality.signoff import demand


def commit_signed(settings: Settings, scenario: Scenario, ports: Ports, batch: str | None) -> list[DatasetVersion]:
    """Commit one batch, or all that are signed and in no version yet, in the order in which they were delivered.

    Returns the versions of these batches, of one that was committed before the one that is there. Raises NotReady or
    GateError for a batch that was asked for and may not be committed, and where none of all may.
    """
    rows = [row for row in ports.lake.state.batches(scenario.name) if row.purpose == "labeling"]
    names = [row.batch for row in rows]
    if batch is not None:
        names = [ports.lake.state.batch(scenario.name, batch).batch]
    made, held_up = [], []
    for name in names:
        try:
            made.append(_committed(settings, scenario, ports, name))
        except (GateError, NotReady) as error:
            held_up.append(error)
    if not made:
        raise _nothing(scenario, held_up)
    return made


def _committed(settings: Settings, scenario: Scenario, ports: Ports, batch: str) -> DatasetVersion:
    work = Work(ports, scenario, batch)
    outcomes = ports.lake.state.outcomes(scenario.name, batch)
    if "dataset" not in outcomes:
        demand(gate_report(work), signature(work), sign_off_roles(scenario))
        materialise(settings, scenario, batch, ("dataset",))
        outcomes = ports.lake.state.outcomes(scenario.name, batch)
    return ports.versions.get(str(outcomes["dataset"].summary["version"]))


def _nothing(scenario: Scenario, held_up: Sequence[TrialbaseError]) -> TrialbaseError:
    if held_up:
        return held_up[-1]
    return NotReady(
        f"{scenario.name} has no batch that could be committed",
        remedy=f"take one in first: trialbase ingest {scenario.name} FOLDER",
    )
