"""The machine at hand as a provider: one detached process a run.

A run is a folder, `root/<key>`. The process holds a lock on `alive` for as long as it lives: it is handed
over open, so there is no moment at which a run has a process and no lock, and the kernel lets go of it
however the process ends. Whether a run lives is therefore never a matter of pids or times.
"""

import fcntl
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import training
from lake.errors import ComputeError
from lake.records import Offer
from training import attempts, device
from training.attempts import Attempt, Exit, Process
from training.compute.provider import EXIT_RESUMABLE, EXIT_TIMEOUT, Handle, Job, Poll
from training.files import RunFolder
from training.processes import is_process, spawn_detached, stop_group
from training.spec import LocalOfferSpec

NAME = "local"
MAX_STALLED = 3  # attempts in a row without a new checkpoint, before a run counts as failed
_HANG_S = 60.0  # beyond its timeout, before a process that does not stop by itself is stopped
_CANCEL_GRACE_S = 5.0
_START_S = 30.0  # for a process to sign in, on a busy machine
_LOG_BYTES = 64 * 1024
_SECRET = re.compile(r"^TRIALBASE_|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)KEY(_|$)|_DSN$|_URI$|^AWS_", re.I)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class LocalProvider:
    """Runs jobs on this machine, below `root`."""

    def __init__(self, root: Path, spec: LocalOfferSpec) -> None:
        self._root = root.absolute()
        self._spec = spec

    def offers(self) -> Sequence[Offer]:
        """This machine, with its best accelerator."""
        offer = Offer(
            provider=NAME,
            offer_id="this-machine",
            accelerator=_accelerator(),
            count=1,
            price_per_hour=self._spec.price_per_hour,
            currency=self._spec.currency,
        )
        return (offer,)

    def submit(self, job: Job, offer: Offer, *, key: str) -> Handle:
        if not _KEY.fullmatch(key):
            raise ComputeError(f"{key!r} cannot name a run", remedy="use letters, digits, dots and dashes")
        handle, run = Handle(NAME, key), RunFolder(self._root / key)
        run.path.mkdir(parents=True, exist_ok=True)
        with _guard(run), _alive(run) as lock:
            if lock is None or (_attempt(run) and self._state(run, alive=False).state in ("succeeded", "cancelled")):
                return handle
            attempt = _next_attempt(run)
            if attempt.stalled < MAX_STALLED:
                attempts.write(run.job, job.model_copy(update={"accelerator": offer.accelerator}))
                attempts.write(run.attempt, attempt)
                _start(run, lock)
        return handle

    def poll(self, handle: Handle) -> Poll:
        run = self._find(handle)
        with _guard(run):
            poll = self._state(run, alive=_lives(run))
            job, attempt = attempts.read(run.job, Job), _attempt(run)
            if poll.state == "running" and job and attempt and poll.seconds > job.spec.timeout_s + _HANG_S:
                _stop(run, grace_s=0)
                late = f"it did not stop after {job.spec.timeout_s:g} s (timeout_s), and was killed"
                attempts.write(run.exit, attempts.exit_now(attempt.number, EXIT_TIMEOUT, late))
                poll = self._state(run, alive=False)
        return poll

    def logs(self, handle: Handle) -> str:
        run = self._find(handle)
        if not run.log.exists():
            return ""
        with run.log.open("rb") as file:
            file.seek(max(0, run.log.stat().st_size - _LOG_BYTES))
            return file.read().decode("utf-8", errors="replace")

    def cancel(self, handle: Handle) -> None:
        run = self._find(handle)
        with _guard(run):
            alive = _lives(run)
            if not alive and self._state(run, alive=False).state in ("succeeded", "failed", "cancelled"):
                return
            if alive:
                _stop(run, grace_s=_CANCEL_GRACE_S)
            if self._state(run, alive=False).state != "succeeded":
                _cancelled(run).touch()

    def fetch(self, handle: Handle, to: Path) -> None:
        run, poll = self._find(handle), self.poll(handle)
        if poll.state != "succeeded":
            raise ComputeError(
                f"run {handle.key} is {poll.state}: {poll.message}",
                remedy="wait until it has succeeded, or submit it again when it was lost",
            )
        partial = to.with_name(f".{to.name}.{os.getpid()}.tmp")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(run.model, partial / "model")
        shutil.copy(run.metrics, partial)
        shutil.copy(run.result, partial)
        if to.exists():
            shutil.rmtree(to)
        partial.rename(to)

    def _find(self, handle: Handle) -> RunFolder:
        run = RunFolder(self._root / handle.key)
        if not _KEY.fullmatch(handle.key) or _attempt(run) is None:
            raise ComputeError(f"no run {handle.key} below {self._root}", remedy="submit it first")
        return run

    def _state(self, run: RunFolder, *, alive: bool) -> Poll:
        """What the files say; under the guard, so that they do not change meanwhile."""
        attempt, ended = _attempt(run), _exit(run)
        assert attempt is not None
        seconds = _seconds(run, attempt, alive=alive)
        if alive:
            return Poll("running" if _process(run, attempt) else "submitted", seconds)
        if _cancelled(run).exists():
            return Poll("cancelled", seconds, message=f"cancelled; delete {run.path} to train it again")
        code = ended.code if ended else None
        message = ended.message if ended else "the process was killed; submit the run again to resume it"
        if code == 0:
            return Poll("succeeded", seconds, code, message)
        if code not in (None, EXIT_RESUMABLE):
            return Poll("failed", seconds, code, message or _last_line(self.logs(Handle(NAME, run.path.name))))
        if _next_attempt(run).stalled >= MAX_STALLED:
            message = f"{MAX_STALLED} attempts in a row saved no checkpoint; read {run.log}, then delete {run.path}"
            return Poll("failed", seconds, code, message)
        return Poll("lost", seconds, code, message)


def _accelerator() -> str:
    """The best that torch offers; its CPU build says so in its version, which spares importing it."""
    return device.CPU if metadata.version("torch").endswith("+cpu") else device.available()[0]


def _start(run: RunFolder, lock: int) -> None:
    run.exit.unlink(missing_ok=True)
    command = [sys.executable, "-P", "-m", "training.entry", str(run.path)]
    spawn_detached(command, env=_environment(), log=run.log, cwd=run.path, keep_open=[lock])


def _environment() -> dict[str, str]:
    """This process's environment without its secrets and settings, and with the way to this code."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    roots = [str(Path(training.__file__).parent.parent), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONUNBUFFERED": "1"}


def _next_attempt(run: RunFolder) -> Attempt:
    """The attempt after the last one, which has ended."""
    last, step = _attempt(run), run.last_step()
    if last is None:
        return Attempt(number=1, started=time.time(), seconds_before=0.0, step=step, stalled=0)
    return Attempt(
        number=last.number + 1,
        started=time.time(),
        seconds_before=_seconds(run, last, alive=False),
        step=step,
        stalled=0 if step > last.step else last.stalled + 1,
    )


def _seconds(run: RunFolder, attempt: Attempt, *, alive: bool) -> float:
    """Of all attempts; one that was killed lasted until its last heartbeat."""
    ended = _exit(run)
    if alive:
        end = time.time()
    elif ended:
        end = ended.ended
    else:
        end = run.heartbeat.stat().st_mtime if run.heartbeat.exists() else attempt.started
    return attempt.seconds_before + max(0.0, end - attempt.started)


def _stop(run: RunFolder, *, grace_s: float) -> None:
    """End the run's process; returns when it is gone."""
    deadline = time.monotonic() + _START_S
    attempt = _attempt(run)
    while _lives(run):
        process = _process(run, attempt) if attempt else None
        if process and is_process(process.pid, process.created):
            stop_group(process.group, lambda: not _lives(run), grace_s=grace_s)
        elif time.monotonic() > deadline:
            raise ComputeError(f"the process of {run.path} does not say who it is", remedy="look for it with `ps`")
        else:
            time.sleep(0.05)


def _attempt(run: RunFolder) -> Attempt | None:
    return attempts.read(run.attempt, Attempt)


def _process(run: RunFolder, attempt: Attempt) -> Process | None:
    process = attempts.read(run.process, Process)
    return process if process and process.attempt == attempt.number else None


def _exit(run: RunFolder) -> Exit | None:
    ended, attempt = attempts.read(run.exit, Exit), _attempt(run)
    return ended if ended and attempt and ended.attempt == attempt.number else None


def _cancelled(run: RunFolder) -> Path:
    return run.path / "cancelled"


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


@contextmanager
def _guard(run: RunFolder) -> Iterator[None]:
    """One submit, poll or cancel of a run at a time."""
    with (run.path / "guard").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _alive(run: RunFolder) -> Iterator[int | None]:
    """The lock that a run's process holds, as an open file; None while one holds it."""
    with (run.path / "alive").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file.fileno()


def _lives(run: RunFolder) -> bool:
    with _alive(run) as lock:
        return lock is None
