"""What Dagster sees: every asset of every scenario, its checks, sensors and partitions."""

import shutil

import dagster as dg
import pytest

from assets.loop import INTAKE, JUDGEMENT, SEGMENTS, STAGES, TRAINING
from assets.scenario import BUILT_IN, load_scenario
from pipelines.definitions import definitions_of
from pipelines.executor import executor


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    folder = tmp_path_factory.mktemp("scenarios") / "other"
    shutil.copytree(BUILT_IN / "digits", folder)
    text = (folder / "scenario.yaml").read_text().replace("name: digits", "name: other")
    (folder / "scenario.yaml").write_text(text)
    return definitions_of([load_scenario(BUILT_IN / "digits"), load_scenario(folder)])


def test_the_exact_assets_are_there(definitions: dg.Definitions) -> None:
    names = ["raw_items", "curated_items", "label_tasks", "annotations", "labels", "dataset", "training_run", "model",
             "trial", "feedback"]  # fmt: skip
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {f"{scenario}/{name}" for scenario in ("digits", "other") for name in names}


def test_every_asset_says_who_owns_it_what_it_is_and_when_it_is_stale(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners == ["demo@trialbase.example"]
        assert node.description
        assert node.code_version
        assert node.group_name == key.path[0]
        assert node.kinds
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)
    assert graph.get(dg.AssetKey(["digits", "dataset"])).freshness_policy is not None


def test_checks_block(definitions: dg.Definitions) -> None:
    checks = definitions.resolve_asset_graph().asset_check_keys
    stages = {key.asset_key.path[1] for key in checks if key.asset_key.path[0] == "digits"}
    assert stages == {stage.name for stage in STAGES if stage.checked}
    spec = definitions.resolve_asset_graph().get_check_spec(next(iter(checks)))
    assert spec.blocking


def test_five_sensors_run_from_the_start(definitions: dg.Definitions) -> None:
    sensors = [one for one in definitions.sensors or [] if isinstance(one, dg.SensorDefinition)]
    names = {f"{scenario}_{name}" for scenario in ("digits", "other") for name in
             ("inbox", "feedback", "annotations", "sign_off", "runs")}  # fmt: skip
    assert {one.name for one in sensors} == names
    assert all(one.default_status == dg.DefaultSensorStatus.RUNNING for one in sensors)


def test_the_loop_waits_for_people_a_signature_and_a_machine_and_for_nothing_else() -> None:
    assert tuple(name for segment in SEGMENTS for name in segment) == tuple(stage.name for stage in STAGES)
    assert (INTAKE[-1], TRAINING[0], JUDGEMENT[0]) == ("label_tasks", "dataset", "model")
    assert executor("pipelines.definitions").name == "multiprocess"
