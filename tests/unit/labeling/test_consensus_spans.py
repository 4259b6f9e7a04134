"""labeling/consensus/spans.py on hand cases and on a simulated crew."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus.spans import FittedSpans, Spans
from labeling.consensus.votes import Votes
from lake.answers import Relation, Span, related_text, relations_of, shapes_of, shapes_text

Drawn = dict[str, list[tuple[int, int]]]


def text(*spans: tuple[int, int], label: str = "name") -> str:
    return shapes_text("spans", [Span(label, start, end) for start, end in spans])


def fit(items: dict[str, Drawn], gold: dict[str, str] | None = None) -> FittedSpans:
    votes = [(item, who, text(*spans)) for item, drawn in items.items() for who, spans in drawn.items()]
    return Spans().fit(Votes.of(votes), gold=gold)


def spans_of(fitted: FittedSpans, item: str) -> list[tuple[int, int]]:
    (label,) = [one for one in fitted.labels if one.item == item]
    return sorted((span.start, span.end) for span in shapes_of(label.answer, "spans"))


AGREED: dict[str, Drawn] = {f"x{i}": {"ada": [(0, 3)], "bo": [(0, 3)], "chen": [(0, 3)]} for i in range(10)}


def test_what_everybody_draws_is_certain() -> None:
    fitted = fit(AGREED)
    assert all((one.confidence, one.agreement, one.parts) == (1.0, 1.0, (1.0,)) for one in fitted.labels)
    assert fitted.labels[0].annotators == ("ada", "bo", "chen")


def test_of_spans_across_one_another_the_better_supported_stays() -> None:
    fitted = fit(AGREED | {"y": {"ada": [(2, 6)], "bo": [(2, 6)], "chen": [(3, 6)]}})
    assert spans_of(fitted, "y") == [(2, 6)]


def test_a_span_that_one_of_four_draws_is_left_out() -> None:
    items = {item: drawn | {"dana": drawn["ada"]} for item, drawn in AGREED.items()}
    fitted = fit(items | {"y": {"ada": [(0, 3)], "bo": [(0, 3)], "chen": [(0, 3)], "dana": [(0, 3), (9, 12)]}})
    assert spans_of(fitted, "y") == [(0, 3)]


def test_nothing_drawn_is_an_answer() -> None:
    (label,) = fit({"y": {"ada": [], "bo": []}}).labels
    assert (label.answer, label.confidence, label.parts) == (text(), 1.0, ())


def test_a_span_without_a_character_says_nothing() -> None:
    fitted = fit(AGREED | {"y": {"ada": [(4, 4)], "bo": [(-1, -1)], "chen": []}})
    assert spans_of(fitted, "y") == []


def test_spans_inside_others_stay_where_people_draw_them_so() -> None:
    nested: dict[str, Drawn] = {f"x{i}": {who: [(0, 9), (2, 5)] for who in ("ada", "bo")} for i in range(5)}
    assert spans_of(fit(nested), "x0") == [(0, 9), (2, 5)]


def test_labels_compete_for_the_same_words() -> None:
    votes = [(item, who, text((0, 3))) for item in "abc" for who in ("ada", "bo", "chen")]
    votes += [("y", "ada", text((0, 3))), ("y", "bo", text((0, 3), label="place")), ("y", "chen", text((0, 3)))]
    label = {one.item: one for one in Spans().fit(Votes.of(votes)).labels}["y"]
    assert label.answer == text((0, 3))
    assert label.agreement == pytest.approx(2 / 3)


def test_a_crew_finds_more_than_its_members() -> None:
    random, truth, items = Random(4), {}, {}
    skills = {"ada": 0.9, "bo": 0.85, "chen": 0.8, "dana": 0.8, "finn": 0.15}
    for i in range(150):
        truth[f"x{i:03}"] = {(10 * n, 10 * n + random.randint(3, 8)) for n in range(random.randint(0, 4))}
        items[f"x{i:03}"] = {who: _answer(truth[f"x{i:03}"], skill, random) for who, skill in skills.items()}
    fitted = fit(items)
    singles = {who: _f1({item: drawn[who] for item, drawn in items.items()}, truth) for who in skills}
    together = _f1({item: spans_of(fitted, item) for item in items}, truth)
    assert together > max(singles.values())
    assert min(fitted.weights, key=fitted.weights.__getitem__) == "finn"
    assert max(fitted.weights, key=fitted.weights.__getitem__) == "ada"


def _answer(truth: set[tuple[int, int]], skill: float, random: Random) -> list[tuple[int, int]]:
    found = [span for span in sorted(truth) if random.random() < skill]
    moved = [(start + (random.random() > skill), end) for start, end in found]
    return moved + ([(50, 54)] if random.random() > skill else [])


def _f1(said: dict[str, list[tuple[int, int]]], truth: dict[str, set[tuple[int, int]]]) -> float:
    right = sum(len(set(said[item]) & spans) for item, spans in truth.items())
    return 2 * right / (sum(map(len, said.values())) + sum(map(len, truth.values())))


def test_gold_is_the_label_and_tells_who_is_right() -> None:
    items: dict[str, Drawn] = {f"x{i}": {"ada": [(0, 3)], "bo": [(5, 9)]} for i in range(20)}
    gold = {f"x{i}": text((0, 3)) for i in range(12)}
    fitted = fit(items, gold)
    assert {one.answer for one in fitted.labels if one.item in gold} == {text((0, 3))}
    assert fitted.recall["ada"] > 0.8 > 0.5 > fitted.recall["bo"]
    assert spans_of(fitted, "x15") == [(0, 3)]


def test_relations_that_most_draw_stay() -> None:
    ends = [Span("name", 0, 3), Span("place", 5, 9)]
    linked = related_text(ends, [Relation(0, 1, "lives in")])
    plain = related_text(ends, [])
    votes = Votes.of([("y", "ada", linked), ("y", "bo", linked), ("y", "chen", plain)])
    (label,) = Spans().fit(votes).labels
    assert relations_of(label.answer) == (Relation(0, 1, "lives in"),)
    (without,) = Spans().fit(Votes.of([("y", "ada", linked), ("y", "bo", plain), ("y", "chen", plain)])).labels
    assert relations_of(without.answer) == ()


def test_a_stranger_counts_as_average() -> None:
    fitted = fit(AGREED)
    (label,) = fitted.predict(Votes.of([("new", "ada", text((1, 4))), ("new", "stranger", text((1, 4)))]))
    assert (label.answer, label.confidence) == (text((1, 4)), 1.0)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", "z"]),
            st.sampled_from(["ada", "bo", "chen"]),
            st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4),
        ),
        min_size=1,
        max_size=9,
        unique_by=lambda one: one[:2],
    ),
    st.randoms(use_true_random=False),
)
def test_any_answers_in_any_order_give_the_same_labels(
    said: list[tuple[str, str, list[tuple[int, int]]]], random: Random
) -> None:
    votes = [(item, who, text(*spans)) for item, who, spans in said]
    first = Spans().fit(Votes.of(votes))
    again = Spans().fit(Votes.of(random.sample(votes, len(votes))))
    assert first.labels == again.labels
    for one in first.labels:
        assert all(0 <= part <= 1 for part in one.parts)
        assert len(one.parts) == len(shapes_of(one.answer, "spans"))


def test_distance_counts_spans_that_are_the_same() -> None:
    measure = Spans().distance
    assert measure(text((0, 3)), text((0, 3))) == measure(text(), text()) == 0.0
    assert measure(text((0, 3), (5, 9)), text((0, 3))) == pytest.approx(1 / 3)
    assert measure(text(), text((0, 3))) == 1.0
