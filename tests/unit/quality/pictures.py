"""Pictures for the tests of this folder: scikit-learn's scanned digits, larger, and careful damage to them."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image


def digit_images(count: int) -> list[Image.Image]:
    """The first `count` digits, 8 x 8 in 17 levels, as 64 x 64 in 256."""
    from sklearn.datasets import load_digits

    levels = load_digits().images[:count]
    small = [Image.fromarray((level * 255 / 16).round().astype(np.uint8)) for level in levels]
    return [image.resize((64, 64), Image.Resampling.BICUBIC) for image in small]


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def brighter(image: Image.Image, levels: int) -> Image.Image:
    return _clipped(np.asarray(image).astype(np.int64) + levels)


def one_pixel_inverted(image: Image.Image, seed: int) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    row, column = np.random.default_rng(seed).integers(0, 64, 2)
    values[row, column] = 255 - values[row, column]
    return _clipped(values)


def noisy(image: Image.Image, seed: int) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    return _clipped(values + np.random.default_rng(seed).integers(-2, 3, values.shape))


def _clipped(values: npt.NDArray[np.int64]) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
