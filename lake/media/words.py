"""Texts, in the encodings that deliveries use."""

from lake.media.kinds import Media, Refused
from lake.text import decode


def inspect_text(data: bytes) -> Media:
    """A text, decoded. Raises Refused."""
    try:
        text, charset = decode(data)
    except ValueError as error:
        raise Refused("unreadable", f"text is {error}") from error
    if "\0" in text:
        raise Refused("unreadable", "text holds NUL bytes")
    if not text.strip():
        raise Refused("empty", "only white space")
    return Media("text", "text/plain" if charset == "utf-8" else f"text/plain; charset={charset}", text)
