"""labeling/consensus/transcripts.py on hand cases and on a simulated crew."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.consensus.transcripts import FittedTranscripts, Transcripts, aligned, words_of
from labeling.consensus.votes import Votes


def fit(*said: tuple[str, str], item: str = "x", gold: dict[str, str] | None = None) -> FittedTranscripts:
    return Transcripts().fit(Votes.of((item, who, text) for who, text in said), gold=gold)


def answer(*said: str) -> str:
    (label,) = fit(*((f"person {n}", text) for n, text in enumerate(said))).labels
    return label.answer


def test_each_word_is_voted_on() -> None:
    assert answer("the cat sat on a mat", "the cat sat on the hat", "a cat sat on the mat") == "the cat sat on the mat"


def test_a_word_that_one_of_three_heard_is_left_out() -> None:
    assert answer("the big cat", "the cat", "the cat") == "the cat"
    assert answer("the big cat", "the big cat", "the cat") == "the big cat"


def test_case_and_punctuation_are_not_compared_but_kept() -> None:
    assert answer("Hello, world.", "hello world", "Hello, world!", "Hello, world.") == "Hello, world."


def test_text_without_spaces_is_aligned_by_characters() -> None:
    assert answer("今天天气很好", "今天天汽很好", "今天天气好") == "今天天气很好"
    assert answer("วันนี้ดี", "วันนี้ดี", "วันนีดี") == "วันนี้ดี"


def test_silence_is_an_answer() -> None:
    (label,) = fit(("ada", ""), ("bo", ""), ("chen", "well")).labels
    assert label.answer == ""
    (heard,) = fit(("ada", "well"), ("bo", ""), ("chen", "well")).labels
    assert heard.answer == "well"


def test_each_word_comes_with_its_probability() -> None:
    (label,) = fit(("ada", "one two"), ("bo", "one too"), ("chen", "one two")).labels
    assert label.answer == "one two"
    assert label.parts[0] == 1.0
    assert 0.5 < label.parts[1] < 1.0
    assert label.confidence == pytest.approx(sum(label.parts) / 2)
    assert label.agreement == pytest.approx((1 + 2 / 3) / 2)


def test_everybody_is_in_every_slot() -> None:
    slots = aligned(["a b c", "a c", "x a b"])
    assert all(len(slot) == 3 for slot in slots)
    assert [" ".join(slot[n][0] for slot in slots if slot[n][0]) for n in range(3)] == ["a b c", "a c", "x a b"]


WORDS = ["the", "of", "and", "to", "in", "is", "you", "that", "he", "was", "for", "on", "are", "as", "with", "at", "be"]


def crew(seed: int, skills: dict[str, float], number: int) -> tuple[list[tuple[str, str, str]], dict[str, str]]:
    random, said, truth = Random(seed), [], {}
    for i in range(number):
        words = [random.choice(WORDS) for _ in range(random.randint(4, 15))]
        truth[f"x{i:03}"] = " ".join(words)
        for who, skill in skills.items():
            said.append((f"x{i:03}", who, " ".join(_heard(words, skill, random))))
    return said, truth


def _heard(words: list[str], skill: float, random: Random) -> list[str]:
    heard = []
    for word in words:
        if random.random() < skill:
            heard.append(word)
        elif random.random() < 0.6:
            heard.append(random.choice(WORDS))
    return heard


def test_people_who_hear_well_outvote_those_who_do_not() -> None:
    said, truth = crew(3, {"ada": 0.97, "bo": 0.95, "chen": 0.6, "dana": 0.6, "finn": 0.55}, 120)
    fitted = Transcripts().fit(Votes.of(said))
    measure = Transcripts().distance
    together = sum(measure(one.answer, truth[one.item]) for one in fitted.labels) / len(truth)
    alone = {who: sum(measure(text, truth[item]) for item, one, text in said if one == who) for who in fitted.accuracy}
    assert together < min(alone.values()) / len(truth)
    assert set(sorted(fitted.accuracy, key=fitted.accuracy.__getitem__)[-2:]) == {"ada", "bo"}


def test_gold_is_the_label_and_tells_who_is_right() -> None:
    said = [(f"x{i:02}", who, text) for i in range(20) for who, text in (("ada", "red car"), ("bo", "read card"))]
    gold = {f"x{i:02}": "red car" for i in range(10)}
    fitted = Transcripts().fit(Votes.of(said), gold=gold)
    assert {one.answer for one in fitted.labels} == {"red car"}
    assert fitted.accuracy["ada"] > 0.8 > fitted.accuracy["bo"]


def test_a_stranger_counts_as_average() -> None:
    said, _ = crew(5, {"ada": 0.95, "finn": 0.3, "bo": 0.95}, 60)
    fitted = Transcripts().fit(Votes.of(said))
    (label,) = fitted.predict(Votes.of([("new", "finn", "to me"), ("new", "stranger", "two bee")]))
    assert label.answer == "two bee"


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_texts_in_any_order_give_the_same_label(texts: list[str], random: Random) -> None:
    votes = [("x", f"person {n}", text) for n, text in enumerate(texts)]
    first = Transcripts().fit(Votes.of(votes)).labels
    assert first == Transcripts().fit(Votes.of(random.sample(votes, len(votes)))).labels
    if len(set(texts)) == 1:
        assert words_of(first[0].answer) == words_of(texts[0])


def test_distance_is_a_word_error_rate() -> None:
    measure = Transcripts().distance
    assert measure("Hello, world.", "hello world") == measure("", "") == 0.0
    assert measure("a b c d", "a x c d") == 0.25
    assert measure("a", "") == 1.0
