"""A Label Studio server on loopback, in a virtual environment and a data folder of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import httpx
import psutil
from pydantic import BaseModel

from labeling.hosting import launch
from labeling.label_studio_environment import (
    DATABASE,
    LAUNCH,
    carry_out,
    check_environment,
    environment,
    locked,
    packages,
    prepare_environment,
)
from lake.errors import ServiceError

_START_S = 180.0
_STOP_S = 15.0
_PORT_FREE_S = 5.0  # how long the workers of a killed server may hold its port


class _Running(BaseModel):
    """The process that serves a data folder, as its pid file says."""

    pid: int
    port: int

    def alive(self, credentials: Path) -> bool:
        """Whether the process still runs and is the one that serves this data folder."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # a dead child of ours stays a process until it is reaped
        try:
            return str(credentials) in psutil.Process(self.pid).cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
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
        check_environment(self.venv)
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
            if not _until(lambda: not self._alive(found), _STOP_S):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(found.pid, signal.SIGKILL)  # it leads a session of its own: server and workers
                _until(lambda: not self._alive(found), _STOP_S)
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
        return found if self._alive(found) else None

    def _alive(self, found: _Running) -> bool:
        return found.alive(self.credentials_path)

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
        arguments = [str(self._python), str(LAUNCH), "serve", str(self.credentials_path), *self.users, *extra]
        arguments += ["--port", str(self._port), "--workers", str(self._workers)]
        with self.log_path.open("ab") as out:
            actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, out.fileno(), 2)]
            pid = os.posix_spawn(arguments[0], arguments, self._environment(), file_actions=actions, setsid=True)
        # the server writes this too, first thing: it is found again even if we die right here
        _write(self._pid_path, _Running(pid=pid, port=self._port).model_dump_json())
        self._schema_path.unlink(missing_ok=True)

    def _wait_until_healthy(self) -> None:
        found = self._found()
        url = self.url
        if found and _until(lambda: _healthy(url) or not self._alive(found), _START_S) and self._alive(found):
            _write(self._schema_path, packages(self.venv))
            return
        what = "did not answer in time" if found and self._alive(found) else "ended before it answered"
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
        if self._schema_path.exists() and self._schema_path.read_text() == packages(self.venv):
            return True
        database = self.data_dir / DATABASE
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

    def _run(self, *arguments: str) -> None:
        check_environment(self.venv)
        carry_out(self.venv, self._environment(), *arguments)

    def _environment(self) -> dict[str, str]:
        return environment(self.venv, self.data_dir, self._database_url)


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
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
