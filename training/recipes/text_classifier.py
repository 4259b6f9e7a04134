"""A linear classifier over hashed byte n-grams: no vocabulary, no word boundaries, so Chinese and English alike.

Legend: N items, F hashed features.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from training.recipes import Shape

NUM_FEATURES = 1 << 14
NGRAM_BYTES = (2, 3, 4, 5, 6)  # a Chinese character is 3 bytes, so 6 is a pair of them
MAX_BYTES = 4096  # of a text; what follows is not read
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: Fibonacci hashing, Knuth 6.4


class Network(nn.Module):
    """Counts damped by a logarithm, scaled to unit length, one linear layer."""

    def __init__(self, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(num_features, num_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, counts_NF: torch.Tensor) -> torch.Tensor:  # noqa: N803 - the suffix is the shape
        features = functional.normalize(torch.log1p(counts_NF.float()), dim=1)
        logits: torch.Tensor = self.head(features)
        return logits


def build(shape: Shape) -> nn.Module:
    """The network for that shape."""
    return Network(**shape)


def describe(media: Sequence[bytes], num_classes: int) -> Shape:  # noqa: ARG001 - one form for all recipes
    """The same for every text: n-grams are hashed, so nothing is learned from the texts themselves."""
    return {"num_features": NUM_FEATURES, "num_classes": num_classes}


def prepare(media: bytes, shape: Shape) -> torch.Tensor:
    """(F,) uint8: how often each hashed n-gram occurs, at most 255. Raises ValueError when it is not UTF-8."""
    text = unicodedata.normalize("NFKC", media.decode("utf-8-sig")).lower()
    units = np.frombuffer(f" {text.strip()} ".encode()[:MAX_BYTES], dtype=np.uint8).astype(np.uint64)
    counts = np.zeros(shape["num_features"], dtype=np.int64)
    for num_bytes in NGRAM_BYTES:
        counts += np.bincount(_buckets(units, num_bytes, shape["num_features"]), minlength=shape["num_features"])
    return torch.from_numpy(np.minimum(counts, 255).astype(np.uint8))


def _buckets(units: npt.NDArray[np.uint64], num_bytes: int, num_features: int) -> npt.NDArray[np.int64]:
    """The hash bucket of every n-gram of that length, in order."""
    num = max(len(units) - num_bytes + 1, 0)
    hashed: npt.NDArray[np.uint64] = np.full(num, num_bytes, dtype=np.uint64)
    for place in range(num_bytes):
        hashed = (hashed ^ units[place : place + num]) * _MULTIPLIER  # wraps at 2**64, as it should
        hashed = hashed ^ (hashed >> np.uint64(29))
    return (hashed >> np.uint64(32)).astype(np.int64) % num_features


def augment(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:  # noqa: ARG001 - one form for all recipes
    """The batch as it is: leaving out n-grams at random was tried, and gained nothing."""
    return batch
