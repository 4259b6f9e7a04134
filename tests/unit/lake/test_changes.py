"""Diffs: what changed between two versions, and who changed it; shapes are matched, not compared as text."""

import math
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.answers import (
    Box,
    Keypoints,
    Polygon,
    Segment,
    Shape,
    Solid,
    Span,
    classes_of,
    number_text,
    shapes_of,
    shapes_text,
)
from lake.changes import Diff, class_counts, compare
from lake.overlap import iou, match

CAT = Box("cat", 10, 10, 20, 20)


def labels(rows: dict[str, str], split: str = "train", by: str = "Ada") -> pa.Table:
    """Labels of items: item_id -> answer."""
    return pa.table(
        {
            "item_id": pa.array(list(rows), pa.string()),
            "answer": pa.array(list(rows.values()), pa.string()),
            "annotators": pa.array([[by]] * len(rows), pa.list_(pa.string())),
            "split": pa.array([split] * len(rows), pa.string()),
        }
    )


def boxes(*drawn: Box) -> str:
    return shapes_text("boxes", drawn)


def test_the_order_of_rows_says_nothing() -> None:
    before, after = {"a": "x", "b": "y", "c": "x", "d": "z"}, {"d": "x", "c": "x", "e": "y", "a": "y"}
    found = compare(labels(before), labels(after))
    other = compare(labels(dict(reversed(before.items()))), labels(dict(reversed(after.items()))))
    assert found.added == ("e",)
    assert found.removed == ("b",)
    assert [(row["item_id"], row["before"], row["after"]) for row in found.relabelled.to_pylist()] == [
        ("a", "x", "y"),
        ("d", "z", "x"),
    ]
    assert found.confusion.to_pylist() == [
        {"before": "x", "after": "y", "count": 1},
        {"before": "z", "after": "x", "count": 1},
    ]
    assert all(getattr(found, name) == getattr(other, name) for name in Diff.__dataclass_fields__)


def test_who_took_part_in_a_new_label_is_named_and_who_decided() -> None:
    after = labels({"a": "y"}, by="Bob").append_column("adjudicated_by", pa.array(["Eve"]))
    (row,) = compare(labels({"a": "x"}), after).relabelled.to_pylist()
    assert (row["annotators"], row["adjudicated_by"]) == (["Bob"], "Eve")
    mix = compare(labels({"a": "x", "b": "x"}), labels({"a": "x", "b": "y"}, by="Bob")).annotators
    assert mix.to_pylist() == [
        {"annotator": "Ada", "before": 2, "after": 0},
        {"annotator": "Bob", "before": 0, "after": 2},
    ]


def test_an_item_in_another_split_is_named() -> None:
    assert compare(labels({"a": "x"}), labels({"a": "x"}, "validation")).split_changed.to_pylist() == [
        {"item_id": "a", "before": "train", "after": "validation"}
    ]


def test_moved_renamed_new_and_lost_boxes_are_told_apart() -> None:
    dog, bird = Box("dog", 100, 100, 10, 10), Box("bird", 200, 200, 10, 10)
    moved = Box("cat", 15, 10, 20, 20)
    before, after = boxes(CAT, dog, bird), boxes(moved, Box("fox", 101, 100, 10, 10), Box("cat", 300, 300, 5, 5))
    found = compare(labels({"a": before, "b": boxes(CAT)}), labels({"a": after, "b": boxes(CAT)}))
    assert found.shapes.to_pylist() == [
        {
            "item_id": "a",
            "kind": "boxes",
            "kept": 0,
            "moved": [pytest.approx(0.6)],
            "renamed": 1,
            "added": 1,
            "removed": 1,
        }
    ]
    assert found.confusion.to_pylist() == [{"before": "dog", "after": "fox", "count": 1}]
    shift = {row["class"]: (row["before"], row["after"]) for row in found.classes.to_pylist()}
    assert shift == {"cat": (2, 3), "dog": (1, 0), "bird": (1, 0), "fox": (0, 1)}


def test_boxes_where_none_were_are_new_boxes() -> None:
    for nothing in ("", boxes()):
        found = compare(labels({"a": nothing}), labels({"a": boxes(CAT)}))
        assert [(row["added"], row["removed"], row["moved"]) for row in found.shapes.to_pylist()] == [(1, 0, [])]


def test_a_class_that_becomes_boxes_is_relabelled_and_no_shape() -> None:
    found = compare(labels({"a": "cat"}), labels({"a": boxes(CAT)}))
    assert (found.relabelled.num_rows, found.shapes.num_rows, found.confusion.num_rows) == (1, 0, 0)


@pytest.mark.parametrize(
    ("kind", "before", "after", "expected"),
    [
        ("spans", Span("who", 0, 10), Span("who", 5, 10), 0.5),
        ("segments", Segment("speech", 0, 2), Segment("speech", 1, 3), 1 / 3),
        ("segments", Segment("beat", 1, 1), Segment("beat", 1.5, 1.5), None),
        ("solids", Solid("Car", 0, 0, 0, 4, 2, 2, 0), Solid("Car", 0, 0, 1, 4, 2, 2, 0), 1 / 3),
        ("solids", Solid("Car", 0, 0, 0, 4, 4, 2, 0), Solid("Car", 0, 0, 0, 4, 4, 2, math.pi / 2), 1.0),
        ("keypoints", Keypoints("p", (("nose", 1, 2, True),)), Keypoints("p", (("nose", 1, 3, True),)), None),
        ("boxes", Box("a", 0, 0, 10, 10), Box("a", 10, 0, 10, 10, 90), 1.0),
        ("boxes", Box("a", 0, 0, 10, 10), Box("a", 5, -5, math.sqrt(200), math.sqrt(200), 45), None),
    ],
)
def test_shapes_of_every_kind_are_matched_by_what_they_share(
    kind: str, before: Shape, after: Shape, expected: float | None
) -> None:
    found = compare(labels({"a": shapes_text(kind, [before])}), labels({"a": shapes_text(kind, [after])}))
    (row,) = found.shapes.to_pylist()
    if expected is not None:
        assert row["moved"] == [pytest.approx(expected)]
    elif kind in ("segments", "keypoints"):
        assert (row["moved"], row["added"], row["removed"]) == ([], 1, 1)
    else:
        assert 0 < row["moved"][0] < 1


def test_polygons_are_matched_by_the_area_that_they_share() -> None:
    whole = Polygon("a", ((0, 0, 10, 0, 10, 10, 0, 10),))
    pieces = Polygon("a", ((0, 0, 5, 0, 5, 10, 0, 10), (20, 0, 25, 0, 25, 10, 20, 10)))
    assert shapes_of(shapes_text("polygons", [whole, pieces]), "polygons") == (whole, pieces)
    assert classes_of(shapes_text("polygons", [whole, pieces])) == ("a", "a")
    assert iou(whole, pieces) == pytest.approx(1 / 3, abs=0.01)
    assert iou(whole, Polygon("a", ((20, 0, 30, 0, 30, 10),))) == 0


SIDES = st.floats(0.5, 50)
PLACES = st.floats(-50, 50)
TURNED = st.builds(Box, st.sampled_from("ab"), PLACES, PLACES, SIDES, SIDES, st.floats(-180, 180))


@given(TURNED, TURNED)
def test_iou_is_a_share_and_the_same_both_ways(one: Box, other: Box) -> None:
    assert -1e-9 <= iou(one, other) <= 1 + 1e-9
    assert iou(one, other) == pytest.approx(iou(other, one), abs=1e-6)


@given(st.lists(TURNED, max_size=5), st.lists(TURNED, max_size=5))
def test_every_shape_is_accounted_for_once(before: list[Box], after: list[Box]) -> None:
    found = match(before, after)
    both = found.kept + len(found.moved) + len(found.renamed)
    assert both + found.removed == len(before)
    assert both + found.added == len(after)
    assert match(before, before).kept == len(before)


ANSWERS = st.one_of(
    st.text(max_size=8),
    st.builds(
        lambda names: boxes(*(Box(name, 1, 2, 3, 4) for name in names)), st.lists(st.text(max_size=6), max_size=4)
    ),
    st.builds(lambda name: shapes_text("spans", [Span(name, 0, 1)]), st.text(max_size=6)),
    st.builds(number_text, st.floats(-9, 9)),
    st.just('{"other":[{"label":"x"}]}'),
)


@given(st.lists(ANSWERS, max_size=10), st.integers(0, 10))
def test_classes_are_counted_as_if_every_answer_were_parsed(answers: list[str], cut: int) -> None:
    chunks = pa.chunked_array([answers[:cut], answers[cut:]], pa.string())
    assert +class_counts(chunks) == Counter(name for answer in answers for name in classes_of(answer))
