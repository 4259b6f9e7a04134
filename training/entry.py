"""`python -m training.entry RUN_DIR`: train the job in a run's folder, on whatever machine this is.

Needs `training`, `lake`, torch and a dataset folder; asks nobody anything and holds no secret. SIGTERM
makes it stop at a checkpoint with exit code 85; run again, it resumes there. See `training.files` for
what it leaves behind.
"""

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from lake.errors import ComputeError, TrialbaseError
from training import attempts
from training.attempts import Attempt
from training.compute.provider import EXIT_RESUMABLE, EXIT_TIMEOUT, Job
from training.files import RunFolder
from training.results import Metric, Result, append_metrics, truncate_metrics, write_result

_HEARTBEAT_S = 1.0


class Patience:
    """Says when to stop: asked to by a signal, or out of time."""

    def __init__(self) -> None:
        self.asked = False
        self.deadline = float("inf")  # on time.monotonic

    def listen(self) -> None:
        """Take SIGTERM and SIGINT as the wish to stop at the next checkpoint."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the interface of signal
        self.asked = True

    @property
    def timed_out(self) -> bool:
        return time.monotonic() > self.deadline

    def over(self) -> bool:
        return self.asked or self.timed_out


def main(arguments: Sequence[str]) -> int:
    """Train, leave a note of how it ended, and return the exit code."""
    patience = Patience()
    patience.listen()
    run = RunFolder(Path(arguments[0]).absolute())
    first = Attempt(number=1, started=time.time(), seconds_before=0.0, step=0, stalled=0)
    attempt = attempts.read(run.attempt, Attempt) or first
    attempts.write(run.process, attempts.current_process(attempt.number))
    threading.Thread(target=_beat, args=(run.heartbeat,), daemon=True).start()
    code, message = 1, ""
    try:
        code, message = _train(run, attempt, patience)
    except TrialbaseError as error:
        message = str(error)
    except BaseException as error:
        message = f"{type(error).__name__}: {error}"
        traceback.print_exc()
        raise
    finally:
        print(message, flush=True)
        attempts.write(run.exit, attempts.exit_now(attempt.number, code, message))
    return code


def _train(run: RunFolder, attempt: Attempt, patience: Patience) -> tuple[int, str]:
    """The exit code, and a word on it."""
    job = attempts.read(run.job, Job)
    if job is None:
        raise ComputeError(f"{run.job} is no job", remedy="submit the run again")
    if run.result.exists():  # killed between its result and its end
        return 0, "trained already"
    patience.deadline = time.monotonic() + job.spec.timeout_s - attempt.seconds_before
    print(f"attempt {attempt.number} of run {job.run_id}: {job.spec.recipe}, {job.spec.epochs} epochs", flush=True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or CUDA refuses to be deterministic
    from training import checkpoint, data, loop, serving  # torch: seconds, so the process has signed in before

    examples = loop.Data(train=data.load(job.dataset_dir, "train"), validation=data.load(job.dataset_dir, "validation"))
    if examples.train.classes != job.classes:
        raise ComputeError(f"{job.dataset_dir} has other classes than the job", remedy="submit the run again")
    truncate_metrics(run.metrics, checkpoint.latest_step(run.checkpoints))
    try:
        trained = loop.train(
            job.spec,
            examples,
            _recorder(run, job.spec.epochs),
            checkpoints=run.checkpoints,
            stop=patience.over,
            accelerator=job.accelerator,
        )
    except loop.Interrupted as interruption:
        if patience.timed_out:
            return EXIT_TIMEOUT, f"{interruption}: {job.spec.timeout_s:g} s are used up (timeout_s)"
        return EXIT_RESUMABLE, str(interruption)
    sha256 = serving.save(run.model, trained.network, job.spec.recipe, trained.shape, job.classes)
    result = Result(
        metrics=dict(trained.metrics),
        steps=trained.steps,
        num_train=len(examples.train),
        num_validation=len(examples.validation),
        model_sha256=sha256,
    )
    write_result(run.result, result)
    shutil.rmtree(run.checkpoints, ignore_errors=True)  # the model is there; nothing resumes from them any more
    return 0, f"trained: {trained.steps} steps"


def _recorder(run: RunFolder, epochs: int) -> Callable[[Sequence[Metric]], None]:
    """Writes an epoch's rows down, and a line of progress."""

    def record(rows: Sequence[Metric]) -> None:
        append_metrics(run.metrics, rows)
        numbers = "  ".join(f"{row.name} {row.value:.4f}" for row in rows)
        print(f"epoch {rows[0].epoch}/{epochs}  {numbers}", flush=True)

    return record


def _beat(path: Path) -> None:
    while True:
        path.touch()
        time.sleep(_HEARTBEAT_S)


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(exit_code)  # all is on the disk; taking torch apart would last, and be billed, another second
