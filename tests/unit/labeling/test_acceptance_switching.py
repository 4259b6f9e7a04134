"""labeling/acceptance_switching.py: the switching rules of ISO 2859-1:1999, clauses 9.3 and 9.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.acceptance import single_plan
from labeling.acceptance_switching import Inspection, Outcome, replay
from lake.errors import GateError, SpecError


def outcome(
    state: Inspection, num_found: int, *, aql: float = 1.0, original: bool = True, may_reduce: bool = True
) -> Outcome:
    """A lot of 2,000 items at level II: letter K."""
    plan = single_plan(2000, "II", aql, state.severity)
    return Outcome(plan=plan, num_found=num_found, original=original, may_reduce=may_reduce)


def run(text: str, *, aql: float = 1.0, may_reduce: bool = True) -> Inspection:
    """The state after lots: "a" accepted without a failed item, "r" rejected."""
    state = Inspection()
    for mark in text:
        state = state.after(outcome(state, 0 if mark == "a" else 99, aql=aql, may_reduce=may_reduce))
    return state


@pytest.mark.parametrize("text", ["rr", "rar", "raar", "raaar", "aaaaaraaar"])
def test_two_of_five_rejected_lots_tighten_inspection(text: str) -> None:
    assert run(text, may_reduce=False).severity == "tightened"


@pytest.mark.parametrize("text", ["r", "raaaar", "aaaar", "raaaaraaaar"])
def test_rejected_lots_further_apart_do_not(text: str) -> None:
    assert run(text, may_reduce=False).severity == "normal"


def test_five_accepted_lots_in_a_row_bring_normal_inspection_back() -> None:
    assert run("rraaaa").severity == "tightened"
    assert run("rraaaaa") == Inspection()
    assert run("rraaaaraaaa").severity == "tightened"
    assert run("rraaaaraaaaa") == Inspection()


def test_five_rejected_lots_under_tightened_inspection_end_it_until_the_supplier_improves() -> None:
    assert not run("rrrarrr").discontinued
    stopped = run("rrrararrr")
    assert stopped.discontinued
    with pytest.raises(GateError, match="discontinued"):
        stopped.after(outcome(stopped, 0))
    assert stopped.resumed() == Inspection(severity="tightened")
    assert run("rrrr").resumed() == run("rrrr")


def test_going_back_to_normal_clears_the_count_of_rejected_lots() -> None:
    assert not run("rr" + "rrrraaaaa" + "rr" + "r").discontinued


def test_ten_lots_that_also_pass_one_step_tighter_reduce_inspection() -> None:
    assert run("a" * 9).score == 27
    assert run("a" * 10) == Inspection(severity="reduced")


def test_fifteen_accepted_lots_reduce_inspection_where_one_failed_item_is_allowed() -> None:
    assert run("a" * 14, aql=0.40).score == 28  # letter K, Ac 1
    assert run("a" * 15, aql=0.40).severity == "reduced"
    assert run("a" * 15, aql=0.10).severity == "reduced"  # Ac 0


def test_a_lot_that_passes_only_by_its_own_aql_sets_the_score_back() -> None:
    state = run("aaaa")
    assert state.after(outcome(state, 2)).score == 15  # Ac 3; 2 would pass with AQL 0.65
    assert state.after(outcome(state, 3)).score == 0
    assert state.after(outcome(state, 4)).score == 0


def test_inspection_is_reduced_only_when_the_authority_allows_it() -> None:
    waiting = run("a" * 12, may_reduce=False)
    assert (waiting.severity, waiting.score) == ("normal", 36)
    assert waiting.after(outcome(waiting, 0)).severity == "reduced"


def test_a_rejected_lot_or_unsteady_work_ends_reduced_inspection() -> None:
    reduced = run("a" * 10)
    assert reduced.after(outcome(reduced, 2)).severity == "reduced"  # K, reduced: Ac 2
    assert reduced.after(outcome(reduced, 3)) == Inspection()
    assert reduced.after(outcome(reduced, 0, may_reduce=False)) == Inspection()


def test_a_resubmitted_lot_changes_nothing() -> None:
    state = run("ar")
    assert state.after(outcome(state, 99, original=False)) == state


def test_a_lot_judged_under_another_severity_is_refused() -> None:
    with pytest.raises(SpecError, match="judged under normal inspection, when it is tightened"):
        run("rr").after(outcome(Inspection(), 0))


@given(st.lists(st.integers(0, 6), max_size=60), st.sampled_from([0.10, 0.40, 1.0, 2.5]))
def test_any_history_obeys_the_rules(counts: list[int], aql: float) -> None:
    state, lots = Inspection(), list[Outcome]()
    for count in counts:
        if state.discontinued:
            break
        lots.append(outcome(state, count, aql=aql))
        after = state.after(lots[-1])
        if after.severity != state.severity:
            assert (state.severity, after.severity) in {
                ("normal", "tightened"),
                ("tightened", "normal"),
                ("normal", "reduced"),
                ("reduced", "normal"),
            }
            assert after == Inspection(severity=after.severity)
            assert lots[-1].accepted == (
                (state.severity, after.severity) in {("tightened", "normal"), ("normal", "reduced")}
            )
        state = after
    assert replay(lots) == state
    last = [one.accepted for one in lots[-5:]]
    if state.severity == "normal":
        under = [one.accepted for one in lots[len(lots) - len(state.recent) :]]
        assert under == list(state.recent)
        assert state.recent.count(False) < 2
    if state.severity == "tightened" and len(last) == 5:
        assert not (all(last) and len(state.recent) == 5)
