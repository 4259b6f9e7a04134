"""DVC as a library: what goes to a remote and comes back, and plain checkouts. No other module imports it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lake.errors import LakeError

LINKS = ("hardlink", "copy")  # for what is only read
COPIES = ("reflink", "copy")  # for what anybody may write


class DvcDoor:
    """One repository and its remote (`storage`): a folder, or any URL that DVC takes; None for none."""

    def __init__(self, path: Path, remote: str | None) -> None:
        self._path = path
        self.remote = remote if remote is None or "://" in remote else str(Path(remote).expanduser().absolute())

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

    def push(self, md5s: Sequence[str]) -> None:
        """Send the objects that the remote lacks; it has all of them afterwards. Raises LakeError."""
        self._transfer(
            md5s,
            f"the data was not pushed to {self.remote}",
            "mend the remote (TRIALBASE_DVC_REMOTE), then rerun: a version appears after its push",
            sending=True,
        )

    def pull(self, md5s: Sequence[str]) -> None:
        """Bring objects back from the remote. Raises LakeError."""
        what = f"{len(md5s)} objects of a dataset version are gone from {self._path / '.dvc' / 'cache'}"
        if self.remote is None:
            raise LakeError(what, remedy="restore the cache from a backup; no DVC remote is set (TRIALBASE_DVC_REMOTE)")
        self._transfer(
            md5s, f"{what}, and did not come from {self.remote}", "mend the remote, or restore a backup", sending=False
        )

    def missing(self, md5s: Sequence[str]) -> list[str]:
        """Those of the objects that the remote does not hold."""
        from dvc.exceptions import DvcException

        try:
            with self._open(LINKS) as repository:
                held = set(repository.cloud.get_remote_odb("storage").list_oids_exists(list(md5s)))
        except (DvcException, *_failures()) as error:
            raise LakeError(f"{self.remote} does not answer: {error}", remedy="mend the remote, then rerun") from error
        return [one for one in md5s if one not in held]

    def names_remote(self) -> bool:
        """Whether the repository's own settings name this remote."""
        import configparser

        settings = configparser.ConfigParser(interpolation=None)
        settings.read(self._path / ".dvc" / "config")
        return settings.get("'remote \"storage\"'", "url", fallback=None) == self.remote

    def name_remote(self) -> None:
        """Write the remote into the repository's settings, for strangers."""
        with self._open(LINKS) as repository, repository.config.edit() as config:
            config["remote"]["storage"] = {"url": self.remote}
            config["core"]["remote"] = "storage"

    def _transfer(self, md5s: Sequence[str], what: str, remedy: str, *, sending: bool) -> None:
        from dvc.exceptions import DvcException

        reasons: list[str] = []
        try:
            with _heard(reasons), self._open(LINKS) as repository:
                from dvc_data.hashfile.hash_info import HashInfo

                here, there = repository.cache.local, repository.cloud.get_remote_odb("storage")
                source, target = (here, there) if sending else (there, here)
                if sending:
                    _drop_halves(here, there, md5s)
                objects = {HashInfo("md5", one) for one in md5s}
                failed = repository.cloud.transfer(source, target, objects, cache_odb=here).failed
                left = set(md5s) - set(target.list_oids_exists(list(md5s)))
        except (DvcException, *_failures()) as error:
            raise LakeError(f"{what}: {error}", remedy=remedy) from error
        if failed or left:
            raise LakeError(f"{what}: {reasons[0] if reasons else f'{len(left)} objects are missing'}", remedy=remedy)

    @contextmanager
    def _open(self, links: Sequence[str], tag: str | None = None) -> Iterator[Any]:
        """DVC's repository object, with settings that are ours alone and never committed."""
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.WARNING)
        site = self._path / ".dvc" / "tmp" / "site"  # or DVC would keep its notes outside of the home
        config: dict[str, Any] = {"core": {"site_cache_dir": str(site)}, "cache": {"type": list(links)}}
        if self.remote is not None:  # also for tags from before the remote was named
            config |= {"core": config["core"] | {"remote": "storage"}, "remote": {"storage": {"url": self.remote}}}
        try:
            opened = Repo(str(self._path), rev=tag, config=config)
        except DvcException as error:
            raise LakeError(
                f"{self._path} cannot be opened with the remote {self.remote}: {error}",
                remedy="correct TRIALBASE_DVC_REMOTE, any URL that DVC takes as a remote",
            ) from error
        with opened as repository:
            yield repository


def _drop_halves(here: Any, there: Any, md5s: Sequence[str]) -> None:
    """Remove what a push that was killed left half: over SSH an object is written under its final name."""
    held = list(there.list_oids_exists(list(md5s)))
    for md5, facts in zip(held, there.fs.info([there.oid_to_path(one) for one in held]), strict=True):
        if facts["size"] != here.fs.info(here.oid_to_path(md5))["size"]:
            there.fs.remove(there.oid_to_path(md5))


class _Ear(logging.Handler):
    def __init__(self, reasons: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._reasons.append(str(error) if error is not None else record.getMessage())


@contextmanager
def _heard(reasons: list[str]) -> Iterator[None]:
    """DVC logs why a transfer failed and says only that it did: keep the reasons, and keep the log quiet."""
    logger, ear = logging.getLogger("dvc_data.hashfile.transfer"), _Ear(reasons)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.propagate = before


def _failures() -> tuple[type[Exception], ...]:
    """What a remote's client raises when it gets no answer or is refused."""
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, BotoCoreError, ClientError)
