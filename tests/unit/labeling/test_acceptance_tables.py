"""labeling/acceptance_tables.py against entries of ISO 2859-1:1999 and properties that its tables have."""

from itertools import pairwise

import pytest

from labeling.acceptance_tables import AQLS, LETTERS, LEVELS, Level, Severity, cell, code_letter, one_step_tighter
from lake.errors import SpecError


@pytest.mark.parametrize(
    ("lot_size", "level", "letter"),
    [
        (2, "II", "A"),
        (8, "III", "B"),
        (9, "II", "B"),
        (25, "S-3", "B"),
        (26, "S-1", "A"),
        (150, "II", "F"),
        (151, "II", "G"),
        (500, "II", "H"),
        (501, "II", "J"),
        (1_200, "II", "J"),
        (1_201, "II", "K"),
        (3_200, "II", "K"),
        (3_200, "I", "H"),
        (3_200, "III", "L"),
        (35_000, "S-4", "H"),
        (35_001, "S-4", "J"),
        (500_000, "II", "P"),
        (500_001, "II", "Q"),
        (10**9, "III", "R"),
        (10**9, "S-1", "D"),
    ],
)
def test_table_1_gives_the_code_letter(lot_size: int, level: Level, letter: str) -> None:
    assert code_letter(lot_size, level) == letter


@pytest.mark.parametrize(
    ("severity", "letter", "aql", "wanted"),
    [
        ("normal", "K", 1.0, ("K", 125, 3)),
        ("normal", "J", 0.65, ("J", 80, 1)),
        ("normal", "J", 1.0, ("J", 80, 2)),
        ("normal", "L", 1.5, ("L", 200, 7)),
        ("normal", "G", 2.5, ("G", 32, 2)),
        ("normal", "D", 1.0, ("E", 13, 0)),  # arrow down
        ("normal", "H", 0.40, ("G", 32, 0)),  # arrow up
        ("normal", "H", 0.65, ("J", 80, 1)),  # arrow down past a zero plan
        ("normal", "A", 10.0, ("C", 5, 1)),  # two arrows down
        ("normal", "F", 100.0, ("E", 13, 21)),  # above the steps, arrow up
        ("normal", "R", 0.010, ("Q", 1250, 0)),
        ("normal", "A", 1000.0, ("A", 2, 30)),
        ("normal", "E", 250.0, ("E", 13, 44)),
        ("tightened", "K", 1.0, ("K", 125, 2)),
        ("tightened", "J", 0.65, ("K", 125, 1)),
        ("tightened", "K", 0.15, ("K", 125, 0)),
        ("tightened", "K", 0.25, ("M", 315, 1)),  # both arrows between Ac 0 and Ac 1 point down
        ("tightened", "L", 2.5, ("L", 200, 8)),
        ("tightened", "R", 0.025, ("S", 3150, 1)),  # what row S is there for
        ("tightened", "R", 0.010, ("R", 2000, 0)),
        ("reduced", "K", 0.65, ("K", 50, 1)),
        ("reduced", "K", 1.0, ("K", 50, 2)),
        ("reduced", "K", 2.5, ("K", 50, 5)),
        ("reduced", "K", 4.0, ("K", 50, 6)),
        ("reduced", "K", 0.40, ("L", 80, 1)),
        ("reduced", "K", 0.15, ("J", 32, 0)),
        ("reduced", "A", 6.5, ("A", 2, 0)),
        ("reduced", "R", 0.025, ("N", 200, 0)),
        ("reduced", "C", 650.0, ("C", 2, 21)),
    ],
)
def test_tables_2_give_the_plan_and_follow_arrows(
    severity: Severity, letter: str, aql: float, wanted: tuple[str, int, int]
) -> None:
    found = cell(severity, letter, aql)
    assert (found.letter, found.sample_size, found.accept) == wanted


def test_every_letter_of_table_1_has_a_plan_for_every_aql() -> None:
    for severity in ("normal", "tightened", "reduced"):
        for letter in LETTERS[:-1]:
            accepts = [cell(severity, letter, aql) for aql in AQLS]
            assert accepts[0].accept == 0
            for one, other in pairwise(accepts):
                assert other.accept * one.sample_size >= one.accept * other.sample_size  # a laxer AQL allows more


def test_a_laxer_aql_allows_a_larger_share_and_reduced_inspection_never_checks_more_than_normal() -> None:
    for letter in LETTERS[:-1]:
        for aql in AQLS:
            normal, tightened, reduced = (cell(one, letter, aql) for one in ("normal", "tightened", "reduced"))
            assert tightened.accept * normal.sample_size <= normal.accept * tightened.sample_size
            assert reduced.sample_size <= normal.sample_size


def test_with_two_or_more_allowed_one_step_tighter_has_the_same_sample() -> None:
    for letter in LETTERS[:-1]:
        for aql in AQLS[1:]:
            found = cell("normal", letter, aql)
            tighter = one_step_tighter(aql)
            assert tighter is not None
            if found.accept >= 2 and found.letter == letter:
                assert cell("normal", letter, tighter).sample_size == found.sample_size
                assert cell("normal", letter, tighter).accept < found.accept


def test_what_the_standard_does_not_have_is_refused() -> None:
    with pytest.raises(SpecError, match="begins with two"):
        code_letter(1, "II")
    with pytest.raises(SpecError, match=r"0\.3 is not an AQL"):
        cell("normal", "K", 0.3)
    with pytest.raises(SpecError, match="'I' is not a code letter"):
        cell("normal", "I", 1.0)
    with pytest.raises(SpecError, match="'S' is not a code letter"):
        cell("normal", "S", 0.025)
    with pytest.raises(SpecError, match="S has no plan"):
        cell("tightened", "S", 1.0)
    assert one_step_tighter(AQLS[0]) is None
    assert one_step_tighter(1.0) == 0.65
    assert len(LEVELS) == 7
