"""Estimates with their 95 % intervals."""

import math
from dataclasses import dataclass

_Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(num_right: int, num_asked: int) -> Interval:
    """A share with its score interval; of nothing, a share of NaN between 0 and 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not num_asked:
        return Interval(math.nan, 0.0, 1.0)
    share, z2 = num_right / num_asked, _Z95**2
    centre = (share + z2 / (2 * num_asked)) / (1 + z2 / num_asked)
    half = math.sqrt(share * (1 - share) / num_asked + z2 / (4 * num_asked**2)) * _Z95 / (1 + z2 / num_asked)
    low = 0.0 if num_right == 0 else max(0.0, centre - half)
    return Interval(share, low, 1.0 if num_right == num_asked else min(1.0, centre + half))
