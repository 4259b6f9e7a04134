"""Recipes: small networks, each a module of plain PyTorch that reads top to bottom.

`prepare` is the one way from bytes to tensor, shared by training and serving.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from training.spec import RecipeName

if TYPE_CHECKING:
    import torch

Shape = Mapping[str, int]  # what a recipe's network is built from; lies in config.json beside the weights


class Recipe(Protocol):
    """What every module of this folder offers."""

    def describe(self, media: Sequence[bytes], num_classes: int) -> Shape:
        """The shape of the network for such data, found from the data alone."""

    def prepare(self, media: bytes, shape: Shape) -> "torch.Tensor":
        """One item's bytes as a uint8 tensor, the same size for all items. Raises ValueError for other media."""

    def augment(self, batch: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
        """A batch of training items, varied as the same answer allows."""

    def build(self, shape: Shape) -> "torch.nn.Module":
        """A network, weights drawn from torch's random state: batch of `prepare` in, (batch, classes) logits out."""


def recipe(name: RecipeName) -> Recipe:
    """The recipe of that name; imports torch."""
    module: Recipe = importlib.import_module(f"training.recipes.{name}")
    return module
