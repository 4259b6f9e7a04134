"""Which model of annotators explains the votes best, without looking at the truth."""

from dataclasses import dataclass

import numpy as np

from labeling.consensus.confusion import Ballots, Fitter, Model

WEIGHTS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # votes that a row of a confusion matrix starts with
SUBTYPES = 3  # kinds of items within a class, where errors go together; those not needed stay empty
MARGIN = 3.0  # nats by which the richer model must win: a Bayes factor of 20, "strong" (Kass & Raftery 1995)
_STARTS = (0, 1)  # of a model whose outcome depends on where it begins
_SAMPLE = 50_000  # votes that models are compared on
_FIRST = 2  # place in WEIGHTS where the search begins


@dataclass(frozen=True)
class _Tried:
    fitter: Fitter
    model: Model

    @property
    def evidence(self) -> float:
        return self.model.evidence


class _Trials:
    """Models fitted to the votes so far; none is fitted twice."""

    def __init__(self, ballots: Ballots, max_iterations: int, tolerance: float) -> None:
        self._ballots, self._limits = ballots, (max_iterations, tolerance)
        self._made: dict[tuple[int, int], _Tried] = {}

    def best(self, num_subtypes: int, begin: int) -> tuple[int, _Tried]:
        """The best weight, climbing from a place in WEIGHTS while the evidence rises."""
        place = begin
        for step in (1, -1):
            while 0 <= place + step < len(WEIGHTS):
                if self._fit(num_subtypes, place + step).evidence <= self._fit(num_subtypes, place).evidence:
                    break
                place += step
        return place, self._fit(num_subtypes, place)

    def __len__(self) -> int:
        return len(self._made)

    def _fit(self, num_subtypes: int, place: int) -> _Tried:
        if (num_subtypes, place) not in self._made:
            starts = _STARTS if num_subtypes > 1 else _STARTS[:1]
            tried = [self._try(num_subtypes, WEIGHTS[place], seed) for seed in starts]
            self._made[num_subtypes, place] = max(tried, key=lambda one: one.evidence)
        return self._made[num_subtypes, place]

    def _try(self, num_subtypes: int, weight: float, seed: int) -> _Tried:
        iterations, tolerance = self._limits
        fitter = Fitter(num_subtypes, weight, seed=seed, max_iterations=iterations, tolerance=tolerance)
        return _Tried(fitter, fitter.fit(self._ballots))


def choose(ballots: Ballots, method: str, max_iterations: int, tolerance: float) -> tuple[str, Model, str]:
    """Name, model and reason. method: `auto`, or `ibcc` or `ebcc` whose prior alone is chosen.

    Models are compared by the lower bound of the log-likelihood of all votes (MacKay 1992: the evidence pays for
    each further parameter), on a sample where many votes are; then the best is fitted to all.
    """
    sample = _sample(ballots)
    trials = _Trials(sample, max_iterations, tolerance)
    place, plain = trials.best(1, _FIRST) if method != "ebcc" else (_FIRST, None)
    _, rich = trials.best(SUBTYPES, place) if method != "ibcc" else (0, None)
    name, chosen = _winner(plain, rich)
    model = chosen.model if sample is ballots else chosen.fitter.fit(ballots)
    return name, model, _why(name, chosen, plain, rich, len(trials), sample is not ballots)


def _winner(plain: _Tried | None, rich: _Tried | None) -> tuple[str, _Tried]:
    if rich is not None and (plain is None or rich.evidence > plain.evidence + MARGIN):
        return "ebcc", rich
    assert plain is not None  # one of the two is always tried
    return "ibcc", plain


def _sample(ballots: Ballots) -> Ballots:
    """All, or as many items as have about _SAMPLE votes."""
    if ballots.num_votes <= _SAMPLE:
        return ballots
    size = ballots.table.shape[0]
    number = max(1, size * _SAMPLE // ballots.num_votes)
    return ballots.some(np.sort(np.random.default_rng(0).permutation(size)[:number]))


def _why(name: str, chosen: _Tried, plain: _Tried | None, rich: _Tried | None, number: int, sampled: bool) -> str:
    weight = f"a confusion matrix an annotator, drawn to their own accuracy by {chosen.fitter.weight:g} votes"
    said = weight if name == "ibcc" else f"{weight}, on up to {SUBTYPES} hidden kinds of items within each class"
    where = "a sample of the votes" if sampled else "the votes"
    text = f"of {number} models tried, {said}, explains {where} best (log evidence {chosen.evidence:.1f}"
    other = rich if name == "ibcc" else plain
    if other is None:
        return text + ")"
    kinds = "with" if name == "ibcc" else "without"
    return f"{text}; {other.evidence:.1f} {kinds} hidden kinds of items)"
