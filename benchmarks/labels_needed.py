"""How many labels a model needs to be as good as with all of them, chosen by labeling.selection and at random."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.figure import Figure, figure
from benchmarks.labelled_sets import SETS, FloatArray, IntArray, LabelledSet
from benchmarks.votes_bought import crossings

MOST, LESS, SEEDS = 0.30, 0.005, 10
TEST = 0.30  # share of the items that is never labelled, the same for all seeds
STEP = 0.02  # of the pool, labelled before the model is fitted anew
_GRID = (0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.22, 0.24, 0.26, 0.30, 0.40, 0.60, 1.0)

Choose = Callable[["_Pool", list[int], int, str], list[int]]


def labels_needed(runs: int | None = None) -> Iterator[Figure]:
    """Share of the pool at which the mean accuracy of ten starts comes within half a point of all labels', and stays.

    The model, its settings and the test items are the same throughout; peer: items drawn at random.
    """
    for load in SETS:
        found = load()
        ours = _curves(found, runs or SEEDS, _selected)
        peer = _curves(found, runs or SEEDS, _at_random)
        full = float(ours[:, -1].mean())
        yield figure(
            "labeling", f"labels needed for all labels' accuracy ({full:.3f}) less 0.5 point, {found.name}", "share",
            crossings(ours, _GRID, full - LESS), peer=crossings(peer, _GRID, full - LESS),
            must=f"at most {MOST:.2f}", holds=lambda mine, _: mine <= MOST,
        )  # fmt: skip


class _Pool:
    """The items that can be labelled, in an order of the seed, and those that the model is tried on."""

    def __init__(self, found: LabelledSet, seed: int) -> None:
        order = np.random.default_rng(20261125).permutation(len(found.classes))
        cut = round(len(order) * TEST)
        self.found, self.test = found, order[:cut]
        self.items = np.random.default_rng(seed).permutation(order[cut:])

    def fit(self, labelled: Sequence[int]) -> "_Fitted":
        rows = self.items[list(labelled)]
        classes = self.found.classes[rows]
        if len(np.unique(classes)) < 2:
            return _Fitted(None, classes[:1])
        return _Fitted(self.found.model().fit(self.found.features[rows], classes), classes[:1])


class _Fitted:
    """A model, or the only class that it has seen."""

    def __init__(self, model: object, only: IntArray) -> None:
        self._model, self._only = model, only

    def accuracy(self, pool: _Pool) -> float:
        truth = pool.found.classes[pool.test]
        if self._model is None:
            return float((truth == self._only[0]).mean())
        return float((self._model.predict(pool.found.features[pool.test]) == truth).mean())  # type: ignore[attr-defined]

    def probabilities(self, pool: _Pool, rows: IntArray) -> FloatArray | None:
        """(rows, classes): shares that fall as scores do; None of a model that has seen one class."""
        if self._model is None:
            return None
        scores = self._model.decision_function(pool.found.features[pool.items[rows]])  # type: ignore[attr-defined]
        scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _curves(found: LabelledSet, runs: int, choose: Choose) -> npt.NDArray[np.float64]:
    """(runs, grid): accuracy on the test items."""
    return np.array([list(_curve(_Pool(found, seed), choose, seed)) for seed in range(runs)])


def _curve(pool: _Pool, choose: Choose, seed: int) -> Iterator[float]:
    labelled: list[int] = []
    size = len(pool.items)
    for share in _GRID:
        if share == 1.0:
            labelled = list(range(size))
        while len(labelled) < round(share * size):
            number = min(round(share * size) - len(labelled), max(5, round(STEP * size)))
            labelled += choose(pool, labelled, number, f"{seed} {len(labelled)}")
        yield pool.fit(labelled).accuracy(pool)


def _selected(pool: _Pool, labelled: list[int], number: int, key: str) -> list[int]:
    """As a batch's budget is spent, without the share at random that keeps what is measured honest."""
    from labeling.selection import Candidate, select

    free = np.setdiff1d(np.arange(len(pool.items)), labelled)
    says = pool.fit(labelled).probabilities(pool, free) if labelled else None
    embedding = pool.found.embedding[pool.items[free]]
    candidates = [
        Candidate(f"{row:06}", embedding[place], None if says is None else says[place])
        for place, row in enumerate(free)
    ]
    return [int(one.item_id) for one in select(candidates, budget=number, explore=0.0, seed_key=key)]


def _at_random(pool: _Pool, labelled: list[int], number: int, _key: str) -> list[int]:
    """The pool's order is random already."""
    return list(range(len(labelled), min(len(pool.items), len(labelled) + number)))
