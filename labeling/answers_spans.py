"""Stretches of a text or of time.

Label Studio counts the characters of a text as Python does: code points, a line break of two characters being two. In
a recording and in a series an answer has its seconds, or the values of the time column, rounded to SECOND_DIGITS
decimals. In a video it has frames, the first being 1; frame n is there from (n - 1) / frameRate seconds on, and a range
ends when its last frame begins, as the player's loop does, so that a range of one frame is a point in time.
"""

from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel

from labeling.answers_entries import (
    SECOND_DIGITS,
    Entry,
    Finite,
    Json,
    Shown,
    entries,
    known,
    label_of,
    region,
    region_id,
    regions,
    unreadable,
    value_of,
)
from labeling.config import LabelConfig
from lake.answers import Relation, Segment, Span, related_text, relations_of, shapes_of, shapes_text


class SpanValue(BaseModel):
    """Characters of a text."""

    start: int
    end: int
    labels: list[str] = []


class StretchValue(BaseModel):
    """A stretch of a recording or a series."""

    start: Finite
    end: Finite
    labels: list[str] = []
    timeserieslabels: list[str] = []


class FrameRange(BaseModel):
    """From one frame to another."""

    start: int
    end: int


class TimelineValue(BaseModel):
    """Frames of a video."""

    ranges: list[FrameRange]
    timelinelabels: list[str] = []


def spans_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """A region for each span and an entry for each two that are related."""
    spans: tuple[Span, ...] = shapes_of(answer, "spans")
    found = []
    for place, span in enumerate(spans):
        label = known(span.label, config.classes, config)
        found.append(region(config, place, {"start": span.start, "end": span.end, "labels": [label]}))
    return found + _links(relations_of(answer), config)


def spans_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all spans and relations."""
    found = entries(result, config)
    spans: list[Span] = []
    places: dict[str, int] = {}
    for entry in regions(found, config):
        value = value_of(entry, SpanValue, config)
        if entry.id in places:
            raise unreadable("two regions of one id", config)
        places[entry.id or f"region {len(spans)}"] = len(spans)
        spans.append(Span(label_of(value.labels, config.classes, config), value.start, value.end))
    links = [one for entry in found if entry.type == "relation" for one in _relations(entry, places, config)]
    return related_text(spans, _plain_only_alone(links))


def segments_to_result(answer: str, config: LabelConfig, shown: Shown) -> list[Json]:
    """A region for each stretch of a recording, a series or a video; what a recording does not have is cut off."""
    segments: tuple[Segment, ...] = shapes_of(answer, "segments")
    return [_stretch(place, segment, config, shown) for place, segment in enumerate(segments)]


def segments_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of all stretches."""
    found = regions(entries(result, config), config)
    return shapes_text("segments", [one for entry in found for one in _segments(entry, config)])


def _stretch(place: int, segment: Segment, config: LabelConfig, shown: Shown) -> Json:
    label = known(segment.label, config.classes, config)
    if config.control_tag == "TimelineLabels":
        frames: Json = {"start": _frame(segment.start, config), "end": _frame(segment.end, config)}
        return region(config, place, {"ranges": [frames], "timelinelabels": [label]})
    value: Json = {"start": segment.start, "end": segment.end}
    if config.control_tag == "TimeSeriesLabels":
        instant = segment.start == segment.end
        return region(config, place, {**value, "instant": instant, "timeserieslabels": [label]})
    value = {name: _inside(at, shown.duration_s) for name, at in (("start", segment.start), ("end", segment.end))}
    more: Json = {} if shown.duration_s is None else {"original_length": shown.duration_s}
    return region(config, place, {**value, "channel": 0, "labels": [label]}, **more)


def _segments(entry: Entry, config: LabelConfig) -> list[Segment]:
    if config.control_tag == "TimelineLabels":
        frames = value_of(entry, TimelineValue, config)
        label = label_of(frames.timelinelabels, config.classes, config)
        return [Segment(label, _seconds(one.start, config), _seconds(one.end, config)) for one in frames.ranges]
    value = value_of(entry, StretchValue, config)
    labels = value.labels if config.control_tag == "Labels" else value.timeserieslabels
    start, end = (round(at, SECOND_DIGITS) + 0.0 for at in (value.start, value.end))
    return [Segment(label_of(labels, config.classes, config), start, end)]


def _frame(seconds: float, config: LabelConfig) -> int:
    return max(1, round(seconds * config.frame_rate) + 1)


def _seconds(frame: int, config: LabelConfig) -> float:
    return round((frame - 1) / config.frame_rate, SECOND_DIGITS)


def _inside(seconds: float, duration_s: float | None) -> float:
    return max(0.0, seconds if duration_s is None else min(seconds, duration_s))


def _links(relations: Sequence[Relation], config: LabelConfig) -> list[Json]:
    """An entry for each two spans, as Label Studio keeps but one; both ways where both have the same labels."""
    labels: dict[tuple[int, int], list[str]] = defaultdict(list)
    for one in _plain_only_alone(relations):
        if one.label:
            known(one.label, config.relations, config)
        labels[one.source, one.target] += [one.label] * bool(one.label)
    found = []
    for (source, target), names in labels.items():
        both = source != target and labels.get((target, source)) == names
        if both and source > target:
            continue
        link: Json = {
            "type": "relation",
            "from_id": region_id(config, source),
            "to_id": region_id(config, target),
            "direction": "bi" if both else "right",
        }
        found.append({**link, "labels": names} if names else link)
    return found


def _relations(entry: Entry, places: dict[str, int], config: LabelConfig) -> list[Relation]:
    """What an entry says of two spans; a relation both ways is two."""
    if entry.from_id not in places or entry.to_id not in places:
        raise unreadable("a relation to a region that is not there", config)
    for label in entry.labels or ():
        if label not in config.relations:
            raise unreadable(f'the unknown relation "{label}"', config)
    ends = [(places[entry.from_id], places[entry.to_id])]
    ends = [end[::-1] for end in ends] if entry.direction == "left" else ends
    ends += [end[::-1] for end in ends] if entry.direction == "bi" else []
    return [Relation(source, target, label) for source, target in ends for label in entry.labels or ("",)]


def _plain_only_alone(relations: Sequence[Relation]) -> list[Relation]:
    """Without relations that have no label where the same two have one with a label: it says more."""
    named = {(one.source, one.target) for one in relations if one.label}
    return sorted({one for one in relations if one.label or (one.source, one.target) not in named})
