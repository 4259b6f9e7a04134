"""What a scenario demands of its data and of its models; read from scenario.yaml and suite.yaml."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from lake.spec import Spec

Severity = Literal["block", "waivable"]
Share = Annotated[float, Field(ge=0, le=1)]
ProbeName = Annotated[str, Field(pattern=r"^probe_[a-z0-9_]+$")]


def _check_interval(low: float | None, high: float | None) -> None:
    """A half-open interval is fine, an empty, unbounded or unnumbered one is a mistake."""
    if low is None and high is None:
        raise ValueError("give low, high or both")
    if any(bound is not None and not math.isfinite(bound) for bound in (low, high)):
        raise ValueError("low and high are finite numbers; leave one out where there is no bound")
    if low is not None and high is not None and low > high:
        raise ValueError(f"low {low:g} is above high {high:g}")


class RangeSpec(Spec):
    """Where a probe of the items has to lie, both ends included."""

    probe: ProbeName
    low: float | None = None
    high: float | None = None
    mostly: float = Field(gt=0, le=1)  # share of the items that have to lie there
    severity: Severity

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        _check_interval(self.low, self.high)
        return self


class QualitySpec(Spec):
    """What the gate demands of one batch before it may become a dataset version."""

    ranges: tuple[RangeSpec, ...] = ()
    max_quarantined_share: Share
    near_duplicate_bits: int = Field(ge=0, le=16)  # Hamming distance of perceptual hashes that may be near
    near_duplicate_cosine: float = Field(ge=-1, le=1)  # of the embeddings, which confirms it
    min_alpha: float = Field(ge=-1, le=1)  # Krippendorff's
    min_gold_accuracy: Share
    min_overlap_share: Share  # of the bought tasks, that reached their overlap
    min_class_share: Share  # of the labels, that the rarest class has
    min_confident_share: Share  # of the labels, that reach the consensus' posterior
    sign_off_roles: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ranges_differ(self) -> Self:
        seen = [(item.probe, item.low, item.high) for item in self.ranges]
        if len(set(seen)) < len(seen):
            raise ValueError("two ranges are the same")
        return self


class SliceSpec(Spec):
    """A part of the trial cases that is looked at on its own.

    `by: expected` makes one slice a class, called `<name>=<class>`; a probe makes the slice of the
    cases with low <= probe < high, so that neighbouring slices share no case.
    """

    name: str = Field(pattern=r"^[^=]+$")
    by: Literal["expected"] | ProbeName
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _bounds_belong_to_probes(self) -> Self:
        if self.by == "expected":
            if self.low is not None or self.high is not None:
                raise ValueError("a slice by expected class has no low and no high")
        else:
            _check_interval(self.low, self.high)
        return self


class SuiteSpec(Spec):
    """How a model is tried, and when it may take the champion's place."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    metric: Literal["accuracy"]
    slices: tuple[SliceSpec, ...] = ()
    min_accuracy: Share
    min_slice_accuracy: Share  # of every slice that has min_slice_cases
    min_slice_cases: PositiveInt
    significance: float = Field(gt=0, lt=1)  # of the paired tests against the champion
    max_slice_drop: Share  # accuracy that a slice may lose against the champion

    @model_validator(mode="after")
    def _slices_differ(self) -> Self:
        names = [item.name for item in self.slices]
        if len(set(names)) < len(names):
            raise ValueError("two slices have the same name")
        return self
