"""Answers of every kind, drawn by hypothesis, to the questions of labeling.templates."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from labeling import templates
from labeling.answers_entries import Shown
from labeling.config import LabelConfig
from lake import answers
from lake.answers import Box, Keypoints, Mask, Polygon, Relation, Segment, Span

SIZE = Shown(width=641, height=359, duration_s=97.0)
POINT_NAMES = ("nose", "left hand", "right hand")

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def template(name: str) -> LabelConfig:
    return LabelConfig.parse(templates.read(name), where=name)


def pixels(low: float, high: float) -> st.SearchStrategy[float]:
    """Pixels with four decimals, whole and awkward ones."""
    return st.integers(math.ceil(low * 10_000), math.floor(high * 10_000)).map(lambda at: at / 10_000) | st.integers(
        math.ceil(low), math.floor(high)
    ).map(float)


@st.composite
def boxes(draw: st.DrawFn, *, inside: bool) -> Box:
    label = draw(st.sampled_from(["car", "person"]))
    if not inside:
        place = [draw(pixels(-900, 900)), draw(pixels(-900, 900)), draw(pixels(0, 900)), draw(pixels(0, 900))]
        return Box(label, *place)
    x, y = draw(pixels(0, 641)), draw(pixels(0, 359))
    width, height = draw(pixels(0, 641 - x)), draw(pixels(0, 359 - y))
    rotation = draw(st.just(0.0) | st.integers(0, 3_599_999).map(lambda at: at / 10_000))
    return Box(label, x, y, width, height, rotation)


@st.composite
def polygons(draw: st.DrawFn, *, low: float = 0, wide: float = 641, tall: float = 359) -> Polygon:
    point = st.tuples(pixels(low, wide), pixels(low, tall))
    ring = st.lists(point, min_size=3, max_size=8).map(lambda found: tuple(side for one in found for side in one))
    rings = draw(st.lists(ring, min_size=1, max_size=4))
    return Polygon(draw(st.sampled_from(["building", "water"])), tuple(sorted(rings)))


@st.composite
def things(draw: st.DrawFn) -> Keypoints:
    point = st.tuples(st.sampled_from(POINT_NAMES), pixels(0, 641), pixels(0, 359), st.booleans())
    points = draw(st.lists(point, min_size=1, max_size=7))
    return Keypoints("person", tuple(sorted(points, key=lambda one: (POINT_NAMES.index(one[0]), one))))


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """Runs of awkward lengths, some of them longer than the format's longest block."""
    counts = draw(st.lists(st.integers(1, 40) | st.sampled_from([4, 64, 16384, 16385, 40000]), min_size=1, max_size=9))
    counts = ([0] if draw(st.booleans()) else []) + counts
    width = draw(st.sampled_from([one for one in (1, 2, 7, 100) if sum(counts) % one == 0]))
    return Mask(draw(st.sampled_from(["crack", "stain"])), width, sum(counts) // width, tuple(counts))


@st.composite
def related_spans(draw: st.DrawFn) -> str:
    """Spans, overlapping and empty ones too, with relations between them."""
    bounds = st.lists(st.integers(0, 400), min_size=2, max_size=2).map(sorted)
    label = st.sampled_from(["person", "company", "place"])
    spans = draw(st.lists(st.builds(lambda name, at: Span(name, *at), label, bounds), max_size=12))
    if not spans:
        return answers.related_text(spans, [])
    end = st.integers(0, len(spans) - 1)
    links = draw(st.lists(st.builds(Relation, end, end, st.sampled_from(["works for", "lives in"])), max_size=6))
    pairs = {(one.source, one.target) for one in links}
    links += [Relation(*one, "") for one in draw(st.sets(st.tuples(end, end), max_size=3)) if one not in pairs]
    return answers.related_text(spans, links)


def stretches(labels: list[str], step: float, steps: int) -> st.SearchStrategy[Segment]:
    """Stretches whose ends are multiples of a step, some of them points."""
    bounds = st.lists(st.integers(0, steps), min_size=2, max_size=2).map(sorted)
    return st.builds(
        lambda label, at: Segment(label, *(round(one * step, 6) for one in at)), st.sampled_from(labels), bounds
    )


def shapes(kind: str, one: st.SearchStrategy[answers.Shape], most: int = 12) -> st.SearchStrategy[str]:
    return st.lists(one, max_size=most).map(lambda found: answers.shapes_text(kind, found))


def subsets(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sets(st.sampled_from(names)).map(answers.classes_text)


ANSWERS: dict[str, st.SearchStrategy[str]] = {  # to the question of each template
    "image-choice": st.sampled_from(["cat", "dog", "neither"]),
    "image-classes": subsets(("person", "vehicle", "animal")),
    "image-boxes": shapes("boxes", boxes(inside=True)),
    "image-polygons": shapes("polygons", polygons()),
    "image-masks": shapes("masks", masks(), 3),
    "image-keypoints": shapes("keypoints", things(), 4),
    "image-number": (st.integers(0, 10_000) | st.floats(0, 10_000)).map(lambda one: answers.number_text(one + 0.0)),
    "text-choice": st.sampled_from(["positive", "neutral", "negative"]),
    "text-spans": related_spans(),
    "text-writing": words,
    "text-rating": st.integers(0, 5).map(answers.rating_text),
    "audio-transcription": words,
    "audio-segments": shapes("segments", stretches(["speech", "music"], 1e-6, 97_000_000), 40),
    "video-timeline": shapes("segments", stretches(["walks", "sits"], 1 / 25, 25 * 3600)),
    "series-segments": shapes("segments", stretches(["charge", "rest"], 0.001, 2_000_000_000_000)),
    "series-change-points": shapes(
        "segments", stretches(["change"], 0.5, 10_000).map(lambda one: replace(one, end=one.start))
    ),
    "ranking": st.lists(words, max_size=8, unique=True).map(answers.ranking_text),
    "pairwise": st.sampled_from(["left", "right"]),
}
