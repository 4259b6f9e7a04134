"""Pictures, decoded fully: what is cut off or claims more than it holds does not come in."""

import io
import itertools
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from lake.media.kinds import Limits, Media, Refused

# Pillow warns of single files; limits and refusals say more. Once for all: filters are shared by all threads.
warnings.filterwarnings("ignore", module="PIL")

IMAGE_FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
}
_FORMATS = list(IMAGE_FORMATS)
_MAX_SCANS = 100  # encoders write about 10
_EXIF_HOLDERS = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """The first frame of a picture.

    grey: as a person sees it, in 256 levels. channels: as stored. orientation: EXIF's, 1 to 8, grey is upright.
    has_gps: whether its EXIF says where it was taken.
    """

    grey: Image.Image
    channels: int
    orientation: int
    has_gps: bool


def inspect_image(data: bytes, limits: Limits) -> Media | None:
    """A picture with its first frame decoded; None for bytes that are none. Raises Refused."""
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        kind = "image/jpeg" if image.format == "MPO" else IMAGE_FORMATS[str(image.format)]
        channels = len(image.getbands())
        if kind == "image/jpeg":
            _prepare_jpeg(image, data)
        _decode(image, limits)
        orientation, has_gps = _told(image)
        return Media("image", kind, Picture(_grey(image, orientation), channels, orientation, has_gps))
    except UnidentifiedImageError:
        return None
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("oversize", str(error)) from error
    except Exception as error:  # decoders that are fed hostile bytes raise anything
        raise Refused("unreadable", f"picture cannot be decoded: {error or type(error).__name__}") from error


def _prepare_jpeg(image: Image.Image, data: bytes) -> None:
    """Have it decoded to brightness alone, which is half of the work; every bit of it is read all the same.

    A scan of a progressive JPEG may take a few bytes and passes over all pixels.
    """
    if "progressive" in image.info and (num_scans := data.count(b"\xff\xda")) > _MAX_SCANS:
        raise Refused("oversize", f"{num_scans} scans, limit {_MAX_SCANS}")
    image.draft("L", None)


def _decode(image: Image.Image, limits: Limits) -> None:
    """Decode every frame, as long as all of them together stay within the limit; the first one stays in place.

    A later frame counts as 1,024 pixels at least, so that a million empty ones are not free. Of several
    JPEGs in one file (MPO) only the first is the picture.
    """
    spent = 0
    for number in itertools.count():
        if number:
            try:
                image.seek(number)
            except EOFError:
                break
        pixels = image.width * image.height
        spent += max(pixels, 1024) if number else pixels
        if spent > limits.max_pixels:
            raise Refused("oversize", f"{spent} pixels in {number + 1} frames, limit {limits.max_pixels}")
        image.load()
        if image.format == "MPO":
            return
    if number > 1:
        image.seek(0)
        image.load()


def _told(image: Image.Image) -> tuple[int, bool]:
    """Orientation and whether there is a place in the EXIF of a decoded picture. Raises anything for a hostile one."""
    if image.format != "TIFF" and _EXIF_HOLDERS.isdisjoint(image.info):
        return 1, False
    exif = image.getexif()
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    has_gps = bool(exif.get_ifd(ExifTags.IFD.GPSInfo))
    return orientation if orientation in range(1, 9) else 1, has_gps


def _grey(stored: Image.Image, orientation: int) -> Image.Image:
    """Upright, on white where it is transparent; 16-bit scans keep their whole range."""
    if stored.mode != "L" or stored.has_transparency_data:
        stored = _flat(stored)
    return stored.transpose(_TURNS[orientation]) if orientation in _TURNS else stored


def _flat(stored: Image.Image) -> Image.Image:
    if stored.mode.startswith("I") or stored.mode == "F":
        return _from_deep(np.asarray(stored, dtype=np.float64), is_float=stored.mode == "F")
    if stored.has_transparency_data:
        colour = stored.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("L")
    return stored.convert("L")


def _from_deep(levels: npt.NDArray[np.float64], *, is_float: bool) -> Image.Image:
    """Pillow's own conversion cuts everything above 255 off; floats have no agreed range but their own."""
    if is_float:
        levels = np.nan_to_num(levels, posinf=0, neginf=0)
        low, high = levels.min(), levels.max()
        scaled = (levels - low) / (high - low) * 255 if high > low else np.zeros_like(levels)
    else:
        scaled = levels.clip(0, 65535) / 257
    return Image.fromarray(scaled.round().astype(np.uint8))
