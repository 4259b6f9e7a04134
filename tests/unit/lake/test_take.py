"""Taking batches in: every delivered file is an item or quarantined, once, whatever happens meanwhile."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from lake import ids
from lake.errors import DeliveryError, NotFound
from lake.ingest import REASONS, Receipt, SourceSpec, register, take
from lake.records import Item, Quarantined
from lake.store import Lake
from quality.probes import measure, probe_schema
from tests.unit.lake.samples import (
    SPEC,
    animation,
    deliver,
    die_everywhere,
    encoded,
    picture,
    png,
    png_claiming,
    run_python,
    stored,
)


@contextmanager
def opened(home: Path) -> Iterator[Lake]:
    lake = Lake.at(home)
    try:
        yield lake
    finally:
        lake.state.close()


def ingest(lake: Lake, *folders: Path, spec: SourceSpec = SPEC) -> Receipt:
    return take(lake, "s", register(lake, "s", folders), "image", spec)


# --- what becomes of a delivery


def mixed(folder: Path) -> Path:
    """Six items, one of them a text, and every kind of fault."""
    deliver(folder, {f"{number}.png": png(number) for number in range(5)})
    deliver(folder, {"sub/again.png": png(3), "bomb.png": png_claiming(50_000, 50_000), "cut.png": png(9)[:-30]})
    deliver(folder, {"empty.png": b"", "called.jpg": png(20), "paper.pdf": b"%PDF", "words.txt": b"words"})
    deliver(folder, {"answers.csv": b"file,answer\n0.png,zero\nsub/again.png,three\ncut.png,lost\n"})
    (folder / "link.png").symlink_to("0.png")
    return folder


def test_every_file_becomes_an_item_or_is_quarantined_with_a_reason(lake: Lake, tmp_path: Path) -> None:
    receipt = ingest(lake, mixed(tmp_path / "in"))
    assert receipt.quarantined == {reason: 1 for reason in REASONS if reason != "incomplete"}
    assert (receipt.delivered, receipt.items, receipt.orders) == (13, 5, 0)
    batch = lake.batch("s", receipt.batch)
    found = {one.source: one for one in batch.records("quarantine", Quarantined)}
    assert {name: one.reason for name, one in found.items()} == {
        "bomb.png": "oversize",
        "called.jpg": "mistyped",
        "cut.png": "unreadable",
        "empty.png": "empty",
        "link.png": "link",
        "paper.pdf": "unsupported",
        "sub/again.png": "duplicate",
        "words.txt": "wrong modality",
    }
    assert found["sub/again.png"].duplicate_of == ids.content_id(png(3))
    assert found["bomb.png"].sha256 == ids.content_id(png_claiming(50_000, 50_000))
    assert all(one.detail for one in found.values())


def test_an_item_says_where_it_lies_and_whose_it_is(lake: Lake, tmp_path: Path) -> None:
    receipt = ingest(lake, mixed(tmp_path / "in"))
    items = lake.batch("s", receipt.batch).records("items", Item)
    assert [item.item_id for item in items] == sorted(ids.content_id(png(number)) for number in range(5))
    for item in items:
        data = lake.media(item.pack, item.offset, item.length)
        assert ids.content_id(data) == item.item_id
        assert (item.modality, item.media_type, item.size_bytes) == ("image", "image/png", len(data))
        assert (item.licence, item.consent, item.group) == (SPEC.licence, SPEC.consent, item.item_id)
    assert {item.source for item in items} == {f"in/{number}.png" for number in range(5)}


def test_answers_follow_their_bytes_even_when_the_file_is_a_duplicate(lake: Lake, tmp_path: Path) -> None:
    receipt = ingest(lake, mixed(tmp_path / "in"))
    answers = lake.batch("s", receipt.batch).read("answers").to_pylist()
    expected = {ids.content_id(png(0)): "zero", ids.content_id(png(3)): "three"}
    assert answers == [{"item_id": item_id, "answer": expected[item_id]} for item_id in sorted(expected)]
    assert lake.gold("s") == expected


def test_groups_are_the_file_the_folder_or_what_the_delivery_says(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {"p1/a.png": png(1), "p1/b.png": png(2), "p2/c.png": png(3)})
    deliver(folder, {"groups.csv": b"file,group\np2/c.png,p1\n"})
    receipt = ingest(lake, folder, spec=SPEC.model_copy(update={"group_by": "folder"}))
    items = lake.batch("s", receipt.batch).records("items", Item)
    assert {item.source: item.group for item in items} == {
        "in/p1/a.png": "p1",
        "in/p1/b.png": "p1",
        "in/p2/c.png": "p1",
    }


FAULTS: dict[str, Callable[[int], tuple[str, bytes]]] = {
    "whole": lambda number: (f"{number}.png", png(number)),
    "again": lambda number: (f"again {number}.png", png(number // 2)),
    "cut": lambda number: (f"{number}.png", png(number)[: 20 + number]),
    "renamed": lambda number: (f"{number}.gif", png(number)),
    "nothing": lambda number: (f"{number}.png", b""),
    "noise": lambda number: (f"{number}.bin", bytes([number % 256]) * 9),
    "bomb": lambda number: (f"{number}.png", png_claiming(5_000 + number, 5_000)),
    "moving": lambda number: (f"{number}.gif", animation("GIF", 2 + number % 3)),
    "long": lambda number: (f"deep/{number}/{'n' * 200}.png", png(number)),
    "jpeg": lambda number: (f"标注/{number}.jpeg", encoded(picture(number), "JPEG")),
    "text": lambda number: (f"{number}.txt", b"words %d" % number),
}


@pytest.mark.parametrize("seed", range(6))
def test_delivered_is_always_items_and_quarantined_together(lake: Lake, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    seen: Counter[str] = Counter()
    everything: set[str] = set()
    for turn in range(3):
        files = dict(FAULTS[random.choice(list(FAULTS))](random.randrange(40)) for _ in range(random.randrange(1, 60)))
        receipt = ingest(lake, deliver(tmp_path / f"delivery {turn}", files))
        assert receipt.delivered == len(files) == receipt.items + sum(receipt.quarantined.values())
        batch = lake.batch("s", receipt.batch)
        fresh = {item.item_id for item in batch.records("items", Item)}
        named = [item.source.partition("/")[2] for item in batch.records("items", Item)]
        named += [one.source for one in batch.records("quarantine", Quarantined)]
        assert sorted(named) == sorted(files)  # each file once
        assert not fresh & everything  # each item once
        everything |= fresh
        seen.update(receipt.quarantined)
    assert everything <= {ids.content_id(path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()}


# --- the same again


def test_taking_a_batch_twice_adds_nothing(lake: Lake, tmp_path: Path) -> None:
    folder = mixed(tmp_path / "in")
    first = ingest(lake, folder)
    before = stored(lake)
    assert ingest(lake, folder) == first
    assert stored(lake) == before
    assert len(lake.state.batches("s")) == 1


def test_a_delivery_taken_in_needs_not_stay(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {"a.png": png(1)})
    first = ingest(lake, folder)
    (folder / "a.png").unlink()
    assert take(lake, "s", first.batch, "image", SPEC) == first


def test_the_name_of_a_batch_does_not_depend_on_order_or_repetition(lake: Lake, tmp_path: Path) -> None:
    one, two = (deliver(tmp_path / name, {f"{name}.png": png(number)}) for number, name in enumerate(["B", "a"]))
    names = {register(lake, "s", paths) for paths in ([one, two], [two, one], [one, two, one])}
    assert len(names) == 1
    assert names.pop().startswith("b-")
    (row,) = lake.state.batches("s")
    assert row.paths == (str(one), str(two))
    assert register(lake, "s", [one, two], purpose="trial") != row.batch
    assert register(lake, "other", [one, two]) != row.batch


def test_no_delivery_is_said_so(lake: Lake) -> None:
    with pytest.raises(DeliveryError, match="no delivery was named"):
        register(lake, "s", [])


def test_an_unknown_batch_is_said_so(lake: Lake) -> None:
    with pytest.raises(NotFound, match="has no batch nothing"):
        take(lake, "s", "nothing", "image", SPEC)


def test_duplicates_are_found_across_batches_and_scenarios_stay_apart(lake: Lake, tmp_path: Path) -> None:
    first = deliver(tmp_path / "one", {"a.png": png(1), "b.png": png(2)})
    second = deliver(tmp_path / "two", {"c.png": png(2), "d.png": png(3)})
    ingest(lake, first)
    receipt = ingest(lake, second)
    assert (receipt.items, receipt.quarantined) == (1, {"duplicate": 1})
    elsewhere = take(lake, "other", register(lake, "other", [second]), "image", SPEC)
    assert (elsewhere.items, elsewhere.quarantined) == (2, {})


def test_several_deliveries_are_one_batch(lake: Lake, tmp_path: Path) -> None:
    one = deliver(tmp_path / "one", {"a.png": png(1)})
    two = deliver(tmp_path / "two", {"a.png": png(2), "b.png": png(1)})
    receipt = ingest(lake, one, two)
    assert (receipt.delivered, receipt.items, receipt.quarantined) == (3, 2, {"duplicate": 1})
    sources = {item.source for item in lake.batch("s", receipt.batch).records("items", Item)}
    assert sources == {"one/a.png", "two/a.png"}


# --- orders


def ordered(folder: Path, *orders: tuple[str, float]) -> Path:
    lines = [{"item_id": one, "reason": "review", "why": f"w{weight}", "weight": weight} for one, weight in orders]
    return deliver(folder, {"order.jsonl": "\n".join(map(json.dumps, lines)).encode()})


def test_orders_are_kept_one_an_item_the_heaviest(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, deliver(tmp_path / "in", {"a.png": png(1), "b.png": png(2)}))
    a, b = ids.content_id(png(1)), ids.content_id(png(2))
    receipt = ingest(lake, ordered(tmp_path / "orders", (a, 1), (b, 2), (a, 3), (a, 2)))
    assert (receipt.delivered, receipt.items, receipt.orders) == (0, 0, 2)
    rows = lake.batch("s", receipt.batch).read("orders").to_pylist()
    assert {row["item_id"]: row["weight"] for row in rows} == {a: 3, b: 2}


def test_an_order_of_an_item_that_nobody_holds_is_named_by_line(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, deliver(tmp_path / "in", {"a.png": png(1)}))
    folder = ordered(tmp_path / "orders", (ids.content_id(png(1)), 1), (ids.content_id(png(2)), 1))
    with pytest.raises(DeliveryError, match=r"order\.jsonl:2: scenario s holds no item"):
        register(lake, "s", [folder])
    assert len(lake.state.batches("s")) == 1  # nothing is left to wait for


def test_an_expert_may_say_only_what_the_scenario_knows(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {"a.png": png(1), "answers.csv": b"file,answer\na.png,nnie\n"})
    with pytest.raises(DeliveryError, match=r"answers\.csv: 'nnie', said of a\.png, is no answer.*\n.*nine, ten"):
        register(lake, "s", [folder], answers=["nine", "ten"])
    assert lake.state.batches("s") == []
    assert register(lake, "s", [folder], answers=["nnie"]) == register(lake, "s", [folder])


# --- what changes meanwhile


def test_a_delivery_that_changed_after_it_was_registered_is_said_so(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {"a.png": png(1)})
    batch = register(lake, "s", [folder])
    deliver(folder, {"b.png": png(2)})
    with pytest.raises(DeliveryError, match="has changed since it was registered"):
        take(lake, "s", batch, "image", SPEC)
    (folder / "b.png").unlink()
    assert take(lake, "s", batch, "image", SPEC).items == 1


def test_a_delivery_that_is_gone_is_said_so(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {"a.png": png(1)})
    batch = register(lake, "s", [folder])
    (folder / "a.png").unlink()
    folder.rmdir()
    with pytest.raises(DeliveryError, match="is neither a folder nor a file"):
        take(lake, "s", batch, "image", SPEC)


@pytest.mark.parametrize("change", ["vanish", "grow", "become a folder"])
def test_a_file_that_changes_while_it_is_taken_is_said_so_and_nothing_stays(
    lake: Lake, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[take.__module__], "CHUNK_ROWS", 10)
    tenth = sum(len(png(number)) for number in range(10))
    folder = deliver(tmp_path / "in", {f"{number:02}.png": png(number) for number in range(80)})
    batch, victim = register(lake, "s", [folder]), folder / "75.png"

    def meddle(done: int, _all: int) -> None:
        if done == tenth:
            victim.unlink()
        if done == tenth and change != "vanish":
            victim.mkdir() if change == "become a folder" else victim.write_bytes(png(99))

    with pytest.raises(DeliveryError, match=r"75\.png (cannot be read|changed while it was read)"):
        take(lake, "s", batch, "image", SPEC, progress=meddle)
    assert stored(lake) == {}
    if victim.is_dir():
        victim.rmdir()
    victim.write_bytes(png(75))
    assert take(lake, "s", batch, "image", SPEC).items == 80


def test_progress_counts_every_byte_once(lake: Lake, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = mixed(tmp_path / "in")
    take(lake, "s", register(lake, "s", [folder]), "image", SPEC, progress=lambda *both: told.append(both))
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert told[-1] == (sum(sizes), sum(sizes))
    assert told == sorted(told)


# --- killed, and two at once

TAKE = """
import pathlib, sys
import daft, pandas, PIL.Image
from lake.ingest import register, take
from lake.store import Lake
from tests.unit.lake.samples import SPEC

def work(home):
    lake = Lake.at(pathlib.Path(home))
    take(lake, "s", register(lake, "s", [pathlib.Path(sys.argv[3])]), "image", SPEC)
"""


def test_killed_at_any_moment_and_done_again_it_ends_the_same(tmp_path: Path) -> None:
    folder = mixed(tmp_path / "in")
    died = die_everywhere(TAKE, tmp_path, str(folder), step=2)
    assert len(died) > 10
    with opened(tmp_path / "0") as lake:
        expected, receipt = stored(lake), ingest(lake, folder)
    for home in died:
        with opened(home) as lake:
            assert ingest(lake, folder) == receipt
            assert stored(lake) == expected  # byte for byte, and nothing beside it


def test_processes_find_what_threads_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deliver(mixed(tmp_path / "in"), {f"more/{number}.png": png(100 + number) for number in range(30)})
    spec = SPEC.model_copy(update={"licence": "CC0-1.0"})
    probes = {"measure": measure, "measured": probe_schema("image")}
    with opened(tmp_path / "threads") as lake:
        receipt = take(lake, "s", register(lake, "s", [folder]), "image", spec, **probes)
        expected = stored(lake)
    monkeypatch.setattr(sys.modules[take.__module__], "CHUNK_ROWS", 5)  # a stream of many chunks
    with opened(tmp_path / "processes") as lake:
        assert take(lake, "s", register(lake, "s", [folder]), "image", spec, **probes) == receipt
        assert stored(lake) == expected


AT_ONCE = """
import time
def work_when_told(home, start):
    while not pathlib.Path(start).exists():
        time.sleep(0.001)
    work(home)
print("ready", flush=True)
work_when_told(sys.argv[1], sys.argv[2])
"""


def test_two_processes_that_take_the_same_batch_at_once_take_it_once(tmp_path: Path) -> None:
    folder, start = mixed(tmp_path / "in"), tmp_path / "start"
    both = [run_python(TAKE + AT_ONCE, str(tmp_path / "home"), str(start), str(folder)) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    start.touch()
    problems = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], problems
    with opened(tmp_path / "home") as together, opened(tmp_path / "alone") as alone:
        assert ingest(together, folder) == ingest(alone, folder)
        assert stored(together) == stored(alone)
        assert len(together.state.batches("s")) == 1
