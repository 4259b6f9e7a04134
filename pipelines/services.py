"""`trialbase up` and `down`: Dagster, Label Studio, MLflow and the portal on loopback, health-checked."""

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from labeling.hosting.launch import ADMIN
from labeling.server import LocalLabelStudio
from lake.blobs import replace_text
from lake.errors import SettingsError
from lake.servers import Launch, LocalServer, free_port
from pipelines.runner import dagster_home
from pipelines.settings import Settings, write_private
from training.mlflow_server import LocalMLflow

ORDER = ("mlflow", "label_studio", "portal", "dagster", "dagster_daemon")
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
    unknown = [name for name in only or () if name not in ORDER]
    if unknown:
        raise SettingsError(f"there is no service {unknown[0]!r}", remedy=f"services are {', '.join(ORDER)}")
    _make_credentials(settings)
    for name in ORDER:
        if only and name not in only:
            continue
        elsewhere = {"label_studio": settings.label_studio_url, "mlflow": settings.mlflow_uri}.get(name)
        if elsewhere is not None:
            yield Service(name, elsewhere)
            continue
        say(f"starting {name}")
        url = _START[name](settings)
        _note(settings, name, url)
        yield Service(name, url)


def stop_all(settings: Settings) -> Iterator[str]:
    """Stop what runs; yields its name."""
    for name in reversed(ORDER):
        if name == "label_studio":
            server = label_studio(settings)
            ran = server.running()
            server.stop()
        elif name == "mlflow":
            tracker = mlflow(settings)
            ran = tracker.running
            tracker.stop()
        else:
            ran = _server(settings, name, 0).stop()
        if ran:
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


def _start_mlflow(settings: Settings) -> str:
    server = mlflow(settings)
    server.start()
    return server.url


def _start_label_studio(settings: Settings) -> str:
    server = label_studio(settings)
    server.start()
    login = json.loads(server.credentials_path.read_text())[ADMIN]
    known = {"label_studio_user": ADMIN, "label_studio_password": login["password"]}
    add_credentials(settings, known | {"label_studio_token": login["token"]})
    return server.url


def _start_portal(settings: Settings) -> str:
    port = _port(settings, "portal", settings.portal_port)
    command = [sys.executable, "-m", "pipelines.web", "--port", str(port)]
    return _start(settings, "portal", port, command, "/healthz")


def _start_dagster(settings: Settings) -> str:
    port = _port(settings, "dagster", settings.dagster_port)
    command = [
        str(Path(sys.executable).parent / "dagster-webserver"),
        *("--host", "127.0.0.1", "--port", str(port), "--module-name", settings.definitions),
    ]
    return _start(settings, "dagster", port, command, "/server_info")


def _start_daemon(settings: Settings) -> str:
    command = [
        str(Path(sys.executable).parent / "dagster-daemon"),
        *("run", "--module-name", settings.definitions),
    ]
    _start(settings, "dagster_daemon", 0, command, None)
    return settings.service_url("dagster") or ""


_START: dict[str, Callable[[Settings], str]] = {
    "mlflow": _start_mlflow,
    "label_studio": _start_label_studio,
    "portal": _start_portal,
    "dagster": _start_dagster,
    "dagster_daemon": _start_daemon,
}


def _start(settings: Settings, name: str, port: int, command: list[str], health: str | None) -> str:
    server = _server(settings, name, port)
    server.start(Launch(command, _environment(settings), health, START_S))
    return server.url


def _server(settings: Settings, name: str, port: int) -> LocalServer:
    return LocalServer(name, settings.root / "services" / name, port)


def _environment(settings: Settings) -> dict[str, str]:
    """Ours, with this installation's folders whichever way they were given."""
    return os.environ | {
        "TRIALBASE_HOME": str(settings.root),
        "TRIALBASE_SCENARIOS": ":".join(str(folder.absolute()) for folder in settings.scenario_folders),
        "DAGSTER_HOME": str(dagster_home(settings)),
    }


def _port(settings: Settings, name: str, wanted: int) -> int:
    """The port asked for; where any will do, the one of last time, or a free one."""
    last = settings.service_url(name)
    return wanted or int(last.rpartition(":")[2] if last else free_port())


def _make_credentials(settings: Settings) -> None:
    """What is secret about this installation, made once and kept."""
    known = read_credentials(settings)
    fresh: dict[str, object] = {
        "portal_users": {"steward": {"password": secrets.token_urlsafe(12), "role": "steward"}},
        "media_secret": secrets.token_hex(32),
        "webhook_secret": secrets.token_hex(32),
    }
    if fresh.keys() - known.keys():
        write_private(settings.credentials_file, fresh | known)


def read_credentials(settings: Settings) -> dict[str, object]:
    """All generated credentials."""
    path = settings.credentials_file
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found


def add_credentials(settings: Settings, values: dict[str, str]) -> None:
    """Keep some more."""
    write_private(settings.credentials_file, read_credentials(settings) | values)


def _note(settings: Settings, name: str, url: str) -> None:
    """Let every other command of this installation find the service."""
    path = settings.services_file
    known = json.loads(path.read_text()) if path.exists() else {}
    replace_text(path, json.dumps(known | {name: {"url": url}}, indent=2))
