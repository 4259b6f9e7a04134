"""A Label Studio of a test module's own on SQLite, and one on PostgreSQL, which may be killed and started again.

A test module imports `any_label_studio` from here and `postgres` from tests.postgres_fixture.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.server import LocalLabelStudio
from lake.servers import free_port
from tests.label_studio_fixture import VENV
from tests.postgres_fixture import PostgresServer

PEOPLE = tuple(f"{name}@simulated.example" for name in ("ada", "bo", "chen", "dana", "eli", "finn", "gina", "hugo"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def any_label_studio(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalLabelStudio]:
    """Stopped in the end; eight annotators have tokens."""
    if not (VENV / "bin" / "label-studio").exists():
        pytest.skip("Label Studio is not installed in .venv-label-studio (run `make setup`)")
    url = None
    if request.param == "postgresql":
        found: PostgresServer = request.getfixturevalue("postgres")
        url = found.url(found.create_database(), driver="postgresql")
    folder: Path = tmp_path_factory.mktemp(f"label-studio-{request.param}")
    server = LocalLabelStudio(VENV, folder / "data", free_port(), users=PEOPLE, database_url=url)
    server.start()
    try:
        yield server
    finally:
        server.stop()
