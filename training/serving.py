"""A trained model on disk: weights as safetensors, and what they need to answer as config.json.

`_load_pyfunc` makes the folder an MLflow pyfunc model without importing MLflow, so it loads wherever torch is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch

from lake import ids
from lake.errors import ComputeError
from training import files
from training.recipes import Shape, recipe
from training.spec import RecipeName

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_BATCH = 256
_DECIMALS = 6  # of a probability: less than what another CPU or batch size changes


class Model:
    """A network that answers with probabilities; made by `load`."""

    def __init__(self, network: torch.nn.Module, recipe_name: RecipeName, shape: Shape, classes: Sequence[str]) -> None:
        self.network = network.eval()
        self.recipe_name = recipe_name
        self.shape = shape
        self.classes = tuple(classes)

    def probabilities(self, media: Sequence[bytes]) -> npt.NDArray[np.float64]:
        """(items, classes), rows sum to 1 within rounding. Raises ComputeError for media that cannot be decoded."""
        rows: list[npt.NDArray[np.float64]] = [np.empty((0, len(self.classes)), dtype=np.float64)]
        with _one_thread(), torch.inference_mode():
            for start in range(0, len(media), _BATCH):
                batch = torch.stack([self._prepare(data) for data in media[start : start + _BATCH]])
                rows.append(torch.softmax(self.network(batch).double(), dim=1).numpy())
        rounded: npt.NDArray[np.float64] = np.concatenate(rows).round(_DECIMALS)
        return rounded

    def _prepare(self, media: bytes) -> torch.Tensor:
        try:
            return recipe(self.recipe_name).prepare(media, self.shape)
        except ValueError as error:
            raise ComputeError(
                f"the model cannot read {ids.content_id(media)}: {error}",
                remedy=f"give it media that {self.recipe_name} takes",
            ) from error


class PyFunc:
    """The same behind MLflow's pyfunc interface."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, model_input: "pd.DataFrame", params: Mapping[str, object] | None = None) -> "pd.DataFrame":  # noqa: ARG002 - MLflow's interface
        """Columns predicted, confidence and probabilities (in the order of the classes), a row an input row."""
        import pandas as pd

        probabilities = self._model.probabilities([bytes(data) for data in model_input["media"]])
        best = probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "predicted": [self._model.classes[number] for number in best],
                "confidence": probabilities[np.arange(len(best)), best],
                "probabilities": [row.tolist() for row in probabilities],
            }
        )


def save(folder: Path, network: torch.nn.Module, recipe_name: RecipeName, shape: Shape, classes: Sequence[str]) -> str:
    """Write a model's two files; returns the sha256 of the weights, equal for equal weights."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = safetensors.torch.save(
        {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    )
    files.replace(folder / WEIGHTS, weights)
    config = {"recipe": recipe_name, "classes": list(classes), "shape": dict(shape)}
    files.replace_text(folder / CONFIG, json.dumps(config, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
    return ids.content_id(weights)


def load(folder: Path) -> Model:
    """The model in a folder. Raises ComputeError when it is damaged or made by a recipe that has changed."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        network = recipe(config["recipe"]).build(config["shape"])
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        return Model(network, config["recipe"], config["shape"], config["classes"])
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, safetensors.SafetensorError) as error:
        raise ComputeError(
            f"{folder} holds no model that this version can load: {error}",
            remedy="train it again, or use the version of Trialbase that trained it",
        ) from error


def _load_pyfunc(path: str) -> PyFunc:
    """What MLflow calls to load the model."""
    return PyFunc(load(Path(path)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, so that the same media give the same numbers on a busy machine too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
