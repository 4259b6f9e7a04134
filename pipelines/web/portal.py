"""What every page stands on: the settings, the lake, the guard at the door, and the way to a batch."""

from dataclasses import dataclass

from assets.scenario import Scenario
from assets.stage import Ports, Work
from lake.errors import NotFound, TrialbaseError
from lake.state import BatchRow
from lake.store import Lake
from pipelines.ports import load_scenarios, open_ports
from pipelines.settings import Settings
from pipelines.web.access import Guard
from pipelines.web.items import Items
from pipelines.web.refusal import Refusal


@dataclass(frozen=True)
class Portal:
    """One installation, seen from the web; shared by all requests."""

    settings: Settings
    ports: Ports
    guard: Guard
    items: Items

    @classmethod
    def open(cls, settings: Settings) -> "Portal":
        """Opens the state database, so that a wrong one is an error now and not at the first request."""
        ports = open_ports(settings)
        _ = ports.lake.state
        return cls(settings, ports, Guard(settings), Items(ports.lake))

    @property
    def lake(self) -> Lake:
        return self.ports.lake

    def scenarios(self) -> tuple[dict[str, Scenario], dict[str, TrialbaseError]]:
        """Scenarios by name, and those whose files are wrong with what is wrong."""
        return load_scenarios(self.settings)

    def scenario(self, name: str) -> Scenario:
        """A scenario by its name. Raises a Refusal (404) that names those there are, or what is wrong with it."""
        good, wrong = self.scenarios()
        if name in wrong:
            raise wrong[name]
        if name not in good:
            raise Refusal(404, "scenario", name, known=[(f"/#{one}", one) for one in sorted(good)])
        return good[name]

    def work(self, scenario: str, batch: str) -> Work:
        """One batch. Raises a Refusal (404) that names the batches there are."""
        found = self.scenario(scenario)
        names = [row.batch for row in self.lake.state.batches(scenario)]
        if batch not in names:
            known = [(f"/scenarios/{scenario}/batches/{name}", name) for name in names]
            raise Refusal(404, "batch", batch, known=known)
        return Work(self.ports, found, batch)

    def batches(self) -> dict[str, list[BatchRow]]:
        """All registered batches by scenario, in the order of their registration."""
        rows: dict[str, list[BatchRow]] = {}
        for row in self.lake.state.batches():
            rows.setdefault(row.scenario, []).append(row)
        return rows


def status_code(error: TrialbaseError) -> int:
    """What HTTP calls an error that a person can mend."""
    return 404 if isinstance(error, NotFound) else 409
