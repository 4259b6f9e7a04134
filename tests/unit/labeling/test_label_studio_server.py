"""labeling/server.py: what it says when Label Studio cannot be started. What servers promise: tests/contract."""

import sys
from pathlib import Path

import pytest

from labeling.server import LocalLabelStudio
from lake.errors import ServiceError
from lake.servers import free_port


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


def test_failed_migrations_are_told(tmp_path: Path, venv: Path) -> None:
    with pytest.raises(ServiceError, match="label_studio is not installed"):
        LocalLabelStudio(venv, tmp_path / "data", free_port()).start()


def test_before_the_first_start_there_is_no_token(tmp_path: Path, venv: Path) -> None:
    server = LocalLabelStudio(venv, tmp_path / "data", 1)
    with pytest.raises(ServiceError, match="no Label Studio was ever started"):
        _ = server.admin_token


def test_annotators_are_named_by_e_mail(tmp_path: Path, venv: Path) -> None:
    with pytest.raises(ServiceError, match='"ada" is no e-mail address'):
        LocalLabelStudio(venv, tmp_path / "data", 1).ensure_users(["ada"])
