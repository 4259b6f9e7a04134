"""One home for all tests of the portal that only read, copies of it for those that write."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from assets.stage import Work
from tests.integration.portal.asking import STEWARD
from tests.integration.portal.home import build_home, open_batch, served


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that nobody writes to."""
    home = tmp_path_factory.mktemp("portal") / "home"
    build_home(home)
    return home


@pytest.fixture(scope="session")
def batch(made: Path) -> Work:
    """Its batch of pictures, which waits for a steward."""
    return open_batch(made)


@pytest.fixture(scope="session")
def reading(made: Path) -> Iterator[httpx.Client]:
    """A steward's client of the home that nobody writes to."""
    with served(made) as url, httpx.Client(base_url=url, auth=STEWARD, trust_env=False) as client:
        yield client


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A home of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "home"))


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    """A steward's client of this test's own home."""
    with served(home) as url, httpx.Client(base_url=url, auth=STEWARD, trust_env=False) as client:
        yield client
