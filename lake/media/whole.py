"""Whether a container's parts are all there: decoders read on without a word where a file was cut off."""

from lake.media.kinds import Refused

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # of a stream that was written without going back
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"


def demand_whole(data: bytes, media_type: str) -> None:
    """Raises Refused for a WAV, AVI, MP4, Matroska or Ogg file that ends before its last part does."""
    checks = {
        "audio/wav": _riff,
        "video/x-msvideo": _riff,
        "video/mp4": _boxes,
        "video/matroska": _segment,
        "video/webm": _segment,
        "audio/ogg": _pages,
    }
    if media_type in checks:
        checks[media_type](data)


def _demand(data: bytes, end: int) -> None:
    if end > len(data):
        raise Refused("unreadable", f"it ends after {len(data)} of at least {end} bytes")


def _riff(data: bytes) -> None:
    """Chunks of RIFF (Microsoft, IBM 1991); RIFX has its sizes the other way round."""
    order = "big" if data[:4] == b"RIFX" else "little"
    size = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]  # a literal, said in two steps
    if size not in _UNKNOWN_SIZES:
        _demand(data, 8 + size)


def _boxes(data: bytes) -> None:
    """Boxes of ISO 14496-12: size, name, and a long size where size is 1; 0 is up to the end."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16])
        if size == 0:
            return
        if size < 8:
            raise Refused("unreadable", f"a part of {size} bytes at byte {at}")
        at += size
    _demand(data, at)


def _segment(data: bytes) -> None:
    """The segment of Matroska (RFC 9559), whose size stands after its mark; all ones for a live stream."""
    at = data.find(_MATROSKA_SEGMENT, 0, 4096) + len(_MATROSKA_SEGMENT)
    if at < len(_MATROSKA_SEGMENT) or at >= len(data) or not data[at]:
        raise Refused("unreadable", "no segment in it")
    width = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + width]) & ((1 << 7 * width) - 1)
    if size != (1 << 7 * width) - 1:
        _demand(data, at + width + size)


def _pages(data: bytes) -> None:
    """Pages of Ogg (RFC 3533): the last one is whole and says that it is the last."""
    at = data.rfind(b"OggS")
    head = data[at : at + 27]
    if len(head) < 27:
        raise Refused("unreadable", "it ends within the head of a page")
    segments = data[at + 27 : at + 27 + head[26]]
    _demand(data, at + 27 + head[26] + sum(segments))
    if not head[5] & 4:
        raise Refused("unreadable", "its last page is not there")
