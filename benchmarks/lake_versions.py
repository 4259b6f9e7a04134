"""Dataset versions: what a commit, a push, a diff and a random read cost, and what DVC and plain files cost.

Items are packed when they come in, so a commit never sees single files: packing is measured with ingest. DVC is called
as a library in the same process, so that the time in which its command starts does not count against it.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figure import Figure, figure
from lake.packs import PackWriter, Place
from lake.records import DatasetVersion, Item, Label, schema
from lake.store import Lake
from lake.versions import Contents, DvcVersions

RUNS = 5
ITEMS = 100_000
ITEM_BYTES = 4096
MANY = 1_000_000
MANY_BYTES = 256
READS = 10_000
CLASSES = tuple("0123456789")


def commits(runs: int | None = None) -> Iterator[Figure]:
    """100,000 items of 4 KiB: commit, commit after 1 % has changed, push; against DVC on the same files."""
    rounds = []
    for number in range(runs or RUNS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append((_ours(Path(folder) / "ours", number), _peer(Path(folder) / "peer", number)))
    good = all(ours["right"] and peer["right"] for ours, peer in rounds)
    for key, name, times in (
        ("commit", "commit of 100,000 new items of 4 KiB, `dvc add` beside", 20),
        ("change", "commit after 1 % of 100,000 items changed, `dvc add` beside", 50),
        ("push", "push of that version to a local remote, `dvc push` beside", 20),
    ):
        yield figure(
            "lake", name, "s", [ours[key] for ours, _ in rounds], peer=[peer[key] for _, peer in rounds],
            must=f"{times} times faster",
            holds=lambda ours, peer, times=times: good and peer is not None and ours * times <= peer,  # type: ignore[misc]
        )  # fmt: skip


def million(runs: int | None = None) -> Iterator[Figure]:
    """A million items of which only labels changed: a commit in a process of its own, and what changed."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        small, large = _tables(home, ITEMS, "small"), _tables(home, MANY, "large")
        for name in (small, large):
            _commit_apart(home, name, 0)  # the first one takes the packs in
        rounds = [(_commit_apart(home, small, n), _commit_apart(home, large, n)) for n in range(1, (runs or RUNS) + 1)]
        seconds = [many["seconds"] for _, many in rounds]
        few = [one["seconds"] for one, _ in rounds]
        peaks = [many["peak_gib"] for _, many in rounds]
        right = all(many["number"] == number for number, (_, many) in enumerate(rounds, 2))
        yield figure(
            "lake", "commit of 1,000,000 items, labels changed", "s", seconds,
            must="under 30", holds=lambda ours, _: right and ours < 30,
        )  # fmt: skip
        yield figure(
            "lake",
            "commit of 1,000,000 items, peak memory",
            "GiB",
            peaks,
            must="under 2",
            holds=lambda ours, _: ours < 2,
        )
        yield figure(
            "lake", "commit of 1,000,000 items, that of 100,000 beside", "s", seconds, peer=few,
            must="at most 11 times as long", holds=lambda ours, peer: peer is not None and ours <= 11 * peer,
        )  # fmt: skip
        yield from _diffs(home, runs or RUNS)


def reads(runs: int | None = None) -> Iterator[Figure]:
    """10,000 items in an order drawn by chance, from packs and as single files, both in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        lake, files = Lake.at(Path(folder) / "home"), Path(folder) / "files"
        files.mkdir()
        made = _pack(lake, dict(_items(ITEMS, 0)))
        for name, data in _items(ITEMS, 0):
            (files / name).write_bytes(data)
        names = random.Random(1).sample(sorted(made), READS)
        rounds = []
        for _ in range(runs or RUNS):
            ours, mine = _timed(lambda: [lake.media(*_place(made[name])) for name in names])
            peer, theirs = _timed(lambda: [(files / name).read_bytes() for name in names])
            rounds.append((ours, peer, mine == theirs))
    yield figure(
        "lake", "random read of 10,000 items of 4 KiB from packs, single files beside", "s",
        [ours for ours, _, _ in rounds], peer=[peer for _, peer, _ in rounds], must="no slower",
        holds=lambda ours, peer: peer is not None and ours <= peer and all(same for _, _, same in rounds),
    )  # fmt: skip


# --- 100,000 items


def _items(count: int, seed: int, changed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of items; every 100th has other bytes for another value of `changed`."""
    plain, other = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1, changed))
    for number in range(count):
        data = plain.bytes(ITEM_BYTES)
        yield f"{number:06}.bin", other.bytes(ITEM_BYTES) if changed and number % 100 == 0 else data


def _ours(home: Path, seed: int) -> dict[str, Any]:
    lake = Lake.at(home)
    versions = DvcVersions(lake)
    first = dict(_items(ITEMS, seed))
    places = _pack(lake, first)
    commit, _ = _commit(versions, places, 0)
    second = {name: data for name, data in _items(ITEMS, seed, 1) if data != first[name]}
    places |= _pack(lake, second)
    change, version = _commit(versions, places, 1)
    pushed = DvcVersions(lake, str(home / "remote"))
    objects = versions.repository.objects_at(version.tag)
    push, _ = _timed(lambda: pushed.repository.dvc.push(objects))
    sample = random.Random(seed).sample(sorted(second), 100)
    out = versions.checkout(version.tag, home / "out")
    right = all(_read(out, places[name]) == second[name] for name in sample) and not pushed.repository.dvc.missing(
        objects
    )
    return {"commit": commit, "change": change, "push": push, "right": right and version.number == 2}


def _peer(home: Path, seed: int) -> dict[str, Any]:
    from dvc.repo import Repo

    data = home / "data"
    data.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=home, check=True)
    Repo.init(str(home)).close()
    for name, content in _items(ITEMS, seed):
        (data / name).write_bytes(content)

    def act(work: Callable[[Any], Any]) -> float:
        config = {
            "core": {"site_cache_dir": str(home / "site"), "remote": "r"},
            "remote": {"r": {"url": str(home / "r")}},
        }
        with Repo(str(home), config=config) as repository:
            return _timed(lambda: work(repository))[0]

    commit = act(lambda repository: repository.add([str(data)]))
    for name, content in _items(ITEMS, seed, 1):
        if name.endswith("00.bin"):
            (data / name).unlink()  # DVC links files to its cache
            (data / name).write_bytes(content)
    change = act(lambda repository: repository.add([str(data)]))
    push = act(lambda repository: repository.push())
    return {"commit": commit, "change": change, "push": push, "right": len(list((home / "r").rglob("*"))) > ITEMS}


def _pack(lake: Lake, items: dict[str, bytes]) -> dict[str, Place]:
    """Items put into packs, as ingest does it; their places by name."""
    ids = {name: hashlib.sha256(data).hexdigest() for name, data in items.items()}
    with PackWriter(lake.blobs) as packs:
        for name, data in items.items():
            packs.add(ids[name], "text/plain", data)
    return {name: packs.places[ids[name]] for name in items}


def _commit(versions: DvcVersions, places: dict[str, Place], number: int) -> tuple[float, DatasetVersion]:
    what = _contents(list(places.values()), number)
    return _timed(lambda: versions.commit("data", what, gate="pass", signed_by="b", batches=["b"]))


def _read(out: Path, place: Place) -> bytes:
    with (out / "packs" / f"{place.pack}.tar").open("rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


def _place(place: Place) -> tuple[str, int, int]:
    return place.pack, place.offset, place.length


# --- a million


def _contents(places: Sequence[Place], number: int) -> Contents:
    """As many items as places, and labels that differ by `number` in one of fifty."""
    count = len(places)
    shape = schema(Item)
    ids = [hashlib.sha256(str(one).encode()).hexdigest() for one in range(count)]
    length = np.array([place.length for place in places])
    columns: dict[str, Any] = {
        "item_id": sorted(ids),
        "pack": [place.pack for place in places],
        "offset": np.array([place.offset for place in places]),
        "length": length,
        "size_bytes": length,
        "source": [f"day-{one % 30:02}/camera/{one:07}.txt" for one in range(count)],
        "group": [f"group-{one // 20}" for one in range(count)],
        "modality": ["text"] * count,
        "media_type": ["text/plain"] * count,
        "delivery": ["delivery-1"] * count,
        "licence": ["CC0-1.0"] * count,
        "consent": ["none needed"] * count,
        "captured_at": pa.nulls(count, shape.field("captured_at").type),
    }
    arrays = [
        pa.array(columns[name], shape.field(name).type)
        if name in columns
        else pa.array([[]] * count, shape.field(name).type)
        for name in shape.names
    ]
    rng = np.random.default_rng(0)
    split = np.where(rng.random(count) < 0.2, "validation", "train")
    manifest = pa.Table.from_arrays(arrays, schema=shape)
    manifest = manifest.append_column("batch", pa.array(["b"] * count)).append_column("split", pa.array(split))
    answers = rng.integers(0, 10, count)
    answers[number::50] = (answers[number::50] + number) % 10
    people = rng.integers(0, 9, (count, 3))
    label = {
        "item_id": manifest["item_id"],
        "schema_version": ["1"] * count,
        "answer": answers.astype(str),
        "confidence": rng.random(count).round(4),
        "agreement": rng.random(count).round(2),
        "method": ["dawid_skene"] * count,
        "annotators": [[f"annotator-{one}" for one in row] for row in people.tolist()],
        "machine_share": np.zeros(count),
        "adjudicated_by": pa.nulls(count, pa.string()),
    }
    labels = pa.table({name: label[name] for name in schema(Label).names})
    return Contents(manifest=manifest, labels=labels, classes=CLASSES, gate_report="{}\n", card="# A benchmark\n")


def _tables(home: Path, count: int, name: str) -> str:
    """Tables of so many items in real packs, and labels for each commit, as files that a process of its own reads."""
    lake = Lake.at(home)
    rng = np.random.default_rng(count)
    with PackWriter(lake.blobs) as packs:
        for number in range(count):
            packs.add(f"{number:064}", "text/plain", rng.bytes(MANY_BYTES))
    places = list(packs.places.values())
    for number in range(RUNS + 1):
        made = _contents(places, number)
        pq.write_table(made.labels, home / f"{name}-{number}.parquet")
    pq.write_table(made.manifest, home / f"{name}.parquet")
    return name


def _commit_apart(home: Path, name: str, number: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.lake_versions", str(home), name, str(number)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _commit_here(home: Path, name: str, number: int) -> dict[str, Any]:
    """One commit, and the most memory that this process has held."""
    what = Contents(
        manifest=pq.read_table(home / f"{name}.parquet"),
        labels=pq.read_table(home / f"{name}-{number}.parquet"),
        classes=CLASSES,
        gate_report="{}\n",
        card="# A benchmark\n",
    )
    versions = DvcVersions(Lake.at(home))
    seconds, version = _timed(lambda: versions.commit(name, what, gate="pass", signed_by="b", batches=["b"]))
    return {"seconds": seconds, "peak_gib": _peak_gib(), "number": version.number}


def _peak_gib() -> float:
    """Linux's high-water mark of this program alone: getrusage counts what its parent held when it was started."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 2**20


def _diffs(home: Path, runs: int) -> Iterator[Figure]:
    """Label-aware, both versions read from the repository."""
    versions = DvcVersions(Lake.at(home))
    rounds = [_timed(lambda: versions.diff("large@v1", "large@v2")) for _ in range(runs)]
    right = all(
        found.relabelled.num_rows == len(range(1, MANY, 50)) and not found.added and not found.split_changed.num_rows
        for _, found in rounds
    )
    yield figure(
        "lake", "label-aware diff of two versions of 1,000,000 items", "s", [seconds for seconds, _ in rounds],
        must="under 5", holds=lambda ours, _: right and ours < 5,
    )  # fmt: skip


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


if __name__ == "__main__":
    print(json.dumps(_commit_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
