"""Versions: real git, real DVC, real deaths. What DvcVersions promises, and what a stranger needs to use it."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from lake import ids
from lake.errors import LakeError, NotFound
from lake.ingest import register, take
from lake.records import DatasetVersion, Item, Label, from_table, to_table
from lake.store import Lake
from lake.versions import Contents, DvcVersions
from tests.unit.lake.samples import SPEC, deliver, die_everywhere, png, run_python

pytestmark = pytest.mark.contract
ITEMS = 6
leaky_reader = pytest.mark.filterwarnings(  # webdataset leaves its files to the garbage collector
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@contextmanager
def filled(home: Path) -> Iterator[Lake]:
    """A lake that holds six pictures."""
    lake = Lake.at(home)
    folder = deliver(home.parent / "in", {f"{number}.png": png(number) for number in range(ITEMS)})
    take(lake, "digits", register(lake, "digits", [folder]), "image", SPEC)
    try:
        yield lake
    finally:
        lake.state.close()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with filled(tmp_path / "home") as made:
        yield made


@pytest.fixture
def versions(lake: Lake) -> DvcVersions:
    return DvcVersions(lake)


def contents(lake: Lake, answers: str, *, split: str = "vttttt", items: Sequence[int] = range(ITEMS)) -> Contents:
    """The given answers to the given items (in the order of the pictures), split by letter."""
    all_items = lake.read_all("digits", "items")
    assert all_items is not None
    place = {ids.content_id(png(number)): at for at, number in enumerate(items)}
    kept = [item for item in from_table(all_items, Item) if item.item_id in place]
    kinds = {"t": "train", "v": "validation"}
    manifest = (
        to_table(kept, Item)
        .append_column("batch", pa.array(["b"] * len(kept)))
        .append_column("split", pa.array([kinds[split[place[item.item_id]]] for item in kept]))
    )
    labels = [
        Label(
            item_id=item.item_id,
            schema_version="1",
            answer=answers[place[item.item_id]],
            confidence=0.9,
            agreement=1,
            method="majority",
            annotators=("Ada", "Bob"),
        )
        for item in kept
    ]
    return Contents(
        manifest=manifest,
        labels=to_table(labels, Label),
        classes=("0", "1", "更"),
        gate_report='{"verdict": "pass"}',
        card="# Digits\n",
    )


def commit(versions: DvcVersions, what: Contents, name: str = "digits") -> DatasetVersion:
    return versions.commit(name, what, gate="pass", signed_by="Ada", batches=["b"])


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tool(where: Path, *command: str) -> str:
    """A command of git or DVC as a stranger types it."""
    words = [sys.executable, "-m", "dvc", *command[1:]] if command[0] == "dvc" else list(command)
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(where / "site")}
    done = subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- versions


def test_versions_are_numbered_and_the_same_data_is_the_same_version(lake: Lake, versions: DvcVersions) -> None:
    assert versions.list() == []
    first = commit(versions, contents(lake, "001100"))
    assert (first.tag, first.number, first.num_items, first.parents) == ("digits@v1", 1, ITEMS, ())
    assert (first.gate, first.signed_by, first.batches) == ("pass", "Ada", ("b",))
    second = commit(versions, contents(lake, "001111"))
    assert (second.tag, second.parents) == ("digits@v2", ("digits@v1",))
    again = versions.commit("digits", contents(lake, "001100"), gate="waivable", signed_by="Bob", batches=[])
    assert again == first
    assert first.dataset_hash != second.dataset_hash
    other = commit(versions, contents(lake, "000000"), "other-data")
    assert versions.list() == [first, second, other]
    assert versions.list("digits") == [first, second]
    assert versions.get("digits@v2") == second
    assert len({first.revision, second.revision, other.revision}) == 3


@pytest.mark.parametrize("tag", ["digits@v3", "digits@v01", "digits", "other@v1", "", "digits@v*", "../x@v1", "-l"])
def test_a_version_that_is_not_there_is_said_so_with_those_that_are(
    lake: Lake, versions: DvcVersions, tmp_path: Path, tag: str
) -> None:
    with pytest.raises(NotFound, match="versions are: none yet"):
        versions.get(tag)
    if tag == "digits@v3":
        commit(versions, contents(lake, "001100"))
        for ask in (versions.get, versions.folder, lambda tag: versions.checkout(tag, tmp_path / "out")):
            with pytest.raises(NotFound, match="versions are: digits@v1"):
                ask(tag)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["Digits", "digits v1", "-rf", "a/b", "", ".dvc"])
def test_a_name_that_no_tag_can_bear_is_refused(lake: Lake, versions: DvcVersions, name: str) -> None:
    with pytest.raises(LakeError, match="cannot be the name of a dataset"):
        commit(versions, contents(lake, "001100"), name)
    assert not versions.path.exists()


def test_the_hash_is_of_the_data_alone(lake: Lake) -> None:
    plain = contents(lake, "001100")
    assert dataclasses.replace(plain, card="other", gate_report="{}").dataset_hash == plain.dataset_hash
    changed = [
        contents(lake, "001101"),
        contents(lake, "001100", split="tttttt"),
        contents(lake, "00110", items=range(5)),
        dataclasses.replace(plain, classes=("1", "0", "更")),
    ]
    assert len({one.dataset_hash for one in [plain, *changed]}) == 5


def test_a_diff_names_what_changed_label_by_label(lake: Lake, versions: DvcVersions) -> None:
    commit(versions, contents(lake, "00110", split="vtttt", items=[0, 1, 2, 3, 4]))
    commit(versions, contents(lake, "01112", split="ttttv", items=[0, 1, 2, 3, 5]))
    change = versions.diff("digits@v1", "digits@v2")
    item = {number: ids.content_id(png(number)) for number in range(ITEMS)}
    assert (change.added, change.removed) == ((item[5],), (item[4],))
    assert change.relabelled.to_pylist() == [
        {"item_id": item[1], "before": "0", "after": "1", "annotators": ["Ada", "Bob"], "adjudicated_by": None}
    ]
    assert change.split_changed.to_pylist() == [{"item_id": item[0], "before": "validation", "after": "train"}]
    assert change.classes.to_pylist() == [
        {"class": "0", "before": 3, "after": 1},
        {"class": "1", "before": 2, "after": 3},
        {"class": "2", "before": 0, "after": 1},
    ]
    same = versions.diff("digits@v1", "digits@v1")
    assert (same.added, same.removed, same.relabelled.num_rows, same.split_changed.num_rows) == ((), (), 0, 0)


# --- checking out


def test_a_checkout_holds_what_was_committed(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    what = contents(lake, "001100")
    first = commit(versions, what)
    commit(versions, contents(lake, "111111"))
    out = versions.checkout("digits@v1", tmp_path / "deep" / "out")
    assert set(held(out)) == {
        "manifest.parquet",
        "labels.parquet",
        "classes.json",
        "gate.json",
        "card.md",
        "version.json",
        f"packs/{what.packs[0]}.tar",
    }
    assert pq.read_table(out / "labels.parquet").equals(what.labels)
    assert pq.read_table(out / "manifest.parquet").equals(what.manifest)
    assert first.dataset_hash in (out / "version.json").read_text()
    assert held(versions.folder("digits@v1")) == held(out)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


def test_a_checkout_never_overwrites(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    commit(versions, contents(lake, "001100"))
    deliver(tmp_path / "out", {"mine": b"mine"})
    with pytest.raises(LakeError, match="is already there"):
        versions.checkout("digits@v1", tmp_path / "out")
    deliver(tmp_path, {"file": b""})
    with pytest.raises(LakeError, match="cannot be written"):
        versions.checkout("digits@v1", tmp_path / "file" / "out")
    assert held(tmp_path / "out") == {"mine": b"mine"}


def test_who_scribbles_in_a_checkout_harms_nobody_else(lake: Lake, versions: DvcVersions, tmp_path: Path) -> None:
    commit(versions, contents(lake, "001100"))
    kept, before = held(versions.folder("digits@v1")), held(lake.home / "lake")
    out = versions.checkout("digits@v1", tmp_path / "out")
    strangers = tmp_path / "stranger"
    strangers.mkdir()
    tool(strangers, "dvc", "get", str(versions.path), "digits", "--rev", "digits@v1")
    for path in [*out.rglob("*"), *(strangers / "digits").rglob("*")]:
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"scribble")
    assert held(versions.folder("digits@v1")) == kept
    assert held(lake.home / "lake") == before
    assert held(versions.checkout("digits@v1", tmp_path / "again")) == kept


def test_a_folder_is_checked_out_once_and_takes_no_space(lake: Lake, versions: DvcVersions) -> None:
    what = contents(lake, "001100")
    commit(versions, what)
    folder = versions.folder("digits@v1")
    written = (folder / "card.md").stat().st_mtime_ns
    assert versions.folder("digits@v1") == folder
    assert (folder / "card.md").stat().st_mtime_ns == written
    pack = lake.blobs.local_path(f"packs/{what.packs[0]}.tar")
    assert pack is not None
    assert (folder / "packs" / pack.name).samefile(pack)


@leaky_reader
@pytest.mark.parametrize("source", ["repository", "remote"])
def test_a_stranger_gets_a_version_with_plain_dvc(lake: Lake, tmp_path: Path, source: str) -> None:
    versions, place = DvcVersions(lake, str(tmp_path / "remote")), lake.home / "datasets"
    what = contents(lake, "001100")
    commit(versions, what)
    commit(versions, contents(lake, "111111"))
    if source == "remote":  # nothing but git's history and the remote is left
        tool(tmp_path, "git", "clone", "--quiet", str(versions.path), str(tmp_path / "clone"))
        place = lake.home.rename(tmp_path / "far away").parent / "clone"
    (tmp_path / "stranger").mkdir()
    tool(tmp_path / "stranger", "dvc", "get", str(place), "digits", "--rev", "digits@v1")
    out = tmp_path / "stranger" / "digits"
    labels = pd.read_parquet(out / "labels.parquet")
    manifest = pd.read_parquet(out / "manifest.parquet")
    assert labels["answer"].value_counts().to_dict() == {"0": 4, "1": 2}
    assert list(manifest["item_id"]) == list(labels["item_id"])
    samples = webdataset.WebDataset(str(out / "packs" / f"{what.packs[0]}.tar"), shardshuffle=False)
    assert {sample["__key__"]: sample["png"] for sample in samples} == {
        ids.content_id(png(number)): png(number) for number in range(ITEMS)
    }


def test_what_is_committed_is_what_dvc_itself_would_write(lake: Lake, versions: DvcVersions) -> None:
    for answers in ("001100", "111111"):
        commit(versions, contents(lake, answers))
        assert "up to date" in tool(versions.path, "dvc", "status")
        before = held(versions.path / "digits")
        tool(versions.path, "dvc", "add", "digits/manifest.parquet", "digits/labels.parquet", "digits/packs")
        assert held(versions.path / "digits") == before
        assert tool(versions.path, "git", "status", "--porcelain", "--", "digits", ".dvc") == ""
    tool(versions.path, "dvc", "gc", "--force", "--all-tags")
    tool(versions.path, "git", "checkout", "--quiet", "digits@v1")
    tool(versions.path, "dvc", "checkout")
    assert pq.read_table(versions.path / "digits" / "labels.parquet").equals(contents(lake, "001100").labels)


def test_packs_that_are_there_already_are_neither_read_nor_copied(lake: Lake, versions: DvcVersions) -> None:
    what = contents(lake, "001100")
    commit(versions, what)
    pack = lake.blobs.local_path(f"packs/{what.packs[0]}.tar")
    assert pack is not None
    places = [versions.path / "digits" / "packs" / pack.name]
    places += [versions.repository.objects.path(md5) for md5 in versions.repository.packs_at("digits@v1").values()]
    assert all(place.samefile(pack) for place in places)
    pack.unlink()  # whoever wants to read it again cannot
    commit(versions, contents(lake, "111111"))
    assert all(place.samefile(places[0]) for place in places)


def test_nothing_is_kept_outside_of_the_home(lake: Lake, versions: DvcVersions) -> None:
    commit(versions, contents(lake, "001100"))
    versions.folder("digits@v1")
    assert (versions.path / ".dvc" / "tmp" / "site").is_dir()
    assert str(lake.home) not in (versions.path / ".dvc" / "config").read_text()
    assert tool(versions.path, "git", "status", "--porcelain", "--", "digits", ".dvc") == ""


# --- a remote


def test_a_lost_cache_comes_back_from_the_remote(lake: Lake, tmp_path: Path) -> None:
    versions = DvcVersions(lake, str(tmp_path / "remote"))
    for answers in ("001100", "111111"):
        commit(versions, contents(lake, answers))
    kept = held(versions.folder("digits@v1"))
    shutil.rmtree(versions.path / ".dvc" / "cache")
    assert held(versions.checkout("digits@v1", tmp_path / "out")) == kept
    assert commit(versions, contents(lake, "000000")).tag == "digits@v3"
    assert held(versions.checkout("digits@v3", tmp_path / "newest")) != kept


def test_a_clone_is_filled_from_the_remote_with_plain_dvc(lake: Lake, tmp_path: Path) -> None:
    versions, clone = DvcVersions(lake, str(tmp_path / "remote")), tmp_path / "clone"
    for answers in ("001100", "111111"):
        commit(versions, contents(lake, answers))
    kept = held(versions.folder("digits@v1"))
    tool(tmp_path, "git", "clone", "--quiet", str(versions.path), str(clone))
    versions.path.rename(tmp_path / "far away")  # nothing but git's history and the remote is left
    tool(clone, "git", "checkout", "--quiet", "digits@v1")
    tool(clone, "dvc", "pull", "--quiet")
    found = held(clone / "digits")
    assert {name: found.get(name) for name in kept} == kept
    assert {name for name in set(found) - set(kept) if not name.endswith((".dvc", ".gitignore"))} == set()


def test_a_remote_that_is_named_later_gets_the_earlier_versions_too(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(DvcVersions(lake), contents(lake, "001100"))
    commit(DvcVersions(lake), contents(lake, "0111", items=range(4)), "other")
    commit(DvcVersions(lake), contents(lake, "111100"))
    monkeypatch.chdir(tmp_path)
    versions = DvcVersions(lake, "remote")  # a folder, from where the command was typed
    commit(versions, contents(lake, "111111"))
    assert commit(versions, contents(lake, "001100")) == first
    assert len(list((tmp_path / "remote").rglob("*.dir"))) == 1
    assert {path.name for path in (tmp_path / "remote" / "files" / "md5").glob("*/*")} == {
        path.name for path in (versions.path / ".dvc" / "cache" / "files" / "md5").glob("*/*")
    }


def test_without_its_remote_a_version_does_not_appear_and_later_it_does(lake: Lake, tmp_path: Path) -> None:
    commit(DvcVersions(lake), contents(lake, "001100"))
    deliver(tmp_path, {"remote": b"a file where a folder is due"})
    versions = DvcVersions(lake, str(tmp_path / "remote"))
    for _ in range(2):
        with pytest.raises(LakeError, match="was not pushed"):
            commit(versions, contents(lake, "111111"))
        assert [one.tag for one in versions.list()] == ["digits@v1"]
    (tmp_path / "remote").unlink()
    assert commit(versions, contents(lake, "111111")).tag == "digits@v2"


# --- what is around it


def test_a_persons_own_git_settings_change_nothing(
    lake: Lake, versions: DvcVersions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = deliver(
        tmp_path / "hooks", {"pre-commit": b"#!/bin/sh\nexit 1\n", "reference-transaction": b"#!/bin/sh\nexit 1\n"}
    )
    for hook in hooks.iterdir():
        hook.chmod(0o755)
    settings = f"""
        [commit]\ngpgSign = true\n[tag]\ngpgSign = true\nforceSignAnnotated = true\n[user]\nsigningKey = nobody
        [core]\nhooksPath = {hooks}\nexcludesFile = {tmp_path / "ignore"}\nautocrlf = true
        [init]\ndefaultBranch = trunk
        [status]\nshowUntrackedFiles = no\n[color]\nui = always\n
    """
    deliver(tmp_path, {".gitconfig": settings.encode(), "ignore": b"*.json\n*.md\n"})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    commit(versions, contents(lake, "001100"))
    out = versions.checkout("digits@v1", tmp_path / "out")
    assert (out / "card.md").read_bytes() == b"# Digits\n"
    assert (out / "classes.json").read_text() == '["0", "1", "更"]\n'


def test_a_damaged_repository_is_said_so_and_never_thrown_away(lake: Lake, versions: DvcVersions) -> None:
    commit(versions, contents(lake, "001100"))
    head = (versions.path / ".git" / "HEAD").read_bytes()
    (versions.path / ".git" / "HEAD").write_bytes(b"\0" * 20)
    with pytest.raises(LakeError, match=r"git .* failed in .*datasets"):
        commit(versions, contents(lake, "111111"))
    (versions.path / ".git" / "HEAD").write_bytes(head)
    assert [one.tag for one in versions.list()] == ["digits@v1"]
    assert commit(versions, contents(lake, "111111")).tag == "digits@v2"


def test_other_files_in_the_place_of_the_repository_stay(lake: Lake, versions: DvcVersions) -> None:
    deliver(versions.path, {"mine": b"mine"})
    with pytest.raises(LakeError, match="holds no dataset repository, but other files"):
        commit(versions, contents(lake, "001100"))
    assert held(versions.path) == {"mine": b"mine"}


def test_a_pack_that_is_gone_is_said_so_and_no_version_appears(lake: Lake, versions: DvcVersions) -> None:
    what = contents(lake, "001100")
    pack = lake.blobs.local_path(f"packs/{what.packs[0]}.tar")
    assert pack is not None
    data = pack.read_bytes()
    pack.unlink()
    with pytest.raises(NotFound, match="ingest its delivery again"):
        commit(versions, what)
    assert versions.list() == []
    pack.write_bytes(data)
    assert commit(versions, what).tag == "digits@v1"


def test_without_git_it_is_said_so(lake: Lake, versions: DvcVersions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LakeError, match="apt-get install git"):
        commit(versions, contents(lake, "001100"))


# --- killed, and two at once

COMMIT = """
import pathlib, shutil, sys
import dvc.repo, dvc.exceptions, dvc.fs.dvc, dvc_data.index, pandas
from lake.store import Lake
from lake.versions import DvcVersions
from tests.contract.test_versions import commit, contents

def work(home):
    lake = Lake.at(pathlib.Path(home))
    commit(DvcVersions(lake, f"{home}/remote"), contents(lake, sys.argv[4]))
"""
PREPARED = """
def before(home):
    shutil.copytree(sys.argv[3], home)
"""


def settled(home: Path) -> dict[str, bytes]:
    """Every file of the repository and the remote that somebody relies on; git's own are checked by git."""
    passing = {".git", "tmp"}
    files = held(home / "datasets") | {f"remote/{name}": data for name, data in held(home / "remote").items()}
    tool(home / "datasets", "git", "fsck", "--strict", "--no-dangling")
    assert tool(home / "datasets", "git", "status", "--porcelain", "--", "digits", ".dvc") == ""
    assert not list(home.glob(".*"))
    own = {name: data for name, data in files.items() if not passing & set(Path(name).parts) and name != ".dvc/config"}
    return {name: data for name, data in own.items() if not name.startswith("site/") and not name.endswith(".tmp")}


def test_a_commit_killed_at_any_moment_and_done_again_is_one_version(tmp_path: Path) -> None:
    with filled(tmp_path / "seed") as lake:
        commit(DvcVersions(lake), contents(lake, "001100"))  # a version before any remote was named
    died = die_everywhere(COMMIT + PREPARED, tmp_path, str(tmp_path / "seed"), "111111", step=3)
    assert len(died) > 5
    expected = settled(tmp_path / "0")
    for home in died:
        lake = Lake.at(home)
        versions = DvcVersions(lake, f"{home}/remote")
        assert [one.tag for one in versions.list()] in (["digits@v1"], ["digits@v1", "digits@v2"])
        version = commit(versions, contents(lake, "111111"))
        assert (version.tag, version.dataset_hash) == ("digits@v2", contents(lake, "111111").dataset_hash)
        assert [one.tag for one in versions.list()] == ["digits@v1", "digits@v2"]
        assert settled(home) == expected
        lake.state.close()


def test_the_first_commit_killed_anywhere_in_time_and_done_again_is_one_version(tmp_path: Path) -> None:
    """The whole process group dies at a moment of its own, git included."""
    with filled(tmp_path / "home") as lake:
        versions = DvcVersions(lake, f"{lake.home}/remote")
        for wait_s in (0.1, 0.5, 1.2):
            process = run_python(COMMIT + READY, str(lake.home), "", "", "001100", own_group=True)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(wait_s)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            assert len(versions.list()) <= 1
        assert commit(versions, contents(lake, "001100")).tag == "digits@v1"
        assert [one.tag for one in versions.list()] == ["digits@v1"]
        assert set(settled(lake.home)) >= {"digits/labels.parquet", "digits/manifest.parquet", "digits/card.md"}


READY = """
print("ready", flush=True)
work(sys.argv[1])
"""


@pytest.mark.parametrize(("answers", "tags"), [(["001100"] * 2, 1), (["001100", "111111"], 2)])
def test_two_processes_that_commit_at_once_wait_for_each_other(tmp_path: Path, answers: list[str], tags: int) -> None:
    with filled(tmp_path / "home") as lake:
        both = [run_python(COMMIT + READY, str(lake.home), "", "", one) for one in answers]
        problems = [process.communicate(timeout=120)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], problems
        versions = DvcVersions(lake, f"{lake.home}/remote").list()
        assert [one.tag for one in versions] == ["digits@v1", "digits@v2"][:tags]
        assert {one.dataset_hash for one in versions} == {contents(lake, one).dataset_hash for one in answers}
        assert settled(lake.home)
