"""What can be measured on one item without knowing what it is for.

A probe is a pure function of the media's bytes: the same bytes give the same values on every machine.
Every column is called `probe_...`.
"""

import dataclasses
from typing import Any, TypeAlias

import pyarrow as pa

from lake.errors import LakeError, SpecError
from lake.media import Media, Refused, decode_again
from lake.text import decode

EMBEDDING_SIZE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageProbe:
    """An image as a person sees it: upright, on white where it is transparent, in 256 grey levels."""

    width: int  # pixels, after the EXIF orientation
    height: int
    channels: int  # as stored: 1 grey or palette, 2 grey with alpha, 3 colour, 4 colour with alpha or CMYK
    orientation: int  # EXIF's, 1 upright or not stated
    has_gps: bool  # whether its EXIF says where it was taken
    brightness: float  # mean, 0 black to 1 white
    contrast: float  # standard deviation, 0 to 0.5
    dark_share: float  # of the pixels, as good as black: levels 0 to 3 of 255
    light_share: float  # of the pixels, as good as white: levels 252 to 255
    sharpness: float  # variance of the Laplacian over 64 to 127 rows, grey levels squared
    phash: str  # 64 bits as 16 hexadecimal digits
    embedding: tuple[float, ...]  # 8 x 8 thumbnail without its mean, length 1; zeros for a flat image


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextProbe:
    """A text."""

    charset: str  # utf-8, utf-16, gb18030 or big5
    num_chars: int  # code points
    num_words: int  # between spaces; a Chinese character or kana is a word of its own
    letter_share: float  # of the characters that are not white space
    language: str  # zh, en or other, guessed from the script alone
    phash: str  # minhash of the character 3-grams without punctuation, 64 bits as 16 hexadecimal digits
    embedding: tuple[float, ...]  # signed hashed 3-gram counts, length 1; zeros for an empty text


@dataclasses.dataclass(frozen=True, kw_only=True)
class AudioProbe:
    """A sound."""

    duration_s: float
    sample_rate_hz: int
    num_channels: int
    loudness_db: float  # root mean square over all channels, below full scale; -120 for silence
    silence_share: float  # of windows of 20 ms that are more than 50 dB below full scale
    clipping_share: float  # of samples at full scale
    phash: str  # 64 bits of the embedding, 16 hexadecimal digits
    embedding: tuple[
        float, ...
    ]  # loudness of 8 groups of bands by 8 stretches, less what all share, length 1; or zeros


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoProbe:
    """A video, all of it decoded; looks are those of up to 8 frames, spread evenly, at 256 pixels at most."""

    duration_s: float
    fps: float  # decoded frames a second
    num_frames: int
    width: int  # pixels
    height: int
    codec: str
    brightness: float  # mean, 0 black to 1 white
    dark_share: float  # of the pixels, as good as black: levels 0 to 3 of 255
    light_share: float  # of the pixels, as good as white: levels 252 to 255
    sharpness: float  # median of the frames' variance of the Laplacian
    motion: float  # mean change from frame to frame, 0 to 1
    phash: str  # 64 bits of the embedding, 16 hexadecimal digits
    embedding: tuple[float, ...]  # 8 x 4 of the mean frame, 8 x 4 of the changes, both without their mean, length 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeSeriesProbe:
    """A series; its time is the first column called so, else the first column where that only grows, else rows."""

    num_values: int  # rows
    num_channels: int  # columns without the time and without texts
    nan_share: float  # of the channels' values
    interval: float  # median step of its time, seconds for dates; 1 without a time
    gap_share: float  # of the steps that are longer than twice the median
    is_monotonic: bool  # whether every step of its time leads forward
    constant_share: float  # of the channels that never change
    phash: str  # 64 bits of the embedding, 16 hexadecimal digits
    embedding: tuple[float, ...]  # its standardised channels at 64 places, summed with signs, length 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class TabularProbe:
    """A table."""

    num_rows: int
    num_columns: int
    num_text_columns: int
    missing_share: float
    constant_share: float  # of the columns that hold one value or none
    phash: str  # 64 bits of the embedding, 16 hexadecimal digits
    embedding: tuple[float, ...]  # its columns' hashed means, spreads and shares of texts, length 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointCloudProbe:
    """Points in space, metres."""

    num_points: int
    nan_share: float  # of the points with a coordinate that is no number
    extent_x: float  # between the 1st and the 99th percentile
    extent_y: float
    extent_z: float
    density: float  # points a cubic metre of that extent; 0 for a flat one
    intensity_low: float  # 1st percentile of the fourth column; 0 without one
    intensity_high: float  # 99th percentile
    phash: str  # 64 bits of the embedding, 16 hexadecimal digits
    embedding: tuple[float, ...]  # points in 8 x 8 fields seen from above, logarithmic, without its mean, length 1


Probe: TypeAlias = ImageProbe | TextProbe | AudioProbe | VideoProbe | TimeSeriesProbe | TabularProbe | PointCloudProbe

_KINDS: dict[str, type[Probe]] = {
    "image": ImageProbe,
    "text": TextProbe,
    "audio": AudioProbe,
    "video": VideoProbe,
    "time_series": TimeSeriesProbe,
    "tabular": TabularProbe,
    "point_cloud": PointCloudProbe,
}
_ARROW: dict[object, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    tuple[float, ...]: pa.list_(pa.float32()),
}


def probe(media: bytes, modality: str, media_type: str, decoded: Any = None) -> Probe:
    """Measure one item whose bytes were decodable when it was ingested.

    decoded: what `lake.media.inspect` gave, where it was just asked; else the bytes are decoded again. Raises
    LakeError for bytes that are not what their media type says, SpecError for an unknown modality.
    """
    if modality not in _KINDS:
        raise _unknown(modality)
    if decoded is None:
        decoded = _decoded(media, modality, media_type)
    if modality == "image":
        from quality.probes.image import probe_image

        return probe_image(decoded)
    if modality == "text":
        from quality.probes.text import probe_text

        return probe_text(decoded, media_type.partition("charset=")[2] or "utf-8")
    if modality == "audio":
        from quality.probes.audio import probe_audio

        return probe_audio(decoded)
    if modality == "video":
        from quality.probes.video import probe_video

        return probe_video(decoded)
    return _probe_numbers(decoded, modality)


def _probe_numbers(decoded: Any, modality: str) -> Probe:
    if modality == "time_series":
        from quality.probes.time_series import probe_time_series

        return probe_time_series(decoded)
    if modality == "tabular":
        from quality.probes.tabular import probe_tabular

        return probe_tabular(decoded)
    from quality.probes.point_cloud import probe_point_cloud

    return probe_point_cloud(decoded)


def _decoded(media: bytes, modality: str, media_type: str) -> Any:
    try:
        return decode(media)[0] if modality == "text" else decode_again(media, media_type, modality)
    except (Refused, KeyError, ValueError) as error:
        raise LakeError(
            f"an item of type {media_type} can no longer be decoded: {getattr(error, 'what', error)}",
            remedy="its pack is damaged or was written by hand: restore the pack, then rerun the batch",
        ) from error


def probe_row(media: bytes, modality: str, media_type: str, decoded: Any = None) -> tuple[object, ...]:
    """`probe` as one row of `probe_schema(modality)`."""
    measured = probe(media, modality, media_type, decoded)
    return tuple(vars(measured).values())


def measure(data: bytes, media: Media) -> tuple[object, ...]:
    """`probe_row` of a medium that was just decoded."""
    return probe_row(data, media.modality, media.media_type, media.decoded)


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
