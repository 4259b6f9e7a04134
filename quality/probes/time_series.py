"""Probes of a time series."""

import re

import numpy as np

from lake.media.numbers import Numbers
from quality.probes import EMBEDDING_SIZE, TimeSeriesProbe
from quality.probes.bits import Floats, constant_share, filled, resampled, sketch, standard

_IS_TIME = re.compile(r"(time|date|timestamp|datetime|t|ds|时间|日期|時間)([ _(\[].*)?", re.IGNORECASE)
_SHIFT = 7  # places that channels are moved against one another, so that equal ones do not cancel out


def probe_time_series(found: Numbers) -> TimeSeriesProbe:
    """Probes of a series."""
    times, channels = time_and_channels(found)
    steps = np.diff(times)
    steps = steps[np.isfinite(steps)]
    interval = float(np.median(steps)) if len(steps) else 1.0
    phash, embedding = sketch(_shape(channels))
    return TimeSeriesProbe(
        num_values=len(times),
        num_channels=channels.shape[1],
        nan_share=float(np.isnan(channels).mean()) if channels.size else 0.0,
        interval=interval,
        gap_share=float((steps > 2 * interval).mean()) if len(steps) else 0.0,
        is_monotonic=bool(len(steps) == max(0, len(times) - 1) and (steps > 0).all()),
        constant_share=constant_share(channels),
        phash=phash,
        embedding=embedding,
    )


def time_and_channels(found: Numbers) -> tuple[Floats, Floats]:
    """(rows,) the time, (rows, channels) the rest without columns of texts."""
    usable = [at for at, is_text in enumerate(found.texts) if not is_text]
    at = next((at for at in usable if _IS_TIME.fullmatch(found.names[at].strip())), None)
    if at is None and len(usable) > 1:
        first = found.values[:, usable[0]]
        at = usable[0] if len(first) > 1 and bool((np.diff(first) > 0).all()) else None
    channels = found.values[:, [one for one in usable if one != at]]
    return found.values[:, at] if at is not None else np.arange(len(channels), dtype=np.float64), channels


def _shape(channels: Floats) -> Floats:
    """The standardised channels at 64 places, summed with signs and moved against one another."""
    total = np.zeros(EMBEDDING_SIZE)
    for number, channel in enumerate(channels.T):
        moved = np.roll(standard(resampled(filled(channel), EMBEDDING_SIZE)), _SHIFT * number)
        total += moved if number % 2 == 0 else -moved
    return total
