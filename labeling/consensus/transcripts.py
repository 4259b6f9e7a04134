"""Consensus on transcripts: words are aligned into slots, and each slot is voted on by people of known reliability.

Source: ROVER (Fiscus 1997, "A post-processing system to yield reduced word error rates"), with votes weighed by each
annotator's accuracy, estimated by expectation-maximisation over all items as Dawid and Skene do for classes.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from labeling.consensus.votes import DIGITS, Agreed, Votes, annotators_table

_PRIOR = 10.0  # words at the crowd's accuracy that each annotator's own accuracy starts with
_ROUNDS = 10
_RESTS = 1e-6  # change of any accuracy
_WORDS = 1000.0  # a wrong word is one of so many, of which people who err agree on the same now and then
_FLOOR, _CEILING = 0.05, 0.99  # of an accuracy, so that one vote never decides against all others
_NOTHING = ""  # what someone says in a slot that they have no word for

Slot = tuple[tuple[str, str], ...]  # of each annotator, in order: the word as compared, and as written


@dataclass(frozen=True)
class FittedTranscripts:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    accuracy: Mapping[str, float]  # of each annotator, in slots
    average: float
    method: str
    why: str
    gold: Mapping[str, str] = field(repr=False, default_factory=dict)

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; `parts` is the probability of each word."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator; accuracy is the expected share of right words."""
        return annotators_table(self.votes, [self.accuracy[who] for who in self.votes.annotators])

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        return tuple(self._label(votes, row) for row in range(len(votes.items)))

    def _label(self, votes: Votes, row: int) -> Agreed:
        item, who, said = votes.items[row], votes.who(row), votes.said(row)
        if item in self.gold:
            right = self.gold[item]
            same = sum(words_of(answer) == words_of(right) for answer in said) / len(said)
            return Agreed(item, right, 1.0, round(same, DIGITS), who, (1.0,) * len(words_of(right)))
        odds = [_log_odds(self.accuracy.get(name, self.average)) for name in who]
        written, parts, shares = [], [], []
        certain = 1.0
        for slot in aligned(said):
            posterior = _posterior(slot, odds)
            best = _best(posterior)
            certain = min(certain, posterior[best])
            if best != _NOTHING:
                written.append(_as_written(slot, best, odds))
                parts.append(round(posterior[best], DIGITS))
                shares.append(sum(word == best for word, _ in slot) / len(slot))
        return Agreed(
            item=item,
            answer=_joined(written, said),
            confidence=round(sum(parts) / len(parts) if parts else certain, DIGITS),
            agreement=round(sum(shares) / len(shares) if shares else 1.0, DIGITS),
            annotators=who,
            parts=tuple(parts),
        )


@dataclass(frozen=True)
class Transcripts:
    """How what several people heard or read becomes one text.

    Case and punctuation are not compared; of a word that wins, the way it is written is voted on as well. Text in
    which no words are set apart by spaces (Chinese, Japanese, Thai) is aligned by characters.
    """

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedTranscripts:
        """Learn from votes; items of `gold` get that text, and annotators are held against it."""
        expert = {item: gold[item] for item in votes.items if item in gold} if gold else {}
        items = [_Item.of(votes, row, expert) for row in range(len(votes.items))]
        accuracy = dict.fromkeys(votes.annotators, 0.9)
        average = 0.9
        for _ in range(_ROUNDS):
            before = accuracy
            accuracy, average = _accuracies(items, accuracy, votes.annotators)
            if max((abs(accuracy[who] - before[who]) for who in accuracy), default=0.0) < _RESTS:
                break
        return FittedTranscripts(
            votes=votes,
            accuracy={who: round(share, DIGITS) for who, share in accuracy.items()},
            average=average,
            method="rover",
            why="words are aligned and each is voted on, by how often each annotator's words are right",
            gold=expert,
        )

    def distance(self, one: str, other: str) -> float:
        """Word error rate against the longer of the two, at most 1; characters where no spaces set words apart."""
        return _distance(one, other)


@dataclass(frozen=True)
class _Item:
    """One item's slots, each with what everybody says in it."""

    who: tuple[str, ...]
    slots: tuple[Slot, ...]
    truth: tuple[str, ...] | None  # of each slot, where it is known

    @classmethod
    def of(cls, votes: Votes, row: int, gold: Mapping[str, str]) -> "_Item":
        said = votes.said(row)
        known = gold.get(votes.items[row])
        if known is None:
            return cls(votes.who(row), tuple(aligned(said)), None)
        slots = aligned([known, *said])
        return cls(votes.who(row), tuple(slot[1:] for slot in slots), tuple(slot[0][0] for slot in slots))


def _accuracies(
    items: Sequence[_Item], accuracy: Mapping[str, float], annotators: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Each annotator's expected share of right words under what is believed now, and the crowd's."""
    right, asked = defaultdict[str, float](float), defaultdict[str, int](int)
    for item in items:
        odds = [_log_odds(accuracy[name]) for name in item.who]
        for place, slot in enumerate(item.slots):
            posterior = _posterior(slot, odds) if item.truth is None else {item.truth[place]: 1.0}
            for name, (word, _) in zip(item.who, slot, strict=True):
                right[name] += posterior.get(word, 0.0)
                asked[name] += 1
    total = sum(asked.values())
    crowd = sum(right.values()) / total if total else 0.9
    shares = {who: (right[who] + _PRIOR * crowd) / (asked[who] + _PRIOR) for who in annotators}
    return shares, crowd


def _log_odds(accuracy: float) -> float:
    share = min(max(accuracy, _FLOOR), _CEILING)
    return math.log(share) - math.log((1 - share) / _WORDS)


def _posterior(slot: Slot, odds: Sequence[float]) -> dict[str, float]:
    """Probability of each word that anybody says in the slot; each is as likely beforehand."""
    scores = defaultdict[str, float](float)
    for (word, _), weight in zip(slot, odds, strict=True):
        scores[word] += weight
    top = max(scores.values())
    parts = {word: math.exp(score - top) for word, score in scores.items()}
    total = sum(parts.values())
    return {word: part / total for word, part in parts.items()}


def _best(posterior: Mapping[str, float]) -> str:
    """The most probable; of equals a word before none, then the first of the alphabet."""
    return min(posterior, key=lambda word: (-round(posterior[word], DIGITS), word == _NOTHING, word))


def _as_written(slot: Slot, best: str, odds: Sequence[float]) -> str:
    forms = defaultdict[str, float](float)
    for (word, form), weight in zip(slot, odds, strict=True):
        if word == best:
            forms[form] += weight
    return min(forms, key=lambda form: (-round(forms[form], DIGITS), form))


# --- alignment


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: in lower case, without punctuation about them."""
    return tuple(word for word, _ in _tokens(text))


def aligned(said: Sequence[str]) -> list[Slot]:
    """Slots of a confusion network: what each text has in it, its word or nothing.

    Texts join one after another, the one nearest to all others first, each aligned to the words most said so far.
    """
    from rapidfuzz.distance import Levenshtein

    tokens = [_tokens(text) for text in said]
    slots: list[list[tuple[str, str]]] = []
    present: list[int] = []
    for index in _order(tokens):
        mine = tokens[index]
        backbone = [_most_said(slot, present) for slot in slots]
        merged: list[list[tuple[str, str]]] = []
        blank = [(_NOTHING, "")] * len(said)
        for step in Levenshtein.opcodes(backbone, [word for word, _ in mine]):
            held = slots[step.src_start : step.src_end]
            new = list(mine[step.dest_start : step.dest_end])
            held += [list(blank) for _ in range(len(new) - len(held))]
            for place, slot in enumerate(held):
                if place < len(new):
                    slot[index] = new[place]
                merged.append(slot)
        slots = merged
        present.append(index)
    return [tuple(slot) for slot in slots]


def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    """(as compared, as written) of each word; what is punctuation alone belongs to the word before it."""
    pieces = text.split() if not _without_spaces(text) else [one for one in text if not one.isspace()]
    found: list[tuple[str, str]] = []
    for piece in pieces:
        word = _bare(piece)
        if word:
            found.append((word, piece))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + piece)
    return tuple(found)


def _bare(piece: str) -> str:
    """Lower case, without what is neither letter, mark nor digit at its ends."""
    low = unicodedata.normalize("NFKC", piece).casefold().replace("\u2019", "'")
    kept = [unicodedata.category(one)[0] in "LMN" for one in low]
    if not any(kept):
        return ""
    return low[kept.index(True) : len(low) - kept[::-1].index(True)]


def _without_spaces(text: str) -> bool:
    """Whether most letters are of a script that sets no spaces between words."""
    letters = [one for one in text if unicodedata.category(one)[0] == "L"]
    return sum(_spaceless(one) for one in letters) * 2 > len(letters)


def _spaceless(letter: str) -> bool:
    code = ord(letter)
    return any(low <= code <= high for low, high in _SPACELESS)


# Thai and Lao, Myanmar, Khmer, kana, ideographs (also of the supplementary planes)
_SPACELESS = (
    (0xE00, 0xEFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0x20000, 0x3FFFF),
)


def _order(tokens: Sequence[tuple[tuple[str, str], ...]]) -> list[int]:
    """Places of the texts, the one nearest to all others first."""
    from rapidfuzz.distance import Levenshtein

    words = [[word for word, _ in one] for one in tokens]
    apart = [sum(Levenshtein.normalized_distance(one, other) for other in words) for one in words]
    return sorted(range(len(words)), key=lambda place: (round(apart[place], DIGITS), words[place], place))


def _most_said(slot: Sequence[tuple[str, str]], present: Sequence[int]) -> str:
    """The word that most of the texts present have in a slot; a word before none."""
    counts = defaultdict[str, int](int)
    for place in present:
        counts[slot[place][0]] += 1
    words = [word for word in counts if word != _NOTHING] or list(counts)
    return min(words, key=lambda word: (-counts[word], word))


def _joined(words: Sequence[str], said: Sequence[str]) -> str:
    spaceless = sum(_without_spaces(text) for text in said) * 2 > len(said)
    return ("" if spaceless else " ").join(words)


def _distance(one: str, other: str) -> float:
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(words_of(one), words_of(other)))
