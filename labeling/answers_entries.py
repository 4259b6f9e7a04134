"""Entries of an annotation's `result`: Label Studio's JSON as typed records, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, Field, ValidationError

from labeling.config import LabelConfig
from lake import ids
from lake.errors import PlatformError

Json: TypeAlias = dict[str, object]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Value = TypeVar("Value", bound=BaseModel)

PIXEL_DIGITS = 4  # decimals kept of a pixel; percentages carry far more
SECOND_DIGITS = 6  # decimals kept of a second


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is known of an item that a question is about; kinds that don't need it leave it None."""

    width: int | None = None  # of a picture, pixels
    height: int | None = None
    duration_s: float | None = None  # of a recording


class Entry(BaseModel):
    """One entry: a region, an answer about the whole item, or a relation between two regions."""

    type: str
    id: str = ""
    from_name: str = ""
    value: Json = {}
    original_width: int | None = Field(default=None, gt=0)
    original_height: int | None = Field(default=None, gt=0)
    image_rotation: float | None = 0
    from_id: str = ""
    to_id: str = ""
    direction: str = "right"
    labels: list[str] | None = None


def entries(result: Sequence[object], config: LabelConfig) -> list[Entry]:
    """The entries of an annotation. Raises PlatformError for what is none."""
    return [_validated(Entry, one, config) for one in result]


def regions(found: Sequence[Entry], config: LabelConfig) -> list[Entry]:
    """Those of the question's own control, relations left out. Raises PlatformError for any other."""
    rest = [one for one in found if one.type != "relation"]
    for one in rest:
        if one.from_name != config.control_name or one.type != config.control_tag.lower():
            raise foreign(one, config)
    return rest


def foreign(entry: Entry, config: LabelConfig) -> PlatformError:
    """An answer to another question."""
    return unreadable(f'an answer to "{entry.from_name}" of type {entry.type}', config)


def value_of(entry: Entry, model: type[Value], config: LabelConfig) -> Value:
    """The value of an entry, as a typed record."""
    return _validated(model, entry.value, config)


def size_of(entry: Entry, config: LabelConfig) -> tuple[int, int]:
    """Width and height of the picture that percentages in a region refer to, in pixels."""
    if entry.image_rotation:
        raise unreadable(f"a picture turned by {entry.image_rotation:g} degrees", config)
    if entry.original_width is None or entry.original_height is None:
        raise unreadable("a region without original_width and original_height", config)
    return entry.original_width, entry.original_height


def size_shown(shown: Shown, config: LabelConfig) -> tuple[int, int]:
    """Width and height of the picture that an answer in pixels is about."""
    if not shown.width or not shown.height:
        raise PlatformError(
            f"{config.control_name}: the size of the picture is not known", remedy="give width and height in pixels"
        )
    return shown.width, shown.height


def label_of(labels: Sequence[str], among: Sequence[str], config: LabelConfig) -> str:
    """The one label of a region."""
    if len(labels) != 1:
        raise unreadable(f"a region with {len(labels)} labels", config)
    if labels[0] not in among:
        raise unreadable(f'the unknown label "{labels[0]}"', config)
    return labels[0]


def known(label: str, among: Sequence[str], config: LabelConfig) -> str:
    """A class that the question has. Raises PlatformError for another."""
    if label not in among:
        raise PlatformError(
            f'"{label}" is no class of {config.control_name}', remedy=f"answer with one of {listed(among)}"
        )
    return label


def region(config: LabelConfig, place: int, value: Json, **more: object) -> Json:
    """An entry of the question's own control; regions of an answer are told apart by their place in it."""
    return {
        "id": region_id(config, place),
        "from_name": config.control_name,
        "to_name": config.object_name,
        "type": config.control_tag.lower(),
        "origin": "manual",
        "value": value,
        **more,
    }


def region_id(config: LabelConfig, place: int) -> str:
    """Ten characters, as Label Studio gives them."""
    return ids.key("region", config.control_name, str(place))[:10]


def whole(config: LabelConfig, value: Json) -> list[Json]:
    """The one entry of an answer about the whole item.

    The front end gives <Pairwise> itself as to_name, which the server refuses in predictions; it reads either.
    """
    tag = config.control_tag.lower()
    return [{"from_name": config.control_name, "to_name": config.object_name, "type": tag, "value": value}]


def only(result: Sequence[object], config: LabelConfig) -> Entry | None:
    """The one entry of an answer about the whole item; None where nothing was answered."""
    if len(result) > 1:
        raise unreadable(f"{len(result)} results for one question", config)
    found = regions(entries(result, config), config)
    return found[0] if found else None


def pixel(percent: float, size: int) -> float:
    """A percentage of a side, in pixels; never -0.0."""
    return round(percent * size / 100, PIXEL_DIGITS) + 0.0


def percent(pixels: float, size: int) -> float:
    """Pixels as a percentage of a side."""
    return pixels * 100 / size


def unreadable(found: str, config: LabelConfig) -> PlatformError:
    """What the platform holds is no answer to this question."""
    wanted = f"one of {listed(config.classes)}" if config.classes else config.kind
    return PlatformError(
        f"the platform holds {found}; {config.control_name} takes {wanted}",
        remedy="delete or correct that annotation there, or give the changed question a project of its own",
    )


def listed(classes: Sequence[str]) -> str:
    """Names for an error, the first dozen."""
    shown = ", ".join(classes[:12])
    return shown if len(classes) <= 12 else f"{shown}, ... ({len(classes)} in all)"


def _validated(model: type[Value], found: object, config: LabelConfig) -> Value:
    try:
        return model.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise unreadable(f"an entry whose {where or 'form'} is wrong ({first['msg']})", config) from error
