"""Data cards: what somebody who checks a version out has to know."""

import pyarrow as pa

from lake.card import Facts, card_text
from lake.store import Lake
from tests.unit.lake.holding import Made, contents_of
from tests.unit.lake.samples import png

MADE = [
    Made(png(number), ("cat", "dog", "cat", "")[number], "validation" if number == 2 else "train")
    for number in range(4)
]


def facts(lake: Lake) -> Facts:
    contents = contents_of(lake, MADE, ("cat", "dog", "owl"))
    sharp = pa.array([1.5, 2.5, None, 4.0])
    return Facts(
        title="Cats | <dogs>",
        manifest=contents.manifest.append_column("probe_sharpness", sharp),
        labels=contents.labels,
        classes=contents.classes,
        made={"Consensus": "majority, posterior at least 0.8", "Decision": "approve by Ann Lee as steward"},
        left_out={"quarantined: empty": 3, "near-duplicates of other items": 0},
    )


def rows(card: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line.startswith("| ")
    ]


def test_a_card_says_what_a_reader_has_to_know(lake: Lake) -> None:
    card = card_text(facts(lake))
    table = rows(card)
    assert ["cat", "2", "1", "1"] in table
    assert ["dog", "1", "1", "0"] in table
    assert ["**items**", "4", "3", "1"] in table
    assert ["sharpness", "1.5", "2.5", "4", "1"] in table
    assert ["CC0", "none needed", "4"] in table
    assert ["Ada", "4", "100.0%"] in table
    assert ["quarantined: empty", "3"] in table
    assert ["b", "d" * 64, "4"] in table
    for line in (
        "4 items in 4 groups, 3 classes.",
        "- Consensus: majority, posterior at least 0.8",
        "- Decision: approve by Ann Lee as steward",
        "- Method: majority (4)",
        "- Confidence: 0.900 on average, 0.900 at least",
        "- 1 items have no answer.",
        "- Classes that no item has: owl.",
    ):
        assert line in card.splitlines()
    assert "near-duplicates" not in card


def test_the_same_facts_are_the_same_card_and_no_name_breaks_out_of_it(lake: Lake) -> None:
    one = facts(lake)
    assert card_text(one) == card_text(one)
    assert card_text(one).startswith("# Cats \\| &lt;dogs>\n")
