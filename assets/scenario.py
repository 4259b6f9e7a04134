"""A scenario: a folder that says where data comes from, how it is labeled, judged, learned from and tried.

scenario.yaml      source, labeling, quality, training
label_config.xml   what annotators see and may answer (Label Studio's own format)
guideline.md       what annotators are told
suite.yaml         how models are tried
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from labeling.config import LabelConfig
from labeling.spec import LabelingSpec
from lake import ids
from lake.errors import NotFound, SpecError
from lake.ingest import SourceSpec
from lake.records import Modality
from lake.spec import Spec
from quality.spec import QualitySpec, SuiteSpec
from training.spec import TrainingSpec

S = TypeVar("S", bound=Spec)
BUILT_IN = Path(__file__).parent / "scenarios"
NAME_PATTERN = r"^[a-z][a-z0-9_-]{2,39}$"
FILES = ("scenario.yaml", "label_config.xml", "guideline.md", "suite.yaml")


class ScenarioSpec(Spec):
    """What scenario.yaml holds."""

    name: str = Field(pattern=NAME_PATTERN, description="also the name of its dataset and model")
    title: str
    owner: str = Field(description="who answers for it, a team or an e-mail address")
    modality: Modality
    freshness_days: int = Field(gt=0, description="a dataset version older than this is shown as stale")
    source: SourceSpec
    labeling: LabelingSpec
    quality: QualitySpec
    training: TrainingSpec


@dataclass(frozen=True)
class Scenario:
    """A checked scenario."""

    folder: Path
    spec: ScenarioSpec
    suite: SuiteSpec
    config: LabelConfig
    guideline: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.config.classes

    @cached_property
    def guideline_version(self) -> str:
        """Twelve digits that change with the guideline or with what may be answered."""
        return self.config.schema_version(self.guideline)[:12]


def load_scenario(folder: Path) -> Scenario:
    """Read and check a scenario's folder. Raises SpecError with file, line and key."""
    texts = {}
    for name in FILES:
        path = folder / name
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SpecError(
                f"{path} is not there",
                remedy=f"a scenario is a folder with {', '.join(FILES)}; see `trialbase scenario new`",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{path} cannot be read: {error}", remedy="save it as UTF-8 text") from error
    config = LabelConfig.parse(texts["label_config.xml"], where=str(folder / "label_config.xml"))
    spec = _checked(ScenarioSpec, texts["scenario.yaml"], folder / "scenario.yaml")
    suite = _checked(SuiteSpec, texts["suite.yaml"], folder / "suite.yaml")
    scenario = Scenario(folder, spec, suite, config, texts["guideline.md"])
    _agrees(scenario)
    return scenario


def find_scenarios(folders: Sequence[Path]) -> dict[str, Path]:
    """Scenario folders by name: the built-in ones, then those below the user's folders, which go first."""
    found: dict[str, Path] = {}
    for root in (BUILT_IN, *folders):
        if root.is_dir():
            for path in sorted(root.iterdir()):
                if (path / "scenario.yaml").is_file():
                    found[path.name] = path
    return found


def open_scenario(name: str, folders: Sequence[Path]) -> Scenario:
    """A scenario by its name, or by the path of its folder. Raises NotFound or SpecError."""
    if "/" in name and Path(name).is_dir():
        return load_scenario(Path(name))
    found = find_scenarios(folders)
    if name not in found:
        known = ", ".join(sorted(found))
        raise NotFound(
            f"there is no scenario {name!r}",
            remedy=f"known are {known}; more are looked for in {', '.join(map(str, folders))} (TRIALBASE_SCENARIOS)",
        )
    return load_scenario(found[name])


def json_schema() -> dict[str, Any]:
    """JSON Schema of scenario.yaml, for editors."""
    return ScenarioSpec.model_json_schema()


def suite_json_schema() -> dict[str, Any]:
    """JSON Schema of suite.yaml, for editors."""
    return SuiteSpec.model_json_schema()


def code_key(scenario: Scenario) -> str:
    """Changes whenever anything in the scenario's files does."""
    return ids.key(*((scenario.folder / name).read_text(encoding="utf-8") for name in FILES))[:12]


def _agrees(scenario: Scenario) -> None:
    """What one file says must fit the others."""
    where, spec = scenario.folder / "scenario.yaml", scenario.spec
    if scenario.folder.name != spec.name:
        raise SpecError(
            f"{where}: name is {spec.name!r}, its folder is {scenario.folder.name!r}", remedy="give both the same name"
        )
    tag = {"image": "Image", "text": "Text"}[spec.modality]
    if scenario.config.object_tag != tag:
        raise SpecError(
            f"{scenario.folder / 'label_config.xml'} shows <{scenario.config.object_tag}>, modality is {spec.modality}",
            remedy=f"show the item with <{tag}>, or correct modality in scenario.yaml",
        )
    if not spec.training.recipe.startswith(spec.modality):
        raise SpecError(
            f"{where}: training.recipe {spec.training.recipe!r} does not learn from {spec.modality}",
            remedy=f"use {spec.modality}_classifier",
        )


def _checked(model: type[S], text: str, path: Path) -> S:
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SpecError(f"{path}:{line}: not YAML: {error.problem}", remedy="correct that line") from error
    twice = _repeated_key(node)
    if twice is not None:
        raise SpecError(f"{path}:{twice[1]}: key {twice[0]} stands twice", remedy="keep one of them")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _spec_error(error, node, path) from error


def _spec_error(error: ValidationError, node: yaml.Node | None, path: Path) -> SpecError:
    """The first thing wrong, with its line; the others counted."""
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: _line(node, problem["loc"]))
    key = ".".join(str(part) for part in first["loc"]) or "(the file)"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    remedies = {
        "missing": f"add {key}: it has no default",
        "extra_forbidden": "remove it, or correct its spelling; `trialbase scenario schema` lists all keys",
    }
    return SpecError(
        f"{path}:{_line(node, first['loc'])}: {key}: {first['msg']}{more}",
        remedy=remedies.get(first["type"], "correct the value; `trialbase scenario schema` says what is allowed"),
    )


def _line(node: yaml.Node | None, location: Sequence[str | int]) -> int:
    """The line of the deepest part of a location that the file holds."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                break
            line, node = pairs[part][0].start_mark.line + 1, pairs[part][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _repeated_key(node: yaml.Node | None) -> tuple[str, int] | None:
    """YAML lets the later of two equal keys win in silence; we do not."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                return key.value, key.start_mark.line + 1
            seen.add(key.value)
        children = [value for _, value in node.value]
    else:
        children = node.value if isinstance(node, yaml.SequenceNode) else []
    return next((found for found in map(_repeated_key, children) if found), None)
