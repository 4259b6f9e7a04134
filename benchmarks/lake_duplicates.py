"""Near-duplicate search over the hashes of 100,000 pictures, 5,000 of them damaged copies of others."""

import time
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from benchmarks.figure import Figure, figure

NUM_PICTURES, NUM_COPIES = 95_000, 5_000
MAX_BITS, MIN_COSINE = 4, 0.998  # as in the scenario `digits`
RUNS = 5
_SIDE = 64
_BLOCK = 500

Levels = npt.NDArray[np.uint8]


def near_duplicates(runs: int | None = None) -> Iterator[Figure]:
    """Table in, clusters out, against comparing every pair of hashes in plain numpy on the same table."""
    from quality.duplicates import Nearness
    from quality.duplicates import near_duplicates as search

    table, truth = _pictures()
    ours, peer, good = [], [], True
    for _ in range(runs or RUNS):
        begin = time.perf_counter()
        found = search(table, None, Nearness(MAX_BITS, MIN_COSINE))
        between = time.perf_counter()
        expected = _every_pair(table)
        ours.append(between - begin)
        peer.append(time.perf_counter() - between)
        clusters = dict(zip(found["item_id"].to_pylist(), found["cluster"].to_pylist(), strict=True))
        recall, precision = _scores(clusters, truth)
        good = good and clusters == expected and recall >= 0.99 and precision >= 0.99
    yield figure(
        "lake", "near-duplicates among 100,000 pictures' hashes", "s", ours, peer=peer,
        must="under 20, recall and precision at least 0.99", holds=lambda seconds, _: good and seconds < 20,
    )  # fmt: skip


def _pictures() -> tuple[pa.Table, dict[str, str]]:
    """Pictures as curated items, shuffled, and which copy was made of which."""
    random = np.random.default_rng(0)
    probes, copies = [], []
    for low in range(0, NUM_PICTURES, _BLOCK):
        for number, levels in enumerate(_drawn(random, min(_BLOCK, NUM_PICTURES - low)), low):
            probes.append(_probed(Image.fromarray(levels)))
            if number < NUM_COPIES:
                copies.append(_probed(_damaged(levels, number, random)))
    order = random.permutation(NUM_PICTURES + NUM_COPIES)
    names = np.array([f"{place:06}" for place in order])
    phash, embedding = zip(*probes, *copies, strict=True)
    columns = (pa.array(names), pa.array(phash), pa.array(embedding, pa.list_(pa.float32())))
    table = pa.table(dict(zip(("item_id", "probe_phash", "probe_embedding"), columns, strict=True)))
    truth = dict(zip(names[NUM_PICTURES:].tolist(), names[:NUM_COPIES].tolist(), strict=True))
    return table.sort_by("item_id"), truth


def _drawn(random: np.random.Generator, count: int) -> Levels:
    """(count, 64, 64) pictures with the spectrum of natural ones, amplitude 1/f (Field 1987)."""
    down, right = np.fft.fftfreq(_SIDE), np.fft.rfftfreq(_SIDE)
    distance = np.hypot(down[:, None], right)
    distance[0, 0] = np.inf
    waves = np.fft.rfft2(random.normal(size=(count, _SIDE, _SIDE)))
    fields = np.fft.irfft2(waves / distance)
    levels: Levels = np.clip(128 + 45 * fields / fields.std(axis=(1, 2), keepdims=True), 0, 255).astype(np.uint8)
    return levels


def _damaged(levels: Levels, number: int, random: np.random.Generator) -> Image.Image:
    """Recompressed, brightened, noisy or half as large, in turn."""
    picture = Image.fromarray(levels)
    if number % 4 == 0:
        sink = BytesIO()
        picture.save(sink, "JPEG", quality=70)
        return Image.open(sink)
    if number % 4 == 1:
        return Image.fromarray(np.clip(levels.astype(np.int16) + 6, 0, 255).astype(np.uint8))
    if number % 4 == 2:
        return Image.fromarray(np.clip(levels + random.normal(0, 3, levels.shape), 0, 255).astype(np.uint8))
    return picture.resize((_SIDE // 2, _SIDE // 2), Image.Resampling.LANCZOS)


def _probed(picture: Image.Image) -> tuple[str, tuple[float, ...]]:
    from quality.probes.image import perceptual_hash, small_field, thumbnail

    field = small_field(picture)
    return perceptual_hash(field), thumbnail(field)


def _every_pair(table: pa.Table) -> dict[str, str]:
    """item_id to the smallest item_id of its cluster, for clusters of two and more; the table is sorted by item_id."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids = np.array(table["item_id"].to_pylist())
    values = np.array([int(text, 16) for text in table["probe_phash"].to_pylist()], dtype=np.uint64)
    vectors = np.array(table["probe_embedding"].to_pylist(), dtype=np.float32)
    here, there = [], []
    for place in range(len(values)):
        near = place + 1 + np.flatnonzero(np.bitwise_count(values[place + 1 :] ^ values[place]) <= MAX_BITS)
        near = near[vectors[near] @ vectors[place] >= MIN_COSINE]
        here.append(np.full(len(near), place))
        there.append(near)
    edges = (np.concatenate(here), np.concatenate(there))
    graph = coo_array((np.ones(len(edges[0]), np.bool_), edges), shape=(len(ids),) * 2)
    _, first, member_of, size = np.unique(
        connected_components(graph, directed=False)[1], return_index=True, return_inverse=True, return_counts=True
    )
    several = size[member_of] > 1
    return dict(zip(ids[several].tolist(), ids[first[member_of]][several].tolist(), strict=True))


def _scores(clusters: dict[str, str], truth: dict[str, str]) -> tuple[float, float]:
    """Share of the planted pairs that were found; share of the pairs found that were planted."""
    hits = sum(copy in clusters and clusters[copy] == clusters.get(original) for copy, original in truth.items())
    sizes = np.unique(list(clusters.values()), return_counts=True)[1]
    return hits / len(truth), hits / max(1, int((sizes * (sizes - 1) // 2).sum()))
