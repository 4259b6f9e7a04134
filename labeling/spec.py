"""How a scenario has its items answered by people; part of scenario.yaml."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from lake.spec import Spec


class ConsensusSpec(Spec):
    """How votes become one label."""

    method: Literal["auto", "majority", "one_coin", "dawid_skene", "ibcc", "ebcc"]
    min_posterior: float = Field(gt=0.5, lt=1)
    max_iterations: PositiveInt = 300
    tolerance: PositiveFloat = 1e-5  # gain in mean log-likelihood a vote, nats


class GoldSpec(Spec):
    """Hidden tasks whose answer an expert has given."""

    tasks_per_batch: NonNegativeInt


class PriceSpec(Spec):
    """What an answer costs."""

    per_answer: Decimal = Field(ge=0)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]  # ISO 4217


class LabelingSpec(Spec):
    """How many people answer what, and what that may cost."""

    overlap: PositiveInt  # answers for each item
    budget_items: PositiveInt  # items bought for each batch; the rest stays in the pool
    explore: float = Field(ge=0, le=1)  # share of the budget drawn at random
    gold: GoldSpec
    price: PriceSpec
    consensus: ConsensusSpec
