"""Probes of an image, in integers or in floats that hold integers, so that they are the same on every machine."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lake.media.image import Picture
from quality.probes import EMBEDDING_SIZE, ImageProbe

_SIDE = math.isqrt(EMBEDDING_SIZE)
_FIELD = 64  # pixels a side, of the small picture that hash and thumbnail look at
_ROWS = 64  # at least, that sharpness looks at
_DARK, _LIGHT = 4, 252  # levels below, levels from

# (8, 64) each: rows of the cosine transform (DCT-II) times 2**12, rounded; sums of 8 neighbours. Both and products of
# them with levels are whole numbers below 2**53, so that no order of addition changes a digit.
_COSINES = np.round(4096 * np.cos(np.pi * np.outer(np.arange(_SIDE), 2 * np.arange(_FIELD) + 1) / (2 * _FIELD)))
_BLOCKS = np.repeat(np.eye(_SIDE), _FIELD // _SIDE, axis=1)
# (256, 4): what a pixel of each level adds to the sum, the sum of squares, the dark and the light ones
_LEVELS = np.arange(256.0)
_MOMENTS = np.stack([_LEVELS, _LEVELS**2, _LEVELS < _DARK, _LEVELS >= _LIGHT], axis=1)


def probe_image(picture: Picture) -> ImageProbe:
    """Probes of the first frame of an image."""
    grey = picture.grey
    width, height = grey.size
    brightness, contrast, dark_share, light_share = exposure(grey)
    field = small_field(grey)
    return ImageProbe(
        width=width,
        height=height,
        channels=picture.channels,
        orientation=picture.orientation,
        has_gps=picture.has_gps,
        brightness=brightness,
        contrast=contrast,
        dark_share=dark_share,
        light_share=light_share,
        sharpness=sharpness(np.asarray(grey)),
        phash=perceptual_hash(field),
        embedding=thumbnail(field),
    )


def exposure(grey: Image.Image) -> tuple[float, float, float, float]:
    """Mean (0 to 1), standard deviation, share of dark and of light pixels."""
    count = grey.width * grey.height
    total, squares, num_dark, num_light = (np.array(grey.histogram(), dtype=np.float64) @ _MOMENTS).tolist()
    return total / count / 255, math.sqrt(count * squares - total**2) / count / 255, num_dark / count, num_light / count


def sharpness(levels: npt.NDArray[np.uint8]) -> float:
    """Variance of the 4-neighbour Laplacian over 64 to 127 inner rows spread evenly; 0 for an image without any.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    height, width = levels.shape
    if min(height, width) < 3:
        return 0.0
    step = max(1, height // _ROWS)
    here = levels[1:-1:step].astype(np.int16)
    around = levels[:-2:step].astype(np.int16)
    around += levels[2::step]
    run, run_around = here.ravel(), around.ravel()  # row after row: faster than rows with ends cut off
    run_around -= run << 2
    run_around[1:] += run[:-1]
    run_around[:-1] += run[1:]
    exact: type[np.signedinteger[Any]] = np.int32 if width < 2048 else np.int64  # squares are below 2**20
    inner: npt.NDArray[np.int64] = around[:, 1:-1].astype(exact)
    total = int(inner.sum(dtype=np.int64))
    squares = int(np.einsum("ij,ij->i", inner, inner).sum(dtype=np.int64))
    return (inner.size * squares - total**2) / inner.size**2


def small_field(grey: Image.Image) -> npt.NDArray[np.float64]:
    """(64, 64): the whole picture, small. Large ones are averaged in whole blocks first, which is cheap."""
    factor = (max(1, grey.width // _FIELD), max(1, grey.height // _FIELD))
    small = grey if factor == (1, 1) else grey.reduce(factor)
    if small.size != (_FIELD, _FIELD):
        small = small.resize((_FIELD, _FIELD), Image.Resampling.HAMMING)
    return np.asarray(small).astype(np.float64)


def perceptual_hash(field: npt.NDArray[np.float64]) -> str:
    """64 bits: which of the 8 x 8 lowest frequencies stand above their median; 16 hexadecimal digits.

    Source: the DCT hash of Zauner 2010, "Implementation and benchmarking of perceptual image hash functions".
    """
    found = (_COSINES @ field @ _COSINES.T).ravel()
    ordered = np.sort(found)
    return np.packbits(2 * found > ordered[31] + ordered[32]).tobytes().hex()


def thumbnail(field: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """EMBEDDING_SIZE grey levels of the whole image, without their mean, scaled to length 1."""
    sums = (_BLOCKS @ field @ _BLOCKS.T).ravel()
    centred = EMBEDDING_SIZE * sums - sums.sum()  # a multiple of what lies above the mean, still whole numbers
    norm = math.sqrt(float(centred @ centred))
    return tuple((centred / norm).tolist()) if norm else (0.0,) * EMBEDDING_SIZE
