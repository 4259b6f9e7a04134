"""labeling/brush.py: masks in Label Studio's brush format."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling import brush
from lake.answers import Mask
from lake.errors import PlatformError
from tests.unit.labeling.drawn import masks


@given(masks())
def test_every_mask_survives_the_way_there_and_back(mask: Mask) -> None:
    assert brush.decode(brush.encode(mask), mask.label, mask.width, mask.height) == mask


def test_a_small_mask_has_these_bytes() -> None:
    """Written down bit by bit from the description of the format."""
    head = f"{8:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    blocks = ("1" + "00" + "011" + f"{0:08b}") + ("1" + "00" + "011" + f"{255:08b}")
    bits = head + blocks
    bits += "0" * (8 - len(bits) % 8)
    wanted = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert brush.encode(Mask("a", 2, 1, (1, 1))) == wanted


@given(st.lists(st.integers(0, 255), min_size=12, max_size=12))
def test_values_that_are_not_repeated_are_read(alpha: list[int]) -> None:
    """A browser writes stretches of different values, as on the soft rim of a stroke."""
    values = [value for one in alpha for value in (10, 20, 30, one)]
    head = f"{48:032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits = head + "0" + "10" + f"{47:08b}" + "".join(f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    mask = brush.decode(rle, "a", 4, 3)
    shown = np.repeat(np.arange(len(mask.counts)) % 2, mask.counts)
    assert shown.tolist() == [int(one >= 128) for one in alpha]


def test_empty_runs_are_joined() -> None:
    loose = Mask("a", 5, 2, (0, 0, 3, 2, 0, 4, 0, 0, 1))
    assert brush.decode(brush.encode(loose), "a", 5, 2) == Mask("a", 5, 2, (3, 6, 1))


@pytest.mark.parametrize("counts", [(1, 2), (3, -1, 2), (5,)])
def test_runs_that_do_not_fill_the_mask_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(PlatformError, match="2 x 2 pixels"):
        brush.encode(Mask("a", 2, 2, counts))


@pytest.mark.parametrize("cut", [0, 3, 6, 9])
def test_bytes_that_end_too_early_are_refused(cut: int) -> None:
    whole = brush.encode(Mask("a", 20, 20, (5, 300, 95)))
    with pytest.raises(PlatformError, match="end too early"):
        brush.decode(whole[:cut], "a", 20, 20)


def test_a_mask_that_no_picture_has_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(PlatformError, match="4000000 x 4000000"):
        brush.decode([0] * 20, "a", 4_000_000, 4_000_000)
