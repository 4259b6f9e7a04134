"""Probes of a text: no model and no dictionary, so they cost microseconds and never change."""

import math
import re
import unicodedata

import numpy as np
import numpy.typing as npt

from quality.probes import EMBEDDING_SIZE, TextProbe

_U64 = np.uint64
_GRAM = 3
_BLOCK_GRAMS = 4096  # shuffled together: 2 MiB an array
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\uac00-\ud7af"
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_KANA_HANGUL = re.compile(f"[{_KANA}{_HANGUL}]")
_IS_WORD_ITSELF = re.compile(f"[{_HAN}{_KANA}]")
_BESIDE_HAN = re.compile(f"(?<=[{_HAN}{_KANA}]) | (?=[{_HAN}{_KANA}])")
_IS_ASCII_WORD = re.compile(r"[A-Za-z][\w'-]*", re.ASCII)


def probe_text(text: str, charset: str) -> TextProbe:
    """Probes of a text that was decoded from a charset."""
    grams = _grams(text)
    visible = "".join(text.split())
    return TextProbe(
        charset=charset,
        num_chars=len(text),
        num_words=_num_words(text),
        letter_share=sum(map(str.isalpha, visible)) / len(visible) if visible else 0.0,
        language=language(text),
        phash=minhash(grams),
        embedding=embedding(grams),
    )


def language(text: str) -> str:
    """`zh`, `en` or `other`, from the scripts of the letters; a text without letters is `other`.

    A Chinese character weighs as much as a Latin word. Kana or Hangul make a text with Chinese
    characters Japanese or Korean, and letters beyond ASCII make a Latin text another than English.
    """
    num_han, num_kana_hangul = len(_IS_HAN.findall(text)), len(_IS_KANA_HANGUL.findall(text))
    if num_kana_hangul * 20 > num_han + num_kana_hangul:
        return "other"
    if num_han and num_han >= len(_IS_ASCII_WORD.findall(text)):
        return "zh"
    letters = "".join(filter(str.isalpha, text))
    num_ascii = sum(map(str.isascii, letters))
    return "en" if letters and num_ascii >= 0.95 * len(letters) else "other"


def minhash(grams: npt.NDArray[np.uint64]) -> str:
    """64 bits of which two texts share 1 - (1 - J) / 2, where J is how far their sets of 3-grams overlap (Jaccard).

    One bit each of the smallest of the 3-grams in 64 shuffled orders, as 16 hexadecimal digits. Sources: Broder 1997,
    "On the resemblance and containment of documents"; Li & König 2010, "b-Bit minwise hashing".
    """
    smallest = np.full(64, np.iinfo(_U64).max, dtype=_U64)
    for at in range(0, len(grams), _BLOCK_GRAMS):
        shuffled = _mix(grams[at : at + _BLOCK_GRAMS, None] ^ _ORDERS)
        np.minimum(smallest, shuffled.min(axis=0), out=smallest)
    return np.packbits((_mix(smallest) >> _U64(63)).astype(np.uint8)).tobytes().hex()


def embedding(grams: npt.NDArray[np.uint64]) -> tuple[float, ...]:
    """Signed counts of the 3-grams in EMBEDDING_SIZE buckets, scaled to length 1.

    Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
    """
    mixed = _mix(grams + _U64(1))  # unlike the minhash's orders
    sign = 1 - 2 * ((mixed >> _U64(63)).astype(np.int64))
    counts = np.zeros(EMBEDDING_SIZE, dtype=np.int64)
    np.add.at(counts, (mixed % _U64(EMBEDDING_SIZE)).astype(np.int64), sign)
    norm = math.sqrt(int((counts**2).sum()))
    return tuple((counts / norm).tolist()) if norm else (0.0,) * EMBEDDING_SIZE


def _grams(text: str) -> npt.NDArray[np.uint64]:
    """Hashes of the character 3-grams of what `_plain` leaves, with a space around."""
    plain = _plain(text)
    if not plain:
        return np.empty(0, dtype=_U64)
    codes = np.frombuffer(f" {plain} ".encode("utf-32-le"), dtype="<u4").astype(_U64)
    packed = np.zeros(len(codes) - _GRAM + 1, dtype=_U64)
    for place in range(_GRAM):  # a code point has 21 bits, so three of them fit without a collision
        packed |= codes[place : len(packed) + place] << _U64(21 * place)
    return _mix(packed)


def _plain(text: str) -> str:
    """One form of a character, one case, no punctuation; single spaces between words, none beside a Chinese character.

    Copies differ in these first. Traditional and simplified characters stay different.
    """
    one_form = unicodedata.normalize("NFKC", text).casefold()
    words = " ".join("".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in one_form).split())
    return _BESIDE_HAN.sub("", words)


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele et al. 2014): every bit of the input stirs every bit."""
    values = (values ^ (values >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> _U64(27))) * _U64(0x94D049BB133111EB)
    mixed: npt.NDArray[np.uint64] = values ^ (values >> _U64(31))
    return mixed


def _num_words(text: str) -> int:
    spaced, num_themselves = _IS_WORD_ITSELF.subn(" ", text)
    return num_themselves + sum(any(map(str.isalnum, word)) for word in spaced.split())


_ORDERS = _mix(np.arange(1, 65, dtype=_U64) << _U64(32))  # what shuffles 3-grams, one number an order
