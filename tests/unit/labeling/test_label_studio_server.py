"""labeling/server.py: what it says when Label Studio cannot be started."""

import http.server
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from labeling.label_studio_environment import locked
from labeling.server import LocalLabelStudio, free_port
from lake.errors import ServiceError


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with a Python, in which a Label Studio seems to be and is not."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    (folder / "label-studio").touch()
    return folder.parent


def test_a_missing_environment_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="make setup"):
        LocalLabelStudio(tmp_path / "none", tmp_path / "data", free_port()).start()
    with pytest.raises(ServiceError, match="make setup"):
        LocalLabelStudio(tmp_path / "none", tmp_path / "data", free_port()).ensure_users(["ada@x.example"])


def test_a_process_that_dies_shows_the_end_of_its_log(tmp_path: Path, venv: Path) -> None:
    server = LocalLabelStudio(venv, tmp_path / "data", free_port(), database_url="postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(ServiceError, match="ended before it answered") as caught:
        server.start()
    assert "label_studio is not installed" in caught.value.what
    assert not server.running()


def test_failed_migrations_are_told(tmp_path: Path, venv: Path) -> None:
    with pytest.raises(ServiceError, match="label_studio is not installed"):
        LocalLabelStudio(venv, tmp_path / "data", free_port()).start()


def test_a_busy_port_is_named(tmp_path: Path, venv: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        server = LocalLabelStudio(venv, tmp_path / "data", other.server_port)
        with pytest.raises(ServiceError, match=f"port {other.server_port} on 127.0.0.1 is taken"):
            server.start()


def test_before_the_first_start_there_is_no_token(tmp_path: Path, venv: Path) -> None:
    server = LocalLabelStudio(venv, tmp_path / "data", 1)
    with pytest.raises(ServiceError, match="no Label Studio was ever started"):
        _ = server.admin_token


def test_annotators_are_named_by_e_mail(tmp_path: Path, venv: Path) -> None:
    with pytest.raises(ServiceError, match='"ada" is no e-mail address'):
        LocalLabelStudio(venv, tmp_path / "data", 1).ensure_users(["ada"])


def test_a_process_of_the_same_number_is_not_ours(tmp_path: Path, venv: Path) -> None:
    server = LocalLabelStudio(venv, tmp_path / "data", 1)
    server.data_dir.mkdir()
    (server.data_dir / "server.json").write_text(json.dumps({"pid": os.getpid(), "created": 5.0, "port": 1}))
    assert not server.running()
    server.stop()  # and does not end us


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
