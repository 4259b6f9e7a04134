"""A typed answer and the platform's JSON for it; nothing behind this door sees JSON."""

from collections.abc import Sequence
from typing import TypedDict, cast

from labeling.config import LabelConfig
from lake.errors import PlatformError


class ChoiceValue(TypedDict):
    """What was chosen: one class in a list."""

    choices: list[str]


class ChoiceResult(TypedDict):
    """One entry of an annotation's `result` for a single-choice question."""

    from_name: str
    to_name: str
    type: str
    value: ChoiceValue


def choice_to_result(answer: str, config: LabelConfig) -> list[ChoiceResult]:
    """The platform's form of one chosen class. Raises PlatformError for a class the question does not have."""
    if answer not in config.classes:
        raise PlatformError(
            f'"{answer}" is no class of {config.control_name}',
            remedy=f"answer with one of {_listed(config.classes)}",
        )
    value = ChoiceValue(choices=[answer])
    return [ChoiceResult(from_name=config.control_name, to_name=config.object_name, type="choices", value=value)]


def choice_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The chosen class of an annotation's `result`; "" where the annotator submitted nothing.

    Raises PlatformError naming the control or the class that this question does not have, or when more
    than one class is chosen.
    """
    if not result:
        return ""
    if len(result) > 1:
        raise _unreadable(f"{len(result)} results for one question", config)
    entry = cast(ChoiceResult, result[0])
    if entry.get("from_name") != config.control_name or entry.get("type") != "choices":
        raise _unreadable(f'an answer to "{entry.get("from_name")}" of type {entry.get("type")}', config)
    choices = entry["value"].get("choices", [])
    if len(choices) != 1:
        raise _unreadable(f"{len(choices)} classes chosen", config)
    if choices[0] not in config.classes:
        raise _unreadable(f'the unknown class "{choices[0]}"', config)
    return choices[0]


def _unreadable(found: str, config: LabelConfig) -> PlatformError:
    return PlatformError(
        f"the platform holds {found}; {config.control_name} takes one of {_listed(config.classes)}",
        remedy="delete or correct that annotation there, or give the changed question a project of its own",
    )


def _listed(classes: Sequence[str]) -> str:
    shown = ", ".join(classes[:12])
    return shown if len(classes) <= 12 else f"{shown}, ... ({len(classes)} in all)"
