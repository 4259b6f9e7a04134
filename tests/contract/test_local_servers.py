"""What every server of ours promises: a plain one, the real MLflow and the real Label Studio."""

import os
import signal
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from labeling.label_studio import LabelStudioPlatform
from labeling.server import LocalLabelStudio
from lake.errors import ServiceError
from lake.servers import MARK, Launch, LocalServer, free_port, locked, until
from tests.label_studio_fixture import VENV
from tests.unit.labeling.made import birds, platform_task
from training.mlflow_server import LocalMLflow

pytestmark = pytest.mark.contract
ROOT = Path(__file__).parents[2]
BATCH = [platform_task(f"t{i}") for i in range(3)]


class Kind(ABC):
    """One class of servers: how to make one, one that cannot live, and how to see that its data are kept."""

    says: str  # in the log of the doomed one

    @abstractmethod
    def server(self, folder: Path, port: int) -> LocalServer: ...

    @abstractmethod
    def doomed(self, folder: Path, port: int) -> LocalServer: ...

    @abstractmethod
    def put(self, server: LocalServer) -> None: ...

    @abstractmethod
    def holds(self, server: LocalServer) -> bool: ...


class Plain(Kind):
    """Serves its folder, and starts a process that would outlive it."""

    says = "this one never lives"

    def server(self, folder: Path, port: int) -> LocalServer:
        serve = f"import subprocess as s; s.Popen(['sleep', '600']); {_SERVE}"
        return _plain(folder, port, serve)

    def doomed(self, folder: Path, port: int) -> LocalServer:
        return _plain(folder, port, f"raise SystemExit('{self.says}')")

    def put(self, server: LocalServer) -> None:
        (server.folder / "kept").touch()

    def holds(self, server: LocalServer) -> bool:
        return httpx.get(f"{server.url}/kept", trust_env=False).is_success


_SERVE = (
    "import sys; from http.server import *; "
    "ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()"
)


def _plain(folder: Path, port: int, program: str, *, health: str | None = "/", timeout_s: float = 30) -> LocalServer:
    command = [sys.executable, "-c", program, str(port)]
    return LocalServer(
        "portal", folder, port, lambda: Launch(command, os.environ, folder), health=health, timeout_s=timeout_s
    )


class MLflow(Kind):
    says = "file is not a database"

    def server(self, folder: Path, port: int) -> LocalServer:
        return LocalMLflow(folder, port)

    def doomed(self, folder: Path, port: int) -> LocalServer:
        folder.mkdir()
        (folder / "mlflow.db").write_text("no database at all, but something else " * 100)
        return LocalMLflow(folder, port)

    def put(self, server: LocalServer) -> None:
        httpx.post(f"{server.url}/api/2.0/mlflow/experiments/create", json={"name": "kept"}, trust_env=False)

    def holds(self, server: LocalServer) -> bool:
        where = f"{server.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept"
        return httpx.get(where, trust_env=False).is_success


class LabelStudio(Kind):
    says = "label_studio is not installed"

    def server(self, folder: Path, port: int) -> LocalLabelStudio:
        return LocalLabelStudio(VENV, folder, port)

    def doomed(self, folder: Path, port: int) -> LocalServer:
        """In an environment where a Label Studio seems to be and is not."""
        programs = folder.with_name("venv") / "bin"
        programs.mkdir(parents=True)
        (programs / "python").symlink_to(sys.executable)
        (programs / "label-studio").touch()
        return LocalLabelStudio(programs.parent, folder, port, database_url="postgresql://u:p@127.0.0.1:1/x")

    def put(self, server: LocalServer) -> None:
        assert self._push(server) == len(BATCH)

    def holds(self, server: LocalServer) -> bool:
        return self._push(server) == 0

    def _push(self, server: LocalServer) -> int:
        assert isinstance(server, LocalLabelStudio)
        platform = LabelStudioPlatform(server.url, token=server.admin_token)
        return platform.push(platform.ensure_project("kept", birds(), guideline="", overlap=1), BATCH)


@pytest.fixture(params=[Plain, MLflow, LabelStudio], scope="module", ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param is LabelStudio and not (VENV / "bin" / "label-studio").exists():
        pytest.skip("Label Studio is not installed in .venv-label-studio (run `make setup`)")
    made: Kind = request.param()
    return made


@pytest.fixture(scope="module")
def place(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server that the tests of its kind share; each starts it, which is quick while it runs."""
    folder = tmp_path_factory.mktemp("servers") / "a folder"
    yield folder
    kind.server(folder, 1).stop()


def session(leader: int) -> list[int]:
    """All processes of a session but zombies."""
    members = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getsid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                members.append(process.pid)
        except ProcessLookupError:
            continue
    return members


def test_started_twice_it_is_one_process_that_another_object_finds_on_its_own_port(kind: Kind, place: Path) -> None:
    server = kind.server(place, free_port())
    assert server.pid is None
    assert not server.running()
    server.start()
    pid, url = server.pid, server.url
    server.start()
    other = kind.server(place, free_port())
    assert other.running()
    other.start()
    assert (other.pid, other.url) == (server.pid, server.url) == (pid, url)
    assert place.stat().st_mode & 0o077 == 0


def test_killed_it_is_started_again_with_its_data(kind: Kind, place: Path) -> None:
    server = kind.server(place, free_port())
    server.start()
    kind.put(server)
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert until(lambda: server.pid is None, 10)
    assert not server.running()
    server.start()
    assert server.pid not in (None, killed)
    assert kind.holds(server)
    assert session(killed) == []


def test_a_busy_port_is_named_with_a_remedy(kind: Kind, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        server = kind.server(tmp_path / "data", port)
        with pytest.raises(ServiceError, match=f"port {port} on 127.0.0.1 is taken by another program") as caught:
            server.start()
    assert f"TRIALBASE_{server.name.upper()}_PORT={port + 1}" in caught.value.remedy
    assert not server.running()


def test_one_that_dies_at_once_shows_the_end_of_its_log(kind: Kind, tmp_path: Path) -> None:
    server = kind.doomed(tmp_path / "data", free_port())
    with pytest.raises(ServiceError, match="ended before it answered") as caught:
        server.start()
    assert kind.says in caught.value.what
    assert str(server.log_path) in caught.value.what
    assert server.pid is None


def test_stopped_nothing_of_its_session_is_left(kind: Kind, place: Path) -> None:
    server = kind.server(place, free_port())
    server.start()
    leader, port = server.pid, int(server.url.rpartition(":")[2])
    assert leader is not None
    assert leader in session(leader)
    assert kind.server(place, 1).stop()
    assert session(leader) == []
    assert not server.running()
    assert not server.stop()  # harmless
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stopping_what_never_ran_is_harmless_and_makes_nothing(kind: Kind, tmp_path: Path) -> None:
    assert not kind.server(tmp_path / "never", free_port()).stop()
    assert not (tmp_path / "never").exists()


# --- what one implementation does for all of them: the plain one will do


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[LocalServer]:
    server = _plain(tmp_path / "plain", free_port(), _SERVE)
    yield server
    server.stop()


_DYING_STARTER = f"""
import os, pathlib, signal, sys
from lake.servers import Launch, LocalServer
folder, port, spawned = pathlib.Path(sys.argv[1]), int(sys.argv[2]), False
def watch(event, arguments):
    global spawned
    due, spawned = spawned, event == "os.posix_spawn"
    if due:
        os.kill(os.getpid(), signal.SIGKILL)
command = [sys.executable, "-c", {_SERVE!r}, str(port)]
server = LocalServer("portal", folder, port, lambda: Launch(command, os.environ, folder), health="/", timeout_s=30)
sys.addaudithook(watch)
server.start()
"""


def test_it_is_found_though_its_starter_died_the_moment_it_was_spawned(plain: LocalServer) -> None:
    port = free_port()
    starter = subprocess.run(
        [sys.executable, "-c", _DYING_STARTER, str(plain.folder), str(port)], cwd=ROOT, check=False
    )
    assert starter.returncode == -signal.SIGKILL
    plain.start()  # whose own port is another
    assert plain.url == f"http://127.0.0.1:{port}"
    assert len([pid for pid in psutil.pids() if _serves(pid, plain.folder)]) == 1


def _serves(pid: int, folder: Path) -> bool:
    try:
        return psutil.Process(pid).environ().get(MARK, "").endswith(f" {folder}")
    except psutil.Error:
        return False


def test_many_start_it_at_once_and_it_is_one(plain: LocalServer) -> None:
    servers = [_plain(plain.folder, free_port(), _SERVE) for _ in range(8)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {server.pid for server in servers} == {plain.pid}
    assert len([pid for pid in psutil.pids() if _serves(pid, plain.folder)]) == 1


def test_what_a_server_starts_in_a_session_of_its_own_is_not_taken_for_it(tmp_path: Path) -> None:
    """A job, say: it inherits the mark, leads its session, and lives on."""
    job = "import subprocess as s; p = s.Popen(['sleep', '600'], start_new_session=True); print(p.pid, flush=True); "
    server = _plain(tmp_path / "plain", free_port(), job + _SERVE)
    server.start()
    detached = int(server.tail().split()[0])
    try:
        assert server.stop()
        assert psutil.Process(detached).status() == psutil.STATUS_SLEEPING
        assert server.pid is None
    finally:
        os.kill(detached, signal.SIGKILL)


def test_one_that_hears_no_sigterm_is_ended_all_the_same(tmp_path: Path, plain: LocalServer) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SERVE}"
    server = _plain(tmp_path / "deaf", free_port(), deaf, timeout_s=30)
    server.start()
    leader = server.pid
    assert leader is not None
    assert server.stop()
    assert session(leader) == []
    assert not plain.running()


def test_one_that_never_answers_is_ended_and_said_so(tmp_path: Path) -> None:
    server = _plain(tmp_path / "mute", free_port(), "import time; time.sleep(600)", timeout_s=0.5)
    with pytest.raises(ServiceError, match=r"did not answer within 0\.5 s"):
        server.start()
    assert server.pid is None


def test_a_program_that_is_not_there_says_how_to_install_it(tmp_path: Path) -> None:
    launch = Launch([str(tmp_path / "no-such-program")], os.environ, tmp_path)
    server = LocalServer("dagster", tmp_path / "data", free_port(), lambda: launch, health="/", timeout_s=30)
    with pytest.raises(ServiceError, match="no-such-program is not installed") as caught:
        server.start()
    assert "make setup" in caught.value.remedy


def test_one_without_a_page_listens_nowhere(tmp_path: Path) -> None:
    server = _plain(tmp_path / "daemon", 0, "import time; time.sleep(600)", health=None)
    server.start()
    assert server.running()
    assert server.url == ""
    assert server.stop()


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
