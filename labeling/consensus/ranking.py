"""Consensus on orders of things, and on which of two is better: Bradley and Terry's model, judges of all sorts.

Source: Bradley & Terry 1952; annotators who err or turn the order round: Crowd-BT (Chen, Bennett, Collins-Thompson &
Horvitz 2013), fitted by expectation-maximisation.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
import pyarrow as pa

from labeling.consensus.votes import DIGITS, Agreed, FloatArray, IntArray, Votes, annotators_table
from lake.answers import kind_of, ranking_of, ranking_text
from lake.errors import PlatformError

SCORES_SCHEMA = pa.schema(
    [
        pa.field("thing", pa.string(), nullable=False),
        pa.field("num_comparisons", pa.int64(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),  # log strength; their mean is 0
        pa.field("low", pa.float64(), nullable=False),  # 95 %
        pa.field("high", pa.float64(), nullable=False),
    ]
)

_PULL = 0.5  # games that each thing has won and lost against one of average strength: keeps scores finite
_PRIOR = 4.0  # comparisons at the crowd's reliability that each annotator starts with
_ROUNDS = 100
_FEW = 5  # steps of the scores before annotators are looked at again
_RESTS = 1e-6  # change of any score
_Z = 1.959964


@dataclass(frozen=True)
class _Games:
    """Comparisons: who said that which thing is better than which; things by place in `things`."""

    things: tuple[tuple[str, str], ...]  # (item, thing), sorted
    better: IntArray
    worse: IntArray
    annotator: IntArray


@dataclass(frozen=True)
class FittedRankings:
    """Labels of the items, and what was learned of annotators. Immutable."""

    votes: Votes
    reliability: FloatArray  # (annotators,), probability that a comparison is what they see as the truth
    crowd: float
    gold: Mapping[str, str]
    method: str
    why: str

    @cached_property
    def labels(self) -> tuple[Agreed, ...]:
        """One an item, by item; `parts` is the probability that each thing is better than the next."""
        return self.predict(self.votes)

    @property
    def annotators(self) -> pa.Table:
        """ANNOTATORS_SCHEMA, by annotator; accuracy is how reliable their comparisons are."""
        return annotators_table(self.votes, self.reliability)

    def predict(self, votes: Votes) -> tuple[Agreed, ...]:
        """Labels for further items from what was learned of the annotators; an unknown one counts as average."""
        games = _games(votes)
        place = dict(zip(self.votes.annotators, self.reliability.tolist(), strict=True))
        reliability = np.array([place.get(name, self.crowd) for name in votes.annotators])
        scores = _strengths(games, reliability[games.annotator] if len(games.annotator) else np.zeros(0))
        by_item: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for (item, thing), score in zip(games.things, scores.tolist(), strict=True):
            by_item[item].append((round(score, DIGITS), thing))
        return tuple(self._label(votes, row, by_item.get(item, [])) for row, item in enumerate(votes.items))

    def _label(self, votes: Votes, row: int, scored: Sequence[tuple[float, str]]) -> Agreed:
        item, rankings = votes.items[row], [_ranking(answer) for answer in votes.said(row)]
        order = sorted(scored, key=lambda one: (-one[0], one[1])) or [(0.0, name) for name in rankings[0]]
        parts = [1 / (1 + np.exp(after - before)) for (before, _), (after, _) in pairwise(order)]
        names = [name for _, name in order]
        if item in self.gold:
            names, parts = list(_ranking(self.gold[item])), [1.0] * (len(_ranking(self.gold[item])) - 1)
        near = [1 - kendall(names, ranking) for ranking in rankings]
        return Agreed(
            item=item,
            answer=ranking_text(names),
            confidence=round(float(np.mean(parts)) if parts else 1.0, DIGITS),
            agreement=round(float(np.mean(near)), DIGITS),
            annotators=votes.who(row),
            parts=tuple(round(float(part), DIGITS) for part in parts),
        )


@dataclass(frozen=True)
class Rankings:
    """How orders of an item's things, or choices between two of them, become one order."""

    def fit(self, votes: Votes, *, gold: Mapping[str, str] | None = None) -> FittedRankings:
        """Learn from votes; items of `gold` have that order, and annotators are held against it.

        Raises PlatformError for an answer that is no order, or that names a thing twice.
        """
        expert = {item: gold[item] for item in votes.items if item in gold} if gold else {}
        games = _games(votes)
        reliability, crowd = _reliability(games, len(votes.annotators), _certain(games, expert))
        return FittedRankings(
            votes=votes,
            reliability=reliability,
            crowd=crowd,
            gold=expert,
            method="crowd_bt",
            why="things are ordered by strengths that explain the comparisons, weighed by each annotator's reliability",
        )

    def distance(self, one: str, other: str) -> float:
        """Share of pairs of things that the two order otherwise; a pair that one lacks counts half."""
        return kendall(_ranking(one), _ranking(other))


def scores(votes: Votes) -> pa.Table:
    """SCORES_SCHEMA of things that are compared across items (pictures shown in pairs), the best first."""
    one = Votes(("all",), votes.annotators, votes.vocabulary, np.zeros_like(votes.item), votes.annotator, votes.code)
    games = _games(one)
    reliability, _ = _reliability(games, len(votes.annotators), np.full(len(games.better), np.nan))
    weight = reliability[games.annotator]
    found = _strengths(games, weight)
    count = np.bincount(np.r_[games.better, games.worse], minlength=len(games.things))
    error = _Z / np.sqrt(_information(games, found))
    rows = [
        {
            "thing": thing,
            "num_comparisons": int(n),
            "score": round(s, DIGITS),
            "low": round(s - e, DIGITS),
            "high": round(s + e, DIGITS),
        }
        for (_, thing), n, s, e in zip(games.things, count, found.tolist(), error.tolist(), strict=True)
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (-row["score"], row["thing"])), schema=SCORES_SCHEMA)


def kendall(one: Sequence[str], other: Sequence[str]) -> float:
    """Kendall's distance over all things that either names, from 0 to 1; a pair that one lacks counts half."""
    mine, theirs = ({name: place for place, name in enumerate(order)} for order in (one, other))
    names = sorted({*one, *other})
    pairs = list(combinations(names, 2))
    if not pairs:
        return float(list(one) != list(other))
    apart = 0.0
    for a, b in pairs:
        if a in mine and b in mine and a in theirs and b in theirs:
            apart += (mine[a] < mine[b]) != (theirs[a] < theirs[b])
        else:
            apart += 0.5
    return apart / len(pairs)


def _ranking(answer: str) -> tuple[str, ...]:
    found = ranking_of(answer)
    if kind_of(answer) != "ranking" or len(set(found)) != len(found):
        raise PlatformError(
            f'"{answer[:60]}" is no order of things', remedy='write {"ranking": ["best", ..., "worst"]}, each once'
        )
    return found


def _games(votes: Votes) -> _Games:
    """All comparisons that the orders imply."""
    rankings = [_ranking(answer) for answer in votes.vocabulary]
    seen = {(int(item), name) for item, code in zip(votes.item, votes.code, strict=True) for name in rankings[code]}
    things = sorted(seen)
    place = {thing: number for number, thing in enumerate(things)}
    rows = [
        (place[int(item), better], place[int(item), worse], int(who))
        for item, who, code in zip(votes.item, votes.annotator, votes.code, strict=True)
        for better, worse in combinations(rankings[code], 2)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    named = tuple((votes.items[item], name) for item, name in things)
    return _Games(named, table[:, 0], table[:, 1], table[:, 2])


def _certain(games: _Games, gold: Mapping[str, str]) -> FloatArray:
    """(games,): 1 or 0 where gold tells whether the comparison is right, else NaN."""
    order = {item: {name: place for place, name in enumerate(_ranking(answer))} for item, answer in gold.items()}
    known = np.full(len(games.better), np.nan)
    for row, (better, worse) in enumerate(zip(games.better, games.worse, strict=True)):
        (item, one), (_, other) = games.things[better], games.things[worse]
        right = order.get(item, {})
        if one in right and other in right:
            known[row] = float(right[one] < right[other])
    return known


def _reliability(games: _Games, size: int, known: FloatArray) -> tuple[FloatArray, float]:
    """(annotators,) and the crowd's; in turns with the strengths."""
    found, crowd = np.full(size, 0.9), 0.9
    strengths = np.zeros(len(games.things))
    for _ in range(_ROUNDS if len(games.better) else 0):
        before, strengths = strengths, _strengths(games, found[games.annotator], strengths, _FEW)
        right = _right(games, strengths, found[games.annotator])
        right = np.where(np.isnan(known), right, known)
        crowd = float((right.sum() + 1) / (len(right) + 2))
        count = np.bincount(games.annotator, minlength=size)
        found = (np.bincount(games.annotator, weights=right, minlength=size) + _PRIOR * crowd) / (count + _PRIOR)
        found = np.clip(found, 0.01, 0.99)
        if np.abs(strengths - before).max(initial=0.0) < _RESTS:
            break
    return found, crowd


def _right(games: _Games, strengths: FloatArray, reliability: FloatArray) -> FloatArray:
    """(games,): probability that each comparison is the way the annotator saw it."""
    chance = 1 / (1 + np.exp(strengths[games.worse] - strengths[games.better]))
    return np.asarray(reliability * chance / (reliability * chance + (1 - reliability) * (1 - chance)))


def _strengths(
    games: _Games, reliability: FloatArray, start: FloatArray | None = None, rounds: int = _ROUNDS
) -> FloatArray:
    """(things,) log strengths, centred within each item; reliability: (games,), of each comparison's annotator.

    A comparison counts as won by its probability of being right, else as lost. Steps are bounded by twice the
    diagonal of the curvature, so that none goes too far (the Hessian is a graph's Laplacian).
    """
    size = len(games.things)
    found = np.zeros(size) if start is None else start.copy()
    item = (
        np.unique([name for name, _ in games.things], return_inverse=True)[1] if size else np.zeros(0, dtype=np.int64)
    )
    size_of_item = np.bincount(item)
    for _ in range(rounds if size else 0):
        chance = 1 / (1 + np.exp(found[games.worse] - found[games.better]))
        push = _right(games, found, reliability) - chance
        slope = np.bincount(games.better, weights=push, minlength=size) - np.bincount(
            games.worse, weights=push, minlength=size
        )
        step = (slope - _PULL * np.tanh(found / 2)) / (2 * _information(games, found))
        found = found + step
        found = found - (np.bincount(item, weights=found) / size_of_item)[item]
        if np.abs(step).max(initial=0.0) < _RESTS:
            break
    return found


def _information(games: _Games, found: FloatArray) -> FloatArray:
    """(things,): curvature of the log-likelihood."""
    chance = 1 / (1 + np.exp(found[games.worse] - found[games.better]))
    part = chance * (1 - chance)
    both = np.r_[games.better, games.worse]
    return np.asarray(np.bincount(both, weights=np.r_[part, part], minlength=len(found)) + _PULL / 2)
