"""What some bytes are, found from the bytes; media are never trusted.

Pillow's decoders, NumPy and Python's own readers work here; those that hostile bytes may crash or stall work in a
process of their own (`lake.media.apart`). docs/media.md says what bounds each kind.
"""

from typing import Any, cast

from lake.media.kinds import ENDINGS, TYPE_OF_ENDING, Limits, Media, Refused, extension
from lake.records import Modality

__all__ = ["Limits", "Media", "Refused", "decode_again", "extension", "inspect"]


def inspect(data: bytes, name: str, limits: Limits, wanted: Modality | None = None) -> Media:
    """Decode a file fully, within limits. Raises Refused with a reason.

    wanted: what the scenario takes, where a file of numbers does not say what they are.
    """
    if not data:
        raise Refused("empty", "0 bytes")
    if len(data) > limits.max_bytes:
        raise Refused("oversize", f"{len(data)} bytes, limit {limits.max_bytes}")
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    media = _found(data, suffix, limits, wanted)
    claimed = TYPE_OF_ENDING.get(suffix)
    if media is None:
        if claimed is None:
            raise Refused("unsupported", f"no kind of media that is taken in ({', '.join(sorted(TYPE_OF_ENDING))})")
        raise Refused("unreadable", f"named .{suffix}, but its bytes are not {claimed}")
    if suffix not in ENDINGS[media.media_type.partition(";")[0]]:
        raise Refused("mistyped", f"named {'.' + suffix if suffix else 'without an ending'}, is {media.media_type}")
    return media


def decode_again(data: bytes, media_type: str, modality: str) -> Any:
    """What decoding gives for bytes that came in before, under no other limits than they had then. Raises Refused."""
    limits = Limits(max_bytes=len(data) + 1, max_pixels=1 << 40, max_seconds=1e6, max_values=1 << 40)
    media = _found(data, extension(media_type), limits, cast("Modality", modality))
    if media is None or media.modality != modality:
        raise Refused("unreadable", f"its bytes are not {modality}")
    return media.decoded


def _found(data: bytes, suffix: str, limits: Limits, wanted: Modality | None) -> Media | None:
    """By the first bytes; what has no mark of its own by its ending."""
    from lake.media.audio import audio_type, inspect_audio, is_mp3_frame
    from lake.media.image import inspect_image
    from lake.media.number_files import TYPES, UNMARKED, inspect_numbers
    from lake.media.video import inspect_video, video_type

    if (container := video_type(data)) is not None:
        return inspect_video(data, container, limits)
    if audio_type(data) is not None or (is_mp3_frame(data) and suffix not in UNMARKED):
        return inspect_audio(data, limits)
    numbers = next((kind for mark, kind in TYPES.items() if data.startswith(mark)), UNMARKED.get(suffix))
    if numbers is not None:
        return inspect_numbers(data, numbers, wanted, limits)
    picture = inspect_image(data, limits)
    if picture is None and suffix in ENDINGS["text/plain"]:
        from lake.media.words import inspect_text

        return inspect_text(data)
    return picture
