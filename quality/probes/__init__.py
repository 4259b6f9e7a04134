"""What can be measured on one item without knowing what it is for.

A probe is a pure function of the media's bytes: the same bytes give the same values on every machine.
Every column is called `probe_...`.
"""

import dataclasses
from typing import TypeAlias

import pyarrow as pa

from lake.errors import SpecError

EMBEDDING_SIZE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageProbe:
    """An image as a person sees it: upright, on white where it is transparent, in 256 grey levels."""

    width: int  # pixels, after the EXIF orientation
    height: int
    channels: int  # as stored: 1 grey or palette, 2 grey with alpha, 3 colour, 4 colour with alpha or CMYK
    brightness: float  # mean, 0 black to 1 white
    contrast: float  # standard deviation, 0 to 0.5
    sharpness: float  # variance of the Laplacian, grey levels squared
    phash: str  # 64 bits as 16 hexadecimal digits
    embedding: tuple[float, ...]  # 8 x 8 thumbnail without its mean, length 1; zeros for a flat image


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextProbe:
    """A UTF-8 text."""

    num_chars: int  # code points
    num_words: int  # between spaces; a Chinese character or kana is a word of its own
    letter_share: float  # of the characters that are not white space
    language: str  # zh, en or other, guessed from the script alone
    phash: str  # simhash of the character 3-grams, 16 hexadecimal digits
    embedding: tuple[float, ...]  # signed hashed 3-gram counts, length 1; zeros for an empty text


Probe: TypeAlias = ImageProbe | TextProbe

_KINDS: dict[str, type[ImageProbe] | type[TextProbe]] = {"image": ImageProbe, "text": TextProbe}
_ARROW: dict[object, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    tuple[float, ...]: pa.list_(pa.float32()),
}


def probe(media: bytes, modality: str, media_type: str) -> Probe:
    """Measure one item whose bytes were decodable when it was ingested.

    Raises LakeError for bytes that are not what their media type says, SpecError for an unknown modality.
    """
    if modality == "image":
        from quality.probes.image import probe_image

        return probe_image(media, media_type)
    if modality == "text":
        from quality.probes.text import probe_text

        return probe_text(media)
    raise _unknown(modality)


def probe_row(media: bytes, modality: str, media_type: str) -> tuple[object, ...]:
    """`probe` as one row of `probe_schema(modality)`."""
    measured = probe(media, modality, media_type)
    row = (getattr(measured, field.name) for field in dataclasses.fields(measured))
    return tuple(list(value) if isinstance(value, tuple) else value for value in row)


def probe_schema(modality: str) -> pa.Schema:
    """The columns of `probe_row`: `probe_` and the name of the field, none of them null."""
    if modality not in _KINDS:
        raise _unknown(modality)
    fields = dataclasses.fields(_KINDS[modality])
    return pa.schema([pa.field(f"probe_{field.name}", _ARROW[field.type], nullable=False) for field in fields])


def _unknown(modality: str) -> SpecError:
    return SpecError(
        f"there are no probes for the modality {modality!r}", remedy=f"use one of {', '.join(sorted(_KINDS))}"
    )
