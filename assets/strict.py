"""Files of a scenario, read strictly: what is wrong is named with file, line and key."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from lake.errors import SpecError
from lake.spec import Spec

S = TypeVar("S", bound=Spec)
FILES = ("scenario.yaml", "label_config.xml", "guideline.md", "suite.yaml")


def read_text(path: Path) -> str:
    """A file of a scenario. Raises SpecError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SpecError(
            f"{path} is not there",
            remedy=f"a scenario is a folder with {', '.join(FILES)}; see `trialbase scenario new`",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read: {error}", remedy="save it as UTF-8 text") from error


def checked(model: type[S], path: Path) -> S:
    """What a YAML file holds, as a specification. Raises SpecError with file, line and key."""
    text = read_text(path)
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


def refusal(path: Path, location: Sequence[str | int], what: str, remedy: str) -> SpecError:
    """What is wrong with one key of a file that is a good specification otherwise."""
    node = yaml.compose(read_text(path), Loader=yaml.CSafeLoader)
    key = ".".join(map(str, location))
    return SpecError(f"{path}:{_line(node, location)}: {key}: {what}", remedy=remedy)


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
