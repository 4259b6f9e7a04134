"""Packs: plain tar files for every reader, with true offsets and names of content."""

import tarfile
from pathlib import Path

import pytest
import webdataset

from lake import ids
from lake.blobs import Blobs
from lake.errors import LakeError, NotFound
from lake.packs import PackWriter, Place, pack_path, read_item
from tests.unit.lake.samples import png, run_python

ITEMS = [(ids.content_id(data), data) for data in (png(number) for number in range(20))]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path))


leaky_reader = pytest.mark.filterwarnings(  # webdataset leaves its files to the garbage collector
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def write(blobs: Blobs, items: list[tuple[str, bytes]], limit_bytes: int = 2**20) -> dict[str, Place]:
    with PackWriter(blobs, limit_bytes) as packs:
        for item_id, data in items:
            packs.add(item_id, "image/png", data)
    return packs.places


def packs_in(folder: Path) -> list[Path]:
    return sorted((folder / "packs").iterdir())


def test_an_item_is_read_at_its_place_without_the_rest(blobs: Blobs) -> None:
    places = write(blobs, ITEMS)
    assert set(places) == {item_id for item_id, _ in ITEMS}
    assert all(read_item(blobs, places[item_id]) == data for item_id, data in ITEMS)


def test_tar_readers_find_every_item_and_agree_on_the_offsets(blobs: Blobs, tmp_path: Path) -> None:
    places = write(blobs, ITEMS)
    (pack,) = packs_in(tmp_path)
    with tarfile.open(pack) as tar:
        members = tar.getmembers()
        assert [(one.name, one.offset_data, one.size) for one in members] == [
            (f"{item_id}.png", places[item_id].offset, places[item_id].length) for item_id, _ in ITEMS
        ]
        assert {(one.mtime, one.uid, one.uname) for one in members} == {(0, 0, "")}
    assert pack.stat().st_size % tarfile.RECORDSIZE == 0


@leaky_reader
def test_webdataset_reads_a_pack(blobs: Blobs, tmp_path: Path) -> None:
    write(blobs, ITEMS)
    (pack,) = packs_in(tmp_path)
    samples = list(webdataset.WebDataset(str(pack), shardshuffle=False))
    assert [(sample["__key__"], sample["png"]) for sample in samples] == ITEMS


def test_the_same_items_in_the_same_order_are_the_same_pack(blobs: Blobs, tmp_path: Path) -> None:
    first = write(blobs, ITEMS)
    (pack,) = packs_in(tmp_path)
    written = pack.stat().st_mtime_ns
    assert write(blobs, ITEMS) == first
    assert [pack.stat().st_mtime_ns for pack in packs_in(tmp_path)] == [written]
    assert pack.stem == f"pack-{ids.file_id(pack)[:24]}"


@leaky_reader
def test_a_full_pack_is_followed_by_another(blobs: Blobs, tmp_path: Path) -> None:
    places = write(blobs, ITEMS, limit_bytes=5000)
    assert len(packs_in(tmp_path)) > 3
    assert {place.pack for place in places.values()} == {pack.stem for pack in packs_in(tmp_path)}
    assert all(read_item(blobs, places[item_id]) == data for item_id, data in ITEMS)
    assert sum(len(list(webdataset.WebDataset(str(pack), shardshuffle=False))) for pack in packs_in(tmp_path)) == 20


def test_texts_and_pictures_of_any_size_share_a_pack(blobs: Blobs) -> None:
    things = [("text/plain", b"x" * size) for size in (1, 511, 512, 513, 70_000)]
    with PackWriter(blobs) as packs:
        for kind, data in things:
            packs.add(ids.content_id(data), kind, data)
    assert all(read_item(blobs, packs.places[ids.content_id(data)]) == data for _, data in things)


def test_no_items_are_no_pack(blobs: Blobs, tmp_path: Path) -> None:
    assert write(blobs, []) == {}
    assert not (tmp_path / "packs").exists()


def break_off(blobs: Blobs) -> None:
    with PackWriter(blobs) as packs:
        packs.add(*ITEMS[0][:1], "image/png", ITEMS[0][1])
        raise KeyboardInterrupt


def test_a_writer_that_fails_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(blobs)
    assert packs_in(tmp_path) == []


KILLED = """
import os, signal, sys
from lake.blobs import Blobs
from lake.packs import PackWriter
with PackWriter(Blobs(sys.argv[1])) as packs:
    packs.add("a" * 64, "image/png", bytes(100_000))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_goes_with_the_next_one(blobs: Blobs, tmp_path: Path) -> None:
    process = run_python(KILLED, str(tmp_path))
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert len(packs_in(tmp_path)) == 1
    write(blobs, ITEMS)
    assert [pack.suffix for pack in packs_in(tmp_path)] == [".tar"]


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
from lake.blobs import Blobs
from lake.errors import LakeError
from lake.packs import PackWriter
try:
    with PackWriter(Blobs(sys.argv[1])) as packs:
        for number in range(int(sys.argv[2])):
            packs.add(f"{number:064}", "image/png", bytes(1000))
except LakeError as error:
    print(error)
"""


@pytest.mark.parametrize("items", [33, 500])  # the disk fills in the last bytes, or long before
def test_a_disk_that_fills_is_said_so_and_leaves_nothing(tmp_path: Path, items: int) -> None:
    out, problems = run_python(FULL_DISK, str(tmp_path), str(items)).communicate(timeout=60)
    assert "cannot be written: File too large" in out, problems
    assert packs_in(tmp_path) == []


def test_a_pack_that_is_cut_off_or_gone_is_said_so(blobs: Blobs, tmp_path: Path) -> None:
    places = write(blobs, ITEMS)
    last = places[ITEMS[-1][0]]
    (tmp_path / pack_path(last.pack)).write_bytes(b"")
    with pytest.raises(LakeError, match="ends before offset"):
        read_item(blobs, last)
    (tmp_path / pack_path(last.pack)).unlink()
    with pytest.raises(NotFound, match="ingest its delivery again"):
        read_item(blobs, last)
