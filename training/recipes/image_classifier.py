"""A small convolutional network for whole pictures, up to 32x32.

Legend: N items, C channels, S side in pixels.
"""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional

from training.recipes import Shape

GRAYSCALE_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"}
WIDTH = 16


class Network(nn.Module):
    """Four 3x3 convolutions, batch normalization and pooling to an eighth of the side, one linear layer."""

    def __init__(self, *, channels: int, side: int, num_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.BatchNorm2d(channels, affine=False),  # learns the data's own mean and spread
            *_convolution(channels, WIDTH),
            nn.MaxPool2d(2),
            *_convolution(WIDTH, 2 * WIDTH),
            *_convolution(2 * WIDTH, 2 * WIDTH),
            nn.MaxPool2d(2),
            *_convolution(2 * WIDTH, 4 * WIDTH),
            nn.MaxPool2d(2),
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4 * WIDTH * (side // 8) ** 2, num_classes)

    def forward(self, pictures_NCSS: torch.Tensor) -> torch.Tensor:  # noqa: N803 - the suffix is the shape
        features = self.features(pictures_NCSS.float() / 255)
        logits: torch.Tensor = self.head(self.dropout(features.flatten(1)))
        return logits


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def build(shape: Shape) -> nn.Module:
    """The network for that shape."""
    return Network(**shape)


def describe(media: Sequence[bytes], num_classes: int) -> Shape:
    """One channel where every picture is gray; 16 pixels a side where every picture fits in that, else 32."""
    gray, largest = True, 0
    for data in media:
        with Image.open(io.BytesIO(data)) as picture:
            gray = gray and picture.mode in GRAYSCALE_MODES
            largest = max(largest, *picture.size)
    return {"channels": 1 if gray else 3, "side": 16 if largest <= 16 else 32, "num_classes": num_classes}


def prepare(media: bytes, shape: Shape) -> torch.Tensor:
    """(C, S, S) uint8, upright, stretched to the side. Raises ValueError when the bytes are no picture."""
    try:
        with Image.open(io.BytesIO(media)) as opened:
            picture = _eight_bits(ImageOps.exif_transpose(opened))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a picture that can be decoded: {error}") from error
    picture = picture.convert("L" if shape["channels"] == 1 else "RGB")
    side = shape["side"]
    pixels = np.array(picture.resize((side, side), Image.Resampling.BILINEAR)).reshape(side, side, -1)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16-bit or floating-point samples stretched over 0 to 255; any other unchanged."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    samples = np.asarray(picture).astype(np.float32)
    low, high = float(samples.min()), float(samples.max())
    return Image.fromarray(np.uint8((samples - low) / max(high - low, 1e-12) * 255))


def augment(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each picture shifted by up to an eighth of its side; never mirrored, since a digit or a sign has a side."""
    num, _, side, _ = batch.shape
    reach = side // 8
    padded = functional.pad(batch, (reach,) * 4)
    top, left = torch.randint(0, 2 * reach + 1, (2, num, 1), generator=generator).to(batch.device)
    rows, columns = top + torch.arange(side, device=batch.device), left + torch.arange(side, device=batch.device)
    items = torch.arange(num, device=batch.device)[:, None, None]
    shifted = padded[items, :, rows[:, :, None], columns[:, None, :]]  # advanced indices put channels last
    return shifted.permute(0, 3, 1, 2).contiguous()
