"""Video, decoded frame by frame within limits of pixels and seconds; a few frames are kept for probes."""

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from lake.media.apart import apart
from lake.media.kinds import Limits, Media, Refused, decoding_s, stated
from lake.media.whole import demand_whole

_KEPT = 8
_KEPT_SIDE = 256
_MAX_FPS = 1000
_DEMUXERS = {"video/mp4": "mov", "video/matroska": "matroska", "video/webm": "matroska", "video/x-msvideo": "avi"}
# What cameras and editors write. FFmpeg knows some hundred more, and few of those have been fed hostile bytes.
_CODECS = {
    "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx-vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg",
    "prores", "dvvideo", "ffv1", "theora", "rawvideo", "huffyuv", "h263", "msmpeg4v3", "msmpeg4", "wmv3",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Clip:
    """What decoding a video gave. frames: up to 8, spread evenly, small."""

    width: int
    height: int
    num_frames: int
    duration_s: float
    codec: str
    frames: tuple[Image.Image, ...]


def video_type(data: bytes) -> str | None:
    """The container that the first bytes tell of; None for another file."""
    if data[4:8] == b"ftyp" and int.from_bytes(data[:4]) < 1 << 16:
        return "video/mp4"
    if data[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in data[:64] else "video/matroska"
    return "video/x-msvideo" if data[:4] == b"RIFF" and data[8:12] == b"AVI " else None


def inspect_video(data: bytes, kind: str, limits: Limits) -> Media:
    """A video with what decoding it gave. Raises Refused."""
    max_seconds = stated(limits, "max_seconds")
    return Media("video", kind, apart(_clip, data, kind, limits.max_pixels, max_seconds, cpu_s=decoding_s(limits)))


def _clip(data: bytes, kind: str, max_pixels: int, max_seconds: float) -> Clip:
    import av
    import av.error

    demand_whole(data, kind)
    try:
        with av.open(io.BytesIO(data), format=_DEMUXERS[kind], metadata_errors="ignore") as container:
            if not container.streams.video:
                raise Refused("unsupported", "no picture in it")
            return _decoded(container, container.streams.video[0], max_pixels, max_seconds)
    except MemoryError:
        raise
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError, ArithmeticError) as error:
        raise Refused("unreadable", f"video cannot be decoded: {error or type(error).__name__}") from error


def _decoded(container: Any, stream: Any, max_pixels: int, max_seconds: float) -> Clip:
    context = stream.codec_context
    if context is None or context.name not in _CODECS:
        raise Refused("unsupported", f"a video of the form {'unknown' if context is None else context.name}")
    _demand_pixels(context.width, context.height, max_pixels)
    context.options = {"max_pixels": str(min(max_pixels, 2**31 - 1))}  # so that FFmpeg refuses before it makes room
    stream.thread_type = "NONE"
    keeper = _Keeper()
    first, last = None, 0.0
    for frame in container.decode(stream):
        _demand_pixels(frame.width, frame.height, max_pixels)
        seconds = frame.time if frame.time is not None else keeper.count / 25
        first = seconds if first is None else first
        last = max(last, seconds - first)
        if last > max_seconds or keeper.count > max_seconds * _MAX_FPS:
            raise Refused("oversize", f"longer than {max_seconds:g} s")
        keeper.add(frame)
    if not keeper.count:
        raise Refused("empty", "no frame in it")
    if keeper.count < 0.9 * stream.frames:  # containers count frames that are never shown, too
        raise Refused("unreadable", f"it holds {keeper.count} of {stream.frames} frames")
    step = last / (keeper.count - 1) if keeper.count > 1 else 0.0
    return Clip(*keeper.size, keeper.count, last + step, str(context.name), keeper.frames())


def _demand_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise Refused("oversize", f"{width} x {height} pixels, limit {max_pixels}")


class _Keeper:
    """Counts frames and keeps 8 to 15 of them, whatever their number will be."""

    def __init__(self) -> None:
        self.count, self.size = 0, (0, 0)
        self._every = 1
        self._small: tuple[int, int] | None = None  # as the first one, should the size change
        self._kept: list[Image.Image] = []

    def _fitted(self) -> tuple[int, int]:
        scale = min(1.0, _KEPT_SIDE / max(self.size))
        self._small = max(1, round(self.size[0] * scale)), max(1, round(self.size[1] * scale))
        return self._small

    def add(self, frame: Any) -> None:
        self.size = frame.width, frame.height
        if self.count % self._every == 0:
            width, height = self._small or self._fitted()
            self._kept.append(frame.to_image(width=width, height=height))
            if len(self._kept) == 2 * _KEPT:
                self._kept, self._every = self._kept[::2], self._every * 2
        self.count += 1

    def frames(self) -> tuple[Image.Image, ...]:
        """Up to 8 of those that were kept, spread evenly."""
        count = min(_KEPT, len(self._kept))
        return tuple(self._kept[at * len(self._kept) // count] for at in range(count))
