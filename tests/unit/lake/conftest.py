"""An empty lake on this machine's disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.store import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake.at(tmp_path / "home")
    yield made
    made.state.close()
