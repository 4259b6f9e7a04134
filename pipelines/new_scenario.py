"""`trialbase scenario new`: a folder of your own to edit, made of the built-in example."""

import json
import re
from pathlib import Path
from typing import get_args
from xml.sax.saxutils import quoteattr

from assets.scenario import BUILT_IN, NAME_PATTERN, Scenario, json_schema, load_scenario, suite_json_schema
from lake.blobs import replace_text
from lake.errors import SpecError
from lake.records import Modality

_OWNER = "your-team"
_LICENCE = "say under which licence the items come"
_CONSENT = "say on what ground they may be used"
_WHEN = "say when this is the answer, with an example"
_SAY = "Say what annotators see and what they are asked."
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
    if modality not in _SHOWN:
        raise SpecError(
            f"modality {modality!r} cannot be labeled yet",
            remedy=f"use one of {', '.join(_SHOWN)}; or write a "
            "scenario.yaml of a source alone, which holds deliveries",
        )
    if len(set(classes)) < 2:
        raise SpecError("fewer than two different classes", remedy="give them as --classes good,bad")
    if folder.exists():
        raise SpecError(f"{folder} is already there", remedy="choose another name, or remove that folder")
    example = BUILT_IN / "digits"
    replace_text(folder / "scenario.yaml", _scenario(folder.name, modality, example))
    replace_text(folder / "suite.yaml", _suite(folder.name, example))
    replace_text(folder / "label_config.xml", _config(modality, classes))
    lines = "\n".join(f"- **{name}**: {_WHEN}" for name in classes)
    replace_text(folder / "guideline.md", f"# {folder.name}\n\n{_SAY}\n\n{lines}\n")
    replace_text(folder / "scenario.schema.json", json.dumps(json_schema(), indent=1) + "\n")
    replace_text(folder / "suite.schema.json", json.dumps(suite_json_schema(), indent=1) + "\n")
    load_scenario(folder)
    return folder


def left_over(scenario: Scenario) -> list[str]:
    """What still stands in a scenario as `create` wrote it, and somebody has to say."""
    spec = scenario.spec
    return [
        where
        for where, unsaid in (
            ("owner", spec.owner == _OWNER),
            ("source.licence", spec.source.licence == _LICENCE),
            ("source.consent", spec.source.consent == _CONSENT),
            ("guideline.md", _SAY in scenario.guideline or f"**: {_WHEN}" in scenario.guideline),
        )
        if unsaid
    ]


def _scenario(name: str, modality: str, example: Path) -> str:
    """The example with its particulars replaced; its comments say what each key is for."""
    text = (example / "scenario.yaml").read_text(encoding="utf-8").split("\n", 1)[1]
    replaced = {
        "name: digits": f"name: {name}",
        "title: Handwritten digits": f"title: {name}",
        "owner: demo@trialbase.example": f"owner: {_OWNER}",
        "modality: image": f"modality: {modality}",
        "recipe: image_classifier": f"recipe: {modality}_classifier",
    }
    for old, new in replaced.items():
        text = text.replace(old, new)
    lines = []
    for line in text.splitlines():
        if line.lstrip().startswith("licence:"):
            line = f"  licence: {_LICENCE}"
        if line.lstrip().startswith("consent:"):
            line = f"  consent: {_CONSENT}"
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
