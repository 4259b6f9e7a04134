"""The port to machines that train, and what passes through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lake.records import Offer, RunState
from lake.spec import Spec
from training.spec import TrainingSpec

EXIT_RESUMABLE = 85  # stopped at a checkpoint on request: submit again to go on
EXIT_TIMEOUT = 124


class Job(Spec):
    """What to train; `run_id` says all that decides the outcome, and `spec.timeout_s` is the deadline."""

    run_id: str
    dataset_dir: Path  # a dataset version, checked out
    classes: tuple[str, ...]
    spec: TrainingSpec
    accelerator: str = "auto"  # a name of training.device.ACCELERATORS, cpu, or the best that is there


@dataclass(frozen=True)
class Handle:
    """A submitted run; the same for every submit of a key, so it can be made anew after a restart."""

    provider: str
    key: str


@dataclass(frozen=True)
class Poll:
    """How a run is doing.

    state: `lost` is a run that was killed or stopped at a checkpoint: submitting its key again resumes it.
    seconds: on the machine, all attempts together; never shrinks, and rests when the run does.
    """

    state: RunState
    seconds: float
    exit_code: int | None = None
    message: str = ""


class ComputeProvider(Protocol):
    """Rents machines for one job. Promises: tests/contract/test_compute_provider.py."""

    def offers(self) -> Sequence[Offer]:
        """What could run a job now, cheapest first; empty when there is nothing."""

    def submit(self, job: Job, offer: Offer, *, key: str) -> Handle:
        """Start at most one process per `key`, or resume it where it was lost or failed.

        A run that goes on, has succeeded, was cancelled, or made no progress in its last three attempts
        is left as it is. The caller may die at any moment, and the run goes on.
        """

    def poll(self, handle: Handle) -> Poll:
        """How it is doing. Raises ComputeError for a key that was never submitted."""

    def logs(self, handle: Handle) -> str:
        """The end of what it printed, all attempts."""

    def cancel(self, handle: Handle) -> None:
        """Stop the process, and so the billing, before returning; harmless on a finished run."""

    def fetch(self, handle: Handle, to: Path) -> None:
        """Put model/, metrics.jsonl and result.json of a succeeded run into `to`, whole or not at all.

        Raises ComputeError when it has not succeeded.
        """
