"""What the readers of boxes share: boxes held against their picture."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lake.answers import Box, is_finite, shapes_text
from lake.errors import DeliveryError
from lake.ingest.reading import Fault, Said

_HEAD_BYTES = 1 << 18  # where a picture's size stands
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")


@dataclass(frozen=True)
class Drawn:
    """A box as a file gives it: pixels from the upper left corner."""

    label: str
    left: float
    top: float
    right: float
    bottom: float


def sound(source: str, boxes: Iterable[Drawn], width: float | None, height: float | None) -> Iterator[Box | Fault]:
    """Each box, or what is wrong with it. width, height: of the picture; None where the delivery does not say."""
    for box in boxes:
        told = f"{box.label} {box.left:g} {box.top:g} {box.right:g} {box.bottom:g}"
        if not is_finite(box.left, box.top, box.right, box.bottom):
            yield Fault(source, "box without numbers", told)
        elif box.right <= box.left or box.bottom <= box.top:
            yield Fault(source, "box without extent", told)
        elif _leaves(box, width, height):
            size = f" of {width:g} x {height:g}" if width and height else ""
            yield Fault(source, "box outside the picture", told + size)
        elif not box.label:
            yield Fault(source, "box without a class", told)
        else:
            width_of, height_of = round(box.right - box.left, 6), round(box.bottom - box.top, 6)
            yield Box(box.label, box.left, box.top, width_of, height_of)


def said(annotator: str, boxes: Iterable[Box]) -> Said:
    """What an annotator drew in a picture."""
    return Said(annotator, shapes_text("boxes", list(boxes)))


def size_of(read: Callable[[int], bytes]) -> tuple[int, int] | None:
    """Width and height in pixels, from a picture's first bytes; None where it cannot be opened: it will be refused."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(read(_HEAD_BYTES))) as image:
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, DeliveryError):
        return None


def _leaves(box: Drawn, width: float | None, height: float | None) -> bool:
    beyond = (width is not None and box.right > width) or (height is not None and box.bottom > height)
    return box.left < 0 or box.top < 0 or beyond
