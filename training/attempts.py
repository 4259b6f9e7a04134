"""What a provider and the process that trains tell one another, as small files in the run's folder."""

import os
import time
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import ValidationError

from lake.errors import ComputeError
from lake.spec import Spec
from training import files


class Attempt(Spec):
    """One try at a run, written by the provider before it starts the process."""

    number: int
    started: float  # seconds since the epoch
    seconds_before: float  # on the machine, in earlier attempts
    step: int  # of the checkpoint that it resumes from
    stalled: int  # attempts just before this one that added no checkpoint


class Process(Spec):
    """The process that trains. Its creation time tells it from a later one with the same number."""

    attempt: int
    pid: int
    group: int
    created: float


class Exit(Spec):
    """How an attempt ended, if it could still say so."""

    attempt: int
    code: int
    message: str
    ended: float


Note = TypeVar("Note", bound=Spec)


def write(path: Path, note: Spec) -> None:
    """Put a note in place, whole or not at all."""
    files.replace_text(path, note.model_dump_json() + "\n")


def read(path: Path, kind: type[Note]) -> Note | None:
    """The note at a path, None when there is none. Raises ComputeError when it is damaged."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ComputeError(f"{path} is damaged: {error}", remedy=f"delete {path.parent} and train again") from error


def current_process(attempt: int) -> Process:
    """This process."""
    pid = os.getpid()
    return Process(attempt=attempt, pid=pid, group=os.getpgid(pid), created=psutil.Process(pid).create_time())


def exit_now(attempt: int, code: int, message: str) -> Exit:
    """An attempt that ends now."""
    return Exit(attempt=attempt, code=code, message=message, ended=time.time())
