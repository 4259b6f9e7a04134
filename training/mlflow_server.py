"""An MLflow server of our own: SQLite and a folder, on loopback, one process that outlives its starter."""

import fcntl
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

import training
from lake.errors import ServiceError
from training.files import replace_text
from training.mlflow_app import HOST
from training.processes import is_process, spawn_detached, stop_group

_READY = "/api/2.0/mlflow/experiments/get?experiment_id=0"  # answers when the database is there too
_START_S = 120.0
_STOP_GRACE_S = 10.0
_PORT_S = 3.0
_LOG_LINES = 15


@dataclass(frozen=True)
class _Server:
    """A server that was started, as its pid file says."""

    pid: int
    group: int
    created: float
    port: int


class LocalMLflow:
    """MLflow with all its state below `data_dir`; finds a server again that another process started."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self._dir = data_dir.absolute()
        self._port = port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether our server lives and answers."""
        server = self._server()
        return server is not None and _answers(self.url)

    def start(self) -> None:
        """Start it and wait until it answers; nothing to do when it runs already.

        Raises ServiceError when the port is taken, or the server ends or does not answer.
        """
        self._dir.mkdir(parents=True, exist_ok=True)
        with self._guard():
            server = self._server()
            if server is None:
                self._check_port()
                server = self._spawn()
            self._wait(server)

    def stop(self) -> None:
        """Stop it and wait until it is gone; harmless when it does not run."""
        if not self._dir.exists():
            return
        with self._guard():
            server = self._server()
            if server is not None:
                gone = lambda: not is_process(server.pid, server.created)  # noqa: E731
                stop_group(server.group, gone, grace_s=_STOP_GRACE_S)
            self._pid_file.unlink(missing_ok=True)

    def log_tail(self) -> str:
        """The last lines that it printed."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])

    @property
    def _pid_file(self) -> Path:
        return self._dir / "server.json"

    @property
    def _log(self) -> Path:
        return self._dir / "server.log"

    def _server(self) -> _Server | None:
        """The server in the pid file, if it still lives."""
        try:
            server = _Server(**json.loads(self._pid_file.read_text()))
        except FileNotFoundError:
            return None
        return server if server.port == self._port and is_process(server.pid, server.created) else None

    def _check_port(self) -> None:
        """Wait a little for the port: a server that was just killed gives it back a moment after it is gone."""
        deadline = time.monotonic() + _PORT_S
        while (error := _bind_error(self._port)) is not None:
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"MLflow cannot listen on {HOST}:{self._port}: {error.strerror}",
                    remedy="stop what uses the port, or choose another one for MLflow",
                ) from error
            time.sleep(0.05)

    def _spawn(self) -> _Server:
        command = [sys.executable, "-P", "-m", "training.mlflow_app"]
        places = [str(self._dir / "mlflow.db"), str(self._dir / "artifacts"), str(self._port)]
        roots = [str(Path(training.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, roots))}
        pid = spawn_detached([*command, *places], env=env, log=self._log, cwd=self._dir)
        try:
            server = _Server(pid, os.getpgid(pid), psutil.Process(pid).create_time(), self._port)
        except (psutil.NoSuchProcess, ProcessLookupError) as error:
            raise self._failed("ended at once") from error
        replace_text(self._pid_file, json.dumps(asdict(server)))
        return server

    def _wait(self, server: _Server) -> None:
        deadline = time.monotonic() + _START_S
        while not _answers(self.url):
            if not is_process(server.pid, server.created):
                raise self._failed("ended while it started")
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {_START_S:g} s")
            time.sleep(0.05)

    def _failed(self, how: str) -> ServiceError:
        tail = self.log_tail()
        return ServiceError(
            f"the MLflow server {how}" + (f"; its last lines:\n{tail}" if tail else ""),
            remedy=f"read {self._log}, mend the cause and start it again",
        )

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """One start or stop at a time."""
        with (self._dir / "guard").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _bind_error(port: int) -> OSError | None:
    """Why a server could not listen there; None when it could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error
    return None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + _READY, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
