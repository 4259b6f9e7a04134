"""labeling/consensus/methods.py: which consensus serves which answers."""

import pytest

from labeling.consensus.methods import METHODS, kind_for, method_for
from labeling.consensus.votes import Votes
from lake.answers import Span, classes_text, number_text, ranking_text, rating_text, shapes_text
from lake.errors import SpecError


def votes(*answers: str) -> Votes:
    return Votes.of((f"x{n}", who, answer) for n, answer in enumerate(answers) for who in ("ada", "bo"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("cat", "choice"),
        (classes_text(["a"]), "classes"),
        (ranking_text(["a", "b"]), "ranking"),
        (rating_text(3), "rating"),
        (number_text(1.5), "number"),
        (shapes_text("spans", [Span("a", 0, 1)]), "spans"),
    ],
)
def test_the_kind_is_told_by_the_answers(answer: str, kind: str) -> None:
    assert kind_for(votes(answer)) == kind
    fitted = method_for(votes(answer)).fit(votes(answer), gold={})
    assert [one.answer for one in fitted.labels] == [answer]


def test_sentences_that_hardly_repeat_are_transcripts() -> None:
    said = Votes.of((f"x{n}", who, f"{who} heard the word number {n}") for n in range(9) for who in ("ada", "bo"))
    assert kind_for(said) == "text"
    long = Votes.of((f"x{n}", who, "a class of several words") for n in range(9) for who in ("ada", "bo"))
    assert kind_for(long) == "choice"


def test_mixed_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(SpecError, match="several kinds"):
        kind_for(votes("cat", rating_text(3)))
    with pytest.raises(SpecError, match='no consensus for "smells"'):
        method_for(votes("cat"), "smells")


@pytest.mark.parametrize("kind", sorted(METHODS))
def test_no_answers_are_no_labels(kind: str) -> None:
    assert method_for(votes(), kind).fit(votes(), gold={}).labels == ()
