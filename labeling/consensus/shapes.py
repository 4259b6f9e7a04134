"""Consensus on things drawn: shapes of several people are matched, each thing's existence, name and form agreed on."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa

from labeling.consensus import geometry
from labeling.consensus.classes import Choices, FittedChoices
from labeling.consensus.confusion import Ballots, Fitter, Model
from labeling.consensus.votes import DIGITS, Agreed, FloatArray, IntArray, Votes, annotators_table
from lake.answers import kind_of, shapes_of, shapes_text
from lake.errors import PlatformError, SpecError

Shape = Any  # one of the classes of lake.answers.KINDS
_PRIOR = 3.0  # things at the crowd's likeness that each annotator's own starts with
_ROUGH = 0.05  # of an unlikeness: nobody is taken for perfect
_PLACES = 4  # decimals of what is fused: a ten-thousandth of a pixel or second


@dataclass(frozen=True)
class _Kind:
    """What differs between kinds of shapes."""

    likeness: Callable[[Shape, Shape], float]
    fused: Callable[[Sequence[Shape], Sequence[float]], Shape]
    least: float  # likeness from which two may be the same thing


@dataclass(frozen=True)
class _Thing:
    """What several people may have drawn alike: at most one shape of each."""

    item: int  # row of the votes' items
    drawn: Mapping[int, Shape]  # by annotator's row
    asked: tuple[int, ...]  # annotators who answered the item


@dataclass(frozen=True)
class FittedShapes:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    kind: str
    how: _Kind
    existence: Model  # of annotators: how often each draws what is there, and what is not
    names: FittedChoices | None  # how they confuse classes; None where nobody drew anything
    form: FloatArray  # (annotators,), weight of each one's form
    method: str
    why: str
    gold: Mapping[str, str] = field(repr=False, default_factory=dict)

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; `parts` is the probability that each shape is there and is what it is called."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator; accuracy is how often they are right on whether a thing is there."""
        return annotators_table(self.votes, self.existence.accuracy)

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        place = {name: row for row, name in enumerate(self.votes.annotators)}
        who = np.array([place.get(name, -1) for name in votes.annotators], dtype=np.int64)
        things = _things(votes, self.kind, self.how)
        there = self.existence.of_crew(who).posterior(_ballots(things, len(votes.annotators)))[:, 1]
        form = np.where(who >= 0, self.form[who], float(self.form.mean()) if len(self.form) else 1.0)
        called = self._called(votes, things)
        by_item: dict[int, list[int]] = defaultdict(list)
        for number, thing in enumerate(things):
            by_item[thing.item].append(number)
        return tuple(
            self._label(votes, row, [(things[n], float(there[n]), called[n]) for n in by_item[row]], form)
            for row in range(len(votes.items))
        )

    def _called(self, votes: Votes, things: Sequence[_Thing]) -> list[tuple[str, float]]:
        """Of each thing its class and the probability of that."""
        if self.names is None:
            return [(next(iter(thing.drawn.values())).label, 1.0) for thing in things]
        agreed = {one.item: one for one in self.names.predict(_names(votes, things))}
        found = (agreed[_name(number)] for number in range(len(things)))
        return [(one.answer, one.confidence) for one in found]

    def _label(
        self, votes: Votes, row: int, things: Sequence[tuple[_Thing, float, tuple[str, float]]], form: FloatArray
    ) -> Agreed:
        item, who = votes.items[row], votes.who(row)
        if item in self.gold:
            right = shapes_of(self.gold[item], self.kind)
            same = sum(answer == self.gold[item] for answer in votes.said(row)) / len(who)
            return Agreed(item, self.gold[item], 1.0, round(same, DIGITS), who, (1.0,) * len(right))
        kept: list[tuple[Shape, float, float]] = []
        doubt = 0.0
        for thing, there, (name, sure) in things:
            if there < 0.5:
                doubt = max(doubt, there)
                continue
            drawn = sorted(thing.drawn.items())
            shape = self.how.fused([one for _, one in drawn], [float(form[annotator]) for annotator, _ in drawn])
            shape = _rounded(dataclasses.replace(shape, label=name))
            kept.append((shape, there * sure, len(thing.drawn) / len(thing.asked)))
        text = shapes_text(self.kind, [shape for shape, _, _ in kept])
        order = [next(one for one in kept if one[0] == shape) for shape in shapes_of(text, self.kind)]
        parts = tuple(round(part, DIGITS) for _, part, _ in order)
        return Agreed(
            item=item,
            answer=text,
            confidence=round(sum(parts) / len(parts) if parts else 1 - doubt, DIGITS),
            agreement=round(sum(share for _, _, share in order) / len(order) if order else 1 - doubt, DIGITS),
            annotators=who,
            parts=parts,
        )


@dataclass(frozen=True)
class Shapes:
    """How boxes, solids, polygons, masks, keypoints or segments that several people drew become a label.

    Shapes of an item are grouped, the most alike first, at most one of each person; whether a group is a thing is a
    question of yes and no to everybody who answered the item, agreed on as choices are (labeling.consensus.confusion):
    each has a rate of what they overlook and of what they imagine. Its class is agreed on in the same way, its form by
    weighted medians (of masks by pixel), people who draw like the others weighing more.
    kind: a key of lake.answers.KINDS but `spans`. least: likeness (intersection over union, or as keypoints and points
    in time have it) from which two shapes may be one thing. margin: of points in time, the distance at which two are
    no longer one; None takes a hundredth of all the time that answers name.
    """

    kind: str
    least: float = 0.3
    margin: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in _KINDS and self.kind != "segments":
            remedy = f"take one of {', '.join(sorted({*_KINDS, 'segments'}))}"
            raise SpecError(f'"{self.kind}" are no shapes that can be matched', remedy=remedy)

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedShapes:
        """Learn from votes; items of `gold` have that label, and annotators are held against it.

        Raises PlatformError for an answer of another kind.
        """
        _check([*votes.vocabulary, *(gold or {}).values()], self.kind)
        expert = {item: gold[item] for item in votes.items if item in gold} if gold else {}
        how = self._how(votes)
        things = _things(votes, self.kind, how)
        known = np.array([_known(thing, votes, expert, self.kind, how) for thing in things], dtype=np.int64)
        existence = Fitter().fit(_ballots(things, len(votes.annotators), known))
        names = Choices().fit(_names(votes, things)) if things else None
        return FittedShapes(
            votes=votes,
            kind=self.kind,
            how=how,
            existence=existence,
            names=names,
            form=_forms(things, len(votes.annotators), how),
            method="matched_shapes",
            why="shapes are matched; who overlooks or imagines things, confuses classes or draws roughly counts less",
            gold=expert,
        )

    def distance(self, one: str, other: str) -> float:
        """1 - F1 of things matched, each by how alike the two are and whether they are called the same."""
        how = self._how(None)
        mine, theirs = shapes_of(one, self.kind), shapes_of(other, self.kind)
        if not mine and not theirs:
            return 0.0
        matched = _matches([(0, shape) for shape in mine] + [(1, shape) for shape in theirs], how)
        alike = [how.likeness(*group.values()) for group in matched if len(group) == 2 and _same_name(group)]
        return 1 - 2 * sum(alike) / (len(mine) + len(theirs))

    def _how(self, votes: Votes | None) -> _Kind:
        if self.kind != "segments":
            likeness, fused = _KINDS[self.kind]
            return _Kind(likeness, fused, self.least)
        margin = self.margin
        if margin is None:
            answers = votes.vocabulary if votes is not None else ()
            times = [
                time for answer in answers for one in shapes_of(answer, "segments") for time in (one.start, one.end)
            ]
            margin = geometry.spread(np.array(times)) / 100 or 1.0
        return _Kind(partial(geometry.segment_likeness, margin=margin), geometry.fused_segments, self.least)


_KINDS: dict[str, tuple[Callable[..., float], Callable[..., Shape]]] = {
    "boxes": (geometry.box_likeness, geometry.fused_boxes),
    "solids": (geometry.solid_likeness, geometry.fused_solids),
    "polygons": (geometry.polygon_likeness, geometry.fused_polygons),
    "masks": (geometry.mask_likeness, geometry.fused_masks),
    "keypoints": (geometry.keypoint_likeness, geometry.fused_keypoints),
}


def _check(answers: Sequence[str], kind: str) -> None:
    wrong = next((answer for answer in answers if kind_of(answer) != kind), None)
    if wrong is not None:
        raise PlatformError(f'"{wrong[:60]}" are no {kind}', remedy=f'write {{"{kind}": [...]}}')


def _same_name(group: Mapping[int, Shape]) -> bool:
    return len({shape.label for shape in group.values()}) == 1


def _things(votes: Votes, kind: str, how: _Kind) -> list[_Thing]:
    """What may be there, by item, in an order that the order of votes does not change."""
    parsed = [shapes_of(answer, kind) for answer in votes.vocabulary]
    found = []
    for row, (low, high) in enumerate(zip(votes.bounds, votes.bounds[1:], strict=False)):
        asked = tuple(int(annotator) for annotator in votes.annotator[low:high])
        drawn = [
            (annotator, shape)
            for annotator, code in zip(asked, votes.code[low:high], strict=True)
            for shape in parsed[code]
        ]
        found += [_Thing(row, group, asked) for group in _matches(drawn, how)]
    return found


def _matches(drawn: Sequence[tuple[int, Shape]], how: _Kind) -> list[dict[int, Shape]]:
    """Groups of shapes that may be one thing: the most alike are joined first, never two of one person."""
    alike = []
    for place, (annotator, shape) in enumerate(drawn):
        for before in range(place):
            if drawn[before][0] != annotator:
                likeness = how.likeness(drawn[before][1], shape)
                if likeness >= how.least:
                    same = drawn[before][1].label == shape.label
                    alike.append((-round(likeness + (0.1 if same else 0.0), DIGITS), before, place))
    group = list(range(len(drawn)))
    members = {place: {annotator: shape} for place, (annotator, shape) in enumerate(drawn)}
    for _, one, other in sorted(alike):
        mine, theirs = group[one], group[other]
        if mine != theirs and not members[mine].keys() & members[theirs].keys():
            members[mine] |= members.pop(theirs)
            group = [mine if number == theirs else number for number in group]
    return [members[number] for number in sorted(members)]


def _ballots(things: Sequence[_Thing], num_annotators: int, known: IntArray | None = None) -> Ballots:
    """Whether each thing is there: yes of those who drew it, no of the others who were asked."""
    rows = [
        (number, annotator, int(annotator in thing.drawn))
        for number, thing in enumerate(things)
        for annotator in thing.asked
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    truth = np.full(len(things), -1) if known is None else known
    return Ballots.of(table[:, 0], table[:, 1], table[:, 2], truth, (num_annotators, 2))


def _known(thing: _Thing, votes: Votes, gold: Mapping[str, str], kind: str, how: _Kind) -> int:
    """1 or 0 where gold tells whether the thing is there, else -1."""
    item = votes.items[thing.item]
    if item not in gold:
        return -1
    truth = shapes_of(gold[item], kind)
    return int(any(how.likeness(shape, one) >= how.least for shape in thing.drawn.values() for one in truth))


def _name(number: int) -> str:
    return f"{number:09}"


def _names(votes: Votes, things: Sequence[_Thing]) -> Votes:
    """What each thing is called, as a choice."""
    return Votes.of(
        (_name(number), votes.annotators[annotator], shape.label)
        for number, thing in enumerate(things)
        for annotator, shape in sorted(thing.drawn.items())
    )


def _forms(things: Sequence[_Thing], num_annotators: int, how: _Kind) -> FloatArray:
    """(annotators,): weight of each one's form, the inverse of how unlike the others' theirs are."""
    unlike, count = np.zeros(num_annotators), np.zeros(num_annotators)
    for thing in things:
        drawn = sorted(thing.drawn.items())
        for place, (one, shape) in enumerate(drawn):
            for other, theirs in drawn[:place]:
                apart = 1 - how.likeness(shape, theirs)
                for annotator in (one, other):
                    unlike[annotator] += apart
                    count[annotator] += 1
    crowd = unlike.sum() / count.sum() if count.sum() else 0.5
    return np.asarray(1 / ((unlike + _PRIOR * crowd) / (count + _PRIOR) + _ROUGH))


def _rounded(value: Any) -> Any:
    """A shape whose numbers end after _PLACES decimals."""
    if isinstance(value, float):
        return round(value, _PLACES)
    if isinstance(value, tuple):
        return tuple(_rounded(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: _rounded(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
