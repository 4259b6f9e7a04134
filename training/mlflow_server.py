"""An MLflow server of our own: SQLite and a folder, on loopback, one process that outlives its starter."""

import os
import sys
from pathlib import Path

import training
from lake.servers import Launch, LocalServer

_HEALTH = "/api/2.0/mlflow/experiments/get?experiment_id=0"  # answers when the database is there too
_START_S = 120.0


class LocalMLflow(LocalServer):
    """MLflow with all its state below `data_dir`."""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__("mlflow", data_dir, port, self._to_launch, health=_HEALTH, timeout_s=_START_S)

    def _to_launch(self) -> Launch:
        command = [sys.executable, "-P", "-m", "training.mlflow_app"]
        places = [str(self.folder / "mlflow.db"), str(self.folder / "artifacts"), str(self._port)]
        roots = [str(Path(training.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, roots))}
        return Launch([*command, *places], env, self.folder)
