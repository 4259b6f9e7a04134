"""Removes what no batch and no version needs: orphan packs, old checkouts, objects of DVC that no tag names."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lake import holdings
from lake.packs import pack_path
from lake.store import Lake
from lake.versions import DvcVersions


@dataclass(frozen=True)
class Removal:
    """Something that nobody needs."""

    kind: str  # pack, checkout, object
    where: str
    size_bytes: int  # 0 where it is links to what stays


@dataclass(frozen=True)
class Sweep:
    """What was removed, or would be."""

    removals: tuple[Removal, ...]
    ingesting: tuple[str, ...]  # scenarios whose ingest is running: packs stay, since they may be about to be named


def collect(lake: Lake, versions: DvcVersions, *, dry_run: bool) -> Sweep:
    """Remove it; dry_run: only say what would go. Raises LakeError when something cannot be read: nothing goes then."""
    with ExitStack() as locks:
        locks.enter_context(lake.lock("datasets"))
        locks.enter_context(lake.lock("checkouts"))
        found = holdings.packs(lake.blobs)
        scenarios = holdings.scenarios(lake)
        ingesting = [one for one in scenarios if not holdings.held(lake, one, locks)]
        named = holdings.named_packs(lake.blobs) | versions.packs_needed()
        orphans = [] if ingesting else sorted(set(found) - named)
        removals = [
            *(Removal("pack", pack_path(one), found[one]) for one in orphans),
            *_checkouts(lake, versions),
            *_objects(versions),
        ]
        if not dry_run:
            removals = [one for one in removals if _remove(lake, one, scenarios)]
        return Sweep(tuple(removals), tuple(ingesting))


def _checkouts(lake: Lake, versions: DvcVersions) -> Iterator[Removal]:
    """Of all but the newest version of each dataset and those that a run still reads; and halves of killed ones."""
    newest = {one.name: one.tag for one in versions.list()}
    read = {run.dataset for run in lake.state.runs() if run.state in ("submitted", "running")}
    if not versions.checkouts.is_dir():
        return
    for folder in sorted(versions.checkouts.iterdir()):
        if folder.name.rpartition("-")[0] not in {*newest.values(), *read} or folder.name.startswith("."):
            yield Removal("checkout", str(folder), 0)


def _objects(versions: DvcVersions) -> Iterator[Removal]:
    repository = versions.repository
    needed = {md5 for one in versions.list() for md5 in repository.objects_at(one.tag)}
    for md5 in repository.objects.names():
        if md5 not in needed:
            path = repository.objects.path(md5)
            yield Removal("object", str(path), path.stat().st_size if path.stat().st_nlink == 1 else 0)


def _remove(lake: Lake, one: Removal, scenarios: list[str]) -> bool:
    """Whether it went. A pack stays when a scenario has begun its first ingest meanwhile: it may name the same pack."""
    if one.kind == "checkout":
        shutil.rmtree(one.where)
    elif one.kind == "object":
        Path(one.where).unlink()
    elif holdings.scenarios(lake) == scenarios:
        lake.blobs.remove(one.where)
    else:
        return False
    return True
