"""Columns of numbers, as files of time series, tables and point clouds hold them."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lake.media.kinds import Refused

Floats = npt.NDArray[np.float64]
MAX_COLUMNS = 10_000
_NO_MEASUREMENT = 1e100  # its square is still a number


@dataclass(frozen=True, eq=False)
class Numbers:
    """Columns of numbers.

    values: (rows, columns), NaN where nothing stands or what stands is no measurement (infinite, 1e100 and more);
    seconds since 1970 for times; for texts a number that is the same for equal texts.
    names and texts, which say whether a column holds texts, go by column.
    """

    names: tuple[str, ...]
    values: Floats
    texts: tuple[bool, ...]

    @classmethod
    def of(cls, values: npt.NDArray[Any], names: Iterable[str] = (), texts: Sequence[bool] = ()) -> "Numbers":
        """values: (rows, columns). Columns without a name are called by their place, 1 for the first."""
        with np.errstate(invalid="ignore"):  # some bytes are numbers that signal when they are looked at
            taken = np.array(values, dtype=np.float64)
            taken[~(np.abs(taken) < _NO_MEASUREMENT)] = np.nan
        count = taken.shape[1]
        numbered = (str(at) for at in itertools.count(1))
        named = tuple(name or place for name, place in itertools.zip_longest(names, itertools.islice(numbered, count)))
        return cls(named, taken, tuple(texts) or (False,) * count)


def demand_size(rows: int, columns: int, max_values: int) -> None:
    """Raises Refused for more values than the limit, or more columns than make sense."""
    if columns > MAX_COLUMNS or rows * columns > max_values:
        raise Refused("oversize", f"{rows} rows of {columns} columns, limit {max_values} values, {MAX_COLUMNS} columns")
