"""What failures ask for: items like them, and labels that may be wrong; never the cases."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.records import Failure
from quality.trial.failures import groups_of, propose


def failure(item_id: str, expected: str = "3", predicted: str = "8") -> Failure:
    return Failure(item_id=item_id, expected=expected, predicted=predicted, confidence=0.7, slices=())


def items(at: dict[str, float], answers: dict[str, str] | None = None) -> pa.Table:
    """Items on the unit circle, by their angle in degrees."""
    vectors = [[float(np.cos(np.radians(one))), float(np.sin(np.radians(one)))] for one in at.values()]
    table = pa.table({"item_id": list(at), "probe_embedding": pa.array(vectors, pa.list_(pa.float32()))})
    return table if answers is None else table.append_column("answer", pa.array([answers[item] for item in at]))


CASES = items({"case1": 0, "case2": 180, "case3": 90})
POOL = items({"near": 5, "nearer": 2, "far": 60, "opposite": 175, "case1": 0})
THREES = {"l1": 1.0, "l2": -2.0, "l3": 4.0, "l4": -5.0, "l5": 6.0}
EIGHTS = {"m1": 178.0, "m2": 181.0, "m3": 183.0, "m4": 176.0, "m5": 185.0, "m6": 184.0}
ANSWERS = {**dict.fromkeys(THREES, "3"), **dict.fromkeys(EIGHTS, "8"), "odd": "8"}
LABELLED = items({**THREES, **EIGHTS, "odd": 3.0}, ANSWERS)


def test_a_wrong_label_is_reviewed_and_the_nearest_items_are_collected() -> None:
    requests = propose([failure("case1")], CASES, POOL, LABELLED, budget=4)
    assert [(one.item_id, one.reason) for one in requests] == [
        ("nearer", "trial failure"),
        ("odd", "review"),
        ("near", "trial failure"),
        ("far", "trial failure"),
    ]
    (review,) = (one for one in requests if one.reason == "review")
    assert review.why == (
        "Labelled '8', unlike 5 of the 5 labelled items nearest to it; "
        "resembles (1.00) one of 1 trial cases of '3' that the model calls '8'."
    )


def test_groups_are_named_and_share_the_budget_by_their_size() -> None:
    failures = [failure("case1"), failure("case3"), failure("case2", "8", "")]
    large, small = groups_of(failures)
    assert large.name == "2 trial cases of '3' that the model calls '8'"
    assert small.name == "1 trial cases of '8' that the model has no answer for"
    requests = propose(failures, CASES, POOL, items({}, {}), budget=3)
    assert {one.item_id for one in requests if "calls '8'" in one.why} == {"near", "nearer"}
    assert {one.item_id for one in requests if "no answer" in one.why} == {"opposite"}


def test_no_failures_or_no_budget_ask_for_nothing() -> None:
    assert propose([], CASES, POOL, LABELLED, budget=5) == ()
    assert propose([failure("case1")], CASES, POOL, LABELLED, budget=0) == ()
    assert propose([failure("case1")], CASES, items({}), items({}, {}), budget=5) == ()


angles = st.integers(0, 359).map(float)


@given(
    st.dictionaries(st.sampled_from([f"p{number}" for number in range(9)]), angles),
    st.dictionaries(st.sampled_from([f"q{number}" for number in range(9)]), angles),
    st.lists(st.sampled_from(["case1", "case2", "case3"]), unique=True),
    st.integers(0, 12),
)
@settings(deadline=None)
def test_requests_keep_the_budget_name_no_case_and_none_twice(
    pool: dict[str, float], labelled: dict[str, float], failed: list[str], budget: int
) -> None:
    answers = {item: "38"[place % 2] for place, item in enumerate(labelled)}
    shelf = {**pool, "case2": 1.0}
    requests = propose([failure(one) for one in failed], CASES, items(shelf), items(labelled, answers), budget=budget)
    ids = [one.item_id for one in requests]
    assert len(ids) == len(set(ids)) <= budget
    assert not {"case1", "case2", "case3"}.intersection(ids)
    assert all(0 < one.weight <= 1 for one in requests)
    assert all((one.reason == "review") == (one.item_id in labelled) for one in requests)
    backwards = items(dict(reversed(shelf.items()))), items(dict(reversed(labelled.items())), answers)
    assert propose([failure(one) for one in reversed(failed)], CASES, *backwards, budget=budget) == requests
