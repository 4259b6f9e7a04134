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
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake import ids
from lake.blobs import replace_text
from lake.changes import Diff, compare
from lake.errors import LakeError, NotFound
from lake.packs import pack_path
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


class DvcVersions:
    """Dataset versions of one installation, in `<home>/datasets`.

    Promises: tests/contract/test_versions.py. A commit is there whole, tag and all, or not at all; killed
    anywhere, the same commit done again gives the version that it would have given.
    """

    def __init__(self, lake: Lake, remote: str | None = None) -> None:
        self._lake = lake
        self.path = lake.home / "datasets"
        self._repository = DatasetRepository(self.path, remote)

    def commit(
        self, name: str, contents: Contents, *, gate: GateVerdict, signed_by: str, batches: Sequence[str]
    ) -> DatasetVersion:
        """Commit a version, or return the one that holds the same data already."""
        if not _TAG.fullmatch(f"{name}@v1"):
            raise LakeError(
                f"{name!r} cannot be the name of a dataset",
                remedy="use lower-case letters, digits, - and _, beginning with a letter or a digit",
            )
        with self._lake.lock("datasets"):
            self._repository.prepare()
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
        matches = [_TAG.fullmatch(tag) for tag in self._repository.tags()]
        tags = sorted((m["name"], int(m["number"])) for m in matches if m and name in (None, m["name"]))
        return [self._read(tag_name, number) for tag_name, number in tags]

    def get(self, tag: str) -> DatasetVersion:
        """The version of a tag `name@vN`. Raises NotFound."""
        match = _TAG.fullmatch(tag)
        if match and self._repository.tags(tag):
            return self._read(match["name"], int(match["number"]))
        known = ", ".join(one.tag for one in self.list()) or "none yet"
        raise NotFound(f"there is no dataset version {tag}", remedy=f"versions are: {known}")

    def checkout(self, tag: str, to: Path) -> Path:
        """Put a copy of a version's files into a new folder; whole or not at all."""
        return self._checkout(self.get(tag), to, COPIES)

    def folder(self, tag: str) -> Path:
        """A version's files for reading alone (links to the kept ones), checked out once and kept."""
        version = self.get(tag)
        kept = self._lake.home / "checkouts" / f"{tag}-{version.dataset_hash[:12]}"
        with self._lake.lock("checkouts"):
            if kept.is_dir():
                return kept
            for stale in kept.parent.glob(f".{kept.name}-*"):
                shutil.rmtree(stale)
            return self._checkout(version, kept, LINKS)

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

    # --- inside

    def _read(self, name: str, number: int) -> DatasetVersion:
        tag = f"{name}@v{number}"
        facts: dict[str, Any] = json.loads(self._repository.show(tag, f"{name}/version.json"))
        lists = {key: tuple(facts[key]) for key in ("parents", "batches")}
        return DatasetVersion(**(facts | lists), revision=self._repository.revision(tag))

    def _checkout(self, version: DatasetVersion, to: Path, links: Sequence[str]) -> Path:
        if to.exists():
            raise LakeError(f"{to} is already there", remedy="give a folder that does not exist yet")
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as folder:
                out = Path(folder) / version.name
                self._repository.get(version.name, version.tag, out, links)
                (out / ".gitignore").unlink(missing_ok=True)
                out.replace(to)
        except OSError as error:
            raise LakeError(
                f"{to} cannot be written: {error.strerror}", remedy="free space there, or correct its rights"
            ) from error
        return to

    def _commit(self, version: DatasetVersion, contents: Contents) -> DatasetVersion:
        folder = self.path / version.name
        self._write(folder, version, contents)
        targets = [folder / name for name in ("manifest.parquet", "labels.parquet", "packs")]
        self._repository.commit(targets, f"{version.tag}: {version.num_items} items", version.tag)
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
