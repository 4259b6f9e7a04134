"""A typed answer (lake.answers) and the platform's JSON for it; nothing behind this door sees JSON."""

from collections.abc import Callable, Sequence

from labeling import answers_keypoints, answers_shapes, answers_spans, answers_whole
from labeling.answers_entries import Json, Shown
from labeling.config import LabelConfig
from lake.answers import kind_of
from lake.errors import PlatformError

Write = Callable[[str, LabelConfig, Shown], list[Json]]
Read = Callable[[Sequence[object], LabelConfig], str]

_UNKNOWN = Shown()

_WAYS: dict[str, tuple[Write, Read]] = {  # of kinds
    "boxes": (answers_shapes.boxes_to_result, answers_shapes.boxes_from_result),
    "polygons": (answers_shapes.polygons_to_result, answers_shapes.polygons_from_result),
    "masks": (answers_shapes.masks_to_result, answers_shapes.masks_from_result),
    "keypoints": (answers_keypoints.keypoints_to_result, answers_keypoints.keypoints_from_result),
    "spans": (answers_spans.spans_to_result, answers_spans.spans_from_result),
    "segments": (answers_spans.segments_to_result, answers_spans.segments_from_result),
    "classes": (answers_whole.classes_to_result, answers_whole.classes_from_result),
    "ranking": (answers_whole.ranking_to_result, answers_whole.ranking_from_result),
    "rating": (answers_whole.rating_to_result, answers_whole.rating_from_result),
    "number": (answers_whole.number_to_result, answers_whole.number_from_result),
}
_TEXT_WAYS: dict[str, tuple[Write, Read]] = {  # of controls whose answers are plain text
    "Choices": (answers_whole.choice_to_result, answers_whole.choice_from_result),
    "Pairwise": (answers_whole.pair_to_result, answers_whole.pair_from_result),
    "TextArea": (answers_whole.words_to_result, answers_whole.words_from_result),
}


def to_result(answer: str, config: LabelConfig, shown: Shown = _UNKNOWN) -> list[Json]:
    """The platform's form of a canonical answer, for annotations and predictions.

    shown: the size of a picture for boxes, polygons and keypoints. Raises PlatformError for an answer that the
    question does not take, or that cannot be said without knowing more of what is shown.
    """
    if config.kind != "text" and kind_of(answer) != config.kind:
        raise PlatformError(
            f'"{answer[:60]}" is no answer to {config.control_name}', remedy=f"answer with {config.kind}"
        )
    write, _ = _ways(config)
    return write(answer, config, shown)


def from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical answer of an annotation's `result`.

    Where the annotator submitted nothing: that there is nothing, for shapes and for a choice of several classes; else
    "", no answer. Raises PlatformError naming what this question cannot have been answered with.
    """
    _, read = _ways(config)
    return read(result, config)


def _ways(config: LabelConfig) -> tuple[Write, Read]:
    return _TEXT_WAYS[config.control_tag] if config.kind == "text" else _WAYS[config.kind]
