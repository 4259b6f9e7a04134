"""`trialbase scenario new`: a folder of your own to edit, made of the built-in example."""

import json
import re
from pathlib import Path
from typing import get_args
from xml.sax.saxutils import quoteattr

from assets.scenario import BUILT_IN, NAME_PATTERN, json_schema, load_scenario, suite_json_schema
from lake.blobs import replace_text
from lake.errors import SpecError
from lake.records import Modality

_SHOWN = {"image": '<Image name="item" value="$image" zoom="true"/>', "text": '<Text name="item" value="$text"/>'}


def create(folder: Path, modality: str, classes: list[str]) -> Path:
    """Write a scenario that `trialbase scenario check` finds good. Raises SpecError."""
    if modality not in get_args(Modality):
        raise SpecError(f"modality {modality!r} is unknown", remedy=f"use one of {', '.join(get_args(Modality))}")
    if not re.fullmatch(NAME_PATTERN, folder.name):
        raise SpecError(
            f"{folder.name!r} cannot be the name of a scenario",
            remedy="use 3 to 40 lower-case letters, digits, - and _, beginning with a letter",
        )
    if len(set(classes)) < 2:
        raise SpecError("fewer than two different classes", remedy="give them as --classes good,bad")
    if folder.exists():
        raise SpecError(f"{folder} is already there", remedy="choose another name, or remove that folder")
    example = BUILT_IN / "digits"
    replace_text(folder / "scenario.yaml", _scenario(folder.name, modality, example))
    replace_text(folder / "suite.yaml", _suite(folder.name, example))
    replace_text(folder / "label_config.xml", _config(modality, classes))
    lines = "\n".join(f"- **{name}**: say when this is the answer, with an example" for name in classes)
    replace_text(
        folder / "guideline.md", f"# {folder.name}\n\nSay what annotators see and what they are asked.\n\n{lines}\n"
    )
    replace_text(folder / "scenario.schema.json", json.dumps(json_schema(), indent=1) + "\n")
    replace_text(folder / "suite.schema.json", json.dumps(suite_json_schema(), indent=1) + "\n")
    load_scenario(folder)
    return folder


def _scenario(name: str, modality: str, example: Path) -> str:
    """The example with its particulars replaced; its comments say what each key is for."""
    text = (example / "scenario.yaml").read_text(encoding="utf-8").split("\n", 1)[1]
    replaced = {
        "name: digits": f"name: {name}",
        "title: Handwritten digits": f"title: {name}",
        "owner: demo@trialbase.example": "owner: your-team",
        "modality: image": f"modality: {modality}",
        "recipe: image_classifier": f"recipe: {modality}_classifier",
    }
    for old, new in replaced.items():
        text = text.replace(old, new)
    lines = []
    for line in text.splitlines():
        if line.lstrip().startswith("licence:"):
            line = "  licence: say under which licence the items come"
        if line.lstrip().startswith("consent:"):
            line = "  consent: say on what ground they may be used"
        if "{probe: " in line and modality == "text":
            continue
        lines.append(line)
    text = "\n".join(lines) + "\n"
    if modality == "text":
        text = text.replace(
            "  ranges:\n",
            "  ranges:\n    - {probe: probe_num_chars, low: 1, high: 100000, mostly: 1.0, severity: block}\n",
        )
    return f"# yaml-language-server: $schema=scenario.schema.json\n{text}"


def _suite(name: str, example: Path) -> str:
    lines = (example / "suite.yaml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "by: probe" not in line]
    text = "\n".join(kept).replace("digits-suite", f"{name}-suite").replace("each digit", "each class")
    return f"# yaml-language-server: $schema=suite.schema.json\n{text}\n"


def _config(modality: str, classes: list[str]) -> str:
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in classes)
    return f"""<View>
  {_SHOWN[modality]}
  <Choices name="answer" toName="item" choice="single" showInLine="true" required="true">
{choices}
  </Choices>
</View>
"""
