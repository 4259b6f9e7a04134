"""Near duplicates: exact neighbourhoods, and the right ones on real pictures and texts."""

import time
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lake.errors import LakeError
from quality.duplicates import (
    CLUSTERS,
    Nearness,
    Points,
    embedding_matrix,
    near_duplicates,
    near_pairs,
    parse_hashes,
    sizes,
)
from quality.duplicates.clusters import components
from quality.probes import ImageProbe, TextProbe, probe
from tests.unit.quality.pictures import brighter, digit_images, encoded, noisy, one_pixel_inverted

Vectors = npt.NDArray[np.float32]


def items(ids: Sequence[str], hashes: Sequence[str], vectors: Vectors | None = None) -> pa.Table:
    """As curated items; without vectors all point the same way."""
    rows = np.tile(np.eye(1, 4, dtype=np.float32), (len(ids), 1)) if vectors is None else vectors
    embeddings = pa.array(list(rows), pa.list_(pa.float32()))
    phash = pa.array(hashes, pa.string())
    return pa.table({"item_id": pa.array(ids, pa.string()), "probe_phash": phash, "probe_embedding": embeddings})


def clusters(table: pa.Table, nearness: Nearness, held: pa.Table | None = None) -> dict[str, str]:
    """item_id to the representative of its cluster, of those in one."""
    found = near_duplicates(table, held, nearness)
    return dict(zip(found["item_id"].to_pylist(), found["cluster"].to_pylist(), strict=True))


def brute_force(table: pa.Table, nearness: Nearness, num_held: int = 0) -> dict[str, str]:
    """The same, the slow and obvious way; the first num_held are held."""
    values = [int(text, 16) for text in table["probe_phash"].to_pylist()]
    vectors = table["probe_embedding"].to_pylist()
    size = range(len(values))
    near = {
        (a, b)
        for a in size
        for b in size
        if a < b and b >= num_held and (values[a] ^ values[b]).bit_count() <= nearness.max_bits
        if any(vectors[a]) and any(vectors[b])
        if sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True)) >= nearness.min_cosine
    }
    ids = table["item_id"].to_pylist()
    order = sorted(size, key=lambda place: (place >= num_held, ids[place]))
    cluster = {place: rank for rank, place in enumerate(order)}
    changed = True
    while changed:
        changed = False
        for a, b in near:
            smaller = min(cluster[a], cluster[b])
            changed = changed or cluster[a] != cluster[b]
            cluster[a] = cluster[b] = smaller
    joined = {place for pair in near for place in pair}
    return {ids[place]: ids[order[cluster[place]]] for place in joined}


DIRECTIONS = np.array([[1, 0, 0, 0], [0.6, 0.8, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32)


@st.composite
def crowded_items(draw: st.DrawFn) -> pa.Table:
    """Items around a few hashes and directions, so that neighbours are common."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.lists(st.integers(0, 63), max_size=8)
    rows = draw(st.lists(st.tuples(st.sampled_from(centres), flips, st.integers(0, 4)), max_size=25))
    hashes = [f"{centre ^ sum({1 << bit for bit in bits}):016x}" for centre, bits, _ in rows]
    ids = [f"item{place:02d}" for place in range(len(rows))]
    return items(ids, hashes, DIRECTIONS[[row[2] for row in rows]] if rows else np.empty((0, 4), np.float32))


@given(crowded_items(), st.integers(0, 20), st.sampled_from([-1.0, 0.5, 0.9]), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=200)
def test_clusters_are_those_of_brute_force_in_any_order(
    table: pa.Table, max_bits: int, cosine: float, order: Random
) -> None:
    nearness = Nearness(max_bits, cosine)
    places = list(range(table.num_rows))
    order.shuffle(places)
    found = near_duplicates(table.take(pa.array(places, pa.int64())), None, nearness)
    assert found.equals(near_duplicates(table, None, nearness))
    assert dict(zip(found["item_id"].to_pylist(), found["cluster"].to_pylist(), strict=True)) == brute_force(
        table, nearness
    )
    for row in found.to_pylist():
        assert row["representative"] == (row["item_id"] == row["cluster"])
        assert (row["bits"], row["cosine"]) == (0, 1.0) or not row["representative"]


@given(crowded_items(), st.integers(0, 12), st.integers(0, 25))
@settings(deadline=None, max_examples=150)
def test_a_new_batch_joins_what_is_held_and_what_is_held_represents(
    table: pa.Table, max_bits: int, num_held: int
) -> None:
    num_held = min(num_held, table.num_rows)
    nearness = Nearness(max_bits, 0.5)
    held, new = table.slice(0, num_held), table.slice(num_held)
    found = near_duplicates(new, held, nearness)
    expected = brute_force(table, nearness, num_held)
    assert dict(zip(found["item_id"].to_pylist(), found["cluster"].to_pylist(), strict=True)) == expected
    assert {row["item_id"] for row in found.to_pylist() if row["held"]} <= set(held["item_id"].to_pylist())


@pytest.mark.parametrize("max_bits", [0, 3, 4, 7, 10, 13, 16])
def test_the_search_misses_no_pair_of_many(max_bits: int) -> None:
    rng = np.random.default_rng(max_bits)
    left = rng.integers(0, 2**64, 1500, dtype=np.uint64)
    near = left.copy()
    for _ in range(max_bits):
        near ^= np.uint64(1) << rng.integers(0, 64, 1500, dtype=np.uint64)
    vectors = np.tile(np.eye(1, 4, dtype=np.float32), (1500, 1))
    vectors[::7] = DIRECTIONS[1]
    found = near_pairs(Points(left, vectors), Points(near, vectors), Nearness(max_bits, 0.9))
    pairs = {(a, b) for here, there in found for a, b in zip(here.tolist(), there.tolist(), strict=True)}
    distance, cosine = np.bitwise_count(left[:, None] ^ near[None]), vectors @ vectors.T
    assert pairs == set(zip(*(at.tolist() for at in np.nonzero((distance <= max_bits) & (cosine >= 0.9))), strict=True))
    assert len(pairs) > 1000


@pytest.mark.parametrize(("max_bits", "num_hashes"), [(3, 900), (16, 900), (4, 1)])
def test_pairs_within_one_side_are_those_of_brute_force_by_hash_and_by_angle(max_bits: int, num_hashes: int) -> None:
    values, vectors = crowd(600, 300)
    values = values if num_hashes > 1 else np.zeros(900, np.uint64)
    side = Points(values, vectors)
    pairs = [
        (a, b)
        for here, there in near_pairs(side, side, Nearness(max_bits, 0.99))
        for a, b in zip(here.tolist(), there.tolist(), strict=True)
    ]
    near = np.triu((np.bitwise_count(values[:, None] ^ values) <= max_bits) & (vectors @ vectors.T >= 0.99), 1)
    assert set(pairs) == set(zip(*(at.tolist() for at in np.nonzero(near)), strict=True))
    assert len(set(pairs)) > 3_000


def test_a_close_call_is_settled_the_same_way_wherever_it_stands() -> None:
    """Cosines that are the limit itself, up to the last digit of single precision, in different places of an array."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=64)
    vectors = np.tile((one / np.linalg.norm(one)).astype(np.float32), (501, 1))
    limit = float((np.round(vectors[0].astype(np.float64) * 2**24) ** 2).sum() / 2**48)
    ids, hashes = [f"{place:03d}" for place in range(501)], ["0" * 16] * 501
    for above, count in ((0.0, 501), (1e-12, 0)):
        table = items(ids, hashes, vectors)
        assert len(clusters(table, Nearness(4, limit + above))) == count


def crowd(num_others: int, num_frames: int) -> tuple[npt.NDArray[np.uint64], Vectors]:
    """Different pictures, then frames of one scene: few bits around one hash, and nearly one look."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, num_others + num_frames, dtype=np.uint64)
    values[num_others:] = values[0]
    for _ in range(2):
        values[num_others:] ^= np.uint64(1) << rng.integers(0, 64, num_frames, dtype=np.uint64)
    vectors = rng.normal(size=(num_others + num_frames, 64))
    vectors[num_others:] = vectors[0] + 0.01 * vectors[num_others:]
    return values, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_scene_of_five_thousand_frames_among_thirty_thousand_pictures_takes_seconds() -> None:
    values, vectors = crowd(25_000, 5_000)
    started = time.perf_counter()
    labels = components(Points(values, vectors), 0, Nearness(4, 0.99))
    seconds = time.perf_counter() - started
    assert len(np.unique(labels)) == 25_000
    assert len(np.unique(labels[25_000:])) == 1
    assert seconds < 10


def test_many_items_of_one_hash_that_look_different_take_seconds() -> None:
    _, vectors = crowd(12_000, 0)
    started = time.perf_counter()
    labels = components(Points(np.zeros(12_000, np.uint64), vectors), 0, Nearness(4, 0.99))
    assert len(np.unique(labels)) == 12_000
    assert time.perf_counter() - started < 20


DAMAGE: dict[str, Callable[[Image.Image], bytes]] = {
    "three grey levels": lambda image: encoded(brighter(image, 3)),
    "six grey levels": lambda image: encoded(brighter(image, 6)),
    "one pixel": lambda image: encoded(one_pixel_inverted(image, 7)),
    "noise": lambda image: encoded(noisy(image, 7)),
    "JPEG 85": lambda image: encoded(image, "JPEG", quality=85),
    "JPEG 60": lambda image: encoded(image, "JPEG", quality=60),
}


@pytest.fixture(scope="module")
def digits() -> list[Image.Image]:
    return digit_images(400)


def image_probe(media: bytes) -> ImageProbe:
    measured = probe(media, "image", "image/png")
    assert isinstance(measured, ImageProbe)
    return measured


def matrix(probes: list[ImageProbe] | list[TextProbe]) -> npt.NDArray[np.float32]:
    return np.array([one.embedding for one in probes], dtype=np.float32)


def test_different_digits_stay_apart_and_damaged_copies_are_found(digits: list[Image.Image]) -> None:
    copies = [DAMAGE[name](digits[place]) for place, name in enumerate(sorted(DAMAGE) * 10)]
    probes = [image_probe(media) for media in [*map(encoded, digits), *copies]]
    ids = [f"{place:04d}" for place in range(len(probes))]
    hashes = [one.phash for one in probes]
    found = clusters(items(ids, hashes, matrix(probes)), Nearness(4, 0.998))
    assert all(found.get(item, item) == item for item in ids[: len(digits)])
    assert [found[item] for item in ids[len(digits) :]] == ids[: len(copies)]


def test_the_embedding_overrules_a_hash_that_looks_alike() -> None:
    table = items(["a", "b"], ["0" * 16] * 2, np.eye(2, 64, dtype=np.float32))
    assert clusters(table, Nearness(4, 0.5)) == {}


def test_a_flat_picture_is_near_nothing() -> None:
    flat = [image_probe(encoded(Image.new("L", (64, 64), level))) for level in (0, 255, 255)]
    assert clusters(items(list("abc"), [one.phash for one in flat], matrix(flat)), Nearness(16, -1)) == {}


def test_a_batch_is_told_with_sizes_and_distances_of_its_clusters() -> None:
    hashes = ["0" * 16, "0" * 15 + "1", "0" * 15 + "3", "f" * 16, "f" * 16, "5" * 16]
    found = near_duplicates(items(list("bcdefg"), hashes), items(["z"], ["f" * 15 + "e"]), Nearness(1, 0.5))
    assert found.to_pylist() == [
        dict(zip(CLUSTERS.names, row, strict=True))
        for row in (
            ("b", "b", True, False, 0, 1.0),
            ("c", "b", False, False, 1, 1.0),
            ("d", "b", False, False, 2, 1.0),
            ("e", "z", False, False, 1, 1.0),
            ("f", "z", False, False, 1, 1.0),
            ("z", "z", True, True, 0, 1.0),
        )
    ]
    assert sizes(found) == "3: 2"


def test_sizes_are_told_in_powers_of_two() -> None:
    names = [f"c{place}" for place, size in enumerate((2, 2, 3, 5, 7, 40)) for _ in range(size)]
    assert sizes(pa.table({"cluster": names})) == "2: 2, 3: 1, 4 to 7: 2, 32 to 63: 1"


def test_nothing_gives_nothing() -> None:
    none = items([], [], np.empty((0, 4), np.float32))
    assert near_duplicates(none, None, Nearness(4, 0.5)).equals(CLUSTERS.empty_table())
    assert near_duplicates(none, items(["a"], ["0" * 16]), Nearness(4, 0.5)).num_rows == 0
    assert embedding_matrix(pa.chunked_array([], pa.list_(pa.float32()))).shape == (0, 0)
    assert sizes(CLUSTERS.empty_table()) == ""


@pytest.mark.parametrize("bad", ["", "12", "g" * 16, None])
def test_a_damaged_hash_is_named(bad: str) -> None:
    with pytest.raises(LakeError, match="not a perceptual hash"):
        parse_hashes(["0" * 16, bad])


def test_a_distance_beyond_the_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="max_bits"):
        Nearness(64, 0.5)
