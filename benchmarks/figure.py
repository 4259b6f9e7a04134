"""The one form that every benchmark's figures have."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Area = Literal["loop", "lake", "labeling", "compute", "quality", "trial"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number. `ours` and `peer` are medians of `runs`; `ratio` is ours / peer."""

    area: Area
    name: str
    unit: str
    ours: float
    peer: float | None
    ratio: float | None
    must: str  # what it has to reach
    holds: bool  # it does, and the result was right
    runs: int
    machine: str


def figure(
    area: Area,
    name: str,
    unit: str,
    ours: list[float],
    *,
    peer: list[float] | None = None,
    must: str,
    holds: Callable[[float, float | None], bool],
) -> Figure:
    """Medians of repeated measurements, and whether they are good enough."""
    mine, theirs = statistics.median(ours), statistics.median(peer) if peer else None
    return Figure(
        area=area,
        name=name,
        unit=unit,
        ours=round(mine, 4),
        peer=None if theirs is None else round(theirs, 4),
        ratio=None if not theirs else round(mine / theirs, 4),
        must=must,
        holds=holds(mine, theirs),
        runs=len(ours),
        machine=machine(),
    )


def machine() -> str:
    """The hardware in a few words, fit for a file's name."""
    memory_gib = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return f"{platform.machine()}-{os.cpu_count()}cpu-{memory_gib}gib"


def results_file() -> Path:
    """Where the last full run on this hardware is kept."""
    return Path(__file__).parent / "results" / f"{machine()}_{time.strftime('%Y%m')}.json"
