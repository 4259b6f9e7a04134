"""Taking in 20,000 small pictures, and what reading, hashing and decoding them costs in a plain loop."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.figure import Figure, figure
from lake.ingest import SourceSpec, register, take
from lake.store import Lake
from quality.probes import measure, probe_schema

RUNS = 5
PICTURES = 20_000
SIDE = 256  # pixels; about 20 KB each
MIN_RATE = 0.7  # of the plain loop's
SPEC = SourceSpec(licence="CC0-1.0", consent="none needed", max_bytes=1_000_000, max_pixels=1_000_000)


def ingest(runs: int | None = None) -> Iterator[Figure]:
    """A folder taken into a new lake, with probes, hashes and packs; beside it two processes that read, hash, decode.

    Both read files that are in the page cache. The result is right when every file is an item of its own content, with
    its probes.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "pictures"
        _write(folder)
        ours, peer, good = [], [], True
        for number in range(runs or RUNS):
            seconds, ids = _taken(Path(made) / f"home-{number}", folder)
            plain, expected = _plain(folder)
            ours.append(seconds)
            peer.append(plain)
            good = good and ids == expected and len(ids) == PICTURES
    yield figure(
        "lake", "ingest of 20,000 JPEGs of 256 x 256, a plain loop in two processes beside", "s", ours, peer=peer,
        must=f"at least {MIN_RATE} of its rate",
        holds=lambda seconds, plain: good and plain is not None and seconds * MIN_RATE <= plain,
    )  # fmt: skip


def _write(folder: Path) -> None:
    """Pictures of soft shapes under some noise, all different, in folders of 1,000."""
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        soft = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((SIDE, SIDE))
        noisy = np.asarray(soft).astype(np.int16) + rng.integers(-12, 13, (SIDE, SIDE, 1), dtype=np.int16)
        path = folder / f"{number // 1000:02}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=85)


def _taken(home: Path, folder: Path) -> tuple[float, set[str]]:
    lake = Lake.at(home)
    begin = time.perf_counter()
    batch = register(lake, "pictures", [folder])
    take(lake, "pictures", batch, "image", SPEC, measure=measure, measured=probe_schema("image"))
    seconds = time.perf_counter() - begin
    probes = lake.batch("pictures", batch).read("probes", ["item_id", "probe_width"])
    assert set(probes["probe_width"].to_pylist()) == {SIDE}, "every item has its probes"
    ids = set(lake.batch("pictures", batch).read("items", ["item_id"])["item_id"].to_pylist())
    lake.state.close()
    return seconds, ids & set(probes["item_id"].to_pylist())


def _plain(folder: Path) -> tuple[float, set[str]]:
    command = [sys.executable, "-m", "benchmarks.plain_loop", str(folder)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["seconds"], set(found["hashes"])
