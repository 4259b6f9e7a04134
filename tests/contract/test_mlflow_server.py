"""Our own MLflow server: starts, is found again, says why it cannot, stops."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from lake.errors import ServiceError
from training.mlflow_server import LocalMLflow

pytestmark = pytest.mark.contract


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_starts_once_is_found_again_and_keeps_its_data(tmp_path: Path) -> None:
    port = free_port()
    first, second = LocalMLflow(tmp_path, port), LocalMLflow(tmp_path, port)
    assert not first.running
    first.start()
    try:
        assert first.running
        assert second.running
        before = (tmp_path / "server.json").read_text()
        second.start()
        assert (tmp_path / "server.json").read_text() == before
        assert (tmp_path / "mlflow.db").exists()
    finally:
        second.stop()
    assert not first.running
    first.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    server = LocalMLflow(tmp_path, free_port())
    server.start()
    try:
        process = server._server()
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        while server._server() is not None:
            time.sleep(0.02)
        assert not server.running
        server.start()
        assert server.running
    finally:
        server.stop()


def test_a_busy_port_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ServiceError, match="choose another"):
            LocalMLflow(tmp_path, int(other.getsockname()[1])).start()


@pytest.mark.parametrize("damage", ["a folder", "no database"])
def test_a_server_that_ends_while_it_starts_shows_its_log(tmp_path: Path, damage: str) -> None:
    if damage == "a folder":
        (tmp_path / "mlflow.db").mkdir()
    else:
        (tmp_path / "mlflow.db").write_text("no database at all, but something else " * 100)
    server = LocalMLflow(tmp_path, free_port())
    try:
        with pytest.raises(ServiceError, match=r"(?s)database.*server\.log"):
            server.start()
    finally:
        server.stop()


def test_stopping_what_never_ran_is_harmless(tmp_path: Path) -> None:
    LocalMLflow(tmp_path / "nothing", free_port()).stop()
