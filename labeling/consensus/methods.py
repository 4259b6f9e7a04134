"""Which consensus serves which kind of answers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from labeling.consensus.classes import Choices
from labeling.consensus.many import ManyClasses
from labeling.consensus.ranking import Rankings
from labeling.consensus.ratings import Numbers, Ratings
from labeling.consensus.shapes import Shapes
from labeling.consensus.spans import Spans
from labeling.consensus.transcripts import Transcripts
from labeling.consensus.votes import Method, Votes
from lake.answers import kind_of
from lake.errors import SpecError

WORDS = 3  # in an answer from which it is rather a transcript than a class, where hardly two are the same
_ALIKE = 0.5  # share of different answers from which hardly two are the same

METHODS: Mapping[str, Callable[[], Method]] = {
    "choice": Choices,
    "classes": ManyClasses,
    "text": Transcripts,
    "spans": Spans,
    "ranking": Rankings,
    "rating": Ratings,
    "number": Numbers,
    **{kind: partial(Shapes, kind) for kind in ("boxes", "solids", "polygons", "masks", "keypoints", "segments")},
}


def method_for(votes: Votes, kind: str = "auto", *, classes: Sequence[str] | None = None) -> Method:
    """The consensus for votes of a kind (a key of METHODS); `auto` tells it by the answers themselves (`kind_for`).

    classes: of a single choice, in the order of the question. Raises SpecError for a kind that is unknown.
    """
    found = kind_for(votes) if kind == "auto" else kind
    if found not in METHODS:
        raise SpecError(f'there is no consensus for "{found}"', remedy=f"take one of {', '.join(METHODS)}")
    return Choices(classes) if found == "choice" else METHODS[found]()


def kind_for(votes: Votes) -> str:
    """A key of METHODS. Plain text is a choice, but a transcript where hardly two answers are the same and most are of
    several words. Raises SpecError where kinds are mixed."""
    kinds = sorted({kind_of(answer) for answer in votes.vocabulary})
    if len(kinds) > 1:
        raise SpecError(
            f"the answers are of several kinds: {', '.join(kinds)}",
            remedy="give each question a table of its own, or say --type",
        )
    if kinds != ["text"]:
        return kinds[0] if kinds else "choice"
    long = sum(len(answer.split()) >= WORDS for answer in votes.vocabulary)
    different = len(votes.vocabulary) / max(1, len(votes.code))
    return "text" if different > _ALIKE and long * 2 > len(votes.vocabulary) else "choice"
