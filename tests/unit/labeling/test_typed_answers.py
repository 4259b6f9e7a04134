"""labeling/answers*.py: answers of every kind come back from the platform's JSON as they went there."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import templates
from labeling.answers import from_result, to_result
from labeling.answers_entries import Json, Shown
from labeling.config import LabelConfig
from lake.answers import (
    Box,
    Keypoints,
    Polygon,
    Relation,
    Segment,
    Span,
    classes_text,
    kind_of,
    number_text,
    ranking_text,
    rating_text,
    related_text,
    shapes_of,
    shapes_text,
)
from lake.errors import PlatformError
from tests.unit.labeling.drawn import ANSWERS, SIZE, boxes, polygons, template


def sent(answer: str, config: LabelConfig, shown: Shown = SIZE) -> list[Json]:
    """As the platform keeps it: JSON in any order of its entries."""
    result: list[Json] = json.loads(json.dumps(to_result(answer, config, shown)))
    return result


def test_every_template_has_answers_drawn_for_it() -> None:
    assert set(ANSWERS) == set(templates.names())


@pytest.mark.parametrize("name", templates.names())
@given(st.data())
def test_every_answer_survives_the_way_there_and_back(name: str, data: st.DataObject) -> None:
    config, answer = template(name), data.draw(ANSWERS[name])
    result = sent(answer, config)
    assert from_result(result, config) == answer
    assert config.kind in (kind_of(answer), "text")


@pytest.mark.parametrize("name", ["image-boxes", "image-polygons", "image-keypoints", "audio-segments", "text-spans"])
@given(st.data())
def test_the_order_in_which_regions_were_drawn_says_nothing(name: str, data: st.DataObject) -> None:
    config, answer = template(name), data.draw(ANSWERS[name])
    result = sent(answer, config)
    random.Random(len(result)).shuffle(result)
    again = from_result(result, config)
    assert kind_of(again) == kind_of(answer)
    if "relations" not in json.loads(answer):  # the ends of relations are places, and equal spans may change theirs
        assert again == answer


def test_a_box_is_sent_in_percent() -> None:
    answer = shapes_text("boxes", [Box("car", 64.1, 0, 320.5, 359, 30)])
    (found,) = sent(answer, template("image-boxes"))
    value = found["value"]
    assert isinstance(value, dict)
    assert value.pop("rectanglelabels") == ["car"]
    assert value == pytest.approx({"x": 10, "y": 0, "width": 50, "height": 100, "rotation": 30})
    assert (found["original_width"], found["original_height"], found["type"]) == (641, 359, "rectanglelabels")
    assert (found["from_name"], found["to_name"]) == ("box", "image")


@given(boxes(inside=False))
def test_a_box_that_reaches_out_of_the_picture_is_cut_off_at_its_edge(box: Box) -> None:
    config = template("image-boxes")
    (found,) = shapes_of(from_result(sent(shapes_text("boxes", [box]), config), config), "boxes")
    left, right = (min(max(at, 0), 641) for at in (box.x, box.x + box.width))
    top, bottom = (min(max(at, 0), 359) for at in (box.y, box.y + box.height))
    assert (found.x, found.x + found.width) == pytest.approx((left, right), abs=2e-4)
    assert (found.y, found.y + found.height) == pytest.approx((top, bottom), abs=2e-4)
    again = shapes_text("boxes", [found])
    assert from_result(sent(again, config), config) == again


@given(polygons(low=-300, wide=900, tall=900))
def test_corners_out_of_the_picture_move_to_its_edge(polygon: Polygon) -> None:
    config = template("image-polygons")
    (found,) = shapes_of(from_result(sent(shapes_text("polygons", [polygon]), config), config), "polygons")
    inside = [tuple(min(max(at, 0), (641, 359)[place % 2]) for place, at in enumerate(ring)) for ring in polygon.rings]
    assert found.rings == tuple(sorted(inside))


def test_what_annotators_drew_out_of_the_picture_is_kept() -> None:
    config = template("image-boxes")
    (entry,) = sent(shapes_text("boxes", [Box("car", 1, 2, 3, 4)]), config)
    entry["value"] = {"x": -10.0, "y": 110.0, "width": 50.0, "height": 5.0, "rotation": -90, "rectanglelabels": ["car"]}
    assert from_result([entry], config) == shapes_text("boxes", [Box("car", -64.1, 394.9, 320.5, 17.95, 270.0)])


def test_pieces_of_one_polygon_are_related() -> None:
    config = template("image-polygons")
    one = Polygon("water", ((0.0, 0.0, 9.0, 0.0, 9.0, 9.0), (20.0, 0.0, 29.0, 0.0, 29.0, 9.0)))
    other = Polygon("water", ((50.0, 0.0, 59.0, 0.0, 59.0, 9.0),))
    result = sent(shapes_text("polygons", [one, other]), config)
    assert [entry["type"] for entry in result] == ["polygonlabels"] * 3 + ["relation"]
    whole = from_result([entry for entry in result if entry["type"] != "relation"], config)
    assert len(shapes_of(whole, "polygons")) == 3


def test_a_hidden_point_and_the_second_thing_are_said_beside_the_point() -> None:
    config = template("image-keypoints")
    one = Keypoints("person", (("nose", 1.0, 2.0, True),))
    other = Keypoints("person", (("nose", 8.0, 2.0, False),))
    result = sent(shapes_text("keypoints", [one, other]), config)
    assert [(entry["from_name"], entry["type"]) for entry in result] == [
        ("person", "keypointlabels"),
        ("person", "keypointlabels"),
        ("seen", "choices"),
        ("whose", "number"),
    ]
    assert len({entry["id"] for entry in result}) == 2


def test_a_question_without_controls_for_them_cannot_say_hidden_or_several() -> None:
    xml = templates.read("image-keypoints")
    start, end = xml.index("<Choices"), xml.index("</View>")
    config = LabelConfig.parse(xml[:start] + xml[end:], where="x")
    one, hidden = (Keypoints("person", (("nose", 1.0, 2.0, seen),)) for seen in (True, False))
    answer = shapes_text("keypoints", [one])
    assert from_result(sent(answer, config), config) == answer
    with pytest.raises(PlatformError, match="a hidden point, nose"):
        sent(shapes_text("keypoints", [hidden]), config)
    with pytest.raises(PlatformError, match="2 things in a picture"):
        sent(shapes_text("keypoints", [one, one]), config)


def test_a_span_counts_characters_and_not_code_units() -> None:
    config = template("text-spans")
    text = "👩‍👩‍👧 Ada 𝔾ödel"
    start = text.index("Ada")
    (entry,) = sent(shapes_text("spans", [Span("person", start, len(text))]), config)
    value = entry["value"]
    assert isinstance(value, dict)
    assert text[value["start"] : value["end"]] == "Ada 𝔾ödel"


def test_a_relation_both_ways_is_one_entry() -> None:
    config = template("text-spans")
    spans = [Span("person", 0, 3), Span("company", 4, 9)]
    answer = related_text(spans, [Relation(0, 1, "works for"), Relation(1, 0, "works for")])
    result = sent(answer, config)
    assert [one.get("direction") for one in result if one["type"] == "relation"] == ["bi"]
    assert from_result(result, config) == answer


def test_a_relation_to_the_left_is_turned_round() -> None:
    config = template("text-spans")
    spans = [Span("company", 4, 9), Span("person", 0, 3)]
    result = sent(related_text(spans, [Relation(1, 0, "works for")]), config)
    (link,) = (one for one in result if one["type"] == "relation")
    link["direction"] = "left"
    assert from_result(result, config) == related_text(spans, [Relation(0, 1, "works for")])


def test_a_video_answers_in_frames() -> None:
    config = template("video-timeline")
    (entry,) = sent(shapes_text("segments", [Segment("walks", 1.0, 2.2)]), config)
    assert entry["value"] == {"ranges": [{"start": 26, "end": 56}], "timelinelabels": ["walks"]}
    entry["value"] = {"ranges": [{"start": 1, "end": 1}, {"start": 26, "end": 51}], "timelinelabels": ["sits"]}
    wanted = [Segment("sits", 0.0, 0.0), Segment("sits", 1.0, 2.0)]
    assert from_result([entry], config) == shapes_text("segments", wanted)


def test_a_change_point_is_instant() -> None:
    points = [Segment("charge", 5.0, 5.0), Segment("rest", 5.0, 7.0)]
    result = sent(shapes_text("segments", points), template("series-segments"))
    values = [entry["value"] for entry in result]
    assert [value["instant"] for value in values if isinstance(value, dict)] == [True, False]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("image-boxes", shapes_text("boxes", [])),
        ("image-polygons", shapes_text("polygons", [])),
        ("image-masks", shapes_text("masks", [])),
        ("image-keypoints", shapes_text("keypoints", [])),
        ("text-spans", shapes_text("spans", [])),
        ("audio-segments", shapes_text("segments", [])),
        ("image-classes", classes_text([])),
        ("image-choice", ""),
        ("audio-transcription", ""),
        ("ranking", ""),
        ("pairwise", ""),
        ("text-rating", ""),
        ("image-number", ""),
    ],
)
def test_nothing_submitted_is_an_answer_where_there_may_be_nothing(name: str, answer: str) -> None:
    config = template(name)
    assert from_result([], config) == answer
    assert config.may_be_empty == bool(answer)
    if answer:
        assert to_result(answer, config) == []  # of which no size has to be known


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("image-boxes", "cat", '"cat" is no answer to box'),
        ("image-boxes", shapes_text("boxes", [Box("cat", 1, 1, 1, 1)]), '"cat" is no class of box'),
        ("image-keypoints", shapes_text("keypoints", [Keypoints("cat", (("nose", 1, 1, True),))]), '"cat"'),
        ("image-keypoints", shapes_text("keypoints", [Keypoints("person", (("tail", 1, 1, True),))]), '"tail"'),
        ("text-spans", related_text([Span("place", 0, 1)], [Relation(0, 0, "near")]), '"near"'),
        ("image-classes", classes_text(["tree"]), '"tree"'),
        ("text-rating", rating_text(6), "does not take"),
        ("text-rating", rating_text(2.5), "does not take"),
        ("image-number", number_text(-1), "does not take"),
        ("pairwise", "both", '"both"'),
        ("audio-transcription", "", "no words are no answer"),
    ],
)
def test_what_the_question_does_not_take_is_not_sent(name: str, answer: str, says: str) -> None:
    with pytest.raises(PlatformError) as caught:
        sent(answer, template(name))
    assert says in caught.value.what


@pytest.mark.parametrize("name", ["image-boxes", "image-polygons", "image-keypoints"])
def test_pixels_without_the_size_of_the_picture_are_not_sent(name: str) -> None:
    answer = {
        "image-boxes": shapes_text("boxes", [Box("car", 1, 1, 1, 1)]),
        "image-polygons": shapes_text("polygons", [Polygon("water", ((1.0, 1.0, 2.0, 2.0, 3.0, 1.0),))]),
        "image-keypoints": shapes_text("keypoints", [Keypoints("person", (("nose", 1, 1, True),))]),
    }[name]
    with pytest.raises(PlatformError, match="the size of the picture is not known"):
        to_result(answer, template(name))


GOOD: dict[str, str] = {
    "image-boxes": shapes_text("boxes", [Box("car", 1, 1, 1, 1)]),
    "text-spans": related_text([Span("person", 0, 3), Span("company", 4, 9)], [Relation(0, 1, "works for")]),
    "ranking": ranking_text(["a", "b"]),
    "text-rating": rating_text(3),
    "image-number": number_text(3),
    "audio-transcription": "one word",
    "pairwise": "left",
    "video-timeline": shapes_text("segments", [Segment("walks", 1.0, 2.2)]),
    "image-masks": '{"masks":[{"counts":[1,2,1],"height":2,"label":"crack","width":2}]}',
}


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("image-boxes", {"from_name": "other"}, 'an answer to "other"'),
        ("image-boxes", {"original_width": None}, "without original_width"),
        ("image-boxes", {"image_rotation": 90}, "turned by 90 degrees"),
        ("image-boxes", {"value": {"x": 1, "y": 1, "width": 1}}, "height"),
        ("image-boxes", {"value": {"x": 1, "y": 1, "width": 1, "height": float("nan")}}, "height"),
        ("image-boxes", {"value": {"x": 1, "y": 1, "width": 1, "height": 1}}, "0 labels"),
        ("text-spans", {"value": {"start": 0, "end": 1, "labels": ["person", "place"]}}, "2 labels"),
        ("text-spans", {"value": {"start": 0, "end": 1, "labels": ["animal"]}}, '"animal"'),
        ("text-spans", {"id": "lost"}, "a relation to a region that is not there"),
        ("ranking", {"value": {"ranker": {"_": ["a"]}}}, "columns _"),
        ("text-rating", {"value": {"rating": 9}}, "9 stars"),
        ("image-number", {"value": {"number": 1e9}}, "1e+09"),
        ("audio-transcription", {"value": {"text": ["a", "b"]}}, "2 texts"),
        ("pairwise", {"value": {"selected": "both"}}, '"both"'),
        ("video-timeline", {"value": {"ranges": [{"start": 1, "end": None}], "timelinelabels": ["walks"]}}, "end"),
        ("image-masks", {"original_width": 3}, "16 values for 3 x 2 pixels"),
        ("image-masks", {"value": {"rle": [0, 0, 0, 16], "brushlabels": ["crack"]}}, "bytes that end too early"),
        ("image-masks", {"value": {"rle": [300], "brushlabels": ["crack"]}}, "bytes that end too early"),
    ],
)
def test_what_it_cannot_read_is_named(name: str, change: Json, says: str) -> None:
    config = template(name)
    result = sent(GOOD[name], config)
    result[0] |= change
    with pytest.raises(PlatformError) as caught:
        from_result(result, config)
    assert says in caught.value.what


def test_what_is_no_entry_is_refused() -> None:
    with pytest.raises(PlatformError, match="type is wrong"):
        from_result([{"value": {}}], template("image-boxes"))
