"""The port to the model tracker, and MLflow behind it.

MLflow is imported when it is first used (seconds), and nowhere but here, in `training.pyfunc` and in
`training.mlflow_app`. Every verb may be repeated after a crash at any point: runs and versions are found
again by the tag `trialbase.run_id`, and a row of metrics carries its run's own start as its time, so that
a second copy of it is the first.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from lake.errors import TrackerError
from training.pyfunc import import_pyfunc, save_pyfunc
from training.results import Metric

_RUN_TAG = "trialbase.run_id"
_DATASET_TAG = "trialbase.dataset"
_METRICS_A_CALL = 1000  # MLflow takes no more at once
_PARAMS_A_CALL = 100
_PREDICT_BATCH = 1024
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # 7 would be four minutes of silence before the error
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}
PREDICTIONS = pa.schema(
    [("predicted", pa.string()), ("confidence", pa.float64()), ("probabilities", pa.list_(pa.float64()))]
)


@dataclass(frozen=True)
class ModelVersion:
    """A registered model."""

    name: str
    version: int
    uri: str  # what `predict` takes

    @property
    def tag(self) -> str:
        return f"{self.name}/{self.version}"


class Tracker(Protocol):
    """Keeps runs and models. Promises: tests/contract/test_tracker.py. All verbs are idempotent."""

    def start(
        self, scenario: str, run_id: str, params: Mapping[str, str], *, dataset_tag: str, dataset_hash: str
    ) -> str:
        """Open the run of that id, with its parameters and its dataset as input; returns the tracker's id."""

    def log(self, tracked: str, rows: Iterable[Metric]) -> None:
        """Add metrics to a run that `start` opened."""

    def register(
        self, scenario: str, run_id: str, model_dir: Path, *, classes: Sequence[str], input_example: bytes
    ) -> ModelVersion:
        """Make the model of a run that `start` opened the scenario's next version, once, and close the run."""

    def alias(self, name: str, version: int, alias: str) -> None:
        """Let `alias` (champion, candidate) name that version from now on."""

    def aliased(self, name: str, alias: str) -> ModelVersion | None:
        """The version that an alias names; None where it names none."""

    def predict(self, uri: str, media: Sequence[bytes]) -> pa.Table:
        """Columns of PREDICTIONS, a row an item, in order; probabilities in the order of the model's classes."""


class MLflowTracker:
    """MLflow at `http://host:port` or, without a server, `sqlite:///file`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def start(
        self, scenario: str, run_id: str, params: Mapping[str, str], *, dataset_tag: str, dataset_hash: str
    ) -> str:
        with self._told():
            experiment = self._experiment(scenario)
            run = self._run(experiment, run_id)
            if run is None:
                tags = {_RUN_TAG: run_id, _DATASET_TAG: dataset_tag, "mlflow.runName": f"{dataset_tag} {run_id[:8]}"}
                run = self._client.create_run(experiment, tags=tags)
            self._log_params(run.info.run_id, {**params, "dataset": dataset_tag, "dataset_hash": dataset_hash})
            self._log_dataset(run.info.run_id, dataset_tag, dataset_hash)
            return str(run.info.run_id)

    def log(self, tracked: str, rows: Iterable[Metric]) -> None:
        with self._told():
            from mlflow.entities import Metric as MLflowMetric

            time = self._client.get_run(tracked).info.start_time
            metrics = [MLflowMetric(row.name, row.value, time, row.step) for row in rows]
            for start in range(0, len(metrics), _METRICS_A_CALL):
                self._client.log_batch(tracked, metrics=metrics[start : start + _METRICS_A_CALL])

    def register(
        self, scenario: str, run_id: str, model_dir: Path, *, classes: Sequence[str], input_example: bytes
    ) -> ModelVersion:
        with self._told():
            run = self._run(self._experiment(scenario), run_id)
            if run is None:
                raise TrackerError(f"MLflow knows no run {run_id}", remedy="start it before registering its model")
            version = self._version_of(scenario, run_id)
            if version is None:
                logged = self._logged_model(run, run_id) or self._log_model(run, run_id, model_dir, input_example)
                version = self._create_version(scenario, run, run_id, logged, classes)
            if run.info.status != "FINISHED":
                self._client.set_terminated(run.info.run_id, "FINISHED")
            return version

    def alias(self, name: str, version: int, alias: str) -> None:
        with self._told():
            self._client.set_registered_model_alias(name, alias, str(version))

    def aliased(self, name: str, alias: str) -> ModelVersion | None:
        with self._told():
            from mlflow.exceptions import MlflowException

            try:
                return _version(self._client.get_model_version_by_alias(name, alias))
            except MlflowException as error:
                if _is_absent(error):
                    return None
                raise

    def predict(self, uri: str, media: Sequence[bytes]) -> pa.Table:
        with self._told(), tempfile.TemporaryDirectory(prefix="trialbase-model-") as folder, _import_path_kept():
            pyfunc = import_pyfunc()
            import pandas as pd
            from mlflow.artifacts import download_artifacts

            name, version = uri.removeprefix("models:/").rsplit("/", 1)
            source = self._client.get_model_version_download_uri(name, version)
            path = download_artifacts(artifact_uri=source, dst_path=folder, tracking_uri=self.uri)
            model = pyfunc.load_model(path)
            tables = [PREDICTIONS.empty_table()]
            for start in range(0, len(media), _PREDICT_BATCH):
                answers = model.predict(pd.DataFrame({"media": list(media[start : start + _PREDICT_BATCH])}))
                tables.append(pa.Table.from_pandas(answers, schema=PREDICTIONS, preserve_index=False))
            return pa.concat_tables(tables)

    @cached_property
    def _client(self) -> Any:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What MLflow raises, as an error that says what to do."""
        client = self._client
        assert client is not None
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, RequestException, SQLAlchemyError) as error:
            raise TrackerError(
                f"MLflow at {self.uri}: {error}",
                remedy="start it (`trialbase up`) or correct TRIALBASE_MLFLOW_URI, then rerun: nothing is doubled",
            ) from error

    def _experiment(self, scenario: str) -> str:
        """The id of the scenario's experiment, created at first use."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(scenario)
        if found is None:
            try:
                return str(self._client.create_experiment(scenario, artifact_location=self._artifacts()))
            except MlflowException:  # another process was first
                found = self._client.get_experiment_by_name(scenario)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _artifacts(self) -> str | None:
        """Beside a SQLite file; a server knows for itself."""
        if not self.uri.startswith("sqlite:///"):
            return None
        return (Path(self.uri.removeprefix("sqlite:///")).absolute().parent / "artifacts").as_uri()

    def _run(self, experiment: str, run_id: str) -> Any | None:
        found = self._client.search_runs([experiment], f"tags.`{_RUN_TAG}` = '{run_id}'", max_results=1)
        return found[0] if found else None

    def _log_params(self, tracked: str, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        rows = [Param(name, value) for name, value in params.items()]
        for start in range(0, len(rows), _PARAMS_A_CALL):
            self._client.log_batch(tracked, params=rows[start : start + _PARAMS_A_CALL])

    def _log_dataset(self, tracked: str, dataset_tag: str, dataset_hash: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"tag": dataset_tag, "hash": dataset_hash})
        name, digest = dataset_tag.partition("@")[0], dataset_hash[:36]  # MLflow's longest
        dataset = Dataset(name=name, digest=digest, source_type="trialbase", source=source)
        context = [InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(tracked, datasets=[DatasetInput(dataset, context)])

    def _logged_model(self, run: Any, run_id: str) -> Any | None:
        """The model that an attempt uploaded whole before it died."""
        found = self._client.search_logged_models([run.info.experiment_id], f"tags.`{_RUN_TAG}` = '{run_id}'")
        return next((model for model in found if str(model.status) == "READY"), None)

    def _log_model(self, run: Any, run_id: str, model_dir: Path, input_example: bytes) -> Any:
        """Upload the model as pyfunc; whole when it is READY."""
        logged = self._client.create_logged_model(
            run.info.experiment_id, name="model", source_run_id=run.info.run_id, tags={_RUN_TAG: run_id}
        )
        with tempfile.TemporaryDirectory(prefix="trialbase-model-") as folder:
            save_pyfunc(Path(folder), model_dir, input_example, run.info.run_id, logged.model_id)
            self._client.log_model_artifacts(logged.model_id, str(Path(folder) / "model"))
        return self._client.finalize_logged_model(logged.model_id, "READY")

    def _version_of(self, name: str, run_id: str) -> ModelVersion | None:
        found = self._client.search_model_versions(f"name = '{name}' AND tags.`{_RUN_TAG}` = '{run_id}'")
        return _version(found[0]) if found else None

    def _create_version(self, name: str, run: Any, run_id: str, logged: Any, classes: Sequence[str]) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {
            _RUN_TAG: run_id,
            _DATASET_TAG: run.data.tags[_DATASET_TAG],
            "trialbase.classes": json.dumps(list(classes), ensure_ascii=False),
        }
        source = logged.artifact_location  # not models:/, which the client resolves by its global settings
        return _version(
            self._client.create_model_version(name, source, run_id=run.info.run_id, tags=tags, model_id=logged.model_id)
        )


def _version(found: Any) -> ModelVersion:
    return ModelVersion(found.name, int(found.version), f"models:/{found.name}/{found.version}")


def _is_absent(error: Any) -> bool:
    """Whether MLflow says that there is no such model or alias; it calls a missing alias an invalid value."""
    code: str = error.error_code
    return code == "RESOURCE_DOES_NOT_EXIST" or (code == "INVALID_PARAMETER_VALUE" and "alias" in str(error))


@contextmanager
def _import_path_kept() -> Iterator[None]:
    """Loading a model puts its code first on the import path; here this process's own code answers."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before
