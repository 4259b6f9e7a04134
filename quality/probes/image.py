"""Probes of an image, in integers wherever that keeps them the same on every machine."""

import io
import math

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from lake.errors import LakeError
from quality.probes import EMBEDDING_SIZE, ImageProbe

_SIDE = math.isqrt(EMBEDDING_SIZE)


def probe_image(media: bytes, media_type: str) -> ImageProbe:
    """Probes of the first frame of an image that Pillow can decode; LakeError when it cannot any more."""
    try:
        with Image.open(io.BytesIO(media)) as stored:
            channels = len(stored.getbands())
            grey = grey_image(stored)
    except (OSError, SyntaxError, ValueError) as error:
        raise LakeError(
            f"an item of type {media_type} can no longer be decoded: {error}",
            remedy="its pack is damaged or was written by hand: restore the pack, then rerun the batch",
        ) from error
    levels = np.asarray(grey, dtype=np.int16)
    height, width = levels.shape
    mean, variance = _mean_and_variance(levels)
    return ImageProbe(
        width=width,
        height=height,
        channels=channels,
        brightness=mean / 255,
        contrast=math.sqrt(variance) / 255,
        sharpness=sharpness(levels),
        phash=str(imagehash.phash(grey)),
        embedding=thumbnail(grey),
    )


def grey_image(stored: Image.Image) -> Image.Image:
    """8-bit grey, upright, on white where it is transparent; 16-bit scans keep their whole range."""
    upright = ImageOps.exif_transpose(stored)
    if upright.mode.startswith("I") or upright.mode == "F":
        return _from_deep(np.asarray(upright, dtype=np.float64), is_float=upright.mode == "F")
    if upright.has_transparency_data:
        colour = upright.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("L")
    return upright.convert("L")


def _from_deep(levels: npt.NDArray[np.float64], *, is_float: bool) -> Image.Image:
    """Pillow's own conversion cuts everything above 255 off; floats have no agreed range but their own."""
    if is_float:
        levels = np.nan_to_num(levels, posinf=0, neginf=0)
        low, high = levels.min(), levels.max()
        scaled = (levels - low) / (high - low) * 255 if high > low else np.zeros_like(levels)
    else:
        scaled = levels.clip(0, 65535) / 257
    return Image.fromarray(scaled.round().astype(np.uint8))


def sharpness(levels: npt.NDArray[np.int16]) -> float:
    """Variance of the 4-neighbour Laplacian over the inner pixels; 0 for an image without any.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".
    """
    if min(levels.shape) < 3:
        return 0.0
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    return _mean_and_variance(around - 4 * levels[1:-1, 1:-1])[1]


def thumbnail(grey: Image.Image) -> tuple[float, ...]:
    """EMBEDDING_SIZE grey levels of the whole image, without their mean, scaled to length 1."""
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.int64).ravel()
    centred = EMBEDDING_SIZE * small - small.sum()  # a multiple of small - mean, still exact
    norm = math.sqrt(int((centred**2).sum()))
    return tuple((centred / norm).tolist()) if norm else (0.0,) * EMBEDDING_SIZE


def _mean_and_variance(values: npt.NDArray[np.int16]) -> tuple[float, float]:
    """From exact integer sums, so that no order of addition changes a digit."""
    total = int(values.sum(dtype=np.int64))
    squares = int(np.einsum("ij,ij->", values, values, dtype=np.int64))
    return total / values.size, (values.size * squares - total**2) / values.size**2
