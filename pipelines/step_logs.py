"""What steps print: kept in files that Dagster's page shows."""

import multiprocessing
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._serdes import ConfigurableClassData
from dagster._utils import ensure_file, touch_file


class StepLogs(LocalComputeLogManager):
    """Dagster's own log files, without the copy to a terminal that is not there.

    For that copy Dagster starts four processes a step; a step of a run that nobody watches in a terminal does
    without them (0.05 s a step).
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> "StepLogs":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        if multiprocessing.parent_process() is None or sys.stderr.isatty():
            with super().capture_logs(log_key) as captured:
                yield captured
            return
        out, err = (
            self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind])
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        ensure_file(out)
        ensure_file(err)
        with redirect_to_file(sys.stdout, out), redirect_to_file(sys.stderr, err):
            yield CapturedLogContext(log_key)
        # says that all is there
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]  # Dagster's own
