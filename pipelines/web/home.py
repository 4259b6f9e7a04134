"""The first page: where every batch stands, who is waited for, what to type next."""

from dataclasses import dataclass

from assets.scenario import Scenario
from assets.stage import Work
from assets.status import Status, status_of
from lake.errors import TrialbaseError
from lake.state import BatchRow
from pipelines.web.portal import Portal

SERVICES = ("dagster", "label_studio", "mlflow")


@dataclass(frozen=True)
class BatchLine:
    """One batch; either its status or what keeps it from being known."""

    row: BatchRow
    status: Status | None
    error: TrialbaseError | None
    num_stages: int


@dataclass(frozen=True)
class ScenarioCard:
    """One scenario with its batches, newest first; `scenario` is None where its files are wrong or gone."""

    name: str
    scenario: Scenario | None
    error: TrialbaseError | None
    batches: tuple[BatchLine, ...]


@dataclass(frozen=True)
class Home:
    """What the first page shows."""

    cards: tuple[ScenarioCard, ...]
    for_steward: tuple[Status, ...]  # what waits for a signature
    services: tuple[tuple[str, str | None], ...]


def read_home(portal: Portal) -> Home:
    """All scenarios: those with batches first, then by name."""
    good, wrong = portal.scenarios()
    batches = portal.batches()
    names = sorted({*good, *wrong, *batches}, key=lambda name: (name not in batches, name))
    cards = tuple(_card(portal, name, good.get(name), wrong.get(name), batches.get(name, [])) for name in names)
    lines = [line.status for card in cards for line in card.batches if line.status is not None]
    return Home(cards, tuple(one for one in lines if one.waits_for == "steward"), services(portal))


def services(portal: Portal) -> tuple[tuple[str, str | None], ...]:
    """Each service with its address; None where it never was started here."""
    elsewhere = {"label_studio": portal.settings.label_studio_url, "mlflow": portal.settings.mlflow_uri}
    found = [(name, elsewhere.get(name) or portal.settings.service_url(name)) for name in SERVICES]
    return tuple((name, url if url and url.startswith(("http://", "https://")) else None) for name, url in found)


def _card(
    portal: Portal, name: str, scenario: Scenario | None, error: TrialbaseError | None, rows: list[BatchRow]
) -> ScenarioCard:
    return ScenarioCard(name, scenario, error, tuple(_line(portal, scenario, row) for row in reversed(rows)))


def _line(portal: Portal, scenario: Scenario | None, row: BatchRow) -> BatchLine:
    from assets.loop import STAGES, TRIAL_INTAKE

    num_stages = len(TRIAL_INTAKE) if row.purpose == "trial" else len(STAGES)
    if scenario is None:
        return BatchLine(row, None, None, num_stages)
    try:
        return BatchLine(row, status_of(Work(portal.ports, scenario, row.batch)), None, num_stages)
    except TrialbaseError as error:
        return BatchLine(row, None, error, num_stages)
