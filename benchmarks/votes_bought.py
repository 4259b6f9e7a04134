"""How many of a crowd's recorded votes had to be bought for nearly the labels that all of them give."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.crowd_tables import CrowdTable, crowd_tables
from benchmarks.figure import Figure, figure

if TYPE_CHECKING:
    from labeling.consensus.votes import Votes

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

LESS = 0.005  # accuracy that may be missing
SEEDS, PEER_SEEDS = 10, 3
FOLDS = 5  # of a machine's training
DENSE = 10  # votes an item from which the sharper goal holds
ROUND = 0.04  # of all votes, bought before the annotators are estimated anew
_GRID_DENSE = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50, 0.70, 1.0)
_GRID = (0.20, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.70, 0.80, 1.0)
_GRID_MACHINE = (0.05, 0.10, 0.125, 0.15, 0.175, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.60, 1.0)
_RESAMPLES = 200

Buy = Callable[["_Replay", int], IntArray]
Machine = Callable[[IntArray], npt.NDArray[np.float64]]  # labels, -1 where unknown -> (items, classes)


def replay(runs: int | None = None) -> Iterator[Figure]:
    """Each table with votes bought one by one where they are worth most; peer: the same number for every item.

    What is reported is the share of votes at which the mean accuracy of ten replays comes within half a point of what
    all votes give, and stays; lows and highs come from resampling the replays.
    """
    for table in crowd_tables():
        votes, truth = _votes(table)
        dense = len(votes.item) / len(votes.items) >= DENSE
        grid, most = (_GRID_DENSE, 0.30) if dense else (_GRID, 0.60)
        full = _share_right(_labels(votes, np.ones(len(votes.item), dtype=bool)), truth)
        ours = _curves(votes, truth, grid, runs or SEEDS, _worth_most)
        peer = _curves(votes, truth, grid, PEER_SEEDS, _evenly)
        yield figure(
            "labeling", f"votes bought for full overlap's accuracy ({full:.3f}) less 0.5 point, {table.name}",
            "share", crossings(ours, grid, full - LESS), peer=crossings(peer, grid, full - LESS),
            must=f"at most {most:.2f}", holds=_at_most(most),
        )  # fmt: skip


def with_machine(runs: int | None = None) -> Iterator[Figure]:
    """A model as a further voter, fitted to what the bought votes say and asked about items it was not fitted to."""
    (polarity,) = (table for table in crowd_tables() if table.name == "sentence_polarity")
    votes, truth = _votes(polarity)
    yield _machine_figure(
        "sentence_polarity with a text model", votes, truth, _text_model(polarity, votes.items), runs or SEEDS, 0.45,
        full=_share_right(_labels(votes, np.ones(len(votes.item), dtype=bool)), truth) - LESS,
    )  # fmt: skip
    votes, truth, pictures = _digits()
    yield _machine_figure(
        "digits of a simulated crew, with a picture model", votes, truth, pictures, runs or SEEDS, 0.20,
        full=_share_right(_labels(votes, np.ones(len(votes.item), dtype=bool)), truth),
    )  # fmt: skip


def _machine_figure(
    name: str, votes: "Votes", truth: IntArray, machine: Machine, runs: int, most: float, *, full: float
) -> Figure:
    ours = _curves(votes, truth, _GRID_MACHINE, runs, _worth_most, machine)
    peer = _curves(votes, truth, _GRID_MACHINE, PEER_SEEDS, _evenly)
    return figure(
        "labeling", f"votes bought for an accuracy of {full:.3f}, {name}", "share",
        crossings(ours, _GRID_MACHINE, full), peer=crossings(peer, _GRID_MACHINE, full),
        must=f"at most {most:.2f}", holds=_at_most(most),
    )  # fmt: skip


def _at_most(most: float) -> Callable[[float, float | None], bool]:
    return lambda mine, _: mine <= most


@dataclass
class _Replay:
    """One replay: what is bought so far. The recorded votes are the only ones that can be bought."""

    votes: "Votes"
    bought: BoolArray
    seed: int
    machine: Machine | None = None
    round: int = 0

    def said(self) -> "Votes":
        """What is bought, and what the machine says that was fitted to the labels it gives."""
        part = _part(self.votes, self.bought)
        return part if self.machine is None or not self.round else _heard(part, self.machine)


def _votes(table: CrowdTable) -> tuple["Votes", IntArray]:
    """The votes, and the code of each item's truth; -1 where it is unknown or nobody ever said it."""
    from labeling.consensus.votes import Votes

    votes = Votes.of(table.said)
    code = {name: place for place, name in enumerate(votes.vocabulary)}
    return votes, np.array([code.get(table.truth.get(item, ""), -1) for item in votes.items])


def _labels(votes: "Votes", bought: BoolArray, machine: Machine | None = None) -> IntArray:
    """(items,): the codes of the labels that the bought votes give."""
    from labeling.consensus.classes import Choices

    said = _Replay(votes, bought, 0, machine, 1).said()
    return np.asarray(Choices(votes.vocabulary).fit(said).posterior.round(9).argmax(axis=1))


def _heard(part: "Votes", machine: Machine) -> "Votes":
    """Votes of people, and of the machine on every item."""
    from labeling.consensus.classes import Choices
    from labeling.consensus.votes import Votes
    from labeling.routing import machine_votes

    posterior = Choices(part.vocabulary, "ibcc").fit(part).posterior
    asked = np.bincount(part.item, minlength=len(part.items)) > 0
    says = machine(np.where(asked, posterior.argmax(axis=1), -1))
    heard = machine_votes("benchmark", part.items, says, part.vocabulary)
    names = (*part.annotators, *sorted({who for _, who, _ in heard}))
    item = np.r_[part.item, np.arange(len(part.items))]
    annotator = np.r_[part.annotator, [names.index(who) for _, who, _ in heard]]
    code = np.r_[part.code, [part.vocabulary.index(word) for _, _, word in heard]]
    order = np.lexsort((annotator, item))
    return Votes(part.items, names, part.vocabulary, item[order], annotator[order], code[order])


def _part(votes: "Votes", bought: BoolArray) -> "Votes":
    """The same items and people with some of the votes."""
    from labeling.consensus.votes import Votes

    columns = votes.item[bought], votes.annotator[bought], votes.code[bought]
    return Votes(votes.items, votes.annotators, votes.vocabulary, *columns)


def _share_right(labels: IntArray, truth: IntArray) -> float:
    known = truth >= 0
    return float((labels[known] == truth[known]).mean())


def _curves(
    votes: "Votes", truth: IntArray, grid: Sequence[float], runs: int, buy: Buy, machine: Machine | None = None
) -> npt.NDArray[np.float64]:
    """(runs, grid): accuracy at each share of votes bought."""
    return np.array([list(_curve(votes, truth, grid, seed, buy, machine)) for seed in range(runs)])


def _curve(
    votes: "Votes", truth: IntArray, grid: Sequence[float], seed: int, buy: Buy, machine: Machine | None
) -> Iterator[float]:
    total = len(votes.item)
    state = _Replay(votes, np.zeros(total, dtype=bool), seed, machine)
    for share in grid:
        while (missing := round(share * total) - int(state.bought.sum())) > 0:
            state.bought[buy(state, min(missing, max(1, round(ROUND * total))))] = True
            state.round += 1
        yield _share_right(_labels(votes, state.bought, machine), truth)


def _worth_most(state: _Replay, budget: int) -> IntArray:
    """One vote for every item that nobody spoke of, then where it mends most labels, from whoever is free and best."""
    from labeling.consensus.confusion import Ballots, Fitter
    from labeling.routing import Offers, best_offers

    votes, said = state.votes, state.said()
    shape = (len(said.annotators), len(votes.vocabulary))
    free = np.flatnonzero(~state.bought)
    bare = np.bincount(said.item, minlength=len(votes.items)) == 0
    if bare[votes.item[free]].any():
        free = free[bare[votes.item[free]]]
    ballots = Ballots.of(said.item, said.annotator, said.code, np.full(len(votes.items), -1), shape)
    model = Fitter().fit(ballots)
    given = np.bincount(said.annotator, minlength=shape[0])
    offers = Offers(votes.item[free], votes.annotator[free])  # machines come after people
    key = f"{state.seed} {state.round}"
    return free[best_offers(offers, model.posterior(ballots), model.confusion, given, budget, key)]


def _evenly(state: _Replay, budget: int) -> IntArray:
    """At random, always for the items with the fewest votes."""
    votes = state.votes
    draw = np.random.default_rng([state.seed, state.round])
    given = np.bincount(votes.item[state.bought], minlength=len(votes.items))
    free = draw.permutation(np.flatnonzero(~state.bought))
    _, first = np.unique(votes.item[free], return_index=True)
    one_each = free[first]
    order = np.lexsort((draw.random(len(one_each)), given[votes.item[one_each]]))
    return one_each[order[:budget]]


def crossings(curves: npt.NDArray[np.float64], grid: Sequence[float], need: float) -> list[float]:
    """Where the mean curve comes to `need` and stays; first of all replays, then of resamples of them."""
    draw = np.random.default_rng(0)
    picks = draw.integers(0, len(curves), (_RESAMPLES, len(curves)))
    return [_crossing(curves[pick].mean(axis=0), grid, need) for pick in picks]


def _crossing(curve: npt.NDArray[np.float64], grid: Sequence[float], need: float) -> float:
    """Linear between points of the grid; 1 where only all votes do."""
    below = np.flatnonzero(curve[:-1] < need - 1e-12)
    if not len(below):
        return grid[0]
    last = int(below[-1])
    rise = curve[last + 1] - curve[last]
    part = (need - curve[last]) / rise if rise > 0 else 1.0
    return float(grid[last] + min(1.0, max(0.0, part)) * (grid[last + 1] - grid[last]))


# --- machines


def _text_model(table: CrowdTable, items: Sequence[str]) -> Machine:
    """Logistic regression on words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform([table.texts.get(item, "") for item in items])
    return _cross_fitted(features, len(table.classes), lambda: LogisticRegression(C=4.0, solver="liblinear"))


def _digits() -> tuple["Votes", IntArray, Machine]:
    """scikit-learn's digits as three of the demo's six simulated annotators see each; and a model of pictures."""
    from random import Random

    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    from labeling.consensus.votes import Votes
    from labeling.crew import demo_crew

    digits = load_digits()
    classes = [str(digit) for digit in range(10)]
    said = []
    for number, target in enumerate(digits.target):
        item = f"{number:04}"
        for one in Random(number).sample(demo_crew(classes), 3):
            said.append((item, one.name, one.answer(item, classes[target])[0]))
    machine = _cross_fitted(digits.data / 16, 10, lambda: SVC(C=4.0, probability=True, random_state=0))
    return Votes.of(said), np.asarray(digits.target), machine


def _cross_fitted(features: Any, num_classes: int, make: Callable[[], Any]) -> Machine:
    """Probabilities for each item from models that did not see its label; evenly spread where nothing is known."""

    def says(labels: IntArray) -> npt.NDArray[np.float64]:
        fold = np.arange(len(labels)) % FOLDS
        table = np.full((len(labels), num_classes), 1 / num_classes)
        for part in range(FOLDS):
            known = np.flatnonzero((labels >= 0) & (fold != part))
            if len(np.unique(labels[known])) < 2:
                continue
            model = make().fit(features[known], labels[known])
            table[fold == part] = 0
            table[np.ix_(fold == part, model.classes_)] = model.predict_proba(features[fold == part])
        return table

    return says
