"""Orders: labelled items that are looked at again, as deliveries that are taken up once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assets.loop import BY_NAME
from assets.orders import order_again
from assets.scenario import open_scenario
from assets.stage import Work, carry_out
from lake.errors import NotFound, NotReady
from lake.ingest import is_held, register
from lake.records import Label, to_table
from pipelines.ports import open_ports
from pipelines.settings import Settings
from tests.unit.lake.samples import deliver, png


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A batch of three labelled pictures; of the last one people are not sure."""
    scenario, ports = open_scenario("digits", []), open_ports(Settings(home=tmp_path / "home"))
    folder = deliver(tmp_path / "in", {f"{number}.png": png(number) for number in range(3)})
    made = Work(ports, scenario, register(ports.lake, scenario.name, [folder]))
    carry_out(BY_NAME["raw_items"], made)
    items = made.batch.read("items", ["item_id"])["item_id"].to_pylist()
    labels = [
        Label(
            item_id=item_id, schema_version="1", answer="7", confidence=0.99 if number < 2 else 0.4, agreement=1.0,
            method="majority", annotators=("ann",),
        )
        for number, item_id in enumerate(items)
    ]  # fmt: skip
    made.batch.write("labels", to_table(labels, Label))
    return made


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "order.jsonl").read_text().splitlines()]


def test_all_the_doubtful_ones_or_some_are_ordered(work: Work) -> None:
    items = work.batch.read("items", ["item_id"])["item_id"].to_pylist()
    (folder,) = order_again(work, why="the scanner was dirty")
    assert [row["item_id"] for row in lines(folder)] == sorted(items)
    assert {(row["reason"], row["why"]) for row in lines(folder)} == {("review", "the scanner was dirty")}
    (doubtful,) = order_again(work, why="unsure", doubtful=True)
    assert [row["item_id"] for row in lines(doubtful)] == [items[2]]
    (one,) = order_again(work, why="look", items=[items[0][:8]])
    assert [row["item_id"] for row in lines(one)] == [items[0]]


def test_a_large_order_is_as_many_deliveries_as_budgets_allow(work: Work) -> None:
    spec = work.scenario.spec
    labeling = work.scenario.labeling.model_copy(update={"budget_items": 4})
    small = replace(work.scenario, spec=spec.model_copy(update={"labeling": labeling}))
    folders = order_again(replace(work, scenario=small), why="again")
    assert [len(lines(folder)) for folder in folders] == [2, 1]


def test_the_same_order_is_one_delivery_and_one_batch(work: Work) -> None:
    (first,) = order_again(work, why="again")
    assert order_again(work, why="again") == (first,)
    assert not is_held(work.lake, "digits", first)
    batch = register(work.lake, "digits", [first])
    assert is_held(work.lake, "digits", first)
    assert register(work.lake, "digits", [first]) == batch
    carry_out(BY_NAME["raw_items"], Work(work.ports, work.scenario, batch))
    assert work.lake.batch("digits", batch).read("orders").num_rows == 3


def test_a_delivery_of_a_home_that_has_moved_is_still_known(work: Work, tmp_path: Path) -> None:
    (folder,) = order_again(work, why="again")
    register(work.lake, "digits", [folder])
    work.lake.state.close()
    moved = Path(shutil.move(work.lake.home, tmp_path / "moved"))
    lake = open_ports(Settings(home=moved)).lake
    assert is_held(lake, "digits", moved / "inbox" / "digits" / folder.name)
    lake.state.close()


def test_what_cannot_be_ordered_is_said(work: Work) -> None:
    with pytest.raises(NotFound, match="0 labelled items of this batch begin with 'ffffffff'"):
        order_again(work, why="x", items=["ffffffff"])
    with pytest.raises(NotFound, match="give at least 6 digits"):
        order_again(work, why="x", items=["a"])
    sure = work.batch.records("labels", Label)[:1]
    work.batch.write("labels", to_table(sure, Label))
    with pytest.raises(NotFound, match="no doubtful label"):
        order_again(work, why="x", doubtful=True)
    work.batch.remove("labels")
    with pytest.raises(NotReady, match="has no labels yet"):
        order_again(work, why="x")
