"""Media: what bytes are is found from the bytes, and hostile ones cost a refusal and nothing more."""

import io
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lake.ingest import REASONS
from lake.media import Limits, Media, Refused, inspect
from lake.media.image import IMAGE_FORMATS
from tests.unit.lake.samples import animation, encoded, gif_of_frames, picture, png, png_claiming

LIMITS = Limits(max_bytes=100_000, max_pixels=10_000)
SUFFIX = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "BMP": "bmp", "WEBP": "webp", "TIFF": "tif"}


@pytest.mark.parametrize("kind", IMAGE_FORMATS)
@pytest.mark.parametrize("change", [str, str.upper])
def test_every_picture_format_is_known_by_its_bytes(kind: str, change: Callable[[str], str]) -> None:
    name = change(f"a b.c/name.{SUFFIX[kind]}")
    assert inspect(encoded(picture(1), kind), name, LIMITS) == Media("image", IMAGE_FORMATS[kind])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_every_depth_are_taken(mode: str) -> None:
    assert inspect(encoded(Image.new(mode, (8, 8))), "x.png", LIMITS).media_type == "image/png"


@pytest.mark.parametrize("text", ["plain", "多模态标注 ✓", "\ufeffwith a mark", "line\r\nline\n"])
def test_text_is_any_utf8_with_something_in_it(text: str) -> None:
    assert inspect(text.encode(), "x.txt", LIMITS) == Media("text", "text/plain")


def test_a_photograph_with_a_second_picture_inside_is_a_jpeg() -> None:
    assert inspect(encoded(picture(1), "MPO", save_all=True, append_images=[picture(2)]), "x.jpg", LIMITS) == Media(
        "image", "image/jpeg"
    )


REFUSED = {
    "no bytes": ("empty", b"", "x.png"),
    "only white space": ("empty", b" \n\t\xe3\x80\x80", "x.txt"),
    "too many bytes": ("oversize", bytes(100_001), "x.png"),
    "too many pixels": ("oversize", encoded(Image.new("1", (101, 100))), "x.png"),
    "a bomb": ("oversize", png_claiming(60_000, 60_000), "x.png"),
    "a bomb below Pillow's own limit": ("oversize", png_claiming(10_000, 10_000), "x.png"),
    "an animation beyond the limit": ("oversize", animation("GIF", 200), "x.gif"),
    "pages beyond the limit": ("oversize", animation("TIFF", 30), "x.tif"),
    "a frame larger than its GIF": ("oversize", gif_of_frames(2, (20_000, 20_000)), "x.gif"),
    "more empty frames than sense": ("oversize", gif_of_frames(6_000), "x.gif"),
    "a cut PNG": ("unreadable", png(1, (60, 60))[:-100], "x.png"),
    "a cut JPEG": ("unreadable", encoded(picture(1, (60, 60)), "JPEG")[:-300], "x.jpg"),
    "an animation cut in its last frame": ("unreadable", animation("WEBP", 3)[:-60], "x.webp"),
    "only a PNG's first bytes": ("unreadable", b"\x89PNG\r\n\x1a\n", "x.png"),
    "noise": ("unreadable", b"noise", "x.png"),
    "noise that is called a text": ("unreadable", b"\xff\xfe\x00", "x.txt"),
    "text in another encoding": ("unreadable", "Röntgen".encode("latin-1"), "x.txt"),
    "text with NUL": ("unreadable", b"a\0b", "x.txt"),
    "a JPEG called PNG": ("mistyped", encoded(picture(1), "JPEG"), "x.png"),
    "a PNG called text": ("mistyped", png(1), "x.txt"),
    "a PNG called PDF": ("mistyped", png(1), "x.pdf"),
    "a PNG without an ending": ("mistyped", png(1), "x"),
    "a PDF": ("unsupported", b"%PDF-1.7", "x.pdf"),
    "an SVG": ("unsupported", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg"),
    "PostScript, which Pillow would run": (
        "unsupported",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "x.eps",
    ),
    "a Windows icon": ("unsupported", encoded(picture(1), "ICO"), "x.ico"),
    "text without an ending": ("unsupported", b"words", "README"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_and_why(case: str) -> None:
    reason, data, name = REFUSED[case]
    with pytest.raises(Refused) as refusal:
        inspect(data, name, LIMITS)
    assert refusal.value.reason == reason
    assert refusal.value.detail
    assert "0x" not in refusal.value.detail  # no address of this process: the same file, the same row


def test_limits_are_inclusive() -> None:
    exact = png(1, (10, 10))
    assert inspect(exact, "x.png", Limits(max_bytes=len(exact), max_pixels=100))
    with pytest.raises(Refused, match="oversize"):
        inspect(exact, "x.png", Limits(max_bytes=len(exact) - 1, max_pixels=100))
    with pytest.raises(Refused, match="oversize: 100 pixels in 1 frames, limit 99"):
        inspect(exact, "x.png", Limits(max_bytes=len(exact), max_pixels=99))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_within_the_limit_is_one_picture(kind: str) -> None:
    assert inspect(animation(kind, 3, (40, 40)), f"x.{SUFFIX[kind]}", LIMITS).modality == "image"


def test_a_bomb_costs_no_time() -> None:
    begun = time.perf_counter()
    for data, name in ((png_claiming(60_000, 60_000), "x.png"), (gif_of_frames(2, (65_535, 65_535)), "x.gif")):
        with pytest.raises(Refused, match="oversize"):
            inspect(data, name, LIMITS)
    assert time.perf_counter() - begun < 1


def verdict(data: bytes, name: str) -> Media | tuple[str, str]:
    try:
        return inspect(data, name, LIMITS)
    except Refused as refusal:
        return refusal.reason, refusal.detail


SEEDS = [
    (encoded(picture(3, (24, 24)), kind), f"x.{SUFFIX[kind]}") for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")
] + [(animation("GIF", 3), "x.gif"), (animation("PNG", 3), "x.png"), (animation("WEBP", 3), "x.webp")]


@settings(max_examples=600)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
    st.binary(max_size=4),
)
def test_mutated_pictures_are_taken_or_refused_and_nothing_else(
    seed: tuple[bytes, str], changes: list[tuple[float, int]], keep: float, tail: bytes
) -> None:
    data = bytearray(seed[0])
    for place, value in changes:
        data[int(place * len(data))] = value
    mutated = bytes(data[: max(1, round(keep**0.2 * len(data)))]) + tail
    found = verdict(mutated, seed[1])
    if isinstance(found, Media):
        with Image.open(io.BytesIO(mutated)) as again:
            again.load()  # what is taken can be decoded by whoever comes next
    assert verdict(mutated, seed[1]) == found


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(["x.png", "x.jpg", "x.txt", "x", "x.gif", "x.tif"]))
def test_any_bytes_are_taken_or_refused(data: bytes, name: str) -> None:
    found = verdict(data, name)
    assert found[0] in REASONS if isinstance(found, tuple) else found.modality == "text"
