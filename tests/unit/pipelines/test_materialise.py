"""Assets materialised in this process: what is kept, what is refused."""

from pathlib import Path

import dagster as dg
import pytest

from lake.errors import NotFound, SettingsError
from pipelines.materialise import StageFailed, dagster_home, load_definitions, materialise_selection, open_instance
from pipelines.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DAGSTER_HOME", "")  # restored afterwards: opening an instance sets it
    return Settings(home=tmp_path / "home", definitions="tests.unit.pipelines.small_definitions")


def test_a_selection_is_materialised_and_recorded(settings: Settings) -> None:
    assert materialise_selection(settings, "key:good+", None) == 2
    with open_instance(settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("after"))
        assert event is not None
        (log,) = Path(dagster_home(settings) / "storage" / event.run_id / "compute_logs").glob("*.out")
        assert "a step speaks" in log.read_text()


def test_a_failing_asset_is_told_with_its_cause(settings: Settings) -> None:
    with pytest.raises(StageFailed, match="ZeroDivisionError"):
        materialise_selection(settings, "key:bad", None)


def test_what_selects_nothing_is_refused(settings: Settings) -> None:
    for selection in ("key:nobody", "group:", "((("):
        with pytest.raises(NotFound, match="selects no assets"):
            materialise_selection(settings, selection, None)


def test_definitions_that_are_not_there_are_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="holds no Dagster definitions"):
        load_definitions(settings.model_copy(update={"definitions": "no.such.module"}))


def test_a_moved_home_gets_its_paths_mended_and_a_persons_changes_stay(settings: Settings, tmp_path: Path) -> None:
    home = dagster_home(settings)
    moved = tmp_path / "moved"
    settings.root.rename(moved)
    assert str(home) in (moved / "dagster" / "dagster.yaml").read_text()
    file = dagster_home(settings.model_copy(update={"home": moved})) / "dagster.yaml"
    assert str(home) not in file.read_text()
    file.write_text("telemetry:\n  enabled: false\n")
    dagster_home(settings.model_copy(update={"home": moved}))
    assert file.read_text() == "telemetry:\n  enabled: false\n"
