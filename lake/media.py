"""What some bytes are, found from the bytes alone; media are never trusted."""

import io
import itertools
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from lake.errors import TrialbaseError
from lake.records import Modality
from lake.spec import Spec

IMAGE_FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
}
_SUFFIXES = {
    "image/png": {"png"},
    "image/jpeg": {"jpg", "jpeg", "jpe", "jfif"},
    "image/gif": {"gif"},
    "image/bmp": {"bmp", "dib"},
    "image/webp": {"webp"},
    "image/tiff": {"tif", "tiff"},
    "text/plain": {"txt", "text"},
}
_TYPE_OF_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}


class Limits(Spec):
    """What one file may cost us."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True)
class Media:
    """What a file turned out to be."""

    modality: Modality
    media_type: str


class Refused(TrialbaseError):
    """One file that goes to quarantine; `reason` is one of lake.ingest.REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}", remedy="mend the file and deliver it again")
        self.reason = reason
        self.detail = detail


def inspect(data: bytes, name: str, limits: Limits) -> Media:
    """Decode a file fully, within limits. Raises Refused with a reason."""
    if not data:
        raise Refused("empty", "0 bytes")
    if len(data) > limits.max_bytes:
        raise Refused("oversize", f"{len(data)} bytes, limit {limits.max_bytes}")
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    media = _image(data, limits) or _text(data, suffix)
    claimed = _TYPE_OF_SUFFIX.get(suffix)
    if media is None:
        if claimed is None:
            raise Refused("unsupported", f"neither a picture ({', '.join(sorted(IMAGE_FORMATS))}) nor text (.txt)")
        raise Refused("unreadable", f"named .{suffix}, but its bytes are not {claimed}")
    if claimed != media.media_type:
        raise Refused("mistyped", f"named {'.' + suffix if suffix else 'without an ending'}, is {media.media_type}")
    return media


def _image(data: bytes, limits: Limits) -> Media | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning: the limit below decides
            with Image.open(io.BytesIO(data), formats=list(IMAGE_FORMATS)) as picture:
                kind = "image/jpeg" if picture.format == "MPO" else IMAGE_FORMATS[str(picture.format)]
                _decode(picture, limits)
    except UnidentifiedImageError:
        return None
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("oversize", str(error)) from error
    except Exception as error:  # decoders that are fed hostile bytes raise anything
        raise Refused("unreadable", f"picture cannot be decoded: {error or type(error).__name__}") from error
    return Media("image", kind)


def _decode(picture: Image.Image, limits: Limits) -> None:
    """Decode every frame, as long as all of them together stay within the limit.

    A later frame counts as 1,024 pixels at least, so that a million empty ones are not free. Of several
    JPEGs in one file (MPO) only the first is the picture.
    """
    spent = 0
    for number in itertools.count():
        if number:
            try:
                picture.seek(number)
            except EOFError:
                return
        pixels = picture.width * picture.height
        spent += max(pixels, 1024) if number else pixels
        if spent > limits.max_pixels:
            raise Refused("oversize", f"{spent} pixels in {number + 1} frames, limit {limits.max_pixels}")
        picture.load()
        if picture.format == "MPO":
            return


def _text(data: bytes, suffix: str) -> Media | None:
    if suffix not in _SUFFIXES["text/plain"]:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("unreadable", f"text is not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        raise Refused("unreadable", "text holds NUL bytes")
    if not text.strip():
        raise Refused("empty", "only white space")
    return Media("text", "text/plain")
