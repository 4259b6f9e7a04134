"""Blobs: atomic on this machine's disk, clear when it refuses. Object stores: tests/integration."""

import threading
from pathlib import Path

import pytest

from lake.blobs import Blobs, replace_text, scratch
from lake.errors import LakeError, NotFound
from tests.unit.lake.samples import run_python


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "root"))


def test_what_was_written_is_read_whole_or_in_part(blobs: Blobs) -> None:
    blobs.write("a/b/file", b"0123456789")
    assert blobs.read("a/b/file") == b"0123456789"
    assert blobs.read("a/b/file", 3, 6) == b"345"
    assert blobs.read("a/b/file", 8, 99) == b"89"
    assert blobs.exists("a/b/file")
    assert not blobs.exists("a/b/other")


def test_a_file_url_is_a_local_folder(tmp_path: Path) -> None:
    blobs = Blobs((tmp_path / "röntgen bilder").as_uri().replace("%20", " ").replace("%C3%B6", "ö"))
    blobs.write("x", b"1")
    assert blobs.local_path("x") == tmp_path / "röntgen bilder" / "x"
    assert (tmp_path / "röntgen bilder" / "x").read_bytes() == b"1"


def test_what_is_not_there_is_said_so(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing is not there"):
        blobs.read("nothing")
    with pytest.raises(NotFound, match="nothing is not there"):
        blobs.fetch("nothing", tmp_path / "copy")


@pytest.mark.parametrize("url", ["nosuch://bucket", "s4:/x://y"])
def test_an_unknown_kind_of_place_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(LakeError, match="TRIALBASE_LAKE_URL"):
        Blobs(url)


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("a file where a folder is due")
    with pytest.raises(LakeError, match="cannot be written"):
        Blobs(str(tmp_path / "root")).write("a/file", b"x")
    with pytest.raises(LakeError, match="cannot be written"):
        Blobs(str(tmp_path / "root")).put(tmp_path / "root", "a/file")


def test_a_folder_is_not_read_as_a_file(blobs: Blobs) -> None:
    blobs.write("folder/file", b"x")
    with pytest.raises(LakeError, match="cannot be read"):
        blobs.read("folder")


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from lake.blobs import Blobs
from lake.errors import LakeError
try:
    Blobs(sys.argv[1]).write("file", bytes(5000))
except LakeError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_the_old_file_and_nothing_else(blobs: Blobs, tmp_path: Path) -> None:
    blobs.write("file", b"old")
    out, _ = run_python(FULL_DISK, str(tmp_path / "root")).communicate(timeout=60)
    assert "cannot be written: File too large" in out
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["file"]
    assert blobs.read("file") == b"old"


def test_a_file_that_is_put_is_moved(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"x")
    blobs.put(tmp_path / "here", "packs/there")
    assert blobs.read("packs/there") == b"x"
    assert not (tmp_path / "here").exists()


def test_fetching_links_where_it_can_and_never_overwrites(blobs: Blobs, tmp_path: Path) -> None:
    blobs.write("file", b"x")
    blobs.fetch("file", tmp_path / "copy")
    there = blobs.local_path("file")
    assert there is not None
    assert (tmp_path / "copy").samefile(there)
    (tmp_path / "other").write_bytes(b"mine")
    with pytest.raises(LakeError):
        blobs.fetch("file", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == b"mine"


def test_readers_see_an_old_or_a_new_file_while_many_write(blobs: Blobs) -> None:
    whole = [bytes([letter]) * 300_000 for letter in b"abcd"]
    blobs.write("file", whole[0])
    writers = [threading.Thread(target=blobs.write, args=("file", data)) for data in whole * 3]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert blobs.read("file") in whole
    assert blobs.read("file") in whole


def test_a_scratch_file_in_use_is_left_alone_and_a_dead_one_is_not(tmp_path: Path) -> None:
    target = tmp_path / "[odd] name*"
    dead = tmp_path / f".{target.name}.00000000"
    dead.write_bytes(b"half")
    with scratch(target) as (alive, _):
        assert not dead.exists()
        replace_text(target, "whole")
        assert alive.exists()
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
