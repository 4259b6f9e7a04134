"""Hostile pictures."""

import io
import time
import zlib

import pytest
from PIL import Image

from lake.media import Limits, Refused
from tests.media_samples import picture, saved
from tests.unit.lake.media.refusing import refused, taken

SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}


def png_with(name: bytes, body: bytes) -> bytes:
    """A small PNG with one chunk more, after its header."""
    whole = saved(Image.new("L", (4, 4)), "PNG")
    chunk = len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)
    return whole[:33] + chunk + whole[33:]


def jpeg_with_exif(exif: bytes) -> bytes:
    whole = saved(Image.new("L", (8, 8)), "JPEG")
    body = b"Exif\0\0" + exif
    return whole[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + whole[2:]


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_png_whose_text_or_profile_is_a_bomb_is_refused(name: bytes) -> None:
    body = b"key\0\0" + zlib.compress(bytes(64 << 20))
    data = png_with(name, body)
    assert len(data) < 100_000
    begun = time.perf_counter()
    assert refused(data, "x.png")[0] == "unreadable"
    assert time.perf_counter() - begun < 2


def test_a_progressive_jpeg_of_many_scans_costs_nothing() -> None:
    whole = picture("JPEG", size=(1000, 1000), progressive=True)
    at = whole.rindex(b"\xff\xda")
    assert refused(whole[:at] + whole[at:-2] * 500 + whole[-2:], "x.jpg")[0] == "oversize"


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"no TIFF at all",
        b"II*\0\x08\0\0\0" + b"\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\0\0\0\0" * 40,
        b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0",  # its GPS part is itself
        b"MM\0*\xff\xff\xff\xff",
    ],
)
def test_a_hostile_exif_is_refused_or_says_nothing(exif: bytes) -> None:
    try:
        kept = taken(jpeg_with_exif(exif), "x.jpg").decoded
    except Refused as refusal:
        reasons = {refusal.reason}
    else:
        reasons = {kept.orientation}
    assert reasons <= {"unreadable", 1}


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert taken(picture("JPEG", exif=exif), "x.jpg").decoded.orientation == 1


def test_what_is_kept_of_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("L", (8, 8), level) for level in (10, 200, 250)]
    for kind, ending in (("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif")):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert taken(data, f"x.{ending}").decoded.grey.getpixel((0, 0)) == 10


def test_a_colour_jpeg_says_its_channels_and_keeps_its_brightness() -> None:
    data = picture("JPEG", quality=95)
    kept = taken(data, "x.jpg").decoded
    assert (kept.channels, kept.grey.mode) == (3, "L")
    with Image.open(io.BytesIO(data)) as whole:
        grey = whole.convert("L")
    levels, expected = (list(one.tobytes()) for one in (kept.grey, grey))
    assert max(abs(one - other) for one, other in zip(levels, expected, strict=True)) <= 3


def test_a_palette_that_is_not_there_is_refused() -> None:
    data = bytearray(saved(Image.new("L", (4, 4)), "PNG"))
    data[25] = 3  # colours by a palette
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    assert refused(bytes(data), "x.png")[0] == "unreadable"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_that_lies_on_its_side_stands_up(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    kept = taken(picture(form, size=(40, 20), exif=exif), f"x.{SUFFIXES[form]}").decoded
    assert kept.grey.size == (20, 40)


def test_pictures_that_pillow_warns_of_are_judged_by_the_limits() -> None:
    wide = Limits(max_bytes=4 << 20, max_pixels=1 << 30)
    large = saved(Image.new("1", (10_000, 9_000)), "PNG")  # Pillow warns from 89 million pixels on
    assert taken(large, "x.png", limits=wide).decoded.grey.size == (10_000, 9_000)
