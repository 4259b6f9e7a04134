"""Whether everything that the lake names is there and as it was written: packs, tables, items, versions."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from lake import holdings
from lake.blobs import Blobs
from lake.errors import LakeError, NotFound
from lake.packs import pack_name, pack_path, places_of
from lake.store import Lake
from lake.tables import is_as_written
from lake.tracked import file_md5
from lake.versions import DvcVersions

Problem = Literal["damaged pack", "missing pack", "orphan pack", "damaged table", "misplaced item", "damaged version"]
Progress = Callable[[int, int], None]
_THREADS = 4  # hashing lets go of Python's lock
_PIECE_BYTES = 1 << 23


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    problem: Problem
    where: str  # a path below the lake's root, or a version
    says: str


@dataclass(frozen=True)
class Verdict:
    """What was looked at, and what is wrong with it."""

    packs: int
    tables: int
    items: int
    versions: int
    hashed_bytes: int
    ingesting: tuple[str, ...]  # scenarios whose ingest is running: orphan packs are not judged
    findings: tuple[Finding, ...]


def verify(
    lake: Lake, versions: DvcVersions, *, quick: bool = False, progress: Progress = lambda _done, _all: None
) -> Verdict:
    """Look at everything. quick: packs are not read, and of tables only the ends. progress: bytes done and in all."""
    packs, ingesting = holdings.packs(lake.blobs), holdings.ingesting(lake)
    batches = _Batches(lake.blobs, packs, whole=not quick)
    releases = _Versions(versions, packs)
    named = batches.needed | releases.needed
    lost = sorted(pack for pack in named - set(packs) if not lake.blobs.exists(pack_path(pack)))
    findings = [
        *batches.findings,
        *(Finding("missing pack", pack_path(one), "batches name it") for one in lost if one in batches.needed),
        *([] if ingesting else _orphans(packs, named)),
        *releases.findings,
    ]
    hashed = 0
    if not quick:
        hashed, wrong = _read_all(lake.blobs, packs, releases.objects, progress)
        findings += wrong
    return Verdict(
        len(packs), batches.tables, batches.items, len(releases.tags), hashed, tuple(ingesting), tuple(findings)
    )


class _Batches:
    """The tables of all batches."""

    def __init__(self, blobs: Blobs, packs: dict[str, int], *, whole: bool) -> None:
        self.needed: set[str] = set()
        self.findings: list[Finding] = []
        self.tables = self.items = 0
        for path in holdings.tables(blobs):
            try:
                rows = holdings.read_places(blobs, path)
                if whole and not is_as_written(blobs.read(path)):
                    self.findings.append(Finding("damaged table", path, "it holds other bytes than were written"))
            except NotFound:  # an ingest that has ended meanwhile took it away
                continue
            except LakeError as error:
                self.findings.append(Finding("damaged table", path, error.what))
                continue
            self.tables += 1
            if rows is not None:
                self.needed.update(rows["pack"].unique().to_pylist())
                self.items += pc.sum(rows["main"]).as_py() or 0 if path.endswith("/items.parquet") else 0
                self.findings += misplaced(path, rows, packs)


class _Versions:
    """All committed versions."""

    def __init__(self, versions: DvcVersions, packs: dict[str, int]) -> None:
        self._versions = versions
        self.tags = [one.tag for one in versions.list()]
        self.needed: set[str] = set()
        self.objects: dict[str, tuple[str, Path]] = {}  # md5 -> (version, file)
        self.findings: list[Finding] = []
        for tag in self.tags:
            try:
                self._look(tag, packs)
            except LakeError as error:
                self.findings.append(Finding("damaged version", tag, error.what))

    def _look(self, tag: str, packs: dict[str, int]) -> None:
        repository = self._versions.repository
        held = repository.packs_at(tag)
        self.needed.update(Path(name).stem for name in held)
        md5s = repository.objects_at(tag)
        gone = [one for one in md5s if not repository.objects.path(one).is_file()]
        if gone and repository.dvc.remote is not None:
            gone = repository.dvc.missing(gone)
        if gone:
            says = f"{len(gone)} of its {len(md5s)} objects are gone, {gone[0]} among them"
            self.findings.append(Finding("damaged version", tag, says))
        for md5 in md5s:
            if (path := repository.objects.path(md5)).is_file():
                self.objects.setdefault(md5, (tag, path))
        files = {Path(name).stem: repository.objects.path(md5) for name, md5 in held.items()}
        known = {pack: path.stat().st_size for pack, path in files.items() if path.is_file()}
        manifest = self._versions.table(tag, "manifest")
        self.findings += misplaced(tag, places_of(manifest), packs | known, set(files))


def misplaced(where: str, rows: pa.Table, packs: dict[str, int], allowed: set[str] | None = None) -> Iterator[Finding]:
    """Items that point outside their pack; or at a pack that is not among the allowed ones."""
    names = rows["pack"].unique()
    sizes = pa.array([packs.get(name) for name in names.to_pylist()], pa.int64())
    size = sizes.take(pc.index_in(rows["pack"], value_set=names).combine_chunks())
    outside = pc.or_(pc.less(rows["offset"], 0), pc.greater(pc.add(rows["offset"], rows["length"]), size))
    wrong = rows.filter(pc.fill_null(outside, False))
    for row in wrong.slice(0, 1).to_pylist():
        says = f"item {row['item_id'][:12]} ends at {row['offset'] + row['length']}, its pack at {packs[row['pack']]}"
        yield Finding("misplaced item", where, says + (f"; {wrong.num_rows - 1} more" if wrong.num_rows > 1 else ""))
    for name in sorted(set(names.to_pylist()) - allowed) if allowed is not None else ():
        yield Finding("damaged version", where, f"names {name}, which is not among the version's packs")


def _orphans(packs: dict[str, int], named: set[str]) -> Iterator[Finding]:
    for pack in sorted(set(packs) - named):
        yield Finding(
            "orphan pack", pack_path(pack), "no batch and no version names it: `trialbase lake gc` removes it"
        )


def _read_all(
    blobs: Blobs, packs: dict[str, int], objects: dict[str, tuple[str, Path]], progress: Progress
) -> tuple[int, list[Finding]]:
    """Hash every pack, and every object of DVC that is not the same file as a pack."""
    local = {pack: blobs.local_path(pack_path(pack)) for pack in packs}
    same = {(path.stat().st_dev, path.stat().st_ino) for path in local.values() if path is not None}
    apart = {
        md5: (tag, path)
        for md5, (tag, path) in objects.items()
        if ((facts := path.stat()).st_dev, facts.st_ino) not in same
    }
    total = sum(packs.values()) + sum(path.stat().st_size for _, path in apart.values())
    done, findings = 0, []
    with ThreadPoolExecutor(_THREADS) as threads:
        checks = [threads.submit(_check_pack, blobs, pack, size) for pack, size in packs.items()]
        checks += [threads.submit(_check_object, md5, tag, path) for md5, (tag, path) in apart.items()]
        for check in checks:
            size, finding = check.result()
            done += size
            progress(done, total)
            findings += [] if finding is None else [finding]
    return done, findings


def _check_pack(blobs: Blobs, pack: str, size: int) -> tuple[int, Finding | None]:
    digest = hashlib.sha256()
    for start in range(0, size, _PIECE_BYTES):
        digest.update(blobs.read(pack_path(pack), start, min(start + _PIECE_BYTES, size)))
    found = pack_name(digest.hexdigest())
    says = f"its bytes are those of {found}: restore it from a backup, or ingest its deliveries again"
    return size, None if found == pack else Finding("damaged pack", pack_path(pack), says)


def _check_object(md5: str, tag: str, path: Path) -> tuple[int, Finding | None]:
    found = file_md5(path)
    says = f"{path} holds other bytes than its name says: remove it, then `dvc fetch --all-tags`"
    size = path.stat().st_size
    return size, None if found == md5.removesuffix(".dir") else Finding("damaged version", tag, says)
