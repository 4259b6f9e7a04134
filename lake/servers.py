"""One server of ours on loopback: started in a session of its own, found again after we died, ended by pid."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel

from lake.blobs import replace_text
from lake.errors import ServiceError

_STOP_S = 15.0
_PORT_FREE_S = 5.0  # how long the workers of a killed server may hold its port


@dataclass(frozen=True)
class Launch:
    """What to start. `health` is a path that answers 2xx once the server is ready; None: it has no page."""

    command: Sequence[str]
    environment: Mapping[str, str]
    health: str | None
    timeout_s: float


class _Running(BaseModel):
    """The process of a server, as its pid file says."""

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


class LocalServer:
    """A server process of one folder.

    folder: its pid file and log, made when missing. port: on 127.0.0.1, 0 for one that listens nowhere;
    a server of this folder that is up already keeps its own.
    """

    def __init__(self, name: str, folder: Path, port: int) -> None:
        self.name = name
        self.folder = folder.absolute()
        self._port = port

    @property
    def url(self) -> str:
        """Where it answers."""
        found = self._found()
        return f"http://127.0.0.1:{found.port if found else self._port}"

    @property
    def log_path(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """The live process of this folder."""
        found = self._found()
        return None if found is None else found.pid

    def answers(self, health: str | None) -> bool:
        """Whether the server of this folder is alive and its health page says so."""
        return self._found() is not None and (health is None or _healthy(self.url + health))

    def start(self, launch: Launch) -> None:
        """Start it unless it runs, and wait until it answers.

        Raises ServiceError: a busy port, or a process that dies or never answers, with the end of its log.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.folder / "start.lock"):
            if self._found() is None:
                self._spawn(launch)
            self._wait(launch)

    def stop(self) -> bool:
        """End the server and its children; whether it ran."""
        found = self._found()
        if found is not None:
            os.kill(found.pid, signal.SIGTERM)
            if not until(lambda: not found.alive(), _STOP_S):
                _kill_session(found.pid)
                until(lambda: not found.alive(), _STOP_S)
            _kill_session(found.pid)  # what a dead leader left behind
        self._pid_path.unlink(missing_ok=True)
        return found is not None

    def tail(self, lines: int = 12) -> str:
        """The end of its log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    @property
    def _pid_path(self) -> Path:
        return self.folder / "server.json"

    def _found(self) -> _Running | None:
        try:
            found = _Running.model_validate_json(self._pid_path.read_bytes())
        except FileNotFoundError:
            return None
        return found if found.alive() else None

    def _spawn(self, launch: Launch) -> None:
        if self._port and not until(lambda: is_free(self._port), _PORT_FREE_S):
            raise ServiceError(
                f"{self.name}: port {self._port} on 127.0.0.1 is taken by another program",
                remedy=f"end it (`ss -ltnp 'sport = :{self._port}'` names it) or set another port, "
                f"such as TRIALBASE_{self.name.upper()}_PORT={self._port + 1}",
            )
        with self.log_path.open("ab") as out:
            process = subprocess.Popen(
                list(launch.command),
                env=dict(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = _Running(pid=process.pid, created=psutil.Process(process.pid).create_time(), port=self._port)
        replace_text(self._pid_path, running.model_dump_json())
        process.returncode = 0  # it outlives us; `alive` reaps it, not Popen's destructor

    def _wait(self, launch: Launch) -> None:
        found = self._found()
        if (
            found
            and until(lambda: self.answers(launch.health) or not found.alive(), launch.timeout_s)
            and found.alive()
        ):
            return
        what = "did not answer in time" if found and found.alive() else "ended before it answered"
        self.stop()
        raise ServiceError(
            f"{self.name} at {self.url} {what}; the end of {self.log_path}:\n{self.tail()}",
            remedy="mend what the log says, then start it again: its data are kept",
        )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def until(met: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition; whether it came true."""
    end = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the system lets it go when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def _kill_session(leader: int) -> None:
    """SIGKILL whatever is left of a session that we started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
