"""What every step of Dagster's own launches imports, also lazily; imported once, by the server that steps fork from."""

import importlib

from pipelines.garbage import look_less_for_garbage

look_less_for_garbage()

for name in (
    "dagster._core.executor.multiprocess",
    "dagster._core.execution.plan.external_step",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.schedules.sqlite",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.fs_io_manager",
    "dagster._core.run_coordinator.default_run_coordinator",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.launcher.default_run_launcher",
    "dagster._grpc.types",
):
    importlib.import_module(name)
