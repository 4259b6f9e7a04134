"""Servers of ours on loopback, and the one way to start, find and end them.

A server leads a session of its own, so that it outlives whoever started it. Its environment holds a mark,
TRIALBASE_SERVER: its pid, its port and the folder that it serves. Whether a folder's server runs is asked of
the system alone: it does when a process bears the folder's mark and is the one that the mark names. There is
no pid file that could be lost, or name a process of another time; and what a server starts inherits the mark,
so that all of its session is found and ended with it, also after the server itself was killed.
"""

import contextlib
import fcntl
import http.client
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from lake.errors import ServiceError

MARK = "TRIALBASE_SERVER"
_STOP_S = 10.0
_PORT_FREE_S = 3.0  # a killed process gives its port back a moment after it is gone
_TAIL_LINES = 15

# The shell knows the pid that the server will have, for `exec` keeps it. Until the mark is in place it holds
# the start lock (file 9): if the starter dies meanwhile, nobody can look for the server and not find it.
_SCRIPT = f'export {MARK}="$$ $1"; cd "$2" || exit; shift 2; exec "$@" 9>&-'


@dataclass(frozen=True)
class Launch:
    """What to start, and where."""

    command: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path


@dataclass(frozen=True)
class _Mark:
    """What the environment of a server, and of all that it starts, says."""

    pid: int  # of the server
    port: int
    folder: str


class LocalServer:
    """The server of one folder. Promises: tests/contract/test_local_servers.py.

    folder: its log and its start lock, made when missing. port: on 127.0.0.1, 0 for one that listens nowhere;
    a server of this folder that is up already keeps its own. launch: asked when it has to be started, under a
    lock. health: a path that answers 2xx once the server is ready; None where it has no page.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        port: int,
        launch: Callable[[], Launch],
        *,
        health: str | None,
        timeout_s: float,
    ) -> None:
        self.name = name
        self.folder = folder.absolute()
        self._port = port
        self._launch = launch
        self._health = health
        self._timeout_s = timeout_s

    @property
    def url(self) -> str:
        """Where it answers; empty for one that listens nowhere."""
        found = self._found()
        port = found.port if found else self._port
        return f"http://127.0.0.1:{port}" if port else ""

    @property
    def pid(self) -> int | None:
        """The server's process; None while it does not run."""
        found = self._found()
        return None if found is None else found.pid

    @property
    def log_path(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    def running(self) -> bool:
        """Whether the server of this folder is alive and answers."""
        found = self._found()
        return found is not None and self._answers(found)

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers.

        Raises ServiceError: a program that is not installed, a busy port, or a process that dies or never
        answers, with the end of its log.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._lock_path) as lock:
            found = self._found() or self._spawn(lock)
        if not until(lambda: _ended(found.pid) or self._answers(found), self._timeout_s) or _ended(found.pid):
            raise self._failed(found)

    def stop(self) -> bool:
        """End the server and all of its session; whether it ran. Harmless when it did not."""
        with locked(self._lock_path) if self.folder.exists() else contextlib.nullcontext():
            found = self._found()
            if found is not None:
                _terminate(found.pid)
            self._clear()
        return found is not None

    def tail(self) -> str:
        """The end of its log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

    @property
    def _lock_path(self) -> Path:
        return self.folder / "start.lock"

    def _found(self) -> _Mark | None:
        """The live server of this folder."""
        folder = str(self.folder.resolve())
        leaders = (_mark(pid) for pid in psutil.pids() if _session(pid) == pid)
        return next((one for one in leaders if one and one.folder == folder), None)

    def _answers(self, found: _Mark) -> bool:
        if self._health is None:  # it is there as soon as others can find it
            return _mark(found.pid) is not None
        return _healthy(f"http://127.0.0.1:{found.port}{self._health}")

    def _spawn(self, lock: int) -> _Mark:
        self._clear()  # what a killed server left behind
        self._check_port()
        launch = self._launch()
        if shutil.which(launch.command[0], path=launch.environment.get("PATH")) is None:
            raise ServiceError(f"{self.name}: {launch.command[0]} is not installed", remedy="run `make setup`")
        folder = str(self.folder.resolve())
        arguments = ["sh", "-c", _SCRIPT, self.name, f"{self._port} {folder}", str(launch.cwd), *launch.command]
        with self.log_path.open("ab") as log:
            actions = [
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
                (os.POSIX_SPAWN_DUP2, lock, 9),
            ]
            pid = os.posix_spawn("/bin/sh", arguments, launch.environment, file_actions=actions, setsid=True)
        return _Mark(pid, self._port, folder)

    def _check_port(self) -> None:
        if self._port and not until(lambda: is_free(self._port), _PORT_FREE_S):
            raise ServiceError(
                f"{self.name}: port {self._port} on 127.0.0.1 is taken by another program",
                remedy=f"end it (`ss -ltnp 'sport = :{self._port}'` names it) or set another port, "
                f"such as TRIALBASE_{self.name.upper()}_PORT={self._port + 1}",
            )

    def _failed(self, found: _Mark) -> ServiceError:
        """End what did not come up, and say how that went."""
        what = "ended before it answered" if _ended(found.pid) else f"did not answer within {self._timeout_s:g} s"
        _terminate(found.pid)
        self._clear(found.pid)
        return ServiceError(
            f"{self.name} {what}; the end of {self.log_path}:\n{self.tail()}",
            remedy="mend what the log says, then start it again: its data are kept",
        )

    def _clear(self, server: int | None = None) -> None:
        """SIGKILL what is left of this folder's sessions, or of one. Raises ServiceError when it stays."""
        folder = str(self.folder.resolve())

        def left() -> list[int]:
            marks = ((pid, _mark(pid)) for pid in psutil.pids())
            return [pid for pid, one in marks if one and one.folder == folder and server in (None, one.pid)]

        while pids := left():  # again: one may have started another
            for pid in pids:
                _signal(pid, signal.SIGKILL)
            if not until(lambda: all(map(_ended, pids)), _STOP_S):
                raise ServiceError(f"{self.name}: its processes {pids} do not end", remedy="see them with `ps`")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
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
def locked(path: Path) -> Iterator[int]:
    """Hold a lock between processes, an open file; the system lets it go when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _mark(pid: int) -> _Mark | None:
    """The mark of a server or of a process in its session; None for any other, a zombie or another user's."""
    try:
        process = psutil.Process(pid)
        if process.uids().real != os.getuid():
            return None
        said = process.environ().get(MARK, "").split(" ", 2)
    except psutil.Error:
        return None
    if len(said) != 3 or not said[0].isdecimal() or not said[1].isdecimal() or _session(pid) != int(said[0]):
        return None
    return _Mark(int(said[0]), int(said[1]), said[2])


def _session(pid: int) -> int | None:
    """Who leads the session of a process."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _ended(pid: int) -> bool:
    """Whether a process is gone; one that we started is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True


def _terminate(pid: int) -> None:
    """Ask a process to end, and wait a while for it."""
    _signal(pid, signal.SIGTERM)
    until(lambda: _ended(pid), _STOP_S)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _healthy(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(200 <= answer.status < 300)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
    except (OSError, http.client.HTTPException):
        return False
