"""Elements of a label_config.xml, read with errors that say where and how to mend them."""

import xml.etree.ElementTree as ET
from collections import Counter

from labeling.controls import CONTROLS, LAYOUT, OBJECTS, PARTS, REMEDY
from lake.errors import SpecError

RESERVED_KEYS = frozenset({"task_id", "item_id", "guideline_version", "batch"})  # ours in a task's data


def tree(xml: str, where: str) -> ET.Element:
    """The root of well-formed XML in which every tag is known and at its place."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise SpecError(f"{where}: document types and entities are not read", remedy="remove <!DOCTYPE ...>")
    try:
        root = ET.fromstring(xml)
    except ET.ParseError as error:
        line, column = error.position
        raise SpecError(
            f"{where}, line {line}, column {column + 1}: not well-formed XML ({error})",
            remedy="close every tag, quote every attribute, write &amp; for &",
        ) from error
    parents = {child: parent.tag for parent in root.iter() for child in parent}
    for element in root.iter():
        if element.tag not in (*LAYOUT, *OBJECTS, *CONTROLS, *PARTS, "Relations"):
            raise SpecError(f"{where}: <{element.tag}> is not supported", remedy=REMEDY)
        if element.tag == "Choice" and parents.get(element) == "Choice":
            raise SpecError(f"{where}: nested choices are not supported", remedy="list every <Choice> in <Choices>")
        inside = PARTS.get(element.tag)
        if inside and parents.get(element) not in inside:
            names = " or ".join(f"<{tag}>" for tag in inside)
            raise SpecError(f"{where}: <{element.tag}> stands outside of {names}", remedy=f"put it into {names}")
    return root


def attribute(element: ET.Element, name: str, where: str) -> str:
    """An attribute that has to be there."""
    value = element.get(name, "")
    if not value:
        raise SpecError(f"{where}: <{element.tag}> has no {name}", remedy=f'add {name}="..." to <{element.tag}>')
    return value


def number(element: ET.Element, name: str, where: str) -> float | None:
    """An attribute that is a number, where it is there."""
    value = element.get(name)
    try:
        return None if value is None else float(value)
    except ValueError as error:
        raise SpecError(
            f'{where}: <{element.tag} {name}="{value}"> is no number', remedy=f"write a number, or remove {name}"
        ) from error


def refuse(element: ET.Element, names: tuple[str, ...], where: str) -> None:
    """None of these attributes is understood, other than as "false"."""
    for name in names:
        if element.get(name, "false") != "false":
            raise SpecError(f"{where}: <{element.tag} {name}=...> is not supported", remedy=f"remove {name}")


def value_key(shown: ET.Element, where: str) -> str:
    """The key of the task's data that an object shows."""
    value = attribute(shown, "value", where)
    key = value.removeprefix("$")
    if key == value or not key.isidentifier() or key in RESERVED_KEYS:
        raise SpecError(
            f'{where}: <{shown.tag} value="{value}"> does not name one key of the task',
            remedy=f'write value="${shown.tag.lower()}"; taken are {", ".join(sorted(RESERVED_KEYS))}',
        )
    return key


def options(parent: ET.Element, tag: str, least: int, where: str) -> tuple[str, ...]:
    """What annotators choose from, in the order of the file; the alias of one that has one."""
    found = tuple(one.get("alias") or attribute(one, "value", where) for one in parent if one.tag == tag)
    twice = sorted(name for name, count in Counter(found).items() if count > 1)
    what = tag.lower()
    if twice:
        raise SpecError(f'{where}: {what} "{twice[0]}" is there twice', remedy=f"give each {what} its own value")
    if len(found) < least:
        wanted = "one is" if least == 1 else "two are"
        raise SpecError(f"{where}: {len(found)} {what}s, at least {wanted} needed", remedy=f"add a <{tag}>")
    return found
