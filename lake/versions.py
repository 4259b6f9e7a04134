"""Dataset versions: a git + DVC repository of a few large files; `name@vN` is a git tag.

A version is a folder `name/`: manifest.parquet, labels.parquet and packs/ (tracked by DVC), classes.json,
gate.json, card.md and version.json (in git). Anyone gets it with plain `dvc get REPOSITORY name --rev name@vN`.
"""

import dataclasses
import json
import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake import ids
from lake.blobs import replace_text
from lake.errors import LakeError, NotFound
from lake.packs import pack_path
from lake.records import DatasetVersion, GateVerdict
from lake.store import Lake
from lake.tables import parquet_bytes

_TAG = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]*)@v(?P<number>[1-9][0-9]*)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """What a version holds.

    manifest: columns of Item, and batch, split. labels: columns of Label, one row an item of the manifest.
    """

    manifest: pa.Table
    labels: pa.Table
    classes: tuple[str, ...]
    gate_report: str  # JSON
    card: str  # Markdown

    @property
    def packs(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.manifest["pack"].to_pylist())))

    @property
    def dataset_hash(self) -> str:
        """Identity of the data: manifest, labels, classes and the packs, which are named by content."""
        return ids.key(
            ids.content_id(parquet_bytes(self.manifest)),
            ids.content_id(parquet_bytes(self.labels)),
            json.dumps(self.classes),
            *self.packs,
        )


@dataclasses.dataclass(frozen=True)
class Diff:
    """What changed from one version to another.

    relabelled: columns item_id, before, after, annotators; split_changed: item_id, before, after.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    relabelled: pa.Table
    split_changed: pa.Table
    classes: pa.Table  # answer, before, after: items a class


class DvcVersions:
    """Dataset versions of one installation, in `<home>/datasets`.

    Promises: tests/contract/test_versions.py. A commit is there whole, tag and all, or not at all; killed
    anywhere, the same commit done again gives the version that it would have given.
    """

    def __init__(self, lake: Lake, remote: str | None = None) -> None:
        self._lake = lake
        self._remote = remote
        self.path = lake.home / "datasets"

    def commit(
        self, name: str, contents: Contents, *, gate: GateVerdict, signed_by: str, batches: Sequence[str]
    ) -> DatasetVersion:
        """Commit a version, or return the one that holds the same data already."""
        with self._lake.lock("datasets"):
            self._ready()
            known = self.list(name)
            same = [one for one in known if one.dataset_hash == contents.dataset_hash]
            if same:
                return same[-1]
            version = DatasetVersion(
                name=name,
                number=known[-1].number + 1 if known else 1,
                dataset_hash=contents.dataset_hash,
                revision="",
                num_items=contents.manifest.num_rows,
                gate=gate,
                signed_by=signed_by,
                parents=(known[-1].tag,) if known else (),
                batches=tuple(batches),
            )
            return self._commit(version, contents)

    def list(self, name: str | None = None) -> list[DatasetVersion]:
        """Versions by name and number."""
        if not (self.path / ".git").is_dir():
            return []
        matches = [_TAG.fullmatch(tag) for tag in self._git("tag", "--list").split()]
        tags = sorted((m["name"], int(m["number"])) for m in matches if m and name in (None, m["name"]))
        return [self._read(tag_name, number) for tag_name, number in tags]

    def get(self, tag: str) -> DatasetVersion:
        """The version of a tag `name@vN`. Raises NotFound."""
        match = _TAG.fullmatch(tag)
        found = [one for one in self.list(match["name"]) if one.tag == tag] if match else []
        if not found:
            known = ", ".join(one.tag for one in self.list()) or "none yet"
            raise NotFound(f"there is no dataset version {tag}", remedy=f"versions are: {known}")
        return found[0]

    def checkout(self, tag: str, to: Path) -> Path:
        """Put a version's files into a new folder; whole or not at all."""
        version = self.get(tag)
        if to.exists():
            raise LakeError(f"{to} is already there", remedy="give a folder that does not exist yet")
        to.parent.mkdir(parents=True, exist_ok=True)
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        _hush()
        with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
            out = Path(folder) / version.name
            try:
                Repo.get(str(self.path), version.name, out=str(out), rev=tag)
            except DvcException as error:
                raise LakeError(
                    f"{tag} cannot be checked out: {error}",
                    remedy="`dvc fetch` in the dataset repository brings missing data back from its remote",
                ) from error
            (out / ".gitignore").unlink(missing_ok=True)
            out.replace(to)
        return to

    def folder(self, tag: str) -> Path:
        """A version's files for reading, checked out once and kept."""
        version = self.get(tag)
        kept = self._lake.home / "checkouts" / f"{tag}-{version.dataset_hash[:12]}"
        with self._lake.lock("checkouts"):
            return kept if kept.is_dir() else self.checkout(tag, kept)

    def diff(self, before: str, after: str) -> Diff:
        """What changed between two versions, label by label."""
        first, last = self._labels_and_splits(before), self._labels_and_splits(after)
        return compare(first, last)

    def _labels_and_splits(self, tag: str) -> pa.Table:
        folder = self.folder(tag)
        labels = pq.read_table(folder / "labels.parquet", columns=["item_id", "answer", "annotators"])
        splits = pq.read_table(folder / "manifest.parquet", columns=["item_id", "split"])
        if not labels["item_id"].equals(splits["item_id"]):
            raise LakeError(f"labels and manifest of {tag} do not name the same items", remedy="restore the version")
        return labels.append_column("split", splits["split"])

    # --- the repository

    def _commit(self, version: DatasetVersion, contents: Contents) -> DatasetVersion:
        folder = self.path / version.name
        self._write(folder, version, contents)
        with _open(self.path) as repository:
            targets = [str(folder / name) for name in ("manifest.parquet", "labels.parquet", "packs")]
            repository.add(targets)
        self._git("add", "--all", ".")
        if self._git("status", "--porcelain"):
            self._git("commit", "--quiet", "--message", f"{version.tag}: {version.num_items} items")
        if self._remote is not None:
            self._push()
        self._git("tag", version.tag)
        return self._read(version.name, version.number)

    def _write(self, folder: Path, version: DatasetVersion, contents: Contents) -> None:
        packs = folder / "packs"
        packs.mkdir(parents=True, exist_ok=True)
        for stale in packs.glob("*.tar"):
            if stale.stem not in contents.packs:
                stale.unlink()
        for pack in contents.packs:
            target = packs / f"{pack}.tar"
            target.unlink(missing_ok=True)
            self._lake.blobs.fetch(pack_path(pack), target)
        for name, table in (("manifest", contents.manifest), ("labels", contents.labels)):
            path = folder / f"{name}.parquet"
            path.unlink(missing_ok=True)  # a hard link into DVC's cache: never write through it
            path.write_bytes(parquet_bytes(table))
        replace_text(folder / "classes.json", json.dumps(contents.classes, ensure_ascii=False) + "\n")
        replace_text(folder / "gate.json", contents.gate_report)
        replace_text(folder / "card.md", contents.card)
        facts = dataclasses.asdict(version)
        del facts["revision"]
        replace_text(folder / "version.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")

    def _push(self) -> None:
        from dvc.exceptions import DvcException

        with _open(self.path) as repository:
            try:
                repository.push(remote="storage")
            except (DvcException, OSError) as error:
                raise LakeError(
                    f"the version was not pushed to {self._remote}: {error}",
                    remedy="mend the remote (TRIALBASE_DVC_REMOTE), then rerun: the tag comes after the push",
                ) from error

    def _read(self, name: str, number: int) -> DatasetVersion:
        tag = f"{name}@v{number}"
        facts: dict[str, Any] = json.loads(self._git("show", f"{tag}:{name}/version.json"))
        lists = {key: tuple(facts[key]) for key in ("parents", "batches")}
        return DatasetVersion(**(facts | lists), revision=self._git("rev-parse", f"{tag}^{{commit}}").strip())

    def _ready(self) -> None:
        """The repository exists and holds nothing of a commit that was killed. Call it under the lock."""
        made = (self.path / ".git").is_dir() and self._git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, 128))
        if not made:
            shutil.rmtree(self.path, ignore_errors=True)
            self._make()
        for stale in (self.path / ".git").rglob("*.lock"):
            stale.unlink()
        self._git("reset", "--quiet", "--hard")
        self._git("clean", "--quiet", "-fd")
        self._set_remote()

    def _make(self) -> None:
        from dvc.repo import Repo

        _hush()
        self.path.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch", "main")
        with Repo.init(str(self.path)) as repository, repository.config.edit() as config:
            config["core"] |= {"analytics": False, "check_update": False, "autostage": False}
            config["cache"] = {"type": ["hardlink", "copy"]}
        self._git("add", "--all", ".")
        self._git("commit", "--quiet", "--message", "An empty dataset repository")

    def _set_remote(self) -> None:
        if self._remote is None:
            return
        with _open(self.path) as repository:
            if repository.config["remote"].get("storage", {}).get("url") == self._remote:
                return
            with repository.config.edit() as config:
                config["remote"]["storage"] = {"url": self._remote}
                config["core"]["remote"] = "storage"
        self._git("add", "--all", ".")
        self._git("commit", "--quiet", "--message", "Set the storage remote")

    def _git(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        command = ["git", "-c", "user.name=Trialbase", "-c", "user.email=trialbase@localhost", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode not in ok:
            raise LakeError(
                f"git {arguments[0]} failed in {self.path}: {done.stderr.strip()}",
                remedy="look at the repository with git; committed versions are safe",
            )
        return done.stdout if done.returncode == 0 else ""


def _open(path: Path) -> Any:
    """DVC's repository object at a path; it speaks through its errors alone."""
    from dvc.repo import Repo

    _hush()
    return Repo(str(path))


def _hush() -> None:
    logging.getLogger("dvc").setLevel(logging.WARNING)


def compare(before: pa.Table, after: pa.Table) -> Diff:
    """Two versions' labels: columns item_id, answer, annotators, split."""
    first = before.select(["item_id", "answer", "split"]).rename_columns(["item_id", "answer_before", "split_before"])
    last = after.rename_columns([f"{name}_after" if name != "item_id" else name for name in after.column_names])
    plain = last.drop_columns(["annotators_after"])
    both = first.join(plain, "item_id", join_type="inner").sort_by("item_id")
    who = dict(zip(last["item_id"].to_pylist(), last["annotators_after"].to_pylist(), strict=True))
    changed = both.filter(pc.not_equal(both["answer_before"], both["answer_after"]))
    moved = both.filter(pc.not_equal(both["split_before"], both["split_after"]))
    old, new = set(before["item_id"].to_pylist()), set(after["item_id"].to_pylist())
    return Diff(
        added=tuple(sorted(new - old)),
        removed=tuple(sorted(old - new)),
        relabelled=pa.table(
            {
                "item_id": changed["item_id"],
                "before": changed["answer_before"],
                "after": changed["answer_after"],
                "annotators": pa.array([who[item] for item in changed["item_id"].to_pylist()], pa.list_(pa.string())),
            }
        ),
        split_changed=moved.select(["item_id", "split_before", "split_after"]).rename_columns(
            ["item_id", "before", "after"]
        ),
        classes=_class_shift(before, after),
    )


def _class_shift(before: pa.Table, after: pa.Table) -> pa.Table:
    old, new = (Counter(table["answer"].to_pylist()) for table in (before, after))
    answers = sorted(old | new)
    return pa.table(
        {
            "answer": pa.array(answers, pa.string()),
            "before": pa.array([old[one] for one in answers], pa.int64()),
            "after": pa.array([new[one] for one in answers], pa.int64()),
        }
    )
