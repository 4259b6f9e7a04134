"""A real Label Studio server for tests: a conftest.py or test module imports `label_studio` from here.

One server serves all workers of pytest-xdist: its data folder lies in the folder that they share, whoever
comes first starts it under a lock, the others find it running, and the last to go stops it. Tests keep
apart by project: `project_title` is new for each test.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from labeling.server import LocalLabelStudio
from lake.servers import free_port, locked

VENV = Path(__file__).resolve().parents[1] / ".venv-label-studio"
USERS = tuple(f"{name}@simulated.example" for name in ("ada", "bo", "chen", "dana", "eli", "finn"))


@dataclass(frozen=True)
class LabelStudioServer:
    """Where the server is and who may use it."""

    server: LocalLabelStudio
    url: str
    token: str  # the administrator's
    tokens: dict[str, str]  # of six annotators, by e-mail


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """A Label Studio on a free loopback port, stopped when the last worker is done."""
    if not (VENV / "bin" / "label-studio").exists():
        pytest.skip("Label Studio is not installed in .venv-label-studio (run `make setup`)")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    server = LocalLabelStudio(VENV, shared / "label-studio", free_port(), users=USERS)
    _count_users(shared, server, +1)
    try:
        yield LabelStudioServer(server, server.url, server.admin_token, server.ensure_users(USERS))
    finally:
        _count_users(shared, server, -1)


def _count_users(shared: Path, server: LocalLabelStudio, change: int) -> None:
    """Start the server with the first of its users and stop it with the last."""
    count_path = shared / "label-studio.users"
    with locked(shared / "label-studio.lock"):
        count = change + (json.loads(count_path.read_text()) if count_path.exists() else 0)
        count_path.write_text(json.dumps(count))
        if count == 0:
            server.stop()
        elif change > 0:
            server.start()


@pytest.fixture
def project_title() -> str:
    """A title that no other test has."""
    return f"test {uuid4().hex[:12]}"
