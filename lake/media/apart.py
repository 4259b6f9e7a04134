"""A process of its own for decoders that hostile bytes may crash, stall or fill memory with.

FFmpeg, libsndfile, mpg123, scipy's reader of MATLAB files and Parquet's are compiled code that is fed what anybody
delivers. A child does their work: it outlives the files, has 2 GiB of memory and a limit of processor time a file,
and can write nothing. Where it dies, one file is refused, and the next one gets a new child.
"""

import atexit
import contextlib
import errno
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lake.errors import LakeError
from lake.media.kinds import Refused

T = TypeVar("T")
MEMORY_BYTES = 2 << 30
_WALL_FACTOR = 10  # processor time decides; a child that only waits is ended as well
_MAX_WALL_S = 86_400.0
_PROTOCOL = 5  # arrays and bytes go through the pipe without being copied first
_MAIN = "from lake.media.apart import serve; serve()"
_SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}


def apart(function: Callable[..., T], *arguments: object, cpu_s: float) -> T:
    """`function(*arguments)` in a child process; the function is importable, what it takes and gives is picklable.

    Raises what the function raises; Refused where it crashes, or needs more than `cpu_s` of processor time or more
    than MEMORY_BYTES; LakeError where the child does not start.
    """
    question = (function, arguments, cpu_s)
    for is_last in (False, True):
        worker = _taken()
        try:
            answer = worker.ask(question, min(_WALL_FACTOR * cpu_s, _MAX_WALL_S))
        except BaseException:  # Control-C: nobody waits for its answer any more
            worker.end(at_once=True)
            raise
        if answer is not None:
            _idle.append(worker)
            is_raised, value = answer
            if is_raised:
                raise value
            return value  # type: ignore[no-any-return]  # what the function gives
        code = worker.end()
        if code != -signal.SIGKILL or worker.stalled or is_last:
            break  # a child that the system killed may not have been at fault: one more try
    raise _refusal(code, worker.stalled, cpu_s)


def _refusal(code: int, stalled: bool, cpu_s: float) -> Refused:
    if stalled or code == -signal.SIGXCPU:
        return Refused("oversize", f"decoding it takes more than {cpu_s:g} s")
    if code == -signal.SIGKILL:
        return Refused("oversize", "the system ends whatever decodes it, as it does when memory is short")
    if code == errno.ENOMEM:
        return Refused("oversize", f"decoding it takes more than {MEMORY_BYTES >> 30} GiB of memory")
    name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
    return Refused("unreadable", f"its decoder crashes ({name})")


class _Worker:
    """One child: asked one question at a time."""

    def __init__(self) -> None:
        self.stalled = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ
            | _SETTINGS
            | {"PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path)},
        )
        assert self._process.stdout is not None
        if self._process.stdout.read(1) != b"1":
            raise LakeError(
                f"the process that decodes media does not start (exit status {self.end()})",
                remedy="what it wrote to standard error says why; is the environment complete?",
            )

    def ask(self, question: Any, wall_s: float) -> tuple[bool, Any] | None:
        """Whether something was raised, and what came; None for a child that died or did not answer in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(question, self._process.stdin, protocol=_PROTOCOL)
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        waiting = select.poll()
        waiting.register(self._process.stdout, select.POLLIN)
        if not waiting.poll(1000 * wall_s):
            self.stalled = True
            return None
        try:
            answer: tuple[bool, Any] = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):  # it died in the middle of it
            return None
        return answer

    def end(self, *, at_once: bool = False) -> int:
        """Its exit status, at last."""
        if self.stalled or at_once:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        return self._process.wait()


_idle: list[_Worker] = []
_inherited: list[_Worker] = []  # of the process that this one was forked from, which still asks them


def _taken() -> _Worker:
    try:
        return _idle.pop()  # two threads never get the same one
    except IndexError:
        return _Worker()


@atexit.register
def close() -> None:
    """End the children that wait for a question; the next question starts another."""
    while _idle:
        _idle.pop().end()


def _forked() -> None:
    _inherited.extend(_idle)
    _idle.clear()


os.register_at_fork(after_in_child=_forked)


def serve() -> None:
    """The child's life: questions from standard input, answers to standard output, until the input ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    _confine()
    answers.write(b"1")
    answers.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)  # decoders print to both
    os.dup2(nothing, 2)
    while True:
        try:
            outcome = _outcome(*pickle.load(questions))
        except EOFError:
            return
        except MemoryError:  # perhaps in the middle of a question, whose rest would be taken for the next one
            os._exit(errno.ENOMEM)
        pickle.dump(outcome, answers, protocol=_PROTOCOL)
        answers.flush()


def _confine() -> None:
    """No files, no core dumps, little memory; Control-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...], cpu_s: float) -> tuple[bool, Any]:
    """Whether something was raised, and what. Raises MemoryError."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + cpu_s) + 1, hard))
    try:
        return False, function(*arguments)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # it is raised again where it was asked for
        return True, error
