"""Dataset versions: a git + DVC repository of a few large files; `name@vN` is a git tag.

A version is a folder `name/`: manifest.parquet, labels.parquet and packs/ (tracked by DVC), classes.json,
gate.json, card.md and version.json (in git). Anyone gets it with plain `dvc get REPOSITORY name --rev name@vN`.
"""

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake import ids
from lake.changes import Diff, compare
from lake.errors import LakeError, NotFound
from lake.packs import pack_path, packs_of
from lake.records import DatasetVersion, GateVerdict
from lake.repository import COPIES, LINKS, DatasetRepository
from lake.store import Lake
from lake.tables import parquet_bytes

__all__ = ["Contents", "Diff", "DvcVersions"]

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

    @cached_property
    def packs(self) -> tuple[str, ...]:
        return packs_of(self.manifest)

    @cached_property
    def tables(self) -> dict[str, bytes]:
        """The Parquet files by name."""
        return {name: data for name, (data, _) in self._files.items()}

    @cached_property
    def dataset_hash(self) -> str:
        """Identity of the data: manifest, labels, classes and the packs, which are named by content."""
        tables = [content_id for _, content_id in self._files.values()]
        return ids.key(*tables, json.dumps(self.classes), *self.packs)

    @cached_property
    def _files(self) -> dict[str, tuple[bytes, str]]:
        """Bytes and their sha256; made once, side by side, since a million rows take seconds."""
        tables = {"manifest.parquet": self.manifest, "labels.parquet": self.labels}
        with ThreadPoolExecutor(len(tables)) as threads:
            return dict(zip(tables, threads.map(_file, tables.values()), strict=True))


class DvcVersions:
    """Dataset versions of one installation, in `<home>/datasets`.

    Promises: tests/contract/test_versions.py. A commit is there whole, tag and all, or not at all; killed
    anywhere, the same commit done again gives the version that it would have given.
    """

    def __init__(self, lake: Lake, remote: str | None = None) -> None:
        self._lake = lake
        self.path = lake.home / "datasets"
        self.repository = DatasetRepository(self.path, remote)

    def commit(
        self, name: str, contents: Contents, *, gate: GateVerdict, signed_by: str, batches: Sequence[str]
    ) -> DatasetVersion:
        """Commit a version, or return the one that holds the same data already."""
        if not _TAG.fullmatch(f"{name}@v1"):
            raise LakeError(
                f"{name!r} cannot be the name of a dataset",
                remedy="use lower-case letters, digits, - and _, beginning with a letter or a digit",
            )
        with self._lake.lock("datasets"), ThreadPoolExecutor(1) as beside:
            hashed = beside.submit(lambda: contents.dataset_hash)  # takes longer than all that git has to do
            self.repository.prepare()
            known = self.list(name)
            dataset_hash = hashed.result()
            same = [one for one in known if one.dataset_hash == dataset_hash]
            if same:
                return same[-1]
            version = DatasetVersion(
                name=name,
                number=known[-1].number + 1 if known else 1,
                dataset_hash=dataset_hash,
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
        tags = {tag: commit for tag, commit in self.repository.tags().items() if _named(tag, name)}
        return _read(self.repository, tags)

    def get(self, tag: str) -> DatasetVersion:
        """The version of a tag `name@vN`. Raises NotFound."""
        found = _read(self.repository, self.repository.tags(tag)) if _TAG.fullmatch(tag) else []
        if found:
            return found[0]
        known = ", ".join(one.tag for one in self.list()) or "none yet"
        raise NotFound(f"there is no dataset version {tag}", remedy=f"versions are: {known}")

    def checkout(self, tag: str, to: Path) -> Path:
        """Put a copy of a version's files into a new folder; whole or not at all."""
        return self._checkout(self.get(tag), to, COPIES)

    def folder(self, tag: str) -> Path:
        """A version's files for reading alone (links to the kept ones), checked out once and kept."""
        version = self.get(tag)
        kept = self.checkouts / f"{tag}-{version.dataset_hash[:12]}"
        with self._lake.lock("checkouts"):
            if kept.is_dir():
                return kept
            for stale in kept.parent.glob(f".{kept.name}-*"):
                shutil.rmtree(stale)
            return self._checkout(version, kept, LINKS)

    @property
    def checkouts(self) -> Path:
        """Where `folder` keeps what it checked out."""
        return self._lake.home / "checkouts"

    def text(self, tag: str, file: str) -> str:
        """A text of a version that git holds: classes.json, gate.json, card.md, version.json."""
        version = self.get(tag)
        return self.repository.show([f"{tag}:{version.name}/{file}"])[0]

    def table(self, tag: str, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """`manifest` or `labels` of a version, or those of some columns that it has; no pack is touched."""
        version = self.get(tag)
        (tracked,) = self.repository.tracked(tag, [f"{version.name}/{table}.parquet"])
        path = self.repository.object(tracked.md5)
        try:
            names = pq.read_schema(path).names
            wanted = None if columns is None else [name for name in columns if name in names]
            return pq.read_table(path, columns=wanted, memory_map=True, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise LakeError(
                f"{table}.parquet of {tag} is damaged: {str(error).splitlines()[0]}",
                remedy=f"remove {path}, then `dvc fetch --all-tags` in {self.path}, or restore a backup",
            ) from error

    def packs_needed(self) -> set[str]:
        """The packs of all versions, by name."""
        return {Path(name).stem for one in self.list() for name in self.repository.packs_at(one.tag)}

    def diff(self, before: str, after: str) -> Diff:
        """What changed between two versions, label by label."""
        first, last = self._labels_and_splits(before), self._labels_and_splits(after)
        return compare(first, last)

    def _labels_and_splits(self, tag: str) -> pa.Table:
        labels = self.table(tag, "labels", ["item_id", "answer", "annotators", "adjudicated_by"])
        splits = self.table(tag, "manifest", ["item_id", "split"])
        if not labels["item_id"].equals(splits["item_id"]):
            raise LakeError(f"labels and manifest of {tag} do not name the same items", remedy="restore the version")
        return labels.append_column("split", splits["split"])

    # --- inside

    def _checkout(self, version: DatasetVersion, to: Path, links: Sequence[str]) -> Path:
        if to.exists():
            raise LakeError(f"{to} is already there", remedy="give a folder that does not exist yet")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
                out = Path(folder) / version.name
                self.repository.get(version.name, version.tag, out, links)
                (out / ".gitignore").unlink(missing_ok=True)
                out.replace(to)
        except OSError as error:
            raise LakeError(
                f"{to} cannot be written: {error.strerror}", remedy="free space there, or correct its rights"
            ) from error
        return to

    def _commit(self, version: DatasetVersion, contents: Contents) -> DatasetVersion:
        facts = dataclasses.asdict(version)
        del facts["revision"]
        texts = {
            "classes.json": json.dumps(contents.classes, ensure_ascii=False) + "\n",
            "gate.json": contents.gate_report,
            "card.md": contents.card,
            "version.json": json.dumps(facts, indent=2, ensure_ascii=False) + "\n",
        }
        packs = {f"{pack}.tar": partial(self._lake.blobs.fetch, pack_path(pack)) for pack in contents.packs}
        message = f"{version.tag}: {version.num_items} items"
        commit = self.repository.commit(version.name, version.tag, message, texts, contents.tables, packs)
        return dataclasses.replace(version, revision=commit)


def _file(table: pa.Table) -> tuple[bytes, str]:
    data = parquet_bytes(table)
    return data, ids.content_id(data)


def _read(repository: DatasetRepository, tags: dict[str, str]) -> list[DatasetVersion]:
    """The versions of tags and their commits, by name and number."""
    names = sorted(tags, key=_place)
    texts = repository.show([f"{tag}:{_place(tag)[0]}/version.json" for tag in names])
    return [_version(json.loads(text), tags[tag]) for tag, text in zip(names, texts, strict=True)]


def _version(facts: dict[str, Any], commit: str) -> DatasetVersion:
    lists = {key: tuple(facts[key]) for key in ("parents", "batches")}
    return DatasetVersion(**(facts | lists), revision=commit)


def _named(tag: str, name: str | None) -> bool:
    match = _TAG.fullmatch(tag)
    return match is not None and name in (None, match["name"])


def _place(tag: str) -> tuple[str, int]:
    name, _, number = tag.rpartition("@v")
    return name, int(number)
