"""What lies in the lake, and what names it."""

from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake.blobs import Blobs
from lake.errors import LakeError
from lake.packs import is_pack_path, places_of
from lake.store import Lake
from lake.tables import read_table


def packs(blobs: Blobs) -> dict[str, int]:
    """The packs that lie there, and their sizes in bytes."""
    return {Path(path).stem: size for path, size in blobs.sizes("packs").items() if is_pack_path(path)}


def tables(blobs: Blobs) -> list[str]:
    """The tables of all batches, those of an ingest that is not done included."""
    return [path for path in blobs.sizes("batches") if path.endswith(".parquet")]


def read_places(blobs: Blobs, path: str) -> pa.Table | None:
    """The places that a table names (`places_of`); None where it names none. Raises NotFound, LakeError."""
    names = _columns(blobs, path)
    if not {"item_id", "pack"} <= set(names):
        return None
    try:
        wanted = [name for name in names if name in ("item_id", "pack", "offset", "length", "parts")]
        return places_of(read_table(blobs, path, wanted))
    except (pa.ArrowException, KeyError) as error:
        raise _damaged(blobs, path, error) from error


def named_packs(blobs: Blobs) -> set[str]:
    """The packs that any batch needs. Raises LakeError: a table that cannot be read may name any of them."""
    found: set[str] = set()
    for path in tables(blobs):
        rows = read_places(blobs, path)
        found.update(() if rows is None else rows["pack"].unique().to_pylist())
    return found


def _columns(blobs: Blobs, path: str) -> list[str]:
    local = blobs.local_path(path)
    source = local if local is not None and local.is_file() else BytesIO(blobs.read(path))
    try:
        return list(pq.read_schema(source).names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(blobs, path, error) from error


def _damaged(blobs: Blobs, path: str, error: Exception) -> LakeError:
    return LakeError(
        f"{blobs.url}/{path} is damaged: {str(error).splitlines()[0]}",
        remedy="remove it and run its stage again, or restore it from a backup",
    )


def ingesting(lake: Lake) -> list[str]:
    """Scenarios whose ingest is running on this installation."""
    with ExitStack() as locks:
        return [one for one in scenarios(lake) if not held(lake, one, locks)]


def scenarios(lake: Lake) -> list[str]:
    """Scenarios that have batches, or that an ingest has ever locked."""
    locked = {path.stem.removeprefix("ingest-") for path in (lake.home / "locks").glob("ingest-*.lock")}
    return sorted(locked | {row.scenario for row in lake.state.batches()})


def held(lake: Lake, scenario: str, locks: ExitStack) -> bool:
    """Keep a scenario from ingesting as long as `locks` is open; False where an ingest is running."""
    try:
        locks.enter_context(lake.lock(f"ingest-{scenario}", timeout_s=0))
    except LakeError:
        return False
    return True
