"""Splits of real batches: what is decided stays, whatever comes later and in whatever order batches are signed."""

import csv
from pathlib import Path

import pytest

from assets.loop import BY_NAME
from assets.scenario import load_scenario
from assets.splits import splits
from assets.stage import Work, carry_out
from lake.ingest import register
from pipelines.ports import open_ports
from pipelines.settings import Settings
from quality.splits import split_of
from tests.shared_data import ROOT
from tests.unit.quality.pictures import brighter, digit_images, encoded


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """The scenario `digits` in an empty home."""
    scenario = load_scenario(ROOT / "assets" / "scenarios" / "digits")
    return Work(open_ports(Settings(home=tmp_path / "home")), scenario, "")


def deliver(work: Work, folder: Path, pictures: dict[str, bytes], groups: dict[str, str]) -> Work:
    """A new batch of pictures by name, each of a group, curated."""
    folder.mkdir()
    for name, media in pictures.items():
        (folder / name).write_bytes(media)
    with (folder / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "group"), *groups.items()])
    register(work.lake, work.scenario.name, [folder])
    made = Work(work.ports, work.scenario, work.lake.state.batches(work.scenario.name)[-1].batch)
    carry_out(BY_NAME["raw_items"], made)
    carry_out(BY_NAME["curated_items"], made)
    return made


def of_groups(work: Work, batches: list[str]) -> dict[str, set[str | None]]:
    """The splits that the items of each group are in."""
    items = work.lake.read_all(work.scenario.name, "curated")
    assert items is not None
    group = dict(zip(items["item_id"].to_pylist(), items["group"].to_pylist(), strict=True))
    found: dict[str, set[str | None]] = {}
    for row in splits(work, batches).to_pylist():
        found.setdefault(group[row["item_id"]], set()).add(row["split"])
    return found


def named(work: Work, split: str, prefix: str) -> str:
    share = work.scenario.training.validation_share
    names = (f"{prefix}{number}" for number in range(1000))
    return next(name for name in names if split_of(name, validation_share=share) == split)


def test_a_new_group_follows_the_near_duplicate_that_joins_it_to_an_older_one(work: Work, tmp_path: Path) -> None:
    digits = digit_images(6)
    old, new = named(work, "validation", "old"), named(work, "train", "new")
    first = deliver(work, tmp_path / "1", {"a.png": encoded(digits[0]), "b.png": encoded(digits[1])}, {"a.png": old})
    decided = splits(first, [first.batch_name])
    pictures = {"c.png": encoded(brighter(digits[0], 2)), "d.png": encoded(digits[2])}
    second = deliver(work, tmp_path / "2", pictures, {"c.png": new, "d.png": new})
    assert second.batch.read("dropped").num_rows == 1
    found = of_groups(second, [first.batch_name, second.batch_name])
    assert (found[old], found[new]) == ({"validation"}, {"validation"})
    assert splits(second, [first.batch_name]).equals(decided)
    third = deliver(work, tmp_path / "3", {"e.png": encoded(digits[3])}, {"e.png": new})
    batches = [one.batch_name for one in (first, second, third)]
    assert of_groups(third, batches)[new] == {"validation"}


def test_a_batch_that_is_signed_late_takes_nothing_back(work: Work, tmp_path: Path) -> None:
    digits = digit_images(6)
    one, other = named(work, "train", "one"), named(work, "validation", "other")
    early = deliver(work, tmp_path / "1", {"a.png": encoded(digits[0]), "b.png": encoded(digits[1])}, {"a.png": one})
    late_pictures = {"c.png": encoded(brighter(digits[0], 2)), "d.png": encoded(digits[2])}
    late = deliver(work, tmp_path / "2", late_pictures, {"c.png": other, "d.png": other})
    last = deliver(work, tmp_path / "3", {"e.png": encoded(digits[3])}, {"e.png": other})
    signed_first = splits(last, [last.batch_name])
    assert signed_first["split"].to_pylist() == ["validation"]
    batches = [early.batch_name, late.batch_name, last.batch_name]
    found = of_groups(last, batches)
    assert found[other] == {"validation"}
    assert splits(last, [last.batch_name]).equals(signed_first)
    assert None not in splits(last, batches)["split"].to_pylist()
