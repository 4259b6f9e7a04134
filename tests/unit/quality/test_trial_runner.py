"""A trial: every case counts once, nonsense counts as wrong, slices are what they say."""

import math
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import SpecError
from quality.spec import SliceSpec
from quality.trial.runner import run_trial, summarise
from quality.trial.suite import Case, suite_version
from tests.unit.quality.trials import Answer, answered, cases, predictions, suite


def test_accuracy_slices_worst_and_failures_of_a_small_trial() -> None:
    result = run_trial(cases("0011", [0.1, 0.25, 0.2, None]), answered("0101"), suite())
    assert (result.overall.num_cases, result.overall.accuracy) == (4, 0.5)
    assert [(one.name, one.num_cases, one.accuracy) for one in result.slices] == [
        ("dark", 2, 0.5),  # 0.25 is not below 0.25, and what was not measured lies in no slice
        ("digit=0", 2, 0.5),
        ("digit=1", 2, 0.5),
    ]
    assert result.worst is not None
    assert result.worst.name == "dark"  # the first of equals
    assert [(one.item_id, one.expected, one.predicted, one.slices) for one in result.failures] == [
        ("case001", "0", "1", ("digit=0",)),
        ("case002", "1", "0", ("dark", "digit=1")),
    ]


@pytest.mark.parametrize(
    ("given_answers", "reason"),
    [
        ([], "no prediction"),
        ([("case000", None, 0.9)], "no prediction"),
        ([("case000", "0", 0.9), ("case000", "0", 0.9)], "several predictions"),
        ([("case000", "cat", 0.9)], "unknown class"),
        ([("case000", "1", 0.9)], "wrong class"),
        ([("case000", "0", None)], "confidence is not a probability"),
        ([("case000", "0", math.nan)], "confidence is not a probability"),
        ([("case000", "0", -0.1)], "confidence is not a probability"),
        ([("case000", "0", math.inf)], "confidence is not a probability"),
    ],
)
def test_nonsense_counts_as_wrong_with_its_reason(given_answers: list[Answer], reason: str) -> None:
    result = run_trial(cases("01"), predictions([*given_answers, ("case001", "1", 1.0)]), suite())
    assert result.outcomes["reason"].to_pylist() == [reason, ""]
    assert result.overall.accuracy == 0.5
    (failure,) = result.failures
    assert 0 <= failure.confidence <= 1


def test_a_class_beyond_the_cases_is_merely_wrong_when_it_is_known() -> None:
    result = run_trial(cases("01"), answered("71"), suite(), classes=("7",))
    assert result.outcomes["reason"].to_pylist() == ["wrong class", ""]


def test_predictions_of_other_items_and_whole_confidences_do_no_harm() -> None:
    given_answers = predictions([("case000", "0", 1), ("case001", "1", 0), ("elsewhere", "0", 1)])
    whole = given_answers.set_column(2, "confidence", given_answers["confidence"].cast(pa.int64()))
    assert run_trial(cases("01"), whole, suite()).overall.accuracy == 1


@given(st.lists(st.tuples(st.sampled_from("012"), st.sampled_from("012x")), min_size=1), st.randoms())
def test_stored_outcomes_and_shuffled_input_give_the_same_result(rows: list[tuple[str, str]], order: Random) -> None:
    tried = cases([expected for expected, _ in rows])
    said = answered([predicted for _, predicted in rows])
    result = run_trial(tried, said, suite())
    assert summarise(result.outcomes, suite()) == result
    places = list(range(len(rows)))
    order.shuffle(places)
    assert run_trial(tried.take(places), said.take(places[::-1]), suite()) == result
    assert sum(one.num_cases for one in result.slices if one.name.startswith("digit=")) == len(rows)


def test_no_slice_with_enough_cases_has_no_worst() -> None:
    assert run_trial(cases("01"), answered("00"), suite(min_slice_cases=5)).worst is None


def test_an_empty_slice_is_there_and_says_that_nothing_is_known() -> None:
    (dark,) = (one for one in run_trial(cases("01"), answered("01"), suite()).slices if one.name == "dark")
    assert (dark.num_cases, dark.low, dark.high) == (0, 0.0, 1.0)


def test_a_suite_needs_cases_each_once() -> None:
    with pytest.raises(SpecError, match="no cases"):
        run_trial(cases(""), answered(""), suite())
    with pytest.raises(SpecError, match="a case twice"):
        run_trial(pa.concat_tables([cases("0"), cases("0")]), answered("0"), suite())


def test_a_slice_by_an_unknown_probe_names_the_known_ones() -> None:
    loud = suite(slices=(SliceSpec(name="loud", by="probe_loudness", low=1),))
    with pytest.raises(SpecError, match=r"probe_loudness(.|\n)*expected, probe_brightness"):
        run_trial(cases("0"), answered("0"), loud)


def test_a_suite_has_another_version_when_a_case_or_a_threshold_changes() -> None:
    two = [Case(item_id="a", expected="0"), Case(item_id="b", expected="1")]
    version = suite_version(suite(), two)
    assert version == suite_version(suite(), two[::-1])
    assert version.startswith("digits@")
    assert len(version) == len("digits@") + 12
    others = {
        version,
        suite_version(suite(), two[:1]),
        suite_version(suite(), [two[0], Case(item_id="b", expected="0")]),
        suite_version(suite(min_accuracy=0.6), two),
    }
    assert len(others) == 4
