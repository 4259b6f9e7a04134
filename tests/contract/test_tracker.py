"""What every tracker promises, against a real MLflow server and MLflow's own SQLite store."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lake.errors import TrackerError
from lake.servers import free_port
from tests.datasets import digits
from training.mlflow_server import LocalMLflow
from training.results import Metric
from training.tracking import MLflowTracker, ModelVersion

pytestmark = pytest.mark.contract
CLASSES = tuple("0123456789")
ROWS = [Metric(step=step, epoch=step, name=name, value=step / 7) for step in range(1, 800) for name in ("loss", "acc")]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMLflow]:
    server = LocalMLflow(tmp_path_factory.mktemp("mlflow"), free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["server", "sqlite"], scope="module")
def tracker(
    request: pytest.FixtureRequest, mlflow_server: LocalMLflow, tmp_path_factory: pytest.TempPathFactory
) -> MLflowTracker:
    if request.param == "server":
        return MLflowTracker(mlflow_server.url)
    return MLflowTracker(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/mlflow.db")


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model: what a tracker keeps does not depend on how good it is."""
    import torch

    from training import serving
    from training.recipes import image_classifier

    folder = tmp_path_factory.mktemp("run") / "model"
    torch.manual_seed(0)
    shape = {"channels": 1, "side": 16, "num_classes": 10}
    serving.save(folder, image_classifier.build(shape), "image_classifier", shape, CLASSES)
    return folder


def start(tracker: MLflowTracker, scenario: str, run_id: str) -> str:
    digest = hashlib.sha256(run_id.encode()).hexdigest()
    return tracker.start(scenario, run_id, {"epochs": "3"}, dataset_tag="digits@v1", dataset_hash=digest)


def register(tracker: MLflowTracker, scenario: str, run_id: str, model_dir: Path) -> ModelVersion:
    return tracker.register(scenario, run_id, model_dir, classes=CLASSES, input_example=digits(0, 1)[0].media)


def metrics(tracker: MLflowTracker, tracked: str, name: str) -> Sequence[tuple[int, float]]:
    return [(row.step, row.value) for row in tracker._client.get_metric_history(tracked, name)]


def test_starting_a_run_twice_opens_it_once_with_its_dataset(tracker: MLflowTracker) -> None:
    first, second = start(tracker, "twice", "r1"), start(tracker, "twice", "r1")
    other = start(tracker, "twice", "r2")

    run = tracker._client.get_run(first)
    assert first == second != other
    assert run.data.params["epochs"] == "3"
    assert run.data.params["dataset"] == "digits@v1"
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "digits"
    assert run.data.params["dataset_hash"].startswith(used.dataset.digest)


def test_logging_metrics_twice_keeps_each_row_once(tracker: MLflowTracker) -> None:
    tracked = start(tracker, "metrics", "r1")
    tracker.log(tracked, ROWS[:1200])
    tracker.log(tracked, ROWS)  # as after a crash halfway

    assert metrics(tracker, tracked, "loss") == [(row.step, row.value) for row in ROWS if row.name == "loss"]


def test_registering_twice_makes_one_version_and_closes_the_run(tracker: MLflowTracker, model_dir: Path) -> None:
    tracked = start(tracker, "register", "r1")
    first = register(tracker, "register", "r1", model_dir)
    again = register(tracker, "register", "r1", model_dir)
    start(tracker, "register", "r2")
    other = register(tracker, "register", "r2", model_dir)

    assert first == again == ModelVersion("register", 1, "models:/register/1")
    assert other.version == 2
    assert len(tracker._client.search_model_versions("name = 'register'")) == 2
    assert tracker._client.get_run(tracked).info.status == "FINISHED"


@pytest.mark.parametrize("died_after", ["create", "upload", "finalize"])
def test_registering_after_dying_halfway_makes_one_version(
    tracker: MLflowTracker, model_dir: Path, died_after: str
) -> None:
    name = f"died-{died_after}"
    tracked = start(tracker, name, "r1")
    run = tracker._client.get_run(tracked)
    if died_after == "create":  # an entry without files
        tracker._client.create_logged_model(run.info.experiment_id, tags={"trialbase.run_id": "r1"})
    else:  # files, and no version
        logged = tracker._log_model(run, "r1", model_dir, digits(0, 1)[0].media)
        if died_after == "finalize":
            tracker._client.create_registered_model(name)
        assert logged.status == "READY"

    version = register(tracker, name, "r1", model_dir)
    assert version.version == 1
    assert tracker.predict(version.uri, [digits(0, 1)[0].media]).num_rows == 1
    assert len(tracker._client.search_model_versions(f"name = '{name}'")) == 1


def test_an_alias_names_the_version_it_was_given_last(tracker: MLflowTracker, model_dir: Path) -> None:
    assert tracker.aliased("alias", "champion") is None
    for run_id in ("r1", "r2"):
        start(tracker, "alias", run_id)
        version = register(tracker, "alias", run_id, model_dir)
        for _ in range(2):
            tracker.alias("alias", version.version, "champion")
        assert tracker.aliased("alias", "champion") == version
    assert version.version == 2
    assert tracker.aliased("alias", "candidate") is None


def test_predictions_are_those_of_the_model_in_order(tracker: MLflowTracker, model_dir: Path) -> None:
    from training import serving

    media = [sample.media for sample in digits(0, 1100)]  # more than one batch
    start(tracker, "predict", "r1")
    before = list(sys.path)
    table = tracker.predict(register(tracker, "predict", "r1", model_dir).uri, media)

    expected = serving.load(model_dir).probabilities(media)
    assert table["probabilities"].to_pylist() == expected.tolist()
    assert table["predicted"].to_pylist() == [CLASSES[number] for number in expected.argmax(axis=1)]
    assert table["confidence"].to_pylist() == expected.max(axis=1).tolist()
    assert sys.path == before


def test_predicting_nothing_gives_no_rows(tracker: MLflowTracker, model_dir: Path) -> None:
    start(tracker, "nothing", "r1")
    assert tracker.predict(register(tracker, "nothing", "r1", model_dir).uri, []).num_rows == 0


def test_a_registered_model_loads_where_trialbase_is_not(
    tracker: MLflowTracker, model_dir: Path, tmp_path: Path
) -> None:
    start(tracker, "anywhere", "r1")
    uri = register(tracker, "anywhere", "r1", model_dir).uri
    script = (
        "import sys, mlflow, pandas as pd\n"
        f"mlflow.set_tracking_uri({tracker.uri!r})\n"
        f"model = mlflow.pyfunc.load_model({uri!r})\n"
        f"print(len(model.predict(pd.DataFrame({{'media': [{digits(0, 1)[0].media!r}]}}))))\n"
        "import training\n"
        f"assert not training.__file__.startswith({str(Path.cwd())!r}), training.__file__\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "1", done.stderr


def test_a_server_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    tracker = MLflowTracker(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TrackerError, match="TRIALBASE_MLFLOW_URI"):
        start(tracker, "absent", "r1")


def test_registering_a_run_that_was_not_started_is_refused(tracker: MLflowTracker, model_dir: Path) -> None:
    with pytest.raises(TrackerError, match="start it"):
        register(tracker, "unstarted", "r1", model_dir)
