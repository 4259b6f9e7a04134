"""A Label Studio server on loopback, in a virtual environment and a data folder of its own."""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import httpx
import psutil
from pydantic import BaseModel

from labeling.hosting import launch
from lake import ids
from lake.errors import ServiceError

log = logging.getLogger(__name__)

_LAUNCH = Path(launch.__file__)
_START_S = 180.0
_STOP_S = 15.0
_PORT_FREE_S = 5.0  # how long the workers of a killed server may hold its port
_DATABASE = "label_studio.sqlite3"


class _Running(BaseModel):
    """The process that serves a data folder, as its pid file says."""

    pid: int
    created: float  # tells the process from a later one of the same pid
    port: int

    def alive(self) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # a dead child of ours counts as alive until it is reaped
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) < 1
        except psutil.NoSuchProcess:
            return False


class LocalLabelStudio:
    """One Label Studio server; survives us, and is found again through its data folder.

    venv: Label Studio's virtual environment. data_dir: all of its state, made when missing. port: on
    127.0.0.1; a server of this data folder that is up already keeps its own. users: e-mails of annotators,
    made at start. database_url: postgresql://user:password@host:port/name instead of SQLite.
    """

    def __init__(
        self,
        venv: Path,
        data_dir: Path,
        port: int,
        *,
        users: Sequence[str] = (),
        database_url: str | None = None,
        workers: int = 2,
    ) -> None:
        self.venv = venv.absolute()
        self.data_dir = data_dir.absolute()
        self.users = tuple(users)
        self._port = port
        self._database_url = database_url
        self._workers = workers

    @property
    def url(self) -> str:
        """Where it answers."""
        found = self._found()
        return f"http://127.0.0.1:{found.port if found else self._port}"

    @property
    def log_path(self) -> Path:
        """What the server prints."""
        return self.data_dir / "label-studio.log"

    @property
    def credentials_path(self) -> Path:
        """E-mail -> token (and the administrator's password) as JSON, readable by its owner alone."""
        return self.data_dir / "credentials.json"

    @property
    def admin_token(self) -> str:
        """The administrator's personal access token. Raises ServiceError before the first start."""
        return self._tokens()[launch.ADMIN]

    def admin_login(self) -> dict[str, str]:
        """What the administrator logs in with: label_studio_email, label_studio_password."""
        password = self._known()[launch.ADMIN]["password"]
        return {"label_studio_email": launch.ADMIN, "label_studio_password": password}

    def running(self) -> bool:
        """Whether the server of this data folder answers."""
        found = self._found()
        return found is not None and _healthy(f"http://127.0.0.1:{found.port}")

    def start(self) -> Self:
        """Start it unless it runs, and wait until it answers; a new data folder is filled first.

        Raises ServiceError: no Label Studio in `venv`, a busy port, or a process that dies or never answers.
        """
        self._check_environment()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.data_dir / "start.lock"):
            if self._found() is None:
                self._launch()
            self._wait_until_healthy()
        return self

    def stop(self) -> None:
        """End the server; harmless when it does not run."""
        found = self._found()
        if found is not None:
            os.kill(found.pid, signal.SIGTERM)
            if not _until(lambda: not found.alive(), _STOP_S):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(found.pid, signal.SIGKILL)  # it leads a session of its own: server and workers
                _until(lambda: not found.alive(), _STOP_S)
        self._pid_path.unlink(missing_ok=True)

    def ensure_users(self, emails: Sequence[str]) -> dict[str, str]:
        """E-mail -> personal access token; annotators that are missing are made. Raises ServiceError."""
        wrong = [one for one in emails if "@" not in one.strip("@")]
        if wrong:
            raise ServiceError(f'"{wrong[0]}" is no e-mail address', remedy="name annotators by e-mail")
        with locked(self.data_dir / "users.lock"):
            known = self._tokens() if self.credentials_path.exists() else {}
            if not all(email in known for email in emails):
                self._run("users", str(self.credentials_path), *emails)
                known = self._tokens()
        return {email: known[email] for email in emails}

    @property
    def _pid_path(self) -> Path:
        return self.data_dir / "server.json"

    def _found(self) -> _Running | None:
        """The live process of this data folder."""
        try:
            found = _Running.model_validate_json(self._pid_path.read_bytes())
        except FileNotFoundError:
            return None
        return found if found.alive() else None

    def _tokens(self) -> dict[str, str]:
        return {email: one["token"] for email, one in self._known().items()}

    def _known(self) -> dict[str, dict[str, str]]:
        try:
            known: dict[str, dict[str, str]] = json.loads(self.credentials_path.read_text())
        except FileNotFoundError as error:
            raise ServiceError(
                f"no Label Studio was ever started in {self.data_dir}", remedy="start it (`trialbase up`)"
            ) from error
        return known

    def _launch(self) -> None:
        patience_s = _PORT_FREE_S if self._pid_path.exists() else 0.0
        if not _until(lambda: _free(self._port), patience_s):
            raise ServiceError(
                f"port {self._port} on 127.0.0.1 is taken by another program",
                remedy=f"end it (`ss -ltnp 'sport = :{self._port}'` names it) or give Label Studio another port",
            )
        extra = [] if self._filled() else ["--migrate"]
        arguments = [str(self._python), str(_LAUNCH), "serve", str(self.credentials_path), *self.users, *extra]
        arguments += ["--port", str(self._port), "--workers", str(self._workers)]
        with self.log_path.open("ab") as out:
            actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
            pid = os.posix_spawn(arguments[0], arguments, self._environment(), file_actions=actions, setsid=True)
        running = _Running(pid=pid, created=psutil.Process(pid).create_time(), port=self._port)
        _write(self._pid_path, running.model_dump_json())
        self._schema_path.unlink(missing_ok=True)

    def _wait_until_healthy(self) -> None:
        found = self._found()
        url = self.url
        if found and _until(lambda: _healthy(url) or not found.alive(), _START_S) and found.alive():
            _write(self._schema_path, _packages(self.venv))
            return
        what = "did not answer in time" if found and found.alive() else "ended before it answered"
        self.stop()
        raise ServiceError(
            f"Label Studio at {url} {what}; the end of {self.log_path}:\n{_tail(self.log_path)}",
            remedy="mend what the log says, then start it again: its data are kept",
        )

    @property
    def _schema_path(self) -> Path:
        return self.data_dir / "schema"

    def _filled(self) -> bool:
        """Whether the database is there in this version's form; a new SQLite one is copied from an empty one."""
        if self._schema_path.exists() and self._schema_path.read_text() == _packages(self.venv):
            return True
        database = self.data_dir / _DATABASE
        if self._database_url or database.exists():
            return False
        empty = prepare_environment(self.venv)
        if empty is None:
            return False
        new = database.with_name(database.name + ".new")
        shutil.copyfile(empty, new)
        new.chmod(0o600)
        new.replace(database)
        return True

    @property
    def _python(self) -> Path:
        return self.venv / "bin" / "python"

    def _check_environment(self) -> None:
        if not self._python.exists() or not (self.venv / "bin" / "label-studio").exists():
            raise ServiceError(f"no Label Studio is installed in {self.venv}", remedy="run `make setup`")

    def _run(self, *arguments: str) -> None:
        self._check_environment()
        _carry_out(self.venv, self._environment(), *arguments)

    def _environment(self) -> dict[str, str]:
        return _environment(self.venv, self.data_dir, self._database_url)


def prepare_environment(venv: Path) -> Path | None:
    """An empty Label Studio database, made by its own migrations once for each state of an environment.

    The migrations of 1.23 take 40 s, and every new installation would wait for them. None where the
    environment cannot be written to. Raises ServiceError when the migrations fail.
    """
    folder = venv / "share" / "trialbase"
    empty = folder / f"label_studio-{_packages(venv)[:16]}.sqlite3"
    if empty.exists():
        return empty
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as scratch:
            if not empty.exists():
                log.info("making an empty Label Studio database, once for this environment (about 40 s)")
                _carry_out(venv, _environment(venv, Path(scratch), None), "migrate")
                (Path(scratch) / _DATABASE).replace(empty)
    except PermissionError:
        return None
    return empty


def _packages(venv: Path) -> str:
    """Changes with every package and version that is installed, and so with every possible migration."""
    return ids.set_id(path.name for path in venv.glob("lib/python*/site-packages/*.dist-info"))


def _environment(venv: Path, data_dir: Path, database_url: str | None) -> dict[str, str]:
    """All that Label Studio's process gets to know: offline, on loopback, its data in `data_dir`."""
    environment = {
        "PATH": f"{venv / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(data_dir),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_dir),
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "SSRF_PROTECTION_ENABLED": "false",  # media and webhooks of the same machine; nothing else can reach it
        "ML_BLOCK_LOCAL_IP": "false",
        "TASK_LOCK_TTL": "3600",  # an abandoned tab gives its task back after an hour, not a day
    }
    if database_url is None:
        return {**environment, "DJANGO_DB": "sqlite"}
    at = urlsplit(database_url)
    return {
        **environment,
        "DJANGO_DB": "default",
        "POSTGRE_HOST": at.hostname or "localhost",
        "POSTGRE_PORT": str(at.port or 5432),
        "POSTGRE_USER": unquote(at.username or "postgres"),
        "POSTGRE_PASSWORD": unquote(at.password or ""),
        "POSTGRE_NAME": at.path.lstrip("/") or "postgres",
    }


def _carry_out(venv: Path, environment: dict[str, str], *arguments: str) -> None:
    """Run launch.py to its end. Raises ServiceError with the end of what it said."""
    command = [str(venv / "bin" / "python"), str(_LAUNCH), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    except FileNotFoundError as error:
        raise ServiceError(f"no Label Studio is installed in {venv}", remedy="run `make setup`") from error
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-12:])
        raise ServiceError(
            f"Label Studio's `{arguments[0]}` failed:\n{said}", remedy="mend what it says, or run `make setup`"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the system lets it go when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _until(met: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition; whether it came true."""
    end = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-12:]) if path.exists() else ""
