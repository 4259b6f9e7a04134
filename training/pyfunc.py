"""A trained model as an MLflow pyfunc: weights, the code that reads them, signature, example, libraries."""

import importlib
import json
import shutil
import warnings
from importlib import metadata
from pathlib import Path
from types import ModuleType

_SERVING_CODE = {  # what a model needs to load where Trialbase is not installed
    "training": ("__init__", "files", "serving", "spec", "recipes/__init__", "recipes/{recipe}"),
    "lake": ("__init__", "errors", "ids", "spec"),
}
_SERVING_LIBRARIES = ("torch", "numpy", "pandas", "pillow", "pydantic", "safetensors")


def import_pyfunc() -> ModuleType:
    """mlflow.pyfunc. What MLflow warns of about its own definitions when it is imported, nobody here can mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("mlflow.pyfunc")


def save_pyfunc(folder: Path, model_dir: Path, input_example: bytes, tracked: str, model_id: str) -> None:
    """`folder/model`: weights, the code that reads them, signature, example and pinned libraries.

    Requirements are given, not inferred: inferring loads the model in another process, for seconds.
    """
    pyfunc = import_pyfunc()
    import pandas as pd
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, TensorSpec

    answers: list[ColSpec | TensorSpec] = [
        ColSpec("string", "predicted"),
        ColSpec("double", "confidence"),
        ColSpec(Array(DataType.double), "probabilities"),
    ]
    pyfunc.save_model(
        str(folder / "model"),
        loader_module="training.serving",
        data_path=str(model_dir),
        code_paths=_serving_code(folder / "code", model_dir),
        mlflow_model=Model(artifact_path="model", run_id=tracked, model_id=model_id),
        signature=ModelSignature(Schema([ColSpec("binary", "media")]), Schema(answers)),
        input_example=pd.DataFrame({"media": [input_example]}),
        pip_requirements=[f"{name}=={metadata.version(name).partition('+')[0]}" for name in _SERVING_LIBRARIES],
    )


def _serving_code(folder: Path, model_dir: Path) -> list[str]:
    """Copies of the modules that serving needs, and of no others."""
    recipe = json.loads((model_dir / "config.json").read_text(encoding="utf-8"))["recipe"]
    home = Path(__file__).parent.parent
    for package, modules in _SERVING_CODE.items():
        for module in modules:
            name = f"{package}/{module.format(recipe=recipe)}.py"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(home / name, folder / name)
    return [str(folder / package) for package in _SERVING_CODE]
