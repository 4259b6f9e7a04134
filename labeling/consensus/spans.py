"""Consensus on spans of a text: the answer that agrees best with annotators, each by how much of the rest they find."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from labeling.consensus.votes import DIGITS, Agreed, Votes, annotators_table
from lake.answers import Relation, Span, related_text, relations_of, shapes_of

_HALF = 0.5  # of finding a span: touching it anywhere
_PRIOR = 2.0  # spans at the crowd's rate that each annotator's own rate starts with
_ROUNDS = 3  # of weighing annotators by one another; more move the third digit
_NESTED = 0.1  # share of answers with spans across one another from which a label may have them too
_STEPS = 20  # of the search for the support that a span needs; it rests after a few

Answers = Mapping[str, tuple[Span, ...]]  # by annotator


@dataclass(frozen=True)
class FittedSpans:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    weights: Mapping[str, float]  # of each annotator; 1 is average
    recall: Mapping[str, float]  # share of the others' spans that each finds
    needed: float  # support that a span of a label needs
    nested: bool  # whether spans of a label may lie across one another
    method: str
    why: str
    boundary: float
    overlap: float
    gold: Mapping[str, str] = field(repr=False, default_factory=dict)

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; `parts` is each span's support: the share of the annotators' weight behind it."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator; accuracy is the share of the others' spans that each finds."""
        return annotators_table(self.votes, [self.recall[who] for who in self.votes.annotators])

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        return tuple(self._label(votes, row) for row in range(len(votes.items)))

    def _label(self, votes: Votes, row: int) -> Agreed:
        item, who, said = votes.items[row], votes.who(row), votes.said(row)
        if item in self.gold:
            right = shapes_of(self.gold[item], "spans")
            same = sum(answer == self.gold[item] for answer in said) / len(said)
            return Agreed(item, self.gold[item], 1.0, round(same, DIGITS), who, (1.0,) * len(right))
        answers = _answers(votes, row)
        support = _support(answers, self.weights, self.boundary, self.overlap)
        chosen = _choose(support, self.needed, nested=self.nested)
        total = sum(self.weights.get(name, 1.0) for name in who)
        related = _relations(chosen, dict(zip(who, said, strict=True)), self.weights)
        text = related_text(chosen, related)
        parts = tuple(min(1.0, round(support[span], DIGITS)) for span in shapes_of(text, "spans"))
        nothing = sum(self.weights.get(name, 1.0) for name in who if not answers[name]) / total
        drawn = [sum(span in answers[name] for name in who) / len(who) for span in chosen]
        return Agreed(
            item=item,
            answer=text,
            confidence=round(sum(parts) / len(parts) if parts else nothing, DIGITS),
            agreement=round(sum(drawn) / len(drawn) if drawn else nothing, DIGITS),
            annotators=who,
            parts=parts,
        )


@dataclass(frozen=True)
class Spans:
    """How the spans that several people drew become a label.

    A span's support is the share of the annotators' weight that stands behind it: whole where they drew it, `boundary`
    where one of theirs of its label shares its beginning or end, `overlap` where one lies across it. A label is the
    set of spans with the best expected F1 against an annotator drawn by weight: spans not across one another (unless
    people draw them so) whose support is above half of that F1. Annotators weigh as much as they find of what the
    others drew, which real crowds' quality follows closely: who draws little, or elsewhere, weighs little.
    Sources: weighted interval scheduling; Lipton, Elkan & Naryanaswamy 2014 (the threshold that is best for F1).
    """

    boundary: float = 0.2
    overlap: float = 0.05

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedSpans:
        """Learn from votes; items of `gold` get that label, and annotators are held against it."""
        expert = {item: gold[item] for item in votes.items if item in gold} if gold else {}
        items = [_answers(votes, row) for row in range(len(votes.items))]
        truths = [shapes_of(expert[item], "spans") if item in expert else None for item in votes.items]
        recall = _recall(items, truths, votes.annotators)
        mean = sum(recall.values()) / max(1, len(recall)) or 1.0
        weights = {who: share / mean for who, share in recall.items()}
        nested = _nested(items)
        supports = [_support(answers, weights, self.boundary, self.overlap) for answers in items]
        drawn = sum(_drawn(answers, weights) for answers in items)
        needed = _needed(supports, drawn, nested=nested)
        return FittedSpans(
            votes=votes,
            weights=weights,
            recall={who: round(share, DIGITS) for who, share in recall.items()},
            needed=needed,
            nested=nested,
            method="span_support",
            why=f"spans backed by {needed:.0%} of the annotators' weight agree best with what annotators draw",
            boundary=self.boundary,
            overlap=self.overlap,
            gold=expert,
        )

    def distance(self, one: str, other: str) -> float:
        """1 - F1 of spans that are the same; two answers without spans are the same."""
        mine, theirs = set(shapes_of(one, "spans")), set(shapes_of(other, "spans"))
        if not mine and not theirs:
            return 0.0
        return 1 - 2 * len(mine & theirs) / (len(mine) + len(theirs))


def _answers(votes: Votes, row: int) -> Answers:
    said = zip(votes.who(row), votes.said(row), strict=True)
    return {who: _drawn_spans(answer) for who, answer in said}


def _drawn_spans(answer: str) -> tuple[Span, ...]:
    """Each once; what holds no character says nothing."""
    return tuple(sorted({span for span in shapes_of(answer, "spans") if 0 <= span.start < span.end}))


def _touches(one: Span, other: Span) -> bool:
    return one == other or (one.start < other.end and other.start < one.end)


def _recall(
    items: Sequence[Answers], truths: Sequence[tuple[Span, ...] | None], annotators: Sequence[str]
) -> dict[str, float]:
    """Share of the others' spans (of gold's where it is known) that each finds, others counted by their own share."""
    share = dict.fromkeys(annotators, 1.0)
    for _ in range(_ROUNDS):
        found, asked = defaultdict[str, float](float), defaultdict[str, float](float)
        for answers, truth in zip(items, truths, strict=True):
            for who, mine in answers.items():
                others = [(1.0, truth)] if truth is not None else _others(answers, who, share)
                for weight, spans in others:
                    asked[who] += weight * len(spans)
                    found[who] += weight * sum(_found(span, mine) for span in spans)
        total = sum(asked.values())
        crowd = (sum(found.values()) + _HALF) / (total + 1)
        share = {who: (found[who] + _PRIOR * crowd) / (asked[who] + _PRIOR) for who in annotators}
    return share


def _others(answers: Answers, who: str, share: Mapping[str, float]) -> list[tuple[float, tuple[Span, ...]]]:
    return [(share[other], spans) for other, spans in answers.items() if other != who]


def _found(span: Span, mine: Sequence[Span]) -> float:
    if span in mine:
        return 1.0
    return _HALF if any(_touches(span, one) for one in mine) else 0.0


def _support(answers: Answers, weights: Mapping[str, float], boundary: float, overlap: float) -> dict[Span, float]:
    """Share of the annotators' weight behind each span that any of them drew."""
    total = sum(weights.get(who, 1.0) for who in answers)
    support = {}
    for span in sorted({span for spans in answers.values() for span in spans}):
        behind = sum(weights.get(who, 1.0) * _backs(span, spans, boundary, overlap) for who, spans in answers.items())
        support[span] = behind / total if total else 0.0
    return support


def _backs(span: Span, spans: Sequence[Span], boundary: float, overlap: float) -> float:
    best = 0.0
    for one in spans:
        if one == span:
            return 1.0
        if one.label == span.label and _touches(one, span):
            best = max(best, boundary if one.start == span.start or one.end == span.end else overlap)
    return best


def _drawn(answers: Answers, weights: Mapping[str, float]) -> float:
    """How many spans an annotator of the item draws, drawn by weight."""
    total = sum(weights.get(who, 1.0) for who in answers)
    return sum(weights.get(who, 1.0) * len(spans) for who, spans in answers.items()) / total if total else 0.0


def _nested(items: Iterable[Answers]) -> bool:
    across = [
        any(_touches(one, other) for place, one in enumerate(spans) for other in spans[:place])
        for answers in items
        for spans in answers.values()
        if len(spans) > 1
    ]
    return bool(across) and sum(across) / len(across) >= _NESTED


def _needed(supports: Sequence[Mapping[Span, float]], drawn: float, *, nested: bool) -> float:
    """Half of the best expected F1, found by Dinkelbach's method for ratios."""
    needed = 0.5
    for _ in range(_STEPS):
        chosen = [(support[span]) for support in supports for span in _choose(support, needed, nested=nested)]
        if not chosen:
            needed /= 2
            continue
        better = sum(chosen) / (len(chosen) + drawn)
        if abs(better - needed) < 1e-9:
            break
        needed = better
    return needed


def _choose(support: Mapping[Span, float], needed: float, *, nested: bool) -> list[Span]:
    """The spans above `needed` with the largest sum of what they have above it, none across another."""
    worth = {span: value - needed for span, value in support.items() if value > needed}
    if nested:
        return sorted(worth)
    order = sorted(worth, key=lambda span: (span.end, span.start, span.label))
    best: list[tuple[float, int, int]] = [(0.0, -1, -1)]  # sum, the span taken last, place before it
    for place, span in enumerate(order):
        before = place
        while before > 0 and order[before - 1].end > span.start:
            before -= 1
        taken = best[before][0] + worth[span]
        best.append((taken, place, before) if taken > best[-1][0] + 1e-12 else (best[-1][0], -1, place))
    chosen, at = [], len(order)
    while at > 0:
        _, place, before = best[at]
        if place >= 0:
            chosen.append(order[place])
        at = before
    return sorted(chosen)


def _relations(chosen: Sequence[Span], said: Mapping[str, str], weights: Mapping[str, float]) -> list[Relation]:
    """Those that most of the weight draws which drew both their ends; ends are places in `chosen`."""
    place = {span: number for number, span in enumerate(chosen)}
    for_it, able = defaultdict[Relation, float](float), defaultdict[tuple[int, int], float](float)
    for who, answer in said.items():
        spans, weight = shapes_of(answer, "spans"), weights.get(who, 1.0)
        mine = [place[span] for span in spans if span in place]
        for one in mine:
            for other in mine:
                able[one, other] += weight
        for link in relations_of(answer):
            ends = spans[link.source], spans[link.target]
            if all(end in place for end in ends):
                for_it[Relation(place[ends[0]], place[ends[1]], link.label)] += weight
    return [link for link, weight in for_it.items() if weight > able[link.source, link.target] / 2]
