"""A git + DVC repository that is written by one hand and is whole after every death of it."""

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lake.errors import LakeError

GIT_TIMEOUT_S = 300.0
LINKS = ("hardlink", "copy")  # for what is only read
COPIES = ("reflink", "copy")  # for what anybody may write
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
)


class DatasetRepository:
    """The repository at a path, with an optional DVC remote. Writers call `prepare` first and hold a lock."""

    def __init__(self, path: Path, remote: str | None) -> None:
        self.path = path
        self._remote = remote if remote is None or "://" in remote else str(Path(remote).expanduser().absolute())

    # --- reading

    def tags(self, pattern: str = "*") -> list[str]:
        """Tags that match a glob pattern; none where there is no repository."""
        return self._git("tag", "--list", pattern).split() if (self.path / ".git").is_dir() else []

    def show(self, tag: str, file: str) -> str:
        return self._git("show", f"{tag}:{file}")

    def revision(self, tag: str) -> str:
        """The commit that a tag names."""
        return self._git("rev-parse", f"{tag}^{{commit}}").strip()

    def get(self, folder: str, tag: str, to: Path, links: Sequence[str]) -> None:
        """Put a folder as it was at a tag to a path that does not exist yet. Raises LakeError."""
        from dvc.exceptions import DvcException

        try:
            with self._open(links, tag) as repository:
                repository.dvcfs.get(folder, str(to), recursive=True)
        except (DvcException, OSError) as error:
            raise LakeError(
                f"{tag} cannot be checked out to {to}: {error}",
                remedy="free space there; `dvc fetch --all-tags` in the dataset repository brings data back "
                "from its remote",
            ) from error

    # --- writing

    def prepare(self) -> None:
        """The repository exists and holds nothing of a writer that was killed."""
        if not (self.path / ".git").is_dir():
            self._make()
        for stale in (self.path / ".git").rglob("*.lock"):
            stale.unlink()
        self._git("reset", "--quiet", "--hard")
        self._git("clean", "--quiet", "-fd")
        self._set_remote()

    def commit(self, targets: Sequence[Path], message: str, tag: str) -> None:
        """Commit all there is, `targets` through DVC, under a tag; pushed to the remote before it is seen."""
        from dvc.exceptions import DvcException

        try:
            with self._open(LINKS) as repository:
                repository.add([str(target) for target in targets])
        except (DvcException, OSError) as error:
            raise LakeError(
                f"{tag} was not added to {self.path}: {error}", remedy="free space there, then rerun: nothing was lost"
            ) from error
        if self._remote is not None:
            self._push()
        self._save(message, tag)

    def _save(self, message: str, tag: str | None = None) -> None:
        """A commit of all there is; branch and tag move together."""
        self._git("add", "--all", ".")
        tree, parent = self._git("write-tree").strip(), self._git("rev-parse", "HEAD").strip()
        commit = parent
        if tree != self._git("rev-parse", "HEAD^{tree}").strip():
            commit = self._git("commit-tree", tree, "-p", parent, "-m", message).strip()
        moves = [f"update HEAD {commit} {parent}"] + ([] if tag is None else [f"create refs/tags/{tag} {commit}"])
        self._git("update-ref", "--stdin", told="\n".join(moves) + "\n")

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

    def _set_remote(self) -> None:
        """A remote that is new gets all versions before the repository names it."""
        if self._remote is None:
            return
        with self._open(LINKS) as repository:
            if repository.config.read("repo").get("remote", {}).get("storage", {}).get("url") == self._remote:
                return
            with repository.config.edit() as config:
                config["remote"]["storage"] = {"url": self._remote}
                config["core"]["remote"] = "storage"
        for tag in self.tags():
            self._push(tag)
        self._save("Set the storage remote")

    def _push(self, tag: str | None = None) -> None:
        """The data of a tag, or of the files as they lie here.

        One by one: DVC's own `all_tags` only warns of a tag that it cannot push.
        """
        from dvc.exceptions import DvcException

        try:
            with self._open(LINKS) as repository:
                revisions = [] if tag is None else [tag]
                repository.push(remote="storage", revs=revisions, workspace=tag is None)
        except (DvcException, OSError) as error:
            raise LakeError(
                f"the data was not pushed to {self._remote}: {error}",
                remedy="mend the remote (TRIALBASE_DVC_REMOTE), then rerun: a version appears after its push",
            ) from error

    # --- the two tools

    def _open(self, links: Sequence[str], tag: str | None = None) -> Any:
        """DVC's repository object, with settings that are ours alone and never committed."""
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.WARNING)
        site = self.path / ".dvc" / "tmp" / "site"  # or DVC would keep its notes outside of the home
        config: dict[str, Any] = {"core": {"site_cache_dir": str(site)}, "cache": {"type": list(links)}}
        if self._remote is not None:  # also for tags from before the remote was named
            config |= {"core": config["core"] | {"remote": "storage"}, "remote": {"storage": {"url": self._remote}}}
        return Repo(str(self.path), rev=tag, config=config)

    def _git(self, *arguments: str, told: str | None = None) -> str:
        options = [part for option in _GIT_OPTIONS for part in ("-c", option)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            done = subprocess.run(
                ["git", *options, *arguments],
                cwd=self.path,
                env=environment,
                input=told,
                capture_output=True,
                text=True,
                check=True,
                timeout=GIT_TIMEOUT_S,
            )
        except FileNotFoundError as error:
            raise LakeError("git is not there", remedy="install it: apt-get install git") from error
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            says = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
            raise LakeError(
                f"git {arguments[0]} failed in {self.path}: {str(says).strip()}",
                remedy="look at the repository with git; committed versions are safe",
            ) from error
        return done.stdout
