"""Results that are sent, held against Label Studio's own SDK in Label Studio's environment."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling import brush, templates
from labeling.answers import to_result
from labeling.label_studio_environment import check_environment
from lake.answers import Mask
from lake.errors import ServiceError
from tests.label_studio_fixture import VENV
from tests.unit.labeling.drawn import ANSWERS, SIZE, masks, template

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("label_studio_says.py")
NUM_ANSWERS = 40  # to each question


def wrong(answers: list[tuple[str, object]] = [], masks: list[object] = []) -> list[str]:  # noqa: B006
    """What the SDK finds wrong with results, [question, result], and masks, [rows, bytes]."""
    try:
        check_environment(VENV)
    except ServiceError as error:
        pytest.skip(error.what)
    questions = {name: templates.read(name) for name in templates.names()}
    asked = json.dumps({"questions": questions, "answers": answers, "masks": masks})
    command = [str(VENV / "bin" / "python"), str(SCRIPT)]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_label_studio_takes_every_question_and_every_answer() -> None:
    drawn: list[tuple[str, object]] = []

    @settings(max_examples=NUM_ANSWERS, database=None, deadline=None, derandomize=True)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        for name, answers in ANSWERS.items():
            drawn.append((name, to_result(data.draw(answers), template(name), SIZE)))

    draw()
    assert len(drawn) >= NUM_ANSWERS * len(templates.names()) / 2
    assert wrong(answers=drawn) == []


def test_label_studio_refuses_what_is_wrong() -> None:
    """So that the test above can fail."""
    bad: list[tuple[str, Any]] = []
    for name, key, value in (
        ("image-boxes", "x", 101.0),
        ("image-choice", "choices", ["tree"]),
        ("image-masks", "rle", [300]),
        ("text-rating", "rating", 9),
        ("series-segments", "instant", None),
        ("ranking", "ranker", ["a"]),
    ):
        answer = {
            "image-boxes": '{"boxes":[{"height":1,"label":"car","rotation":0,"width":1,"x":1,"y":1}]}',
            "image-choice": "cat",
            "image-masks": '{"masks":[{"counts":[1,3],"height":2,"label":"crack","width":2}]}',
            "text-rating": '{"rating":3}',
            "series-segments": '{"segments":[{"end":1,"label":"rest","start":0}]}',
            "ranking": '{"ranking":["a","b"]}',
        }[name]
        result: list[Any] = to_result(answer, template(name), SIZE)
        result[0]["value"][key] = value
        bad.append((name, result))
    assert len(wrong(answers=bad)) == len(bad)


def test_masks_have_the_bytes_of_label_studio() -> None:
    drawn: list[Mask] = [Mask("a", 1, 1, (1,)), Mask("a", 1, 1, (0, 1)), Mask("a", 300, 300, (20_000, 70_000))]

    @settings(max_examples=150, database=None, deadline=None, derandomize=True)
    @given(masks())
    def draw(mask: Mask) -> None:
        drawn.append(mask)

    draw()
    asked: list[object] = []
    for mask in drawn:
        rows = np.repeat(np.arange(len(mask.counts)) % 2, mask.counts).reshape(mask.height, mask.width)
        asked.append([rows.tolist(), brush.encode(mask)])
    assert wrong(masks=asked) == []
