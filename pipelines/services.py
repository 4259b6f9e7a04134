"""`trialbase up` and `down`: Dagster, Label Studio, MLflow and the portal on loopback, health-checked."""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from labeling.hosting.launch import ADMIN
from labeling.server import LocalLabelStudio
from lake.blobs import replace_text
from lake.errors import SettingsError
from lake.servers import Launch, LocalServer, free_port
from pipelines.credentials import Account, write_credentials
from pipelines.materialise import dagster_home
from pipelines.settings import Settings
from training.mlflow_server import LocalMLflow

START_S = 120.0


@dataclass(frozen=True)
class Service:
    """A service that answers."""

    name: str
    url: str


def start_all(
    settings: Settings, only: Sequence[str] | None = None, say: Callable[[str], None] = lambda _text: None
) -> Iterator[Service]:
    """Start what is not up yet, one after the other; each is yielded once it is healthy.

    A Label Studio or MLflow elsewhere (settings) is not started here.
    """
    unknown = [name for name in only or () if name not in SERVERS]
    if unknown:
        raise SettingsError(f"there is no service {unknown[0]!r}", remedy=f"services are {', '.join(SERVERS)}")
    settings.make_home()
    _make_credentials(settings)
    for name, server_of in SERVERS.items():
        if only and name not in only:
            continue
        elsewhere = {"label_studio": settings.label_studio_url, "mlflow": settings.mlflow_uri}.get(name)
        if elsewhere is not None:
            yield Service(name, elsewhere)
            continue
        say(f"starting {name}")
        server = server_of(settings)
        server.start()
        if isinstance(server, LocalLabelStudio):
            _keep_login(settings, server)
        url = server.url or settings.service_url("dagster") or ""  # the daemon's work is seen on Dagster's page
        _note(settings, name, url)
        yield Service(name, url)


def stop_all(settings: Settings) -> Iterator[str]:
    """Stop what runs; yields its name."""
    for name, server_of in reversed(SERVERS.items()):
        if server_of(settings).stop():
            yield name


def label_studio(settings: Settings) -> LocalLabelStudio:
    """This installation's own Label Studio."""
    secret = settings.label_studio_database_url
    return LocalLabelStudio(
        settings.label_studio_venv,
        settings.root / "label-studio",
        _port(settings, "label_studio", settings.label_studio_port),
        database_url=secret.get_secret_value() if secret else None,
    )


def mlflow(settings: Settings) -> LocalMLflow:
    """This installation's own MLflow."""
    return LocalMLflow(settings.root / "mlflow", _port(settings, "mlflow", settings.mlflow_port))


def portal(settings: Settings) -> LocalServer:
    """This installation's portal."""
    port = _port(settings, "portal", settings.portal_port)
    command = [sys.executable, "-m", "pipelines.web", "--port", str(port)]
    return _server(settings, "portal", port, command, "/healthz")


def dagster(settings: Settings) -> LocalServer:
    """Dagster's pages."""
    port = _port(settings, "dagster", settings.dagster_port)
    options = ("--host", "127.0.0.1", "--port", str(port), "--module-name", settings.definitions)
    return _server(settings, "dagster", port, [_beside("dagster-webserver"), *options], "/server_info")


def dagster_daemon(settings: Settings) -> LocalServer:
    """Dagster's sensors, schedules and queue; it listens nowhere."""
    command = [_beside("dagster-daemon"), "run", "--module-name", settings.definitions]
    return _server(settings, "dagster_daemon", 0, command, None)


SERVERS: dict[str, Callable[[Settings], LocalServer]] = {  # in the order of their start
    "mlflow": mlflow,
    "label_studio": label_studio,
    "portal": portal,
    "dagster": dagster,
    "dagster_daemon": dagster_daemon,
}


def _server(settings: Settings, name: str, port: int, command: Sequence[str], health: str | None) -> LocalServer:
    return LocalServer(
        name,
        settings.root / "services" / name,
        port,
        lambda: Launch(command, _environment(settings), Path.cwd()),
        health=health,
        timeout_s=START_S,
    )


def _beside(program: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).parent / program)


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with this installation's folders whichever way they were given."""
    return os.environ | {
        "TRIALBASE_HOME": str(settings.root),
        "TRIALBASE_SCENARIOS": ":".join(str(folder.absolute()) for folder in settings.scenario_folders),
        "DAGSTER_HOME": str(dagster_home(settings)),
    }


def _port(settings: Settings, name: str, wanted: int) -> int:
    """The port asked for; where any will do, the one of last time, or a free one."""
    last = None if wanted else settings.service_url(name)
    return wanted or int(last.rpartition(":")[2] if last else free_port())


def _make_credentials(settings: Settings) -> None:
    """What is secret about this installation, made once and kept."""
    known = settings.credentials()
    made = known.model_copy(
        update={
            "portal_users": known.portal_users
            or {"steward": Account(password=SecretStr(secrets.token_urlsafe(12)), role="steward")},
            "media_secret": known.media_secret or SecretStr(secrets.token_hex(32)),
        }
    )
    if made != known:
        write_credentials(settings.credentials_file, made)


def _keep_login(settings: Settings, server: LocalLabelStudio) -> None:
    """Put what opens Label Studio where all credentials are."""
    login = {
        "label_studio_user": ADMIN,
        "label_studio_password": SecretStr(server.admin_password),
        "label_studio_token": SecretStr(server.admin_token),
    }
    write_credentials(settings.credentials_file, settings.credentials().model_copy(update=login))


def _note(settings: Settings, name: str, url: str) -> None:
    """Let every other command of this installation find the service."""
    replace_text(settings.services_file, json.dumps(settings.services() | {name: url}, indent=2))
