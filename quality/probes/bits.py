"""What probes of measured media share: a hash of 64 bits and a direction of 64 numbers, and how holes are filled."""

import hashlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_SIZE = 64
# (64, 64) of -1 and 1, drawn by hash; products with whole numbers are exact, so bits are the same on every machine
_DRAWN = np.frombuffer(hashlib.shake_256(b"planes of a sketch").digest(_SIZE * _SIZE // 8), dtype=np.uint8)
_PLANES = 2.0 * np.unpackbits(_DRAWN).reshape(_SIZE, _SIZE) - 1


def sketch(values: Floats) -> tuple[str, tuple[float, ...]]:
    """Hash and direction of 64 numbers: copies that differ a little differ in few bits, and their cosine is near 1.

    The direction is that of the numbers without their mean, in steps of 1e-6, zeros for equal ones. Each bit says on
    which side of a plane it lies, so that their share that differs is the angle between two directions over 180
    degrees. Source: Charikar 2002, "Similarity estimation techniques from rounding algorithms".
    """
    steps = (standard(values.ravel()) * 1e6).round()
    hashed = np.packbits(_PLANES @ steps > 0).tobytes().hex()
    return hashed, tuple((steps / 1e6).tolist())


def standard(values: Floats) -> Floats:
    """Numbers without their mean, scaled to length 1; zeros for equal ones."""
    centred = values - values.mean()
    norm = float(np.sqrt((centred**2).sum()))
    if not norm > 1e-9 * max(1e-30, float(np.abs(values).max())):
        return np.zeros(values.shape)
    return np.asarray(centred / norm, dtype=np.float64)


def resampled(values: Floats, places: int) -> Floats:
    """Means over `places` equal stretches of a series; a short one is interpolated."""
    if len(values) >= places:
        edges = np.linspace(0, len(values), places + 1).round().astype(np.int64)
        return np.asarray(np.add.reduceat(values, edges[:-1]) / np.diff(edges), dtype=np.float64)
    return np.interp(np.linspace(0, len(values) - 1, places), np.arange(len(values)), values)


def filled(values: Floats) -> Floats:
    """Where no measurement stands, what lies between its neighbours; zeros where none stands at all."""
    known = ~np.isnan(values)
    if known.all():
        return values
    if not known.any():
        return np.zeros(len(values))
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def constant_share(values: Floats) -> float:
    """Of the columns that hold one value or none."""
    if not values.size:
        return 0.0
    lowest, highest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    return float((~(lowest < highest)).mean())
