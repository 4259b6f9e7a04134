"""The health of a lake: damage of every kind is found, and only what nobody needs is removed."""

import dataclasses
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pytest

from lake.gc import collect
from lake.ingest import register, take
from lake.packs import PackWriter, pack_path
from lake.records import Item, Run, to_table
from lake.store import Lake
from lake.verify import Verdict, verify
from lake.versions import DvcVersions
from tests.unit.lake.holding import Made, commit, contents_of, hold
from tests.unit.lake.samples import SPEC, deliver, png, run_python

MADE = [Made(png(number), str(number % 2)) for number in range(6)]


@pytest.fixture
def versions(lake: Lake) -> DvcVersions:
    """A lake with one batch and one version of it."""
    made = DvcVersions(lake)
    commit(made, contents_of(lake, MADE, "01"))
    return made


def problems(verdict: Verdict) -> list[tuple[str, str]]:
    return [(one.problem, one.where) for one in verdict.findings]


def pack_in(lake: Lake) -> Path:
    (path,) = (lake.home / "lake" / "packs").glob("*.tar")
    return path


def scribble(path: Path, data: bytes) -> None:
    """Other bytes in the same file: what is linked to it changes too."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate()
        file.write(data)


def flipped(path: Path, at: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    return bytes(data)


def test_all_is_well_and_progress_is_told(lake: Lake, versions: DvcVersions) -> None:
    told: list[tuple[int, int]] = []
    verdict = verify(lake, versions, progress=lambda done, total: told.append((done, total)))
    assert verdict.findings == ()
    assert (verdict.packs, verdict.tables, verdict.items, verdict.versions) == (1, 1, 6, 1)
    assert told[-1] == (verdict.hashed_bytes, verdict.hashed_bytes)
    assert verify(lake, versions, quick=True).hashed_bytes == 0


def test_an_empty_lake_is_well(lake: Lake) -> None:
    assert verify(lake, DvcVersions(lake)).findings == ()
    assert collect(lake, DvcVersions(lake), dry_run=False).removals == ()


def test_a_flipped_bit_in_a_pack_is_found(lake: Lake, versions: DvcVersions) -> None:
    pack = pack_in(lake)
    scribble(pack, flipped(pack, 700))
    assert ("damaged pack", f"packs/{pack.name}") in problems(verify(lake, versions))
    assert problems(verify(lake, versions, quick=True)) == []


def test_a_flipped_bit_anywhere_in_a_table_is_found(lake: Lake, versions: DvcVersions) -> None:
    table = lake.home / "lake" / "batches" / "s" / "b" / "items.parquet"
    whole = table.read_bytes()
    missed = []
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        table.write_bytes(flipped(table, at))
        if ("damaged table", "batches/s/b/items.parquet") not in problems(verify(lake, versions)):
            missed.append(at)
        table.write_bytes(whole)
    writer = whole.index(
        b"parquet-cpp-arrow", len(whole) // 2
    )  # who wrote it: nothing reads that, and all is judged by it
    assert [at for at in missed if not writer <= at < writer + 40] == []


def test_a_truncated_table_is_found_also_by_a_quick_look(lake: Lake, versions: DvcVersions) -> None:
    table = lake.home / "lake" / "batches" / "s" / "b" / "items.parquet"
    table.write_bytes(table.read_bytes()[:-100])
    for quick in (False, True):
        assert ("damaged table", "batches/s/b/items.parquet") in problems(verify(lake, versions, quick=quick))


def test_a_missing_pack_is_found_and_a_version_of_it_is_still_whole(lake: Lake, versions: DvcVersions) -> None:
    pack = pack_in(lake)
    pack.unlink()
    assert problems(verify(lake, versions)) == [("missing pack", f"packs/{pack.name}")]


def test_a_truncated_pack_is_found_and_the_items_beyond_its_end(lake: Lake, versions: DvcVersions) -> None:
    pack = pack_in(lake)
    scribble(pack, pack.read_bytes()[:2000])
    found = problems(verify(lake, versions))
    assert ("damaged pack", f"packs/{pack.name}") in found
    assert ("misplaced item", "batches/s/b/items.parquet") in found
    assert ("misplaced item", "data@v1") in found


def test_an_item_that_points_outside_its_pack_is_found(lake: Lake, versions: DvcVersions) -> None:
    batch = lake.batch("s", "b")
    items = batch.read("items")
    batch.write(
        "items", items.set_column(items.schema.get_field_index("offset"), "offset", pc.add(items["offset"], 10**6))
    )
    (finding,) = verify(lake, versions, quick=True).findings
    assert (finding.problem, finding.where) == ("misplaced item", "batches/s/b/items.parquet")
    assert "5 more" in finding.says


def test_a_part_that_points_outside_its_pack_is_found(lake: Lake) -> None:
    items = hold(lake, [Made(png(1), part=("notes", "text", "text/plain", b"words"))])
    assert verify(lake, DvcVersions(lake)).findings == ()
    far = dataclasses.replace(items[0], parts=(dataclasses.replace(items[0].parts[0], offset=10**9),))
    lake.batch("s", "b").write("items", to_table([far], Item))
    assert problems(verify(lake, DvcVersions(lake))) == [("misplaced item", "batches/s/b/items.parquet")]


def test_an_orphan_pack_is_found(lake: Lake, versions: DvcVersions) -> None:
    with PackWriter(lake.blobs) as packs:
        packs.add("0" * 64, "text/plain", b"nobody's")
    (place,) = packs.places.values()
    assert problems(verify(lake, versions)) == [("orphan pack", pack_path(place.pack))]


@pytest.mark.parametrize("damage", ["gone", "flipped"])
def test_a_damaged_object_of_a_version_is_found(lake: Lake, versions: DvcVersions, damage: str) -> None:
    (labels,) = versions.repository.tracked("data@v1", ["data/labels.parquet"])
    path = versions.repository.objects.path(labels.md5)
    if damage == "gone":
        path.unlink()
    else:
        scribble(path, flipped(path, 50))
    (finding,) = verify(lake, versions).findings
    assert (finding.problem, finding.where) == ("damaged version", "data@v1")


def test_objects_that_lie_on_the_remote_alone_are_no_damage(lake: Lake, tmp_path: Path) -> None:
    versions = DvcVersions(lake, str(tmp_path / "remote"))
    commit(versions, contents_of(lake, MADE, "01"))
    shutil.rmtree(versions.path / ".dvc" / "cache")
    assert verify(lake, versions).findings == ()
    assert versions.table("data@v1", "labels").num_rows == 6


# --- gc


def stored(home: Path) -> set[str]:
    found = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(("locks", "state.db"))}


def litter(lake: Lake, versions: DvcVersions) -> None:
    """An orphan pack, an old checkout, half a checkout, an object that no tag names."""
    with PackWriter(lake.blobs) as packs:
        packs.add("0" * 64, "text/plain", b"nobody's")
    versions.folder("data@v1")
    commit(versions, contents_of(lake, [*MADE[:5], Made(MADE[5].data, "0")], "01"))
    versions.folder("data@v2")
    (versions.checkouts / ".data@v2-0123-killed").mkdir()
    versions.repository.objects.add_bytes(b"of a commit that was killed")


def test_gc_removes_what_nobody_needs_and_only_that(lake: Lake, versions: DvcVersions) -> None:
    before = stored(lake.home / "lake")
    litter(lake, versions)
    kept = {tag: versions.table(tag, "labels") for tag in ("data@v1", "data@v2")}
    everything = stored(lake.home)
    plan = collect(lake, versions, dry_run=True)
    assert sorted(one.kind for one in plan.removals) == ["checkout", "checkout", "object", "pack"]
    assert stored(lake.home) == everything
    assert collect(lake, versions, dry_run=False) == plan
    assert stored(lake.home / "lake") == before
    assert [path.name[:7] for path in versions.checkouts.iterdir()] == ["data@v2"]
    assert verify(lake, versions).findings == ()
    assert {tag: versions.table(tag, "labels") for tag in kept} == kept
    assert collect(lake, versions, dry_run=False).removals == ()


def test_a_pack_that_only_a_version_names_stays(lake: Lake, versions: DvcVersions) -> None:
    lake.batch("s", "b").remove("items")
    assert collect(lake, versions, dry_run=False).removals == ()
    assert verify(lake, versions).findings == ()


def test_a_checkout_that_a_run_still_reads_stays(lake: Lake, versions: DvcVersions) -> None:
    litter(lake, versions)
    run = Run(
        run_id="r", scenario="s", batch="b", dataset="data@v1", dataset_hash="h", recipe="r", provider="local",
        state="running", seconds=0.0,
    )  # fmt: skip
    lake.state.put_run(run)
    collect(lake, versions, dry_run=False)
    assert sorted(path.name[:7] for path in versions.checkouts.iterdir()) == ["data@v1", "data@v2"]


def test_when_a_table_cannot_be_read_nothing_is_removed(lake: Lake, versions: DvcVersions) -> None:
    litter(lake, versions)
    lake.blobs.write("batches/s/b/items.parquet", b"half")
    before = stored(lake.home)
    with pytest.raises(Exception, match="is damaged"):
        collect(lake, versions, dry_run=False)
    assert stored(lake.home) == before


INGEST = """
import pathlib, sys, time
from lake.packs import PackWriter
from lake.store import Lake
lake = Lake.at(pathlib.Path(sys.argv[1]))
with lake.lock("ingest-s"):
    with PackWriter(lake.blobs) as packs:
        packs.add("f" * 64, "text/plain", b"fresh")
    print("packed", flush=True)
    time.sleep(600)
"""


def test_packs_of_a_running_ingest_are_never_removed(lake: Lake, versions: DvcVersions) -> None:
    process = run_python(INGEST, str(lake.home))
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "packed\n"
        before = stored(lake.home / "lake")
        sweep = collect(lake, versions, dry_run=False)
        verdict = verify(lake, versions)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert sweep.ingesting == ("s",)
    assert sweep.removals == ()
    assert stored(lake.home / "lake") == before
    assert (verdict.ingesting, verdict.findings) == (("s",), ())
    assert [one.kind for one in collect(lake, versions, dry_run=False).removals] == ["pack"]  # it was killed


def test_what_a_killed_ingest_has_kept_is_not_removed(lake: Lake, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {f"{number}.png": png(number) for number in range(3)})
    name = register(lake, "s", [folder])
    take(lake, "s", name, "image", SPEC)
    batch = lake.batch("s", name)
    items = batch.read("items")
    batch.remove("items")
    batch.write("ingest/00000-items", items)  # as far as it had come
    assert collect(lake, DvcVersions(lake), dry_run=False).removals == ()
