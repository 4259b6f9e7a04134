"""Near duplicates: exact neighbourhoods, and the right ones on real pictures and texts."""

import time
from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lake.errors import LakeError
from quality.duplicates import embedding_matrix, near_duplicates, near_pairs, parse_hashes
from quality.probes import ImageProbe, TextProbe, probe
from tests.unit.quality.pictures import brighter, digit_images, encoded, noisy, one_pixel_inverted


def brute_force(ids: list[str], hashes: list[str], max_bits: int) -> dict[str, str]:
    """item_id to the smallest item_id it is connected with, the slow and obvious way."""
    cluster = {item: item for item in ids}
    changed = True
    while changed:
        changed = False
        for a, hash_a in zip(ids, hashes, strict=True):
            for b, hash_b in zip(ids, hashes, strict=True):
                smaller = min(cluster[a], cluster[b])
                if (int(hash_a, 16) ^ int(hash_b, 16)).bit_count() <= max_bits and cluster[a] != smaller:
                    cluster[a], changed = smaller, True
    return cluster


@st.composite
def crowded_hashes(draw: st.DrawFn) -> list[str]:
    """Hashes around a few centres, so that neighbours are common."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.lists(st.integers(0, 63), max_size=8)
    rows = draw(st.lists(st.tuples(st.sampled_from(centres), flips), max_size=25))
    return [f"{centre ^ sum({1 << bit for bit in bits}):016x}" for centre, bits in rows]


@given(crowded_hashes(), st.integers(0, 20), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_clusters_are_those_of_brute_force_in_any_order(hashes: list[str], max_bits: int, order: Random) -> None:
    rows = [(f"item{place:02d}", text) for place, text in enumerate(hashes)]
    ids = [item for item, _ in rows]
    expected = brute_force(ids, hashes, max_bits)
    order.shuffle(rows)
    found = near_duplicates([item for item, _ in rows], [text for _, text in rows], max_bits=max_bits)
    assert found["item_id"].to_pylist() == ids
    assert dict(zip(ids, found["cluster"].to_pylist(), strict=True)) == expected
    assert found["representative"].to_pylist() == [expected[item] == item for item in ids]


def test_bands_miss_no_pair_of_many() -> None:
    left = np.random.default_rng(0).integers(0, 2**64, 600, dtype=np.uint64)
    near = left ^ (np.uint64(1) << np.arange(600, dtype=np.uint64) % np.uint64(64))
    pairs = {(a, b) for here, there in near_pairs(left, near, 3) for a, b in zip(here, there, strict=True)}
    distance = np.bitwise_count(left[:, None] ^ near[None])
    assert pairs == set(zip(*np.nonzero(distance <= 3), strict=True))


def test_twenty_thousand_hashes_take_seconds_and_so_do_twenty_thousand_copies() -> None:
    rng = np.random.default_rng(0)
    centres = rng.integers(0, 2**64, 15_000, dtype=np.uint64)
    copies = centres[:5_000] ^ (np.uint64(1) << rng.integers(0, 64, 5_000, dtype=np.uint64))
    hashes = [f"{value:016x}" for value in np.concatenate([centres, copies]).tolist()]
    ids = [f"{place:06d}" for place in range(len(hashes))]
    started = time.perf_counter()
    found = near_duplicates(ids, hashes, max_bits=4)
    vectors = np.tile(np.eye(1, 64, dtype=np.float32), (len(ids), 1))
    same = near_duplicates(ids, [hashes[0]] * len(ids), max_bits=4, embeddings=vectors, min_cosine=0.9)
    seconds = time.perf_counter() - started
    assert sum(found["representative"].to_pylist()) == 15_000
    assert sum(same["representative"].to_pylist()) == 1
    assert seconds < 10


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
    found = near_duplicates(ids, hashes, max_bits=4, embeddings=matrix(probes), min_cosine=0.998)
    cluster = dict(zip(ids, found["cluster"].to_pylist(), strict=True))
    assert all(cluster[item] == item for item in ids[: len(digits)])
    assert [cluster[item] for item in ids[len(digits) :]] == ids[: len(copies)]


def test_the_embedding_overrules_a_hash_that_looks_alike() -> None:
    vectors = np.eye(2, 64, dtype=np.float32)
    options = {"max_bits": 4, "min_cosine": 0.5}
    apart = near_duplicates(["a", "b"], ["0" * 16] * 2, embeddings=vectors, **options)  # type: ignore[arg-type]
    assert apart["representative"].to_pylist() == [True, True]


def test_a_flat_picture_is_near_nothing() -> None:
    flat = [image_probe(encoded(Image.new("L", (64, 64), level))) for level in (0, 255, 255)]
    found = near_duplicates(
        list("abc"), [one.phash for one in flat], max_bits=16, embeddings=matrix(flat), min_cosine=-1
    )
    assert found["representative"].to_pylist() == [True, True, True]


def test_a_retyped_review_is_found_and_another_is_not() -> None:
    texts = [
        "宾馆在小街道上，不大好找，但还好北京热心同胞很多。宾馆设施跟介绍的差不多，房间很小。",
        "宾馆在小街道上，不大好找，但还好北京热心同胞很多。宾馆设施跟介绍的差不多，房间很大。",
        "商务大床房，房间很大，床有两米宽，整体感觉经济实惠不错！早餐太差，无论去多少人都不加食品。",
        "the cast is phenomenal, especially the women, and the story keeps you in your seat until the end",
        "the cast is phenomenal, especially the women, and the story keeps you in your seat until the  END",
    ]
    probes = [one for one in (probe(t.encode(), "text", "text/plain") for t in texts) if isinstance(one, TextProbe)]
    hashes = [one.phash for one in probes]
    found = near_duplicates(list("abcde"), hashes, max_bits=10, embeddings=matrix(probes), min_cosine=0.9)
    assert found["cluster"].to_pylist() == ["a", "a", "c", "d", "d"]


def test_nothing_gives_nothing() -> None:
    assert near_duplicates([], [], max_bits=4).num_rows == 0
    assert embedding_matrix(pa.chunked_array([], pa.list_(pa.float32()))).shape == (0, 0)


@pytest.mark.parametrize("bad", ["", "12", "g" * 16, None])
def test_a_damaged_hash_is_named(bad: str) -> None:
    with pytest.raises(LakeError, match="not a perceptual hash"):
        parse_hashes(["0" * 16, bad])


def test_a_distance_beyond_the_hash_is_refused() -> None:
    with pytest.raises(ValueError, match="max_bits"):
        near_duplicates(["a"], ["0" * 16], max_bits=64)
