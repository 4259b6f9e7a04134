"""How the tests of this folder look at one file."""

from typing import Any

import pytest

from lake.media import Limits, Media, Refused, inspect

LIMITS = Limits(max_bytes=4 << 20, max_pixels=1 << 20, max_seconds=5, max_values=100_000)


def refused(data: bytes, name: str, wanted: Any = None, limits: Limits = LIMITS) -> tuple[str, str]:
    """Reason and detail; fails where the file is taken."""
    with pytest.raises(Refused) as refusal:
        inspect(data, name, limits, wanted)
    return refusal.value.reason, refusal.value.detail


def taken(data: bytes, name: str, wanted: Any = None, limits: Limits = LIMITS) -> Media:
    """What it is."""
    return inspect(data, name, limits, wanted)
