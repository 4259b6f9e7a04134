"""How a scenario has its items answered by people; part of scenario.yaml."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from labeling.acceptance_tables import Level
from lake.spec import Spec

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]  # ISO 4217


class ConsensusSpec(Spec):
    """How votes become one label."""

    method: Literal["auto", "majority", "one_coin", "dawid_skene", "ibcc", "ebcc"]
    min_posterior: float = Field(gt=0.5, lt=1)
    max_iterations: PositiveInt = 300
    tolerance: PositiveFloat = 1e-5  # gain in mean log-likelihood a vote, nats


class RetireSpec(Spec):
    """When gold that good annotators contradict judges nobody any more."""

    min_answers: PositiveInt  # to other gold, of somebody who counts as good
    min_low: float = Field(ge=0, le=1)  # what the lower end of the interval of their accuracy on it has to reach
    min_contradicting: PositiveInt  # good annotators who say otherwise


class GoldSpec(Spec):
    """Hidden tasks whose answer an expert has given."""

    tasks_per_batch: NonNegativeInt  # at least
    share: float = Field(default=0.0, ge=0, lt=1)  # of all tasks of a batch, at least
    retire: RetireSpec | None = None  # without it only an appeal that is upheld retires gold


class SpamSpec(Spec):
    """Whose votes are left out because they answer without looking; each rule asks for certainty at 95 %."""

    min_answers: PositiveInt  # fewer say nothing of anybody
    min_seconds: PositiveFloat  # nobody who looks is faster
    max_fast_share: float = Field(ge=0, lt=1)  # of answers that are
    max_top_share: float = Field(ge=0, lt=1)  # of one and the same answer
    max_kappa: float = Field(ge=0, lt=1)  # agreement with the others beyond chance that somebody who looks exceeds


class DriftSpec(Spec):
    """When an annotator counts as having become worse."""

    max_probability: float = Field(gt=0.5, lt=1)  # of a change; a higher one needs a waiver


class PriceSpec(Spec):
    """What an answer costs."""

    per_answer: Decimal = Field(ge=0)
    currency: Currency


class ReviewSpec(Spec):
    """Which labels experts look at, who they are, and what a decision of theirs costs."""

    min_agreement: float = Field(ge=0, le=1)  # a label that a smaller share of the votes says is disputed
    experts: tuple[str, ...] = ()  # e-mails of those whose decisions count; of everybody where nobody is named
    price: PriceSpec


class AcceptanceSpec(Spec):
    """How a customer's lots are accepted (ISO 2859-1)."""

    level: Level
    aql: float = Field(gt=0)  # percent nonconforming


class LabelPriceSpec(Spec):
    """What a customer pays."""

    per_label: Decimal = Field(ge=0)
    currency: Currency


class OrderSpec(Spec):
    """What a customer ordered: some items, or all of some batches; in scenario.yaml or in a file of its own."""

    name: str
    customer: str
    items: tuple[str, ...] = ()  # ids, or their first digits
    batches: tuple[str, ...] = ()
    price: LabelPriceSpec
    deadline: AwareDatetime  # a day without a time ends with it, UTC
    acceptance: AcceptanceSpec

    @field_validator("deadline", mode="before")
    @classmethod
    def _end_of_day(cls, value: object) -> object:
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return dt.datetime.combine(value, dt.time(23, 59, 59), dt.UTC)
        return value

    @model_validator(mode="after")
    def _of_items_or_batches(self) -> "OrderSpec":
        if bool(self.items) == bool(self.batches):
            raise ValueError("give items or batches, one of them")
        return self


class LabelingSpec(Spec):
    """How many people answer what, and what that may cost."""

    overlap: PositiveInt  # answers for each item
    budget_items: PositiveInt  # items bought for each batch; the rest stays in the pool
    explore: float = Field(ge=0, le=1)  # share of the budget drawn at random
    gold: GoldSpec
    price: PriceSpec
    consensus: ConsensusSpec
    review: ReviewSpec | None = None  # without it no label goes to experts
    spam: SpamSpec | None = None  # without it every vote counts
    drift: DriftSpec | None = None  # without it nobody's drift is looked for
    orders: tuple[OrderSpec, ...] = ()  # what customers wait for
