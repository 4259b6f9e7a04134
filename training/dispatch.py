"""What identifies a run, and what it costs."""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import metadata
from pathlib import Path

from lake import ids
from lake.records import Offer
from training.spec import TrainingSpec

_CENT = Decimal("0.00000001")  # the scale of lake.records
_DECIDING = ("data.py", "loop.py", "device.py", "recipes/*.py")  # what of this folder decides the weights


def run_id(dataset_hash: str, spec: TrainingSpec, code_version: str) -> str:
    """The identity of a run: equal for equal data, recipe, configuration and code, and so for equal weights."""
    return ids.key(dataset_hash, spec.identity(), code_version)


@cache
def code_version() -> str:
    """A hash of the sources that decide what a run comes to, and of torch's version."""
    here = Path(__file__).parent
    sources = sorted(path for pattern in _DECIDING for path in here.glob(pattern))
    named = [part for path in sources for part in (path.relative_to(here).as_posix(), ids.file_id(path))]
    return ids.key(metadata.version("torch"), *named)[:16]


def cost(seconds: float, offer: Offer) -> Decimal:
    """What so many seconds on a machine cost, in the offer's currency."""
    return (Decimal(repr(seconds)) * offer.price_per_hour / 3600).quantize(_CENT, ROUND_HALF_UP)
