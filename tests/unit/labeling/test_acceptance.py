"""labeling/acceptance.py: plans, what they promise, the sample, and the decision on a lot."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.acceptance import Finding, Lot, Plan, draw_sample, judge, operating_characteristic, promise, single_plan
from labeling.acceptance_tables import AQLS, LEVELS, SEVERITIES
from lake.errors import NotReady, SpecError

PLANS = st.builds(
    single_plan,
    st.integers(2, 10**6),
    st.sampled_from(LEVELS),
    st.sampled_from(AQLS),
    st.sampled_from(SEVERITIES),
)
PEOPLE = ("ada", "bo", "chen", "dai", "eva")


def lot(num_items: int = 1500) -> Lot:
    return Lot("lot 1", {f"item {i:04}": (PEOPLE[i % 5],) for i in range(num_items)})


def findings(one: Lot, plan: Plan, failed: dict[str, int]) -> list[Finding]:
    """The plan's sample; of each annotator the first so many items failed."""
    left = dict(failed)
    found = []
    for item in draw_sample(one.annotators, plan.sample_size, "seed"):
        (who,) = one.annotators[item]
        wrong = left.get(who, 0) > 0
        left[who] = left.get(who, 0) - 1
        found.append(Finding(item, int(wrong)))
    return found


@given(PLANS)
def test_re_is_ac_plus_one_and_the_sample_is_no_larger_than_the_lot(plan: Plan) -> None:
    assert plan.reject == plan.accept + 1
    assert 1 <= plan.sample_size <= plan.lot_size
    assert plan.whole == (plan.sample_size == plan.lot_size)


@given(PLANS)
def test_a_worse_lot_is_never_accepted_more_often(plan: Plan) -> None:
    rates = np.linspace(0, 100, 201)
    accepted = operating_characteristic(plan, rates)
    assert accepted[0] == 1.0
    assert (np.diff(accepted) <= 1e-12).all()
    assert ((accepted >= 0) & (accepted <= 1)).all()


@given(PLANS)
def test_what_is_promised_lies_on_the_curve(plan: Plan) -> None:
    told = promise(plan)
    if math.isnan(told.consumer_rate):
        assert plan.accept >= plan.sample_size
        return
    at = operating_characteristic(plan, [told.consumer_rate, told.even_rate])
    assert at == pytest.approx([0.10, 0.50], abs=1e-5)
    assert told.producer_risk == pytest.approx(1 - told.at_aql, abs=1e-8)


def test_the_curve_of_letter_k_is_the_binomial_sum() -> None:
    plan = single_plan(2000, "II", 1.0, "normal")
    assert (plan.letter, plan.sample_size, plan.accept, plan.reject) == ("K", 125, 3, 4)
    for percent in (0.5, 1.0, 2.93, 5.27, 10.0):
        share = percent / 100
        summed = sum(math.comb(125, k) * share**k * (1 - share) ** (125 - k) for k in range(4))
        assert operating_characteristic(plan, [percent])[0] == pytest.approx(summed, abs=1e-12)
    told = promise(plan)
    assert told.producer_risk == pytest.approx(0.0374, abs=1e-4)  # 3.7 % of lots at the AQL are sent back
    assert told.consumer_rate == pytest.approx(5.27, abs=0.01)  # one of ten lots with 5.3 % failed items passes


def test_a_small_lot_is_checked_whole() -> None:
    plan = single_plan(10, "II", 0.65, "normal")
    assert plan.whole
    assert plan.sample_size == 10


def test_above_ten_errors_are_counted_instead_of_items() -> None:
    one = Lot("boxes", {f"image {i}": ("ada",) for i in range(60)})
    plan = single_plan(60, "II", 15.0, "normal")
    assert (plan.letter, plan.sample_size, plan.accept, plan.counts_errors) == ("E", 13, 5, True)
    sample = draw_sample(one.annotators, 13, "seed")
    five = judge(one, plan, [Finding(item, 5 if i == 0 else 0) for i, item in enumerate(sample)])
    six = judge(one, plan, [Finding(item, 6 if i == 0 else 0) for i, item in enumerate(sample)])
    assert (five.decision, five.evidence.num_failed, five.evidence.num_found) == ("accept", 1, 5)
    assert six.decision == "reject"


def test_a_sample_is_the_same_in_any_order_and_another_with_another_seed() -> None:
    items = [f"item {i}" for i in range(300)]
    drawn = draw_sample(items, 50, "a")
    Random(1).shuffle(items)
    assert drawn == draw_sample(items * 2, 50, "a")
    assert len(set(drawn)) == 50
    assert drawn != draw_sample(items, 50, "b")
    assert draw_sample(items, 1000, "a") == tuple(sorted(items))


def test_each_item_is_drawn_about_as_often_as_any_other() -> None:
    items = [f"item {i}" for i in range(20)]
    counts = dict.fromkeys(items, 0)
    for seed in range(2000):
        for one in draw_sample(items, 5, str(seed)):
            counts[one] += 1
    assert all(abs(count - 500) < 100 for count in counts.values())  # five standard deviations


def test_a_lot_with_few_failures_is_accepted_and_they_are_named() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    came = judge(one, plan, findings(one, plan, {"ada": 2, "bo": 1}))
    assert came.decision == "accept"
    assert len(came.failed) == 3
    assert came.again == ()
    assert came.evidence.culprits == ()


def test_a_lot_that_one_person_spoiled_goes_back_to_that_person() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    came = judge(one, plan, findings(one, plan, {"ada": 9, "bo": 1}))
    assert came.decision == "rework"
    (culprit,) = came.evidence.culprits
    assert (culprit.annotator, culprit.num_failed) == ("ada", 9)
    assert culprit.p_value < 0.001
    adas = {item for item, people in one.annotators.items() if people == ("ada",)}
    assert set(came.again) == adas | set(came.failed)
    assert "attributable to ada" in came.evidence.why


def test_a_lot_that_everybody_spoiled_is_rejected_whole() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    came = judge(one, plan, findings(one, plan, dict.fromkeys(PEOPLE, 2)))
    assert (came.decision, came.evidence.culprits) == ("reject", ())
    assert came.again == tuple(sorted(one.annotators))


def test_one_bad_person_does_not_excuse_that_the_rest_fails_too() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    came = judge(one, plan, findings(one, plan, {"ada": 20, "bo": 2, "chen": 2}))
    assert came.decision == "reject"
    assert [who.annotator for who in came.evidence.culprits] == ["ada"]


def test_the_only_annotator_of_a_lot_is_never_the_exception_in_it() -> None:
    one = Lot("solo", {f"item {i}": ("ada",) for i in range(1500)})
    plan = single_plan(1500, "II", 1.0, "normal")
    sample = draw_sample(one.annotators, plan.sample_size, "seed")
    came = judge(one, plan, [Finding(item, int(i < 9)) for i, item in enumerate(sample)])
    assert (came.decision, came.evidence.culprits) == ("reject", ())


@given(st.integers(0, 125), st.randoms())
def test_a_decision_does_not_depend_on_the_order_of_the_findings(num_failed: int, random: Random) -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    sample = draw_sample(one.annotators, plan.sample_size, "seed")
    found = [Finding(item, int(i < num_failed)) for i, item in enumerate(sample)]
    before = judge(one, plan, found)
    random.shuffle(found)
    assert judge(one, plan, found) == before
    assert (before.decision == "accept") == (num_failed <= 3)
    assert set(before.failed) <= set(before.again) or before.decision == "accept"


def test_an_innocent_crew_is_seldom_blamed() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    sample = draw_sample(one.annotators, plan.sample_size, "seed")
    blamed = 0
    for seed in range(300):
        wrong = set(Random(seed).sample(sample, 8))
        blamed += bool(judge(one, plan, [Finding(item, int(item in wrong)) for item in sample]).evidence.culprits)
    assert blamed / 300 < 0.08  # 5 % together


def test_findings_that_are_not_the_sample_are_refused() -> None:
    one = lot()
    plan = single_plan(1500, "II", 1.0, "normal")
    found = findings(one, plan, {})
    with pytest.raises(NotReady, match="124 items of lot lot 1 are checked"):
        judge(one, plan, found[1:])
    with pytest.raises(SpecError, match="twice"):
        judge(one, plan, [*found[1:], found[1]])
    with pytest.raises(SpecError, match="elsewhere which lot"):
        judge(one, plan, [*found[1:], Finding("elsewhere", 0)])
    with pytest.raises(SpecError, match="the plan is for 1500"):
        judge(lot(1501), plan, found)
