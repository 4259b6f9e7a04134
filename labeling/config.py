"""label_config.xml: what annotators see and may answer, in Label Studio's own format."""

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Literal, Self, cast

from labeling.config_xml import attribute, number, options, refuse, tree, value_key
from labeling.controls import CONTROLS, OBJECTS, REMEDY
from lake import answers, ids
from lake.errors import PlatformError, SpecError

ObjectTag = Literal["Image", "Text", "Audio", "Video", "TimeSeries", "List"]

_FRAME_RATE = 24.0  # Label Studio's own default
_STARS = 5


@dataclass(frozen=True, kw_only=True)
class PointControls:
    """How the points of a thing are named, and how one says that a point is hidden or whose it is."""

    names: tuple[str, ...]  # of points, in the order of the file
    hidden_name: str = ""  # of <Choices perRegion="true">; "": all points can be seen
    hidden_choice: str = ""
    thing_name: str = ""  # of <Number perRegion="true">, 1 for the first thing; "": there is one thing in a picture


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """One question with one answer, about one item (two of them, side by side, for <Pairwise>)."""

    xml: str
    control_name: str
    object_name: str  # the first one's
    object_tag: ObjectTag
    value_key: str  # where task data holds the text or the address of what is shown; the first one's
    classes: tuple[str, ...]  # that answers name, in the order of the file; an alias where there is one
    control_tag: str = "Choices"
    kind: str = "text"  # of answers, as in lake.answers; "text" with `classes` is one class, without them words
    value_keys: tuple[str, ...] = ()  # all of them, where there are several
    relations: tuple[str, ...] = ()  # what <Relations> offers
    points: PointControls | None = None  # of <KeyPointLabels>
    frame_rate: float = _FRAME_RATE  # of <Video>, per second
    low: float | None = None  # least <Number>
    high: float | None = None  # greatest <Number>, most stars of <Rating>
    structured: bool = False  # an item's value is JSON that the task holds as it is, not a text or an address

    @classmethod
    def parse(cls, xml: str, *, where: str) -> Self:
        """Read a label_config.xml; `where` names it in errors. Raises SpecError."""
        elements = list(tree(xml, where).iter())
        control = _control(elements, where)
        shown = _shown(elements, control, where)
        key = value_key(shown[0], where)
        tag = cast(ObjectTag, shown[0].tag)
        _check(control, shown, where)
        points = _points(elements, control, where)
        return cls(
            xml=xml,
            control_name=attribute(control, "name", where),
            object_name=attribute(shown[0], "name", where),
            object_tag=tag,
            value_key=key,
            classes=_classes(control, where),
            control_tag=control.tag,
            kind=_kind(control, tag),
            value_keys=tuple(value_key(one, where) for one in shown) if len(shown) > 1 else (),
            relations=_relations(elements, control, tag, where),
            points=points,
            frame_rate=_frame_rate(shown[0], where),
            low=number(control, "min", where) if control.tag == "Number" else None,
            high=_high(control, where),
            structured=tag == "List" or shown[0].get("valueType") == "json",
        )

    @property
    def may_be_empty(self) -> bool:
        """Whether nothing at all is an answer: no box in this picture, none of these classes."""
        return self.kind in answers.KINDS or self.kind == "classes"

    def schema_version(self, guideline: str) -> str:
        """Hash of the question and its guideline; layout of the XML and comments in it don't count."""
        return ids.key("label schema", ET.canonicalize(self.xml, strip_text=True), guideline)

    def task_fields(self, value: str) -> dict[str, object]:
        """What a task's data holds of an item.

        value: a text or an address; for <List> and `valueType="json"` JSON of what is shown, for <Pairwise> a JSON
        object with the values of both keys. Raises PlatformError for a value that is not so.
        """
        if not self.structured and not self.value_keys:
            return {self.value_key: value}
        try:
            found = json.loads(value)
        except ValueError as error:
            raise self._not_shown(value) from error
        if not self.value_keys:
            return {self.value_key: found}
        if not isinstance(found, dict) or set(found) != set(self.value_keys):
            raise self._not_shown(value)
        return found

    def _not_shown(self, value: str) -> PlatformError:
        wanted = f"a JSON object of {' and '.join(self.value_keys)}" if self.value_keys else "JSON"
        return PlatformError(
            f'{self.control_name} cannot show "{value[:40]}"', remedy=f"give <{self.control_tag}> {wanted}"
        )


def _control(elements: list[ET.Element], where: str) -> ET.Element:
    """The one control whose answer counts; those for each region stand beside <KeyPointLabels> alone."""
    found = [element for element in elements if element.tag in CONTROLS]
    if any(element.tag == "KeyPointLabels" for element in found):
        found = [element for element in found if element.get("perRegion", "false") == "false"]
    if len(found) != 1:
        names = f" ({', '.join(f'<{one.tag}>' for one in found)})" if found else ""
        raise SpecError(f"{where}: has {len(found)} controls{names}, exactly one is needed", remedy=REMEDY)
    return found[0]


def _shown(elements: list[ET.Element], control: ET.Element, where: str) -> list[ET.Element]:
    """What the control is about, in the order of its toName."""
    kind = CONTROLS[control.tag]
    found = [element for element in elements if element.tag in OBJECTS]
    if len(found) != kind.num_objects:
        names = " or ".join(f"<{tag}>" for tag in kind.objects)
        raise SpecError(
            f"{where}: shows {len(found)} objects, <{control.tag}> needs {kind.num_objects} of {names}", remedy=REMEDY
        )
    wrong = [one.tag for one in found if one.tag not in kind.objects or one.tag != found[0].tag]
    if wrong:
        names = ", ".join(f"<{tag}>" for tag in kind.objects)
        raise SpecError(
            f"{where}: <{control.tag}> is not supported about <{wrong[0]}>", remedy=f"show {names}, or {REMEDY}"
        )
    by_name = {attribute(one, "name", where): one for one in found}
    to_name = attribute(control, "toName", where)
    if set(to_name.split(",")) != set(by_name):
        raise SpecError(
            f'{where}: <{control.tag} toName="{to_name}"> names nothing that is shown',
            remedy=f'write toName="{",".join(by_name)}"',
        )
    return [by_name[name] for name in to_name.split(",")]


def _check(control: ET.Element, shown: list[ET.Element], where: str) -> None:
    """Refuse what would give answers that are not understood."""
    refuse(control, ("perRegion", "perItem", "value", "allowNested"), where)
    for one in shown:
        refuse(one, ("rotateControl", "timeFormat"), where)  # other coordinates than those of the file
    allowed = ("single", "single-radio", "multiple") if control.tag == "Choices" else ("single",)
    if control.get("choice", "single") not in allowed:
        raise SpecError(
            f'{where}: <{control.tag} choice="{control.get("choice")}"> is not supported',
            remedy='write choice="single"',
        )
    if control.tag == "TextArea" and control.get("maxSubmissions") != "1":
        raise SpecError(f"{where}: <TextArea> takes many texts", remedy='add maxSubmissions="1" to <TextArea>')
    if control.tag == "Ranker" and len(control):
        raise SpecError(f"{where}: <Ranker> has buckets", remedy="remove them: a ranking is one order of all")


def _kind(control: ET.Element, shown: str) -> str:
    if control.tag == "Choices" and control.get("choice") == "multiple":
        return "classes"
    return "segments" if control.tag == "Labels" and shown == "Audio" else CONTROLS[control.tag].kind


def _classes(control: ET.Element, where: str) -> tuple[str, ...]:
    if control.tag == "KeyPointLabels":
        return (attribute(control, "name", where),)  # its <Label>s name the points of one thing
    if control.tag == "Pairwise":
        return ("left", "right")
    kind = CONTROLS[control.tag]
    return options(control, kind.options, kind.least, where) if kind.options else ()


def _relations(elements: list[ET.Element], control: ET.Element, shown: str, where: str) -> tuple[str, ...]:
    found = [element for element in elements if element.tag == "Relations"]
    if found and (len(found) > 1 or control.tag != "Labels" or shown != "Text"):
        raise SpecError(f"{where}: <Relations> stands beside one <Labels> on <Text> alone", remedy="remove it")
    return options(found[0], "Relation", 1, where) if found else ()


def _points(elements: list[ET.Element], control: ET.Element, where: str) -> PointControls | None:
    if control.tag != "KeyPointLabels":
        return None
    beside = [one for one in elements if one.tag in CONTROLS and one is not control]
    hidden = [one for one in beside if one.tag == "Choices"]
    thing = [one for one in beside if one.tag == "Number"]
    if len(hidden) > 1 or len(thing) > 1 or len(beside) > len(hidden) + len(thing):
        raise SpecError(
            f"{where}: too many controls for each point",
            remedy='keep one <Choices perRegion="true"> for hidden and one <Number perRegion="true"> for whose',
        )
    choice = options(hidden[0], "Choice", 1, where) if hidden else ("",)
    if len(choice) > 1:
        raise SpecError(
            f"{where}: a point is hidden or not, {len(choice)} choices are there", remedy="keep one of them"
        )
    return PointControls(
        names=options(control, "Label", 1, where),
        hidden_name=attribute(hidden[0], "name", where) if hidden else "",
        hidden_choice=choice[0],
        thing_name=attribute(thing[0], "name", where) if thing else "",
    )


def _frame_rate(shown: ET.Element, where: str) -> float:
    rate = number(shown, "frameRate", where) if shown.tag == "Video" else None
    if rate is not None and not 1 <= rate <= 1000:
        raise SpecError(f"{where}: a frameRate of {rate:g}", remedy="write the frames per second")
    return _FRAME_RATE if rate is None else rate


def _high(control: ET.Element, where: str) -> float | None:
    if control.tag == "Rating":
        return number(control, "maxRating", where) or _STARS
    return number(control, "max", where) if control.tag == "Number" else None
