"""Marked spans as JSON: doccano's form, with or without users, and CLUENER's.

Sources: doccano.github.io, "Export", sequence labeling; Xu et al. 2020, "CLUENER2020: Fine-grained Named Entity
Recognition Dataset and Benchmark for Chinese".
"""

from collections.abc import Iterator
from typing import Any

from lake.answers import Span
from lake.ingest.reading import Fault

_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError)


def marks(value: Any, text: str, file: str) -> Iterator[tuple[str, list[Span]] | Fault]:
    """(annotator, all that the annotator has marked) of a text, and what is wrong with single spans.

    value: a list of {label, start_offset, end_offset, user?}, {label, start, end} or [start, end, label], the end
    exclusive; or {label: {words: [[start, end inclusive], ...]}}; None where nobody has looked. file: says so where
    nobody is named. A list without spans is an answer too: there is nothing to mark.
    """
    if value is None:
        return
    marked: dict[str, set[Span]] = {}
    named = isinstance(value, list) and any(isinstance(one, dict) and "user" in one for one in value)
    if not named:
        marked[file] = set()
    try:
        for who, span in _in_words(value, text) if isinstance(value, dict) else _in_list(value):
            if 0 <= span.start < span.end <= len(text):
                marked.setdefault(who or file, set()).add(span)
            else:
                yield Fault("", "span outside the text", f"{span.label} {span.start} to {span.end} of {len(text)}")
    except _UNREADABLE as error:
        yield Fault("", "annotation unreadable", f"{type(error).__name__}: {error}")
        return
    yield from ((who, sorted(spans)) for who, spans in sorted(marked.items()))


def _in_list(value: Any) -> Iterator[tuple[str, Span]]:
    for one in value:
        if isinstance(one, dict):
            label = one["label"] if "label" in one else one["labels"][0]
            start, end = (one[f"{side}_offset"] if f"{side}_offset" in one else one[side] for side in ("start", "end"))
            user = one.get("user")
            yield "" if user is None else str(user), Span(str(label), int(start), int(end))
        else:
            yield "", Span(str(one[2]), int(one[0]), int(one[1]))


def _in_words(value: dict[str, Any], text: str) -> Iterator[tuple[str, Span]]:
    """Ends are inclusive, as the words that stand beside them show."""
    for label, words in value.items():
        for word, places in words.items():
            for start, end in places:
                if text[int(start) : int(end) + 1] != word:
                    raise ValueError(f"{start} to {end} is not {word!r}")
                yield "", Span(str(label), int(start), int(end) + 1)
