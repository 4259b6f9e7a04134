"""DVC's own files, as DVC writes them: one object a file, named by its md5; one list a folder; one pointer in git.

`dvc add` looks at every file of a folder again, which takes seconds however little has changed. Here what is known
already is neither read nor copied: a pack becomes an object by a hard link.
Format: dvc.org/doc/user-guide/project-structure, ".dvc files" and "Structure of the cache directory".
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lake.errors import LakeError

_CHUNK_BYTES = 1 << 20
_READ_ONLY = 0o444  # DVC takes an object without the right to write as one that it has checked
_THREADS = 4  # hashing lets go of Python's lock
Fetch = Callable[[Path], None]  # puts a file to a path that does not exist yet


@dataclass(frozen=True)
class Tracked:
    """A file or folder that DVC keeps; `md5` of a folder is that of its list, and ends in .dir."""

    md5: str
    size_bytes: int
    num_files: int | None = None  # of a folder

    @property
    def is_folder(self) -> bool:
        return self.md5.endswith(".dir")


def pointer_text(name: str, tracked: Tracked) -> str:
    """What `NAME.dvc` says."""
    count = "" if tracked.num_files is None else f"  nfiles: {tracked.num_files}\n"
    return f"outs:\n- md5: {tracked.md5}\n  size: {tracked.size_bytes}\n{count}  hash: md5\n  path: {name}\n"


def pointed(text: str) -> Tracked:
    """What a `.dvc` file names. Raises LakeError for one that is damaged."""
    try:
        (out,) = yaml.safe_load(text)["outs"]
        return Tracked(out["md5"], out["size"], out.get("nfiles"))
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise LakeError(
            f"a .dvc file cannot be read: {text[:80]!r}", remedy="restore the dataset repository from a backup"
        ) from error


class Objects:
    """The cache of a DVC repository."""

    def __init__(self, repository: Path) -> None:
        self.root = repository / ".dvc" / "cache" / "files" / "md5"
        self._scratch = repository / ".dvc" / "tmp" / "objects"

    def path(self, md5: str) -> Path:
        return self.root / md5[:2] / md5[2:]

    def names(self) -> list[str]:
        """The md5 of every object, in order."""
        return sorted(f"{one.parent.name}{one.name}" for one in self.root.glob("??/*"))

    def folder(self, md5: str) -> dict[str, str]:
        """The files of a folder: name -> md5. Raises LakeError when the list is gone or damaged."""
        try:
            entries: list[dict[str, Any]] = json.loads(self.path(md5).read_bytes())
            return {one["relpath"]: one["md5"] for one in entries}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"the list {md5} of a dataset version cannot be read: {error}",
                remedy="remove it and run `dvc fetch --all-tags` in the dataset repository, or restore a backup",
            ) from error

    def add_bytes(self, data: bytes) -> Tracked:
        """An object with these bytes."""
        return self._add_named(data, hashlib.md5(data, usedforsecurity=False).hexdigest())

    def add_folder(self, files: Mapping[str, Tracked]) -> Tracked:
        """The list of a folder whose files are objects."""
        entries = [{"md5": files[name].md5, "relpath": name} for name in sorted(files)]
        data = json.dumps(entries).encode()
        made = self._add_named(data, hashlib.md5(data, usedforsecurity=False).hexdigest() + ".dir")
        return Tracked(made.md5, sum(one.size_bytes for one in files.values()), len(files))

    def add_files(self, files: Mapping[str, Fetch], known: Mapping[str, str]) -> dict[str, Tracked]:
        """Objects of files by name. `known` says the md5 of some: those that are here are not looked at again."""
        kept = {name: self.path(known[name]) for name in files if name in known and self.path(known[name]).is_file()}
        found = {name: Tracked(known[name], path.stat().st_size) for name, path in kept.items()}
        missing = [name for name in files if name not in kept]
        with ThreadPoolExecutor(_THREADS) as threads:
            found |= zip(missing, threads.map(lambda name: self._add_file(files[name]), missing), strict=True)
        return found

    def _add_file(self, fetch: Fetch) -> Tracked:
        temporary = self._temporary()
        try:
            fetch(temporary)
            return self._place(temporary, file_md5(temporary))
        finally:
            temporary.unlink(missing_ok=True)

    def _add_named(self, data: bytes, md5: str) -> Tracked:
        if not self.path(md5).is_file():
            temporary = self._temporary()
            try:
                temporary.write_bytes(data)
                self._place(temporary, md5)
            finally:
                temporary.unlink(missing_ok=True)
        return Tracked(md5, len(data))

    def _place(self, file: Path, md5: str) -> Tracked:
        target, size = self.path(md5), file.stat().st_size
        target.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(_READ_ONLY)
        file.replace(target)
        return Tracked(md5, size)

    def _temporary(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch / uuid.uuid4().hex[:12]

    def clear(self) -> None:
        """Remove what a killed writer left. Only for who holds the writers' lock."""
        shutil.rmtree(self._scratch, ignore_errors=True)


def file_md5(path: Path) -> str:
    """md5 of a file's bytes, as DVC names it."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def put_link(source: Path, target: Path) -> None:
    """`target` is `source`: a hard link, or a copy where there are none; an older file there goes."""
    with suppress(FileNotFoundError):
        if target.samefile(source):
            return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
