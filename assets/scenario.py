"""A scenario: a folder that says where data comes from, how it is labeled, judged, learned from and tried.

scenario.yaml      source, labeling, quality, training
label_config.xml   what annotators see and may answer (Label Studio's own format)
guideline.md       what annotators are told
suite.yaml         how models are tried

A scenario of a few lines, with a source and nothing else, takes deliveries in and makes versions of what they say
themselves: nobody is asked, nothing is trained. It needs scenario.yaml alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import Field, model_validator

from assets.strict import FILES, checked, read_text, refusal
from labeling.config import LabelConfig
from labeling.spec import LabelingSpec
from lake import ids
from lake.errors import NotFound, SpecError
from lake.ingest import SourceSpec
from lake.records import Modality
from lake.spec import Spec
from quality.probes import probe_schema
from quality.spec import QualitySpec, SuiteSpec
from training.spec import TrainingSpec

T = TypeVar("T")
REQUIRED_LIMITS = {  # beside max_bytes and max_pixels
    "audio": ("max_seconds",),
    "video": ("max_seconds",),
    "time_series": ("max_values",),
    "tabular": ("max_values",),
    "point_cloud": ("max_values",),
}
_TAGS = {"image": "Image", "text": "Text"}  # how Label Studio shows what can be labeled here
BUILT_IN = Path(__file__).parent / "scenarios"
NAME_PATTERN = r"^[a-z][a-z0-9_-]{2,39}$"
SECTIONS = ("labeling", "quality", "training")  # all of them, or none


class ScenarioSpec(Spec):
    """What scenario.yaml holds."""

    name: str = Field(pattern=NAME_PATTERN, description="also the name of its dataset and model")
    title: str
    owner: str = Field(description="who answers for it, a team or an e-mail address")
    modality: Modality
    freshness_days: int = Field(gt=0, description="a dataset version older than this is shown as stale")
    source: SourceSpec
    labeling: LabelingSpec | None = None
    quality: QualitySpec | None = None
    training: TrainingSpec | None = None

    @property
    def labeled(self) -> bool:
        """Whether people are asked and models trained; else deliveries are only held, with what they say themselves."""
        return self.labeling is not None

    @model_validator(mode="after")
    def _whole(self) -> "ScenarioSpec":
        given = [name for name in SECTIONS if getattr(self, name) is not None]
        if given and len(given) < len(SECTIONS):
            missing = next(name for name in SECTIONS if name not in given)
            raise ValueError(f"{' and '.join(given)} without {missing}: give all of {', '.join(SECTIONS)}, or none")
        return self


@dataclass(frozen=True)
class Scenario:
    """A checked scenario. What one that only holds deliveries does not have is a SpecError when it is asked for."""

    folder: Path
    spec: ScenarioSpec
    guideline: str = ""
    label_config: LabelConfig | None = None
    suite_spec: SuiteSpec | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def labeled(self) -> bool:
        return self.spec.labeled

    @property
    def classes(self) -> tuple[str, ...]:
        """What may be answered; () where only deliveries say something."""
        return () if self.label_config is None else self.label_config.classes

    @property
    def labeling(self) -> LabelingSpec:
        return self._stated(self.spec.labeling, "labeling")

    @property
    def quality(self) -> QualitySpec:
        return self._stated(self.spec.quality, "quality")

    @property
    def training(self) -> TrainingSpec:
        return self._stated(self.spec.training, "training")

    @property
    def config(self) -> LabelConfig:
        return self._stated(self.label_config, "label_config.xml")

    @property
    def suite(self) -> SuiteSpec:
        return self._stated(self.suite_spec, "suite.yaml")

    def _stated(self, part: T | None, name: str) -> T:
        if part is None:
            raise SpecError(
                f"scenario {self.name} has no {name}: it only holds deliveries",
                remedy=f"give {self.folder / 'scenario.yaml'} the sections {', '.join(SECTIONS)}, and the files "
                f"{', '.join(FILES[1:])} beside it",
            )
        return part

    @cached_property
    def guideline_version(self) -> str:
        """Twelve digits that change with the guideline or with what may be answered."""
        return self.config.schema_version(self.guideline)[:12]


def load_scenario(folder: Path) -> Scenario:
    """Read and check a scenario's folder. Raises SpecError with file, line and key."""
    spec = checked(ScenarioSpec, folder / FILES[0])
    scenario = Scenario(folder, spec)
    if spec.labeled:
        _, config, guideline, suite = (folder / name for name in FILES)
        scenario = Scenario(
            folder,
            spec,
            guideline=read_text(guideline),
            label_config=LabelConfig.parse(read_text(config), where=str(config)),
            suite_spec=checked(SuiteSpec, suite),
        )
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
    names = FILES if scenario.labeled else FILES[:1]
    return ids.key(*((scenario.folder / name).read_text(encoding="utf-8") for name in names))[:12]


def _agrees(scenario: Scenario) -> None:
    """What one file says must fit the others."""
    where, spec = scenario.folder / "scenario.yaml", scenario.spec
    if scenario.folder.name != spec.name:
        raise SpecError(
            f"{where}: name is {spec.name!r}, its folder is {scenario.folder.name!r}", remedy="give both the same name"
        )
    _limits_stated(spec, where)
    if not scenario.labeled:
        return
    tag = _TAGS.get(spec.modality)
    if tag is None:
        raise SpecError(
            f"{where}: modality {spec.modality} cannot be labeled yet",
            remedy=f"leave out {', '.join(SECTIONS)} to hold deliveries, or use one of {', '.join(_TAGS)}",
        )
    if scenario.config.object_tag != tag:
        raise SpecError(
            f"{scenario.folder / 'label_config.xml'} shows <{scenario.config.object_tag}>, modality is {spec.modality}",
            remedy=f"show the item with <{tag}>, or correct modality in scenario.yaml",
        )
    if scenario.config.kind != "text" or not scenario.config.classes or scenario.config.value_keys:
        raise SpecError(
            f"{scenario.folder / 'label_config.xml'} asks with <{scenario.config.control_tag}>, "
            "which the loop has no consensus and no model for yet",
            remedy='ask with one <Choices choice="single">',
        )
    _probes_known(scenario)
    if not scenario.guideline.strip():
        raise SpecError(
            f"{scenario.folder / 'guideline.md'} is empty", remedy="write what annotators see and what they are asked"
        )
    if not scenario.training.recipe.startswith(spec.modality):
        raise SpecError(
            f"{where}: training.recipe {scenario.training.recipe!r} does not learn from {spec.modality}",
            remedy=f"use {spec.modality}_classifier",
        )


def _limits_stated(spec: ScenarioSpec, where: Path) -> None:
    """What a modality may cost has to be said: no limit has a default."""
    for name in REQUIRED_LIMITS.get(spec.modality, ()):
        if getattr(spec.source, name) is None:
            raise SpecError(
                f"{where}: source.{name} is missing: modality {spec.modality} needs it",
                remedy=f"add {name} to source: what one file may cost",
            )


def _probes_known(scenario: Scenario) -> None:
    """Ranges and slices look at numbers that items of the modality have."""
    kinds = {field.name: field.type for field in probe_schema(scenario.spec.modality)}
    numbers = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
    asked: list[tuple[str, tuple[str | int, ...], str]] = [
        *(("scenario.yaml", ("quality", "ranges", at, "probe"), one.probe)
          for at, one in enumerate(scenario.quality.ranges)),
        *(("suite.yaml", ("slices", at, "by"), one.by) for at, one in enumerate(scenario.suite.slices)),
    ]  # fmt: skip
    for file, location, probe in asked:
        if probe not in (*numbers, "expected"):
            what = "is no number" if probe in kinds else f"is not measured on {scenario.spec.modality}"
            raise refusal(scenario.folder / file, location, f"{probe} {what}", f"use one of {', '.join(numbers)}")
