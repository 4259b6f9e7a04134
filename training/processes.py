"""Processes that outlive the one that starts them."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

_POLL_S = 0.02
_CLOCK_S = 2.0  # creation times are counted from the boot time, which moves when the clock is set


def spawn_detached(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path, keep_open: Sequence[int] = ()
) -> int:
    """Start a process in a session of its own, with its output appended to `log`; returns its pid.

    A shell stands between and ends at once, so the process is nobody's child: it survives this process
    being killed, and is no zombie of a caller that forgets it.
    """
    script = f"{shlex.join(command)} >>{shlex.quote(str(log))} 2>&1 </dev/null & echo $!"
    started = subprocess.run(
        ["/bin/sh", "-c", script],
        env=dict(env),
        cwd=cwd,
        pass_fds=tuple(keep_open),
        start_new_session=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(started.stdout)


def is_process(pid: int, created: float) -> bool:
    """Whether the process that was created then still lives, and is not another one with its number."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < _CLOCK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_group(group: int, gone: Callable[[], bool], *, grace_s: float) -> None:
    """End a process group: SIGTERM, and SIGKILL after `grace_s`. Returns when `gone` says so."""
    _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while not gone() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    while not gone():
        _signal(group, signal.SIGKILL)
        time.sleep(_POLL_S)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
