"""When inspection becomes tightened, reduced, normal again, or stops: the switching rules over the history of lots.

ISO 2859-1:1999, clauses 9.3 and 9.4 (GB/T 2828.1-2012 has the same).
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from labeling.acceptance import Plan
from labeling.acceptance_tables import Severity, cell, one_step_tighter
from lake.errors import GateError, SpecError

_WINDOW = 5  # lots that are looked back on
_REJECTED_TO_TIGHTEN = 2
_ACCEPTED_TO_RELAX = 5
_REJECTED_TO_STOP = 5
_SCORE_TO_REDUCE = 30


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one lot."""

    plan: Plan
    num_found: int  # what the plan counts: failed items, or errors
    original: bool  # False for a lot that comes back after it was not accepted
    may_reduce: bool  # production runs steadily and the responsible authority wants reduced inspection

    @property
    def accepted(self) -> bool:
        return self.num_found <= self.plan.accept


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """How the next lot is inspected, and the counts that decide when this changes."""

    severity: Severity = "normal"  # clause 9.1: what inspection begins with
    score: int = 0  # switching score, under normal inspection
    recent: tuple[bool, ...] = ()  # whether each of the last lots was accepted, since this severity began, at most 5
    num_rejected: int = 0  # since tightened inspection began
    discontinued: bool = False  # clause 9.4: no lot is accepted until the supplier has improved

    def after(self, outcome: Outcome) -> Self:
        """The state after one more lot; lots count in the order in which they were inspected.

        Resubmitted lots change nothing (clause 9.3). Only lots under the present severity count: each change of
        severity begins with empty counts.

        normal -> tightened: 2 of at most 5 consecutive lots not accepted (9.3.1).
        tightened -> normal: 5 consecutive lots accepted (9.3.2).
        normal -> reduced: switching score at least 30, production steady, and the authority wants it (9.3.3).
        reduced -> normal: a lot not accepted, or production not steady, or the authority wants it (9.3.4).
        discontinued: 5 lots not accepted, together, since tightened inspection began (9.4).

        Raises GateError when inspection is discontinued, SpecError for a lot judged by a plan of another severity.
        """
        if not outcome.original:
            return self
        if self.discontinued:
            raise GateError(
                "inspection is discontinued: five lots were not accepted under tightened inspection",
                remedy="have the cause removed and the authority agree, then resume under tightened inspection",
            )
        if outcome.plan.severity != self.severity:
            raise SpecError(
                f"a lot was judged under {outcome.plan.severity} inspection, when it is {self.severity}",
                remedy=f"make its plan for {self.severity} inspection",
            )
        recent = (*self.recent, outcome.accepted)[-_WINDOW:]
        step = {"normal": self._normal, "tightened": self._tightened, "reduced": self._reduced}[self.severity]
        return step(outcome, recent)

    def resumed(self) -> Self:
        """After the improvement that clause 9.4 asks for: tightened inspection, counted anew."""
        return self._fresh("tightened") if self.discontinued else self

    def _normal(self, outcome: Outcome, recent: tuple[bool, ...]) -> Self:
        if recent.count(False) >= _REJECTED_TO_TIGHTEN:
            return self._fresh("tightened")
        score = switching_score(self.score, outcome)
        if score >= _SCORE_TO_REDUCE and outcome.may_reduce:
            return self._fresh("reduced")
        return dataclasses.replace(self, score=score, recent=recent)

    def _tightened(self, outcome: Outcome, recent: tuple[bool, ...]) -> Self:
        if recent.count(True) == _ACCEPTED_TO_RELAX:
            return self._fresh("normal")
        num_rejected = self.num_rejected + (not outcome.accepted)
        return dataclasses.replace(
            self, recent=recent, num_rejected=num_rejected, discontinued=num_rejected >= _REJECTED_TO_STOP
        )

    def _reduced(self, outcome: Outcome, recent: tuple[bool, ...]) -> Self:
        if not outcome.accepted or not outcome.may_reduce:
            return self._fresh("normal")
        return dataclasses.replace(self, recent=recent)

    def _fresh(self, severity: Severity) -> Self:
        return type(self)(severity=severity)


def switching_score(score: int, outcome: Outcome) -> int:
    """The score after one more lot under normal inspection, single sampling (clause 9.3.3.2).

    Ac of 2 or more: 3 more when the lot would have been accepted with the AQL one step tighter, else back to 0.
    Ac of 0 or 1: 2 more when the lot was accepted, else back to 0.
    """
    plan = outcome.plan
    if plan.accept <= 1:
        return score + 2 if outcome.accepted else 0
    tighter = one_step_tighter(plan.aql)
    least = plan.accept if tighter is None else cell("normal", plan.letter, tighter).accept
    return score + 3 if outcome.num_found <= least else 0


def replay(outcomes: Iterable[Outcome]) -> Inspection:
    """The state after a history of lots, from normal inspection on. Raises as `Inspection.after` does."""
    state = Inspection()
    for outcome in outcomes:
        state = state.after(outcome)
    return state
