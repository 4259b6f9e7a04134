"""Text in the encodings that deliveries use: UTF-8, UTF-16 with its mark, GB18030 and Big5, told apart by the bytes."""

import codecs
import io
import re
from typing import BinaryIO

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PIECE_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16  # to judge by, from the first byte beyond ASCII on
_FOREIGN = re.compile(rb"[\x80-\xff]")
_WEIGHTS = {"common": 4.0, "mark": 2.0, "level 1": 1.0, "level 2": -1.0, "other": -3.0}
_LEAST_WEIGHT = 0.0  # mean weight from which on bytes are taken for Chinese text

# Characters that make up some three quarters of running Chinese text: those that both scripts share and simplified
# ones, then what the traditional script writes otherwise. From general frequency lists of modern Chinese.
_COMMON = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经"
    "么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全"
    "三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任"
    "常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必"
    "场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告"
    "类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运吧吗呢啊"
    "這個們來為國說時會對於著過發後裡種經麼學現當沒動還進樣從實軍無與長機關點業將兩間問並應戰頭體見產話內給門東聲員論處義幾認條系"
    "氣題爾別變總電數報結務場計資許統區隊決馬書則聽卻達強難權設記類據邊張該規萬術領確傳師觀讓識帶導爭運嗎"
)
_PUNCTUATION = frozenset("，。！？、；：“”‘’（）《》〈〉【】「」『』…—·～％　")


def decode(data: bytes) -> tuple[str, str]:
    """A text and the charset it was in: utf-8, utf-16, gb18030 or big5. Raises ValueError for anything else.

    A byte order mark decides; else UTF-8 where the bytes are UTF-8, which texts in other charsets hardly ever are;
    else GB18030 or Big5, whichever reads more like Chinese. Marks are no part of the text.
    """
    charset = charset_of(io.BytesIO(data))
    try:
        return data.decode(charset), charset.removesuffix("-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not {charset} at byte {error.start}") from error


def charset_of(file: BinaryIO) -> str:
    """The name under which Python decodes an open file: `utf-8-sig` and `utf-16` say that it has a mark.

    Reads a file in UTF-8 once to its end, of others what is needed. Raises ValueError that says from which byte on it
    is no text in a known charset.
    """
    piece = file.read(_PIECE_BYTES)
    for mark, charset in _MARKS:
        if piece.startswith(mark):
            return charset
    decoder = codecs.getincrementaldecoder("utf-8")()
    at, sample, told = 0, bytearray(), ""
    while piece and not (told and len(sample) >= _SAMPLE_BYTES):
        first = None if sample else _FOREIGN.search(piece)
        if len(sample) < _SAMPLE_BYTES and (sample or first):
            sample += piece[first.start() if first else 0 :][:_SAMPLE_BYTES]
        told = told or _not_utf8(decoder, piece, at)
        at, piece = at + len(piece), file.read(_PIECE_BYTES)
    told = told or _not_utf8(decoder, b"", at)
    return _chinese(bytes(sample), told) if told else "utf-8"


def _not_utf8(decoder: codecs.IncrementalDecoder, piece: bytes, at: int) -> str:
    """What is wrong with a piece that begins at byte `at`; "" where nothing is."""
    before = len(decoder.getstate()[0])
    try:
        decoder.decode(piece, final=not piece)
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {at - before + error.start}"
    return ""


def _chinese(sample: bytes, told: str) -> str:
    """gb18030 or big5, whichever makes a sample read more like Chinese; it may end inside a character."""
    weights = {charset: weight for charset in ("gb18030", "big5") if (weight := _weight(sample, charset)) is not None}
    best = max(weights, key=lambda charset: weights[charset], default="")
    if not best or weights[best] < _LEAST_WEIGHT:
        raise ValueError(f"{told}, nor Chinese in GB18030 or Big5")
    return best


def _weight(sample: bytes, charset: str) -> float | None:
    """Mean weight of what a sample holds beyond ASCII, read in a charset; None where it cannot be read in it.

    Bytes read in the wrong charset fall all over its table; in the right one they fall on common characters, or at
    least on level 1 of GB 2312 (rows 16 to 55) and of Big5 (A440 to C67E), which hold those of everyday use.
    """
    try:
        text = codecs.getincrementaldecoder(charset)().decode(sample, final=len(sample) < _SAMPLE_BYTES)
    except UnicodeDecodeError:
        return None
    foreign = [letter for letter in text if ord(letter) > 0x7F]
    return sum(_WEIGHTS[_kind(letter, charset)] for letter in foreign) / len(foreign) if foreign else None


def _kind(letter: str, charset: str) -> str:
    if letter in _COMMON:
        return "common"
    if letter in _PUNCTUATION:
        return "mark"
    code = letter.encode(charset)
    if len(code) != 2:
        return "other"
    number = int.from_bytes(code)
    if charset == "big5":
        return "level 1" if 0xA440 <= number <= 0xC67E else "level 2" if 0xC940 <= number <= 0xF9D5 else "other"
    if code[1] < 0xA1:
        return "other"
    return "level 1" if 0xB0 <= code[0] <= 0xD7 else "level 2" if 0xD8 <= code[0] <= 0xF7 else "other"
