"""Acceptance item by item: Wald's sequential probability ratio test of a share of failed items."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from lake.errors import SpecError

FloatArray = npt.NDArray[np.float64]

_DIGITS = 9


@dataclass(frozen=True)
class Verdict:
    """Where a sequential test stands after some items."""

    decision: Literal["accept", "reject", "continue"]
    num_checked: int  # when it was decided; items after that play no part
    num_failed: int
    log_ratio: float  # log likelihood ratio of rate1 against rate0; positive speaks against the lot
    truncated: bool  # decided because `max_items` were checked, not because a boundary was crossed


@dataclass(frozen=True, kw_only=True)
class SequentialTest:
    """Checks items in the order drawn and stops as soon as it is clear whether the lot is good or bad.

    A lot whose true share of failed items is `rate0` is rejected with a chance of about `alpha` at most, one of
    `rate1` accepted with a chance of about `beta` at most; `risks` are exact, with the truncation. Rates are shares
    between 0 and 1. Raises SpecError unless 0 < rate0 < rate1 < 1, alpha + beta < 1 and there is an item to check.

    Source: Wald 1947, "Sequential Analysis", chapters 3 (boundaries, truncation) and 5 (a share of a lot).
    """

    rate0: float
    rate1: float
    alpha: float
    beta: float
    max_items: int  # where it ends at the latest

    def __post_init__(self) -> None:
        risky = min(self.alpha, self.beta) > 0 and self.alpha + self.beta < 1
        if not (0 < self.rate0 < self.rate1 < 1 and risky and self.max_items >= 1):
            raise SpecError(
                f"no sequential test tells {self.rate0:g} from {self.rate1:g} with risks of {self.alpha:g} and "
                f"{self.beta:g} in {self.max_items} items",
                remedy="give 0 < rate0 < rate1 < 1, two risks above 0 that stay below 1 together, one item or more",
            )

    def decide(self, failed: Sequence[bool]) -> Verdict:
        """Where the test stands after the items checked so far, in their order; True where an item failed."""
        num_failed, log_ratio = 0, 0.0
        for num_checked, one in enumerate(failed[: self.max_items], 1):
            num_failed += bool(one)
            log_ratio = self._log_ratio(num_checked, num_failed)
            accept, reject = self._bounds
            if log_ratio <= accept:
                return self._verdict("accept", num_checked, num_failed, truncated=False)
            if log_ratio >= reject:
                return self._verdict("reject", num_checked, num_failed, truncated=False)
            if num_checked == self.max_items:
                last: Literal["accept", "reject"] = "accept" if log_ratio <= 0 else "reject"
                return self._verdict(last, num_checked, num_failed, truncated=True)
        return Verdict("continue", len(failed), num_failed, round(log_ratio, _DIGITS), truncated=False)

    def limits(self, num_checked: int) -> tuple[int | None, int | None]:
        """After so many items: with how many failed the lot is accepted at most, and rejected at least.

        None where no number of failed items decides yet. At `max_items` the two are neighbours.
        """
        ratios = [self._log_ratio(num_checked, k) for k in range(num_checked + 1)]
        accept, reject = (0.0, math.nextafter(0, 1)) if num_checked >= self.max_items else self._bounds
        below = [k for k, ratio in enumerate(ratios) if ratio <= accept]
        above = [k for k, ratio in enumerate(ratios) if ratio >= reject]
        return (below[-1] if below else None), (above[0] if above else None)

    def risks(self) -> tuple[float, float]:
        """The exact chances to reject a lot of `rate0` and to accept one of `rate1`, truncation and all."""
        (accept0, accept1), _ = self.characteristic([self.rate0, self.rate1])
        return round(1 - float(accept0), _DIGITS), round(float(accept1), _DIGITS)

    def characteristic(self, rates: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """By true share of failed items: the probability of acceptance and the mean number of items checked.

        Both (rates,), exact: the probabilities of all paths that have not ended are carried from item to item.
        """
        share = np.asarray(rates, dtype=np.float64)[:, None]
        going = np.zeros((len(share), self.max_items + 1))  # [rate, number failed]: probability of getting here
        going[:, 0] = 1.0
        accepted, items = np.zeros(len(share)), np.zeros(len(share))
        for accepts, rejects in self._ends:
            items += going.sum(axis=1)
            moved = going * (1 - share)
            moved[:, 1:] += going[:, :-1] * share
            accepted += moved[:, accepts].sum(axis=1)
            moved[:, accepts] = 0.0
            moved[:, rejects] = 0.0
            going = moved
        return accepted, items

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        """Wald's approximate boundaries of the log likelihood ratio."""
        return math.log(self.beta / (1 - self.alpha)), math.log((1 - self.beta) / self.alpha)

    @cached_property
    def _ends(self) -> list[tuple[slice, slice]]:
        """For each number of items: the numbers of failed ones at which the test accepts and rejects."""
        ends = []
        for num_checked in range(1, self.max_items + 1):
            accept, reject = self.limits(num_checked)
            past = self.max_items + 1
            ends.append(
                (slice(0, 0 if accept is None else accept + 1), slice(past if reject is None else reject, past))
            )
        return ends

    def _log_ratio(self, num_checked: int, num_failed: int) -> float:
        fail, hold = math.log(self.rate1 / self.rate0), math.log((1 - self.rate1) / (1 - self.rate0))
        return num_failed * fail + (num_checked - num_failed) * hold

    def _verdict(
        self, decision: Literal["accept", "reject"], num_checked: int, num_failed: int, *, truncated: bool
    ) -> Verdict:
        log_ratio = round(self._log_ratio(num_checked, num_failed), _DIGITS)
        return Verdict(decision, num_checked, num_failed, log_ratio, truncated)
