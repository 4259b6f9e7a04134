"""Which model of annotators explains the votes best, without looking at the truth."""

import numpy as np

from labeling.consensus.confusion import WEIGHTS, Ballots, Fitter, Model

SUBTYPES = 3  # kinds of items within a class, where errors go together; those not needed stay empty
MARGIN = 3.0  # nats by which the richer model must win: a Bayes factor of 20, "strong" (Kass & Raftery 1995)
_STARTS = (0, 1, 2)  # of a model whose outcome depends on where it begins
_PATIENCE = 0.1  # of its tolerance: it may seem to rest before it has told kinds of items apart
_HOPELESS = 30.0  # nats by which the richer model is behind at first, where no other prior is tried
_STEP = 2.0  # between the priors that the richer model is tried with
_SAMPLE, _EACH, _MOST = 50_000, 200, 400_000  # votes that models are compared on: in all, an annotator, at most


def choose(ballots: Ballots, method: str, max_iterations: int, tolerance: float) -> tuple[str, Model, str]:
    """Name, model and reason. method: `auto`, or `ibcc` or `ebcc` whose prior alone is chosen.

    Models are compared by the lower bound of the log-likelihood of all votes (the evidence pays for each further
    parameter: MacKay 1992). Where many votes are, the richer one has to win on a sample first.
    """
    plain = Fitter(1, max_iterations=max_iterations, tolerance=tolerance)
    if method == "ibcc":
        model = plain.fit(ballots)
        return "ibcc", model, f"ibcc was asked for: {_said(model)}"
    sample = _sample(ballots)
    lone = plain.fit(sample)
    fitter, rich = _rich(sample, lone, max_iterations, tolerance * _PATIENCE)
    if method == "ebcc":
        model = rich if sample is ballots else fitter.fit(ballots)
        return "ebcc", model, f"ebcc was asked for: {_said(model)}"
    if sample is not ballots:
        before, lone = lone, plain.fit(ballots)
        if rich.evidence <= before.evidence + MARGIN:
            return "ibcc", lone, _verdict(False, rich.evidence, before.evidence, lone, " in a sample")
        rich = fitter.fit(ballots)
    better = rich.evidence > lone.evidence + MARGIN
    model = rich if better else lone
    return "ebcc" if better else "ibcc", model, _verdict(better, rich.evidence, lone.evidence, model)


def _verdict(better: bool, rich: float, lone: float, model: Model, where: str = "") -> str:
    how = "better" if better else "no better"
    return (
        f"hidden kinds of items, on which errors go together, explain the votes{where} {how} than one pattern "
        f"of errors an annotator (log evidence {rich:.1f} against {lone:.1f}); {_said(model)}"
    )


def _rich(sample: Ballots, lone: Model, max_iterations: int, tolerance: float) -> tuple[Fitter, Model]:
    """The best model with hidden kinds, its prior climbed to from the plain model's."""

    def fit(step: int, seed: int = 0) -> tuple[Fitter, Model]:
        if (step, seed) not in tried:
            prior = min(max(lone.weight * _STEP**step, WEIGHTS[0]), WEIGHTS[-1])
            fitter = Fitter(SUBTYPES, prior, True, seed, max_iterations, tolerance)
            tried[step, seed] = fitter, fitter.fit(sample)
        return tried[step, seed]

    tried: dict[tuple[int, int], tuple[Fitter, Model]] = {}
    place = 0
    if fit(0)[1].evidence < lone.evidence - _HOPELESS:
        return fit(0)
    for way in (1, -1):
        while fit(place + way)[1].evidence > fit(place)[1].evidence:  # ends at the ends of WEIGHTS: equal, not more
            place += way
    return max((fit(place, seed) for seed in _STARTS), key=lambda pair: pair[1].evidence)


def _sample(ballots: Ballots) -> Ballots:
    """All, or so many items that there are enough votes in all and, on average, an annotator."""
    wanted = max(_SAMPLE, min(_EACH * ballots.num_annotators, _MOST))
    if ballots.num_votes <= wanted:
        return ballots
    size = ballots.table.shape[0]
    number = max(1, size * wanted // ballots.num_votes)
    return ballots.some(np.sort(np.random.default_rng(0).permutation(size)[:number]))


def _said(model: Model) -> str:
    return f"each annotator's confusion matrix is drawn to their own accuracy by {model.weight:.3g} votes"
