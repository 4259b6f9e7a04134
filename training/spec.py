"""The training part of a scenario."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from lake.spec import Spec

RecipeName = Literal["image_classifier", "text_classifier"]


class LocalOfferSpec(Spec):
    """What an hour on the machine at hand is booked at."""

    price_per_hour: Decimal = Field(ge=0)
    currency: str = Field(min_length=3, max_length=3)


class TrainingSpec(Spec):
    """How a model is trained; everything that decides its weights must be given."""

    recipe: RecipeName
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    weight_decay: NonNegativeFloat
    seed: NonNegativeInt
    validation_share: float = Field(gt=0, lt=1)  # of the groups; the dataset version holds the split itself
    checkpoint_every_steps: PositiveInt
    timeout_s: PositiveFloat  # on the machine, all attempts together
    local: LocalOfferSpec

    def identity(self) -> str:
        """What of this decides a model's weights, as canonical JSON: not prices, patience or checkpoints."""
        return self.model_dump_json(exclude={"local", "timeout_s", "checkpoint_every_steps"})
