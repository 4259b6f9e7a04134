"""Settings in, ports out: where each door to the outside is chosen."""

from assets.scenario import Scenario, find_scenarios, load_scenario
from assets.stage import Doors, Ports, Progress, Work, no_progress
from labeling.label_studio_webhook import WebhookTarget
from labeling.platform import AnnotationPlatform
from lake.errors import PlatformUnreachable, TrackerError, TrialbaseError
from lake.store import Lake
from pipelines.media_links import media_link
from pipelines.settings import Settings
from training.compute.provider import ComputeProvider
from training.tracking import Tracker


def open_lake(settings: Settings) -> Lake:
    """The lake of this installation."""
    if settings.engine != "native":
        from lake import engine

        engine.use(settings.engine)
    return Lake.at(settings.root, lake_url=settings.lake_url, state_url=settings.state_url)


def open_ports(settings: Settings) -> Ports:
    """The lake and the doors to everything else; no server is asked yet."""
    doors = Doors(
        platform=lambda: _platform(settings),
        tracker=lambda: _tracker(settings),
        compute=lambda scenario: _compute(settings, scenario),
        media_url=lambda scenario, item_id: _media_url(settings, scenario, item_id),
        dvc_remote=settings.dvc_remote,
    )
    return Ports(open_lake(settings), doors)


def open_work(settings: Settings, scenario: Scenario, batch: str, progress: Progress = no_progress) -> Work:
    """One batch of one scenario, ready for a stage."""
    return Work(open_ports(settings), scenario, batch, progress)


def load_scenarios(settings: Settings) -> tuple[dict[str, Scenario], dict[str, TrialbaseError]]:
    """All scenarios by name, and those whose files are wrong with what is wrong."""
    good: dict[str, Scenario] = {}
    wrong: dict[str, TrialbaseError] = {}
    for name, folder in find_scenarios(settings.scenario_folders).items():
        try:
            good[name] = load_scenario(folder)
        except TrialbaseError as error:
            wrong[name] = error
    return good, wrong


def _platform(settings: Settings) -> AnnotationPlatform:
    from labeling.label_studio import LabelStudioPlatform

    url = settings.label_studio_url or settings.service_url("label_studio")
    token = settings.label_studio_token or settings.credentials().label_studio_token
    if url is None or token is None:
        raise PlatformUnreachable(
            "no Label Studio is known to this installation",
            remedy="start one with `trialbase up`, or set TRIALBASE_LABEL_STUDIO_URL and TRIALBASE_LABEL_STUDIO_TOKEN",
        )
    return LabelStudioPlatform(url, token=token.get_secret_value(), webhook=_webhook(settings))


def _webhook(settings: Settings) -> WebhookTarget | None:
    """Where Label Studio tells of changes; None where it is not asked to, or no portal is known."""
    base, secret = settings.media_url or settings.service_url("portal"), settings.webhook_secret
    return WebhookTarget(base, secret.get_secret_value()) if base and secret else None


def _tracker(settings: Settings) -> Tracker:
    from training.tracking import MLflowTracker

    uri = settings.mlflow_uri or settings.service_url("mlflow")
    if uri is None:
        raise TrackerError(
            "no MLflow is known to this installation",
            remedy="start one with `trialbase up`, or set TRIALBASE_MLFLOW_URI",
        )
    return MLflowTracker(uri)


def _compute(settings: Settings, scenario: Scenario) -> ComputeProvider:
    from training.compute.local import LocalProvider

    return LocalProvider(settings.root / "runs", scenario.training.local)


def _media_url(settings: Settings, scenario: str, item_id: str) -> str:
    return media_link(settings, scenario, item_id)
