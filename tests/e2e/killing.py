"""Runs a `trialbase` command that is killed (SIGKILL) when it calls a named function for the n-th time.

python -m tests.e2e.killing MODULE:NAME before|after N WORD...

The command is the real one; only the moment of its death is chosen.
"""

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(place: str, when: str, call: int) -> None:
    """Replace MODULE:NAME (or MODULE:CLASS.NAME) by one that dies."""
    module_name, _, path = place.partition(":")
    owner: Any = importlib.import_module(module_name)
    *classes, name = path.split(".")
    for one in classes:
        owner = getattr(owner, one)
    whole: Callable[..., Any] = getattr(owner, name)

    calls = 0

    @functools.wraps(whole)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            die()
        result = whole(*args, **kwargs)
        if calls == call:
            die()
        return result

    setattr(owner, name, deadly)


def main() -> None:
    place, when, call, *words = sys.argv[1:]
    arm(place, when, int(call))
    sys.argv = ["trialbase", *words]
    from pipelines.cli import main as trialbase

    trialbase()


if __name__ == "__main__":
    main()
