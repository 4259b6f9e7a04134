"""Probes: the values are right, the same on every call, and shaped like their schema."""

import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from lake.errors import LakeError, SpecError
from quality.probes import EMBEDDING_SIZE, ImageProbe, TextProbe, probe, probe_row, probe_schema
from tests.unit.quality.pictures import digit_images, encoded


def image(picture: Image.Image, form: str = "PNG", **options: object) -> ImageProbe:
    measured = probe(encoded(picture, form, **options), "image", f"image/{form.lower()}")
    assert isinstance(measured, ImageProbe)
    return measured


def text(words: str) -> TextProbe:
    measured = probe(words.encode(), "text", "text/plain")
    assert isinstance(measured, TextProbe)
    return measured


def test_a_half_white_picture_measures_what_it_is() -> None:
    half = Image.fromarray(np.repeat([0, 255], [20, 20]).astype(np.uint8)[None].repeat(30, axis=0))
    measured = image(half)
    assert (measured.width, measured.height, measured.channels) == (40, 30, 1)
    assert (measured.brightness, measured.contrast) == (0.5, 0.5)
    inner = np.zeros((28, 38))
    inner[:, 18], inner[:, 19] = 255, -255  # the Laplacian is zero but on both sides of the edge
    assert measured.sharpness == pytest.approx(inner.var())
    assert len(measured.phash) == 16
    assert np.linalg.norm(measured.embedding) == pytest.approx(1)
    assert measured.embedding[0] < 0 < measured.embedding[7]


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = digit_images(1)[0]
    assert image(sharp).sharpness > 2 * image(sharp.filter(ImageFilter.GaussianBlur(3))).sharpness


def test_the_exif_orientation_is_respected() -> None:
    upright = digit_images(1)[0].resize((64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to show"
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    assert lying.size == (32, 64)
    turned = image(lying, exif=exif)
    assert (turned.width, turned.height) == (64, 32)
    assert turned.phash == image(upright).phash
    assert turned.embedding == image(upright).embedding


def test_hidden_colours_under_transparency_do_not_count() -> None:
    assert image(Image.new("RGBA", (9, 9), (0, 0, 0, 0))).brightness == 1.0
    assert image(Image.new("RGBA", (9, 9), (0, 0, 0, 0))).channels == 4


def test_a_16_bit_scan_keeps_its_range() -> None:
    deep = Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16))
    assert image(deep).brightness == pytest.approx(0.5, abs=0.01)
    assert image(deep).contrast == pytest.approx(12**-0.5, abs=0.01)


def test_a_float_picture_is_stretched_to_its_own_range() -> None:
    levels = Image.fromarray(np.linspace(-3, 5, 64 * 64, dtype=np.float32).reshape(64, 64))
    assert image(levels, "TIFF").brightness == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
@pytest.mark.parametrize("size", [(1, 1), (2, 500), (33, 17)])
def test_every_mode_and_size_can_be_probed(mode: str, size: tuple[int, int]) -> None:
    form = "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"
    measured = image(Image.new(mode, size), form)
    assert (measured.width, measured.height) == size
    assert set(measured.embedding) == {0.0}


def test_a_palette_with_transparency_raises_no_warning() -> None:
    picture = Image.new("P", (8, 8))
    picture.putpalette([255, 0, 0] * 256)
    assert image(picture, transparency=bytes([0] * 256)).brightness == 1.0


@pytest.mark.parametrize("damaged", [b"", b"not a picture", encoded(Image.new("L", (64, 64)))[:60]])
def test_bytes_that_went_bad_since_ingest_are_a_lake_error(damaged: bytes) -> None:
    with pytest.raises(LakeError, match="no longer be decoded"):
        probe(damaged, "image", "image/png")


def test_a_broken_chunk_in_a_png_is_a_lake_error() -> None:
    whole = io.BytesIO(encoded(digit_images(1)[0])).read()
    body = b"IDAT" + b"\x00" * 10
    chunk = struct.pack(">I", 10) + body + struct.pack(">I", zlib.crc32(body))
    with pytest.raises(LakeError, match="no longer be decoded"):
        probe(whole[:33] + chunk + whole[-12:], "image", "image/png")


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("the cast is phenomenal, especially the women.", "en"),
        ("房间很大，床有2M宽，整体感觉经济实惠不错!", "zh"),
        ("用 iPhone 拍的照片, very nice", "zh"),
        ("the 房 is one word of a long English sentence about rooms", "en"),
        ("この部屋はとても広いです", "other"),
        ("방이 아주 넓어요", "other"),
        ("Zimmer mit schöner Aussicht über den Fluß", "other"),
        ("комната очень большая", "other"),
        ("12:30 !!!", "other"),
        ("", "other"),
    ],
)
def test_the_language_is_guessed_from_the_script(words: str, language: str) -> None:
    assert text(words).language == language


@pytest.mark.parametrize(
    ("words", "num_words", "letter_share"),
    [("two words", 2, 1.0), ("房间，很大", 4, 0.8), ("a1 - b2", 2, 0.4), ("\ufeff", 0, 0.0), ("   ", 0, 0.0)],
)
def test_words_and_letters_are_counted(words: str, num_words: int, letter_share: float) -> None:
    measured = text(words)
    assert measured.num_words == num_words
    assert measured.letter_share == pytest.approx(letter_share)


def test_case_width_and_spaces_do_not_change_a_text() -> None:
    a, b = text("Ｗide  and\nlower"), text("wide AND lower")
    assert (a.phash, a.embedding) == (b.phash, b.embedding)


def test_a_text_that_went_bad_is_a_lake_error() -> None:
    with pytest.raises(LakeError, match="no longer be decoded: not UTF-8"):
        probe(b"\x81\x00\xff", "text", "text/plain")


def test_a_text_has_the_same_hash_in_every_charset() -> None:
    words = "房间很大，服务员态度很好，早餐也不错。下次来的时候还会住在这里。"
    plain = text(words)
    other = probe(words.encode("gb18030"), "text", "text/plain; charset=gb18030")
    assert isinstance(other, TextProbe)
    assert (plain.charset, other.charset) == ("utf-8", "gb18030")
    assert (other.phash, other.embedding, other.num_chars) == (plain.phash, plain.embedding, plain.num_chars)


def test_another_modality_is_refused_by_name() -> None:
    with pytest.raises(SpecError, match="'smell'"):
        probe(b"", "smell", "video/mp4")
    with pytest.raises(SpecError, match="audio, image, point_cloud"):
        probe_schema("smell")


def test_a_dark_and_a_light_half_are_counted() -> None:
    half = Image.fromarray(np.repeat([3, 252], [20, 20]).astype(np.uint8)[None].repeat(30, axis=0))
    assert (image(half).dark_share, image(half).light_share) == (0.5, 0.5)
    assert image(Image.new("L", (9, 9), 4)).dark_share == image(Image.new("L", (9, 9), 251)).light_share == 0.0


def test_exif_says_how_a_picture_was_held_and_that_a_place_is_in_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    exif.get_ifd(0x8825)[1] = "N"
    told = image(digit_images(1)[0].convert("RGB"), "JPEG", exif=exif)
    assert (told.orientation, told.has_gps, told.channels) == (8, True, 3)
    plain = image(digit_images(1)[0])
    assert (plain.orientation, plain.has_gps) == (1, False)


def test_a_large_picture_has_the_hash_of_its_small_copy() -> None:
    large = digit_images(1)[0].resize((1000, 750), Image.Resampling.BICUBIC)
    hashes = [int(image(large.resize(size)).phash, 16) for size in ((1000, 750), (500, 375), (256, 256), (130, 90))]
    assert max((one ^ hashes[0]).bit_count() for one in hashes) <= 4
    assert np.dot(image(large).embedding, image(large.resize((130, 90))).embedding) > 0.998


def test_sharpness_of_a_wide_picture_is_counted_without_overflow() -> None:
    checks = (np.indices((200, 3000)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert image(Image.fromarray(checks)).sharpness == pytest.approx(1020.0**2, rel=1e-3)


@given(st.text(max_size=200))
def test_any_text_gives_a_row_of_the_schema(words: str) -> None:
    media = words.encode("utf-8", "ignore")
    row = probe_row(media, "text", "text/plain")
    assert row == probe_row(media, "text", "text/plain")
    _as_table([row], "text")


def test_a_picture_gives_a_row_of_the_schema() -> None:
    rows = [probe_row(encoded(one), "image", "image/png") for one in digit_images(3)]
    table = _as_table(rows, "image")
    assert table.num_rows == 3
    assert set(table["probe_embedding"].to_pylist()[0]) != {0.0}


def test_values_are_those_of_every_other_machine() -> None:
    """Pinned: a change here changes every stored probe."""
    assert text("the same on every machine").phash == "0fc40b99a0219279"
    assert image(digit_images(1)[0]).phash == "878ccc386d636573"


def _as_table(rows: list[tuple[object, ...]], modality: str) -> pa.Table:
    schema = probe_schema(modality)
    columns = [
        pa.array(list(column), field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    table = pa.Table.from_arrays(columns, schema=schema)
    table.validate(full=True)
    assert all(name.startswith("probe_") for name in schema.names)
    assert all(column.null_count == 0 for column in table.columns)
    assert set(map(len, table["probe_embedding"].to_pylist())) == {EMBEDDING_SIZE}
    return table
