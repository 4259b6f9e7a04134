"""Masks in Label Studio's brush format.

The format is that of @thi.ng/rle-pack over the red, green, blue and alpha of every pixel: a head of 32 bits with the
number of values, 5 with the bits of a value less one, four times 4 with the bits of a run's length less one; then
blocks of 1 bit (whether one value is repeated), 2 bits (which of the four lengths), the number of values less one, and
that one value or all of them. What comes out has the bytes of `label_studio_sdk.converter.brush.mask2rle`.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lake.answers import Mask
from lake.errors import PlatformError

Bytes = npt.NDArray[np.uint8]

_CHANNELS = 4
_VALUE_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)
_LONGEST = 1 << _LENGTH_BITS[-1]
_HALF = 128  # a pixel that the brush covered half belongs to the mask
_MAX_PIXELS = 1 << 28


def encode(mask: Mask) -> list[int]:
    """Bytes of a mask, 255 in all four channels where it is on. Raises PlatformError for runs that don't fill it."""
    pixels = mask.width * mask.height
    if sum(mask.counts) != pixels or min(mask.counts, default=0) < 0:
        raise PlatformError(
            f"a mask of {mask.width} x {mask.height} pixels has {sum(mask.counts)} in its runs",
            remedy="give the lengths of all runs, off and on by turns, the first one off",
        )
    head = f"{pixels * _CHANNELS:032b}{_VALUE_BITS - 1:05b}" + "".join(f"{bits - 1:04b}" for bits in _LENGTH_BITS)
    bits = head + "".join(_block(count * _CHANNELS, value) for count, value in _runs(mask.counts))
    bits += "0" * (8 - len(bits) % 8)  # one byte more where none is needed, as there
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


def decode(rle: Sequence[int], label: str, width: int, height: int) -> Mask:
    """The mask of what a brush or a model painted; a pixel is on where it is half opaque or more.

    Raises PlatformError for bytes that are not of this format, or of a picture of another size.
    """
    pixels = width * height
    if pixels > _MAX_PIXELS:
        raise _damaged(f"{width} x {height} pixels")
    try:
        stream = _Bits(bytes(rle))
        if (num := stream.number(32)) != pixels * _CHANNELS:
            raise _damaged(f"{num} values for {width} x {height} pixels")
        values = _values(stream, num)
    except (ValueError, IndexError) as error:
        raise _damaged("bytes that end too early or are none") from error
    on = values[_CHANNELS - 1 :: _CHANNELS] >= _HALF
    edges = np.flatnonzero(np.diff(on, prepend=False))
    bounds = np.concatenate(([0], edges, [pixels]))
    return Mask(label, width, height, tuple(int(count) for count in np.diff(bounds)))


def _runs(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Lengths and values of runs: neighbours of one value joined, empty ones left out."""
    length, last = 0, 0
    for place, count in enumerate(counts):
        value = 255 * (place % 2)
        if count and value != last and length:
            yield length, last
            length = 0
        if count:
            length, last = length + count, value
    if length:
        yield length, last


def _block(length: int, value: int) -> str:
    """The bits of one run, in as many blocks as it takes."""
    blocks = (length - 1) // _LONGEST
    longest = f"111{_LONGEST - 1:016b}{value:08b}" * blocks
    rest = length - blocks * _LONGEST
    if blocks:
        return f"{longest}111{rest - 1:016b}{value:08b}"
    place = next(place for place, bits in enumerate(_LENGTH_BITS) if rest <= 1 << bits)
    return f"1{place:02b}{rest - 1:0{_LENGTH_BITS[place]}b}{value:08b}"


def _values(stream: "_Bits", num: int) -> Bytes:
    """The `num` values behind the number of values."""
    value_bits = stream.number(5) + 1
    if value_bits != _VALUE_BITS:
        raise _damaged(f"values of {value_bits} bits")
    length_bits = [stream.number(4) + 1 for _ in range(4)]
    values = np.zeros(num, dtype=np.uint8)
    at = 0
    while at < num:
        repeated = stream.number(1)
        count = stream.number(length_bits[stream.number(2)]) + 1
        if at + count > num:
            raise ValueError
        values[at : at + count] = stream.number(_VALUE_BITS) if repeated else stream.values(count)
        at += count
    return values


class _Bits:
    """A stream of bits, the highest of each byte first; ValueError at its end."""

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
        self._text = self._bits.tobytes().translate(bytes.maketrans(b"\0\1", b"01"))
        self._at = 0

    def number(self, bits: int) -> int:
        """The next number."""
        return int(self._text[self._passed(bits) : self._at], 2)

    def values(self, count: int) -> Bytes:
        """The next `count` bytes."""
        return np.packbits(self._bits[self._passed(8 * count) : self._at])

    def _passed(self, bits: int) -> int:
        """Go on by so many bits; returns where they begin."""
        start = self._at
        self._at += bits
        if self._at > len(self._text):
            raise ValueError
        return start


def _damaged(found: str) -> PlatformError:
    return PlatformError(f"the platform holds a mask of {found}", remedy="delete or correct that annotation there")
