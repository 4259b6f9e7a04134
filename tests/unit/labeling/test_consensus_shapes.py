"""labeling/consensus/shapes.py and geometry.py: things that several people drew."""

import dataclasses
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus import geometry
from labeling.consensus.shapes import FittedShapes, Shapes
from labeling.consensus.votes import Votes
from lake.answers import Box, Keypoints, Mask, Polygon, Segment, Solid, shapes_of, shapes_text
from lake.errors import PlatformError, SpecError

Drawn = dict[str, list[Any]]


def fit(kind: str, items: dict[str, Drawn], gold: dict[str, str] | None = None) -> FittedShapes:
    votes = [(item, who, shapes_text(kind, shapes)) for item, drawn in items.items() for who, shapes in drawn.items()]
    return Shapes(kind).fit(Votes.of(votes), gold=gold)


def agreed(kind: str, items: dict[str, Drawn], item: str = "y") -> tuple[Any, ...]:
    (label,) = [one for one in fit(kind, items).labels if one.item == item]
    return shapes_of(label.answer, kind)


def around(box: Box, random: Random, scatter: float) -> Box:
    moved = [getattr(box, name) + random.gauss(0, scatter) for name in ("x", "y", "width", "height")]
    return Box(box.label, moved[0], moved[1], abs(moved[2]), abs(moved[3]))


CAT = Box("cat", 10, 10, 20, 20)
USUAL: dict[str, Drawn] = {f"x{n}": {who: [CAT] for who in ("ada", "bo", "chen")} for n in range(10)}


def test_boxes_that_nearly_cover_each_other_are_one() -> None:
    drawn = {"ada": [CAT], "bo": [Box("cat", 11, 10, 20, 20)], "chen": [Box("cat", 10, 12, 20, 20)]}
    assert agreed("boxes", USUAL | {"y": drawn}) == (Box("cat", 10, 10, 20, 20),)


def test_a_box_that_one_of_three_drew_is_dropped() -> None:
    drawn = {"ada": [CAT, Box("dog", 60, 60, 9, 9)], "bo": [CAT], "chen": [CAT]}
    assert agreed("boxes", USUAL | {"y": drawn}) == (CAT,)


def test_a_box_that_two_of_three_drew_stays() -> None:
    dog = Box("dog", 60, 60, 9, 9)
    (label,) = [
        one
        for one in fit("boxes", USUAL | {"y": {"ada": [CAT, dog], "bo": [CAT, dog], "chen": [CAT]}}).labels
        if one.item == "y"
    ]
    assert set(shapes_of(label.answer, "boxes")) == {CAT, dog}
    assert all(0.5 <= part <= 1 for part in label.parts)
    assert min(label.parts) < max(label.parts)


def test_the_class_of_a_thing_is_agreed_on_by_itself() -> None:
    dog = dataclasses.replace(CAT, label="dog")
    assert agreed("boxes", USUAL | {"y": {"ada": [CAT], "bo": [CAT], "chen": [dog]}}) == (CAT,)


def test_two_things_of_one_person_stay_two() -> None:
    beside = Box("cat", 14, 10, 20, 20)
    assert len(agreed("boxes", USUAL | {"y": {who: [CAT, beside] for who in ("ada", "bo", "chen")}})) == 2


def test_nothing_there_is_an_answer() -> None:
    (label,) = [one for one in fit("boxes", USUAL | {"y": {"ada": [], "bo": [], "chen": []}}).labels if one.item == "y"]
    assert (label.answer, label.confidence, label.parts) == (shapes_text("boxes", []), 1.0, ())
    assert fit("boxes", {"y": {"ada": [], "bo": []}}).labels[0].answer == shapes_text("boxes", [])


def crew(number: int) -> tuple[dict[str, Drawn], dict[str, list[Box]]]:
    """Two careful people, one who draws roughly, one who overlooks and imagines much."""
    random, items, truth = Random(9), {}, {}
    habits = {"ada": (0.97, 0.05, 1.0), "bo": (0.95, 0.05, 1.5), "chen": (0.9, 0.1, 5.0), "finn": (0.5, 1.2, 2.0)}
    for n in range(number):
        boxes = [
            Box(
                random.choice(["cat", "dog"]),
                60 * k + random.randint(0, 9),
                random.randint(0, 60),
                random.randint(20, 40),
                random.randint(20, 40),
            )
            for k in range(random.randint(0, 5))
        ]
        truth[f"x{n:03}"] = boxes
        items[f"x{n:03}"] = {
            who: [around(box, random, rough) for box in boxes if random.random() < sees]
            + [
                Box("cat", random.randint(400, 600), random.randint(0, 60), 30, 30)
                for _ in range(int(random.random() < imagines / 2))
            ]
            for who, (sees, imagines, rough) in habits.items()
        }
    return items, truth


def quality(said: dict[str, list[Box]], truth: dict[str, list[Box]]) -> float:
    measure = Shapes("boxes").distance
    return float(
        np.mean([1 - measure(shapes_text("boxes", said[item]), shapes_text("boxes", truth[item])) for item in truth])
    )


def test_a_crew_draws_better_than_its_best_member() -> None:
    items, truth = crew(120)
    fitted = fit("boxes", items)
    together = quality({one.item: list(shapes_of(one.answer, "boxes")) for one in fitted.labels}, truth)
    alone = {
        who: quality({item: drawn[who] for item, drawn in items.items()}, truth)
        for who in ("ada", "bo", "chen", "finn")
    }
    assert together > max(alone.values())
    accuracy = dict(zip(fitted.votes.annotators, fitted.existence.accuracy.tolist(), strict=True))
    assert min(accuracy, key=accuracy.__getitem__) == "finn"
    form = dict(zip(fitted.votes.annotators, fitted.form.tolist(), strict=True))
    assert min(form, key=form.__getitem__) == "chen"


def test_further_items_and_strangers_are_judged_by_what_was_learned() -> None:
    items, truth = crew(80)
    fitted = fit("boxes", items)
    again = fitted.predict(fitted.votes)
    assert [one.answer for one in again] == [one.answer for one in fitted.labels]
    (label,) = fitted.predict(
        Votes.of([("new", "ada", shapes_text("boxes", [CAT])), ("new", "stranger", shapes_text("boxes", [CAT]))])
    )
    assert shapes_of(label.answer, "boxes") == (CAT,)
    assert truth


def test_gold_is_the_label_and_tells_who_imagines() -> None:
    ghost = Box("cat", 200, 200, 20, 20)
    items: dict[str, Drawn] = {f"x{n:02}": {"ada": [CAT], "bo": [CAT, ghost], "chen": [CAT, ghost]} for n in range(30)}
    gold = {f"x{n:02}": shapes_text("boxes", [CAT]) for n in range(15)}
    labels = {one.item: one.answer for one in fit("boxes", items, gold).labels}
    assert set(labels.values()) == {shapes_text("boxes", [CAT])}


KINDS: dict[str, Any] = {
    "boxes": Box("a", 5, 5, 20, 10, 30.0),
    "solids": Solid("a", 1, 2, 0, 4, 2, 1.5, 0.3),
    "polygons": Polygon("a", ((0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0),)),
    "masks": Mask("a", 8, 4, (9, 4, 4, 4, 11)),
    "keypoints": Keypoints("a", (("eye", 3.0, 4.0, True), ("nose", 5.0, 9.0, False))),
    "segments": Segment("a", 1.0, 4.0),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_agrees_where_all_draw_the_same(kind: str) -> None:
    shape = KINDS[kind]
    (found,) = agreed(kind, {"y": {who: [shape] for who in ("ada", "bo", "chen")}})
    assert Shapes(kind).distance(shapes_text(kind, [found]), shapes_text(kind, [shape])) == pytest.approx(0, abs=1e-6)
    assert Shapes(kind).distance(shapes_text(kind, [shape]), shapes_text(kind, [])) == 1.0


def test_change_points_that_lie_close_are_one() -> None:
    points = {
        "ada": [Segment("jump", 100, 100)],
        "bo": [Segment("jump", 103, 103)],
        "chen": [Segment("jump", 101, 101), Segment("jump", 900, 900)],
    }
    found = Shapes("segments", margin=10).fit(
        Votes.of(("y", who, shapes_text("segments", shapes)) for who, shapes in points.items())
    )
    assert shapes_of(found.labels[0].answer, "segments") == (Segment("jump", 101, 101),)


def test_masks_are_agreed_on_by_pixel() -> None:
    masks = [Mask("a", 4, 1, counts) for counts in ((0, 3, 1), (1, 3), (1, 2, 1))]
    assert agreed("masks", {"y": dict(zip(("ada", "bo", "chen"), ([one] for one in masks), strict=True))}) == (
        Mask("a", 4, 1, (1, 2, 1)),
    )


def test_turned_boxes_overlap_as_they_are_turned() -> None:
    square = Box("a", 0, 0, 10, 10)
    assert geometry.box_likeness(square, Box("a", 10, 0, 10, 10, 90)) == pytest.approx(1.0)
    diamond = Box("a", 5, 5 - 5 * math.sqrt(2), 10, 10, 45)
    assert geometry.box_likeness(square, diamond) == pytest.approx(1 / math.sqrt(2), abs=0.02)


def test_directions_close_to_a_full_turn_have_their_mean_there() -> None:
    boxes = [Box("a", 5, 5, 20, 10, 359.0), Box("a", 5, 5, 20, 10, 1.0)]
    turn = geometry.fused_boxes(boxes, [1, 1]).rotation
    assert min(turn, 360 - turn) == pytest.approx(0, abs=1e-6)


numbers = st.integers(0, 40)
boxes = st.builds(Box, st.sampled_from("ab"), numbers, numbers, numbers, numbers, st.sampled_from([0.0, 0.0, 33.0]))


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.tuples(st.sampled_from("xy"), st.sampled_from("pqr")), st.lists(boxes, max_size=3), min_size=1),
    st.randoms(use_true_random=False),
)
def test_any_boxes_in_any_order_give_the_same(drawn: dict[tuple[str, str], list[Box]], random: Random) -> None:
    said = [(item, who, shapes_text("boxes", shapes)) for (item, who), shapes in drawn.items()]
    first = Shapes("boxes").fit(Votes.of(said)).labels
    assert first == Shapes("boxes").fit(Votes.of(random.sample(said, len(said)))).labels
    for one in first:
        assert len(one.parts) == len(shapes_of(one.answer, "boxes"))
        assert 0 <= one.confidence <= 1


@given(boxes, boxes)
def test_likeness_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    likeness = geometry.box_likeness(one, other)
    assert 0 <= likeness <= 1
    assert likeness == pytest.approx(geometry.box_likeness(other, one), abs=1e-6)
    assert geometry.box_likeness(one, one) == pytest.approx(1.0)


def test_wrong_answers_and_kinds_are_refused() -> None:
    with pytest.raises(PlatformError, match="are no boxes"):
        Shapes("boxes").fit(Votes.of([("x", "ada", "cat")]))
    with pytest.raises(SpecError, match='"spans" are no shapes'):
        Shapes("spans")


def test_thirty_thousand_boxes_take_seconds() -> None:
    random = Random(1)
    items: dict[str, Drawn] = {}
    for n in range(2000):
        truth = [Box("cat", 80 * k, 0, 40, 40) for k in range(5)]
        items[f"x{n:05}"] = {f"p{(n + k) % 40:02}": [around(box, random, 2) for box in truth] for k in range(3)}
    assert len(fit("boxes", items).labels) == 2000
