"""A git + DVC repository that is written by one hand and is whole after every death of it."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lake.errors import LakeError
from lake.remote import COPIES, LINKS, DvcDoor
from lake.tracked import Fetch, Objects, Tracked, pointed, pointer_text, put_link

__all__ = ["COPIES", "LINKS", "DatasetRepository"]

GIT_TIMEOUT_S = 300.0
_CONFIG = """[core]
    analytics = False
    check_update = False
    autostage = False
"""
_GIT_OPTIONS = (  # a person's own settings must not change what is committed, or ask for a signature
    "user.name=Trialbase",
    "user.email=trialbase@localhost",
    "core.hooksPath=/dev/null",
    "core.excludesFile=/dev/null",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "i18n.commitEncoding=UTF-8",
    "gc.auto=0",
)


class DatasetRepository:
    """The repository at a path, with an optional DVC remote. Writers call `prepare` first and hold a lock."""

    def __init__(self, path: Path, remote: str | None) -> None:
        self.path = path
        self.objects = Objects(path)
        self.dvc = DvcDoor(path, remote)

    # --- reading

    def tags(self, pattern: str = "*") -> dict[str, str]:
        """Tags that match a glob pattern, with the commit of each; none where there is no repository."""
        if not (self.path / ".git").is_dir():
            return {}
        said = self._git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", f"refs/tags/{pattern}")
        return dict(line.split(" ", 1) for line in said.splitlines())

    def show(self, places: Sequence[str]) -> list[str]:
        """Texts at places `TAG:FILE`, all in one call. Raises LakeError for one that is not there."""
        if not places:
            return []
        said = self._git_bytes("cat-file", "--batch", told="".join(f"{place}\n" for place in places).encode())
        texts, at = [], 0
        for place in places:
            end = said.index(b"\n", at)
            head = said[at:end].split(b" ")
            if len(head) != 3 or head[1] != b"blob":
                raise LakeError(f"{place} is not in {self.path}", remedy="restore the repository from a backup")
            size = int(head[2])
            texts.append(said[end + 1 : end + 1 + size].decode())
            at = end + 2 + size
        return texts

    def tracked(self, tag: str, files: Sequence[str]) -> list[Tracked]:
        """What DVC keeps under these names at a tag (or another revision)."""
        return [pointed(text) for text in self.show([f"{tag}:{file}.dvc" for file in files])]

    def object(self, md5: str) -> Path:
        """Where the bytes of an object lie, fetched from the remote where they are not here. Raises LakeError."""
        path = self.objects.path(md5)
        if not path.is_file():
            self.dvc.pull([md5])
        return path

    def packs_at(self, tag: str) -> dict[str, str]:
        """The packs of a tag `NAME@vN`: file name -> md5."""
        (packs,) = self.tracked(tag, [f"{tag.partition('@')[0]}/packs"])
        self.object(packs.md5)
        return self.objects.folder(packs.md5)

    def objects_at(self, tag: str) -> list[str]:
        """The md5 of all that a tag `NAME@vN` needs: its tables, its list of packs, its packs."""
        name = tag.partition("@")[0]
        tracked = self.tracked(tag, [f"{name}/{one}" for one in ("manifest.parquet", "labels.parquet", "packs")])
        return [*(one.md5 for one in tracked), *sorted(set(self.packs_at(tag).values()))]

    def get(self, folder: str, tag: str, to: Path, links: Sequence[str]) -> None:
        """Put a folder as it was at a tag to a path that does not exist yet. Raises LakeError."""
        self.dvc.get(folder, tag, to, links)

    # --- writing

    def prepare(self) -> None:
        """The repository exists and holds nothing of a writer that was killed."""
        if not (self.path / ".git").is_dir():
            self._make()
        for stale in (self.path / ".git").rglob("*.lock"):
            stale.unlink()
        self.objects.clear()
        self._git("reset", "--quiet", "--hard")
        self._git("clean", "--quiet", "-fd")
        self._set_remote()

    def commit(
        self,
        name: str,
        tag: str,
        message: str,
        texts: Mapping[str, str],
        tables: Mapping[str, bytes],
        packs: Mapping[str, Fetch],
    ) -> str:
        """Commit the folder `name` under a tag, pushed to the remote before it is seen; returns the commit.

        texts go into git; tables and packs (below `packs/`, by file name) through DVC.
        """
        try:
            with ThreadPoolExecutor(len(tables)) as threads:
                tracked = dict(zip(tables, threads.map(self.objects.add_bytes, tables.values()), strict=True))
            members = self.objects.add_files(packs, self._known(name))
            tracked["packs"] = self.objects.add_folder(members)
            self._lay_out(self.path / name, texts, tracked, members)
        except OSError as error:
            raise LakeError(
                f"{tag} was not added to {self.path}: {error}", remedy="free space there, then rerun: nothing was lost"
            ) from error
        if self.dvc.remote is not None:
            self.dvc.push(_all_of(tracked.values(), members.values()))
        return self._save(message, tag)

    def _known(self, name: str) -> dict[str, str]:
        """The packs of the newest commit, by file name: their md5."""
        pointer = self.path / name / "packs.dvc"
        md5 = pointed(pointer.read_bytes().decode()).md5 if pointer.is_file() else None
        return self.objects.folder(md5) if md5 and self.objects.path(md5).is_file() else {}

    def _lay_out(
        self, folder: Path, texts: Mapping[str, str], tracked: Mapping[str, Tracked], packs: Mapping[str, Tracked]
    ) -> None:
        """The work tree as `dvc checkout` would leave it."""
        (folder / "packs").mkdir(parents=True, exist_ok=True)
        for stale in (folder / "packs").iterdir():
            if stale.name not in packs:
                stale.unlink()
        for name, one in packs.items():
            put_link(self.objects.path(one.md5), folder / "packs" / name)
        for name, one in tracked.items():
            if not one.is_folder:
                put_link(self.objects.path(one.md5), folder / name)
        pointers = {f"{name}.dvc": pointer_text(name, one) for name, one in tracked.items()}
        ignored = {".gitignore": "".join(f"/{name}\n" for name in tracked)}
        for name, text in (pointers | ignored | dict(texts)).items():
            (folder / name).write_bytes(text.encode())  # `prepare` mends what a killed writer left half

    def _save(self, message: str, tag: str | None = None) -> str:
        """A commit of all there is; branch and tag move together."""
        self._git("add", "--all", ".")
        tree = self._git("write-tree").strip()
        parent, parents_tree = self._git("rev-parse", "HEAD", "HEAD^{tree}").split()
        commit = parent
        if tree != parents_tree:
            commit = self._git("commit-tree", tree, "-p", parent, "-m", message).strip()
        moves = [f"update HEAD {commit} {parent}"] + ([] if tag is None else [f"create refs/tags/{tag} {commit}"])
        self._git("update-ref", "--stdin", told="\n".join(moves) + "\n")
        return commit

    def _make(self) -> None:
        """An empty repository: it appears whole, so that what is there is never taken for half of one."""
        if self.path.exists() and any(self.path.iterdir()):
            raise LakeError(f"{self.path} holds no dataset repository, but other files", remedy="move them away")
        new = DatasetRepository(self.path.with_name(f".{self.path.name}-new"), None)
        shutil.rmtree(new.path, ignore_errors=True)
        (new.path / ".dvc").mkdir(parents=True)
        (new.path / ".dvc" / "config").write_text(_CONFIG)
        (new.path / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
        (new.path / ".dvcignore").write_text("")
        new._git("init", "--quiet", "--initial-branch", "main", "--template=")
        new._git("add", "--all", ".")
        commit = new._git("commit-tree", new._git("write-tree").strip(), "-m", "An empty dataset repository")
        new._git("update-ref", "HEAD", commit.strip())
        new.path.replace(self.path)

    # --- the remote

    def _set_remote(self) -> None:
        """A remote that is new gets all versions before the repository names it."""
        if self.dvc.remote is None or self.dvc.names_remote():
            return
        for tag in self.tags("*@v*"):
            self.dvc.push(self.objects_at(tag))
        self.dvc.name_remote()
        self._save("Set the storage remote")

    # --- git

    def _git(self, *arguments: str, told: str | None = None) -> str:
        return self._git_bytes(*arguments, told=None if told is None else told.encode()).decode()

    def _git_bytes(self, *arguments: str, told: bytes | None = None) -> bytes:
        options = [part for option in _GIT_OPTIONS for part in ("-c", option)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            done = subprocess.run(
                ["git", *options, *arguments],
                cwd=self.path,
                env=environment,
                input=told,
                capture_output=True,
                check=True,
                timeout=GIT_TIMEOUT_S,
            )
        except FileNotFoundError as error:
            raise LakeError("git is not there", remedy="install it: apt-get install git") from error
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            says = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else error
            raise LakeError(
                f"git {arguments[0]} failed in {self.path}: {str(says).strip()}",
                remedy="look at the repository with git; committed versions are safe",
            ) from error
        return done.stdout


def _all_of(*groups: Iterable[Tracked]) -> list[str]:
    return [one.md5 for group in groups for one in group]
