"""An empty lake on this machine's disk; and property tests that a busy machine does not fail."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from lake.store import Lake

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake.at(tmp_path / "home")
    yield made
    made.state.close()
