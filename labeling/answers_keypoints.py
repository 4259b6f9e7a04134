"""Keypoints: a region for each point, named by its label; the thing it belongs to is the control itself.

A picture of several things has a `<Number perRegion="true">`, in which each point says whose it is: 1 for the first
thing, which is also meant where nothing is said. A `<Choices perRegion="true">` of one choice says that a point is
hidden. Points of a thing are sorted by name, in the order of the file. Points outside of the picture move to its edge.
"""

from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel

from labeling.answers_entries import (
    Entry,
    Finite,
    Json,
    Shown,
    entries,
    foreign,
    known,
    label_of,
    percent,
    pixel,
    region,
    size_of,
    size_shown,
    unreadable,
    value_of,
)
from labeling.config import LabelConfig, PointControls
from lake.answers import Keypoints, shapes_of, shapes_text
from lake.errors import PlatformError

_DOT = 0.5  # how large a point is drawn, in percent


class KeyPointValue(BaseModel):
    """A point, in percent, and what is said of it."""

    x: Finite
    y: Finite
    keypointlabels: list[str] = []
    choices: list[str] = []
    number: Finite = 1


def keypoints_to_result(answer: str, config: LabelConfig, shown: Shown) -> list[Json]:
    """A region for each point, and what is said of it beside. Raises PlatformError for what cannot be said."""
    things: tuple[Keypoints, ...] = shapes_of(answer, "keypoints")
    if not things:
        return []
    controls = _controls(config)
    if len(things) > 1 and not controls.thing_name:
        raise _unsaid(config, f"{len(things)} things in a picture", '<Number perRegion="true">')
    width, height = size_shown(shown, config)
    found: list[Json] = []
    place = 0
    for number, thing in enumerate(things, 1):
        known(thing.label, config.classes, config)
        for name, x, y, seen in thing.points:
            at: Json = {
                "x": percent(min(max(x, 0.0), float(width)), width),
                "y": percent(min(max(y, 0.0), float(height)), height),
                "width": _DOT,
            }
            size = {"original_width": width, "original_height": height, "image_rotation": 0}
            value = {**at, "keypointlabels": [known(name, controls.names, config)]}
            point = region(config, place, value, **size)
            found.append(point)
            if not seen:
                if not controls.hidden_name:
                    raise _unsaid(config, f"a hidden point, {name}", '<Choices perRegion="true">')
                said = {**at, "choices": [controls.hidden_choice]}
                found.append({**point, "from_name": controls.hidden_name, "type": "choices", "value": said})
            if number > 1:
                said = {**at, "number": number}
                found.append({**point, "from_name": controls.thing_name, "type": "number", "value": said})
            place += 1
    return found


def keypoints_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all things."""
    controls = _controls(config)
    points, hidden, things = _by_control(entries(result, config), config, controls)
    found: dict[float, list[tuple[str, float, float, bool]]] = defaultdict(list)
    for entry in points:
        value = value_of(entry, KeyPointValue, config)
        width, height = size_of(entry, config)
        name = label_of(value.keypointlabels, controls.names, config)
        point = (name, pixel(value.x, width), pixel(value.y, height), entry.id not in hidden)
        found[things.get(entry.id, 1)].append(point)
    order = {name: place for place, name in enumerate(controls.names)}
    label = config.classes[0]
    return shapes_text(
        "keypoints",
        [
            Keypoints(label, tuple(sorted(points, key=lambda point: (order[point[0]], point))))
            for points in found.values()
        ],
    )


def _by_control(
    found: Sequence[Entry], config: LabelConfig, controls: PointControls
) -> tuple[list[Entry], set[str], dict[str, float]]:
    """The points, the ids of the hidden ones, and whose the points are by id."""
    points, hidden, things = [], set(), {}
    for entry in found:
        if entry.from_name == config.control_name and entry.type == "keypointlabels":
            points.append(entry)
        elif entry.from_name == controls.hidden_name and entry.type == "choices":
            if value_of(entry, KeyPointValue, config).choices:
                hidden.add(entry.id)
        elif entry.from_name == controls.thing_name and entry.type == "number":
            things[entry.id] = value_of(entry, KeyPointValue, config).number
        else:
            raise foreign(entry, config)
    known_ids = {entry.id for entry in points}
    if len(known_ids) < len(points) and (hidden or things):
        raise unreadable("two points of one id", config)
    return points, hidden, things


def _controls(config: LabelConfig) -> PointControls:
    assert config.points is not None, "<KeyPointLabels> has its points"
    return config.points


def _unsaid(config: LabelConfig, what: str, control: str) -> PlatformError:
    return PlatformError(
        f"{config.control_name} cannot say {what}", remedy=f"add {control} to the question, or leave that out"
    )
