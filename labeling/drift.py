"""Has somebody's accuracy changed, since when, and how sure is that: a Bayesian test of one change point."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The likeliest change in an ordered series of right and wrong answers."""

    probability: float  # that there was a change at all
    place: int  # number of answers before it
    before: float  # share of right answers before it
    after: float  # and since

    @property
    def worse(self) -> bool:
        return self.after < self.before


@dataclass(frozen=True, kw_only=True)
class ChangePoint:
    """Compares "one share of right answers throughout" with "one share before a point, another after it".

    prior: probability of a change in a series, before any of it is seen. min_segment: answers on either side of a
    change at least.
    """

    prior: float = 0.5
    min_segment: int = 5

    def fit(self, right: Sequence[bool]) -> Drift | None:
        """The likeliest change; None where the series is too short to have one.

        Shares have uniform priors and are integrated out, every place of the change is equally likely; of equally
        likely places the earliest is named. Source: Smith 1975, "A Bayesian approach to inference about a
        change-point in a sequence of random variables".
        """
        hits = np.asarray(right, dtype=np.int64)
        places = np.arange(self.min_segment, len(hits) - self.min_segment + 1)
        if not len(places):
            return None
        total, first = int(hits.sum()), np.cumsum(hits)[places - 1]
        ratio = (
            _log_evidence(first, places)
            + _log_evidence(total - first, len(hits) - places)
            - _log_evidence(np.array([total]), np.array([len(hits)]))
        )
        factor = float(np.logaddexp.reduce(ratio)) - np.log(len(places))
        odds = factor + np.log(self.prior) - np.log1p(-self.prior)
        place = int(places[int(ratio.round(_DIGITS).argmax())])
        return Drift(
            probability=round(float(1 / (1 + np.exp(-np.clip(odds, -700, 700)))), _DIGITS),
            place=place,
            before=round(float(hits[:place].mean()), _DIGITS),
            after=round(float(hits[place:].mean()), _DIGITS),
        )


def _log_evidence(hits: npt.NDArray[np.int64], num: npt.NDArray[np.int64]) -> FloatArray:
    """Log probability of one order of so many hits among `num`, the share of hits integrated out: B(h+1, n-h+1)."""
    from scipy.special import betaln

    return np.asarray(betaln(hits + 1, num - hits + 1), dtype=np.float64)
