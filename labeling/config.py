"""label_config.xml: what annotators see and may answer, in Label Studio's own format."""

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from typing import Literal, Self, cast

from lake import ids
from lake.errors import SpecError

ObjectTag = Literal["Image", "Text"]

_OBJECTS = ("Image", "Text")
_VISUAL = {"View", "Header", "Style", "Choice", "Collapse", "Panel"}
_SUPPORTED = 'one single-choice <Choices> over one <Image value="$key"> or <Text value="$key">'
_REMEDY = f"this version answers {_SUPPORTED}, laid out with <View>, <Header>, <Style>, <Collapse>, <Panel>"


@dataclass(frozen=True, kw_only=True)
class LabelConfig:
    """One question with one answer out of `classes`, about one picture or text."""

    xml: str
    control_name: str  # name of <Choices>
    object_name: str  # name of <Image> or <Text>
    object_tag: ObjectTag
    value_key: str  # where task data holds the text or the picture's address
    classes: tuple[str, ...]  # in the order of the file; a choice's alias where it has one

    @classmethod
    def parse(cls, xml: str, *, where: str) -> Self:
        """Read a label_config.xml; `where` names it in errors. Raises SpecError."""
        root = _tree(xml, where)
        elements = list(root.iter())
        for element in elements:
            if element.tag not in (*_VISUAL, *_OBJECTS, "Choices"):
                raise SpecError(f"{where}: <{element.tag}> is not supported", remedy=_REMEDY)
        control = _only(elements, ("Choices",), where)
        shown = _only(elements, _OBJECTS, where)
        name, to_name = _attribute(control, "name", where), _attribute(control, "toName", where)
        if to_name != _attribute(shown, "name", where):
            raise SpecError(
                f'{where}: <Choices toName="{to_name}"> names nothing that is shown',
                remedy=f'write toName="{shown.get("name")}"',
            )
        _check_single(control, where)
        return cls(
            xml=xml,
            control_name=name,
            object_name=to_name,
            object_tag=cast(ObjectTag, shown.tag),
            value_key=_value_key(shown, where),
            classes=_classes(control, where),
        )

    def schema_version(self, guideline: str) -> str:
        """Hash of the question and its guideline; layout of the XML and comments in it don't count."""
        return ids.key("label schema", ET.canonicalize(self.xml, strip_text=True), guideline)


def _tree(xml: str, where: str) -> ET.Element:
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise SpecError(f"{where}: document types and entities are not read", remedy="remove <!DOCTYPE ...>")
    try:
        return ET.fromstring(xml)
    except ET.ParseError as error:
        line, column = error.position
        raise SpecError(
            f"{where}, line {line}, column {column + 1}: not well-formed XML ({error})",
            remedy="close every tag, quote every attribute, write &amp; for &",
        ) from error


def _only(elements: list[ET.Element], tags: tuple[str, ...], where: str) -> ET.Element:
    found = [element for element in elements if element.tag in tags]
    if len(found) != 1:
        names = " or ".join(f"<{tag}>" for tag in tags)
        raise SpecError(f"{where}: has {len(found)} of {names}, exactly one is needed", remedy=_REMEDY)
    return found[0]


def _attribute(element: ET.Element, name: str, where: str) -> str:
    value = element.get(name, "")
    if not value:
        raise SpecError(f"{where}: <{element.tag}> has no {name}", remedy=f'add {name}="..." to <{element.tag}>')
    return value


def _check_single(control: ET.Element, where: str) -> None:
    kind = control.get("choice", "single")
    if kind not in ("single", "single-radio"):
        raise SpecError(f'{where}: <Choices choice="{kind}"> is not supported', remedy='write choice="single"')
    for name in ("perRegion", "perItem", "value", "allowNested"):
        if control.get(name, "false") != "false":
            raise SpecError(f"{where}: <Choices {name}=...> is not supported", remedy=f"remove {name}")


def _value_key(shown: ET.Element, where: str) -> str:
    value = _attribute(shown, "value", where)
    key = value.removeprefix("$")
    if key == value or not key.isidentifier() or key in RESERVED_KEYS:
        raise SpecError(
            f'{where}: <{shown.tag} value="{value}"> does not name one key of the task',
            remedy=f'write value="$image" or value="$text"; taken are {", ".join(sorted(RESERVED_KEYS))}',
        )
    return key


def _classes(control: ET.Element, where: str) -> tuple[str, ...]:
    if any(choice.tag != "Choice" or len(choice) for choice in control):
        raise SpecError(f"{where}: nested choices are not supported", remedy="list every <Choice> in <Choices>")
    classes = tuple(choice.get("alias") or _attribute(choice, "value", where) for choice in control)
    twice = sorted(name for name, count in Counter(classes).items() if count > 1)
    if twice:
        raise SpecError(f'{where}: choice "{twice[0]}" is there twice', remedy="give each choice its own value")
    if len(classes) < 2:
        raise SpecError(f"{where}: {len(classes)} choices, at least two are needed", remedy="add a <Choice>")
    return classes


RESERVED_KEYS = frozenset({"task_id", "item_id", "guideline_version", "batch"})  # ours in a task's data
