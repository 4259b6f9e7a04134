"""Probes of a point cloud."""

import math

import numpy as np

from lake.media.numbers import Numbers
from quality.probes import EMBEDDING_SIZE, PointCloudProbe
from quality.probes.bits import Floats, sketch

_CENTRAL = (1, 99)  # percentiles: a few stray points do not stretch the extent

_LEAST_M3 = 1e-9
_SIDE = math.isqrt(EMBEDDING_SIZE)


def probe_point_cloud(found: Numbers) -> PointCloudProbe:
    """Probes of points: x, y, z, and the intensity where there is a fourth column."""
    points = found.values[:, :3]
    good = points[np.isfinite(points).all(axis=1)]
    low, high = np.percentile(good, _CENTRAL, axis=0) if len(good) else (np.zeros(3), np.zeros(3))
    extent = high - low
    volume = float(np.prod(extent))
    phash, embedding = sketch(_seen_from_above(good, low, extent))
    faint, bright = _range(found.values[:, 3]) if found.values.shape[1] > 3 else (0.0, 0.0)
    return PointCloudProbe(
        num_points=len(points),
        nan_share=1 - len(good) / len(points),
        extent_x=float(extent[0]),
        extent_y=float(extent[1]),
        extent_z=float(extent[2]),
        density=len(good) / volume if volume > _LEAST_M3 else 0.0,
        intensity_low=faint,
        intensity_high=bright,
        phash=phash,
        embedding=embedding,
    )


def _range(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, _CENTRAL) if len(known) else (0.0, 0.0)
    return float(low), float(high)


def _seen_from_above(points: Floats, low: Floats, extent: Floats) -> Floats:
    """(8, 8): how many points lie in each field of the extent, on a logarithmic scale."""
    if not len(points) or not (extent[:2] > 0).all():
        return np.zeros((_SIDE, _SIDE))
    places = (points[:, :2] - low[:2]) / extent[:2] * _SIDE
    places = places[((places >= 0) & (places < _SIDE)).all(axis=1)].astype(np.int64)
    counts = np.bincount(places[:, 0] * _SIDE + places[:, 1], minlength=_SIDE**2)
    return np.log1p(counts.reshape(_SIDE, _SIDE).astype(np.float64))
