"""`python -m training.mlflow_app DATABASE ARTIFACTS PORT`: MLflow's server in this one process.

`mlflow server` imports MLflow twice, once to read its options and once in the process that serves: twice
the seconds. This sets what the command sets, by the names in `mlflow.server.constants`, and serves.
"""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

HOST = "127.0.0.1"


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    database, artifacts, port = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    _check(database)
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # for judging language models: workers that nothing here uses
        GIT_PYTHON_REFRESH="quiet",
    )
    from mlflow.server import constants

    os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = f"sqlite:///{database}"
    os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    os.environ[constants.ARTIFACTS_DESTINATION_ENV_VAR] = str(artifacts)
    os.environ[constants.SERVE_ARTIFACTS_ENV_VAR] = "true"
    import uvicorn

    uvicorn.run("mlflow.server.fastapi_app:app", host=HOST, port=port, log_level="warning")


def _check(database: Path) -> None:
    """Fail now where the database cannot be opened: MLflow itself would try again for minutes."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA schema_version")


if __name__ == "__main__":
    main(sys.argv[1:])
