"""Charsets are told from the bytes."""

import codecs
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.text import charset_of, decode

SIMPLIFIED = "这家酒店的位置不错，房间也很干净。"
TRADITIONAL = "這家飯店的位置不錯，房間也很乾淨。"


@pytest.mark.parametrize(
    ("text", "charset"),
    [(SIMPLIFIED, "gb18030"), (TRADITIONAL, "big5"), ("的", "gb18030"), ("我們", "big5"), ("好", "gb18030")],
)
def test_short_chinese_texts_are_told_apart(text: str, charset: str) -> None:
    assert decode(text.encode(charset)) == (text, charset)


@given(st.text())
def test_utf8_and_utf16_are_read_exactly_with_and_without_a_mark(text: str) -> None:
    text = text.lstrip("\ufeff")
    assert decode(text.encode()) == (text, "utf-8")
    assert decode(codecs.BOM_UTF8 + text.encode()) == (text, "utf-8")
    assert decode(codecs.BOM_UTF16_LE + text.encode("utf-16-le")) == (text, "utf-16")
    assert decode(codecs.BOM_UTF16_BE + text.encode("utf-16-be")) == (text, "utf-16")


@given(st.binary(max_size=400))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        text, charset = decode(data)
        assert charset in ("utf-8", "utf-16", "gb18030", "big5")
        text.encode("utf-8")


@pytest.mark.parametrize(
    "data",
    ["fünf schöne Mädchen".encode("latin-1"), "Привет, как дела?".encode("cp1251"), b"\xff\xd8\xff\xe0", b"\x80"],
)
def test_texts_in_other_charsets_are_refused_with_the_byte(data: bytes) -> None:
    with pytest.raises(ValueError, match="not UTF-8 at byte"):
        decode(data)


def test_a_long_file_is_judged_by_its_first_chinese_even_far_in() -> None:
    ascii_first = b"x,y\n" * 600_000
    assert charset_of(io.BytesIO(ascii_first + SIMPLIFIED.encode("gb18030"))) == "gb18030"
    assert charset_of(io.BytesIO(ascii_first + TRADITIONAL.encode("big5") * 5000)) == "big5"
    assert charset_of(io.BytesIO(ascii_first + SIMPLIFIED.encode() * 50_000)) == "utf-8"
