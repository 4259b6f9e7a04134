"""labeling/answers.py: an answer and the platform's JSON for it say the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.answers import from_result, to_result
from labeling.config import LabelConfig
from lake.errors import PlatformError
from tests.unit.labeling.made import birds

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.lists(names, min_size=2, max_size=8, unique=True), st.data())
def test_every_class_survives_the_way_there_and_back(classes: list[str], data: st.DataObject) -> None:
    config = LabelConfig(
        xml="", control_name="c", object_name="o", object_tag="Text", value_key="text", classes=tuple(classes)
    )
    answer = data.draw(st.sampled_from(classes))
    assert from_result(json.loads(json.dumps(to_result(answer, config))), config) == answer


def test_an_unknown_class_is_not_sent() -> None:
    with pytest.raises(PlatformError, match='"ostrich" is no class of bird'):
        to_result("ostrich", birds())


def test_nothing_chosen_is_no_answer() -> None:
    assert from_result([], birds()) == ""


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"from_name": "bird", "type": "choices", "value": {"choices": ["ostrich"]}}, '"ostrich"'),
        ({"from_name": "fish", "type": "choices", "value": {"choices": ["sparrow"]}}, '"fish"'),
        ({"from_name": "bird", "type": "rating", "value": {"rating": 3}}, "type rating"),
        ({"from_name": "bird", "type": "choices", "value": {"choices": ["sparrow", "other"]}}, "2 classes"),
        ({"from_name": "bird", "type": "choices", "value": {}}, "0 classes"),
    ],
)
def test_what_it_cannot_read_is_named(entry: dict[str, object], says: str) -> None:
    with pytest.raises(PlatformError) as caught:
        from_result([entry], birds())
    assert says in caught.value.what


def test_two_answers_to_one_question_are_refused() -> None:
    with pytest.raises(PlatformError, match="2 results"):
        from_result(to_result("sparrow", birds()) * 2, birds())
