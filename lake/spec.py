"""The base of every hand-written specification."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """Frozen, keyword-only, strict about unknown keys; thresholds have no default."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
