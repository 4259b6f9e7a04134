"""Answers about an item as a whole: classes, words, an order, a rating, a number."""

from collections.abc import Sequence

from pydantic import BaseModel

from labeling.answers_entries import Finite, Json, Shown, known, only, unreadable, value_of, whole
from labeling.config import LabelConfig
from lake.answers import (
    classes_of,
    classes_text,
    number_of,
    number_text,
    ranking_of,
    ranking_text,
    rating_of,
    rating_text,
)
from lake.errors import PlatformError


class ChoiceValue(BaseModel):
    """What was chosen."""

    choices: list[str] = []


class PairwiseValue(BaseModel):
    """Which of two."""

    selected: str


class TextValue(BaseModel):
    """What was written."""

    text: str | list[str]


class RankerValue(BaseModel):
    """Ids in order, by the name of the control."""

    ranker: dict[str, list[str]]


class RatingValue(BaseModel):
    """Stars."""

    rating: int


class NumberValue(BaseModel):
    """A number."""

    number: Finite


def choice_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """One chosen class."""
    return whole(config, {"choices": [known(answer, config.classes, config)]})


def choice_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The chosen class; "" where the annotator submitted nothing."""
    entry = only(result, config)
    if entry is None:
        return ""
    choices = value_of(entry, ChoiceValue, config).choices
    if len(choices) != 1:
        raise unreadable(f"{len(choices)} classes chosen", config)
    return _class(choices[0], config)


def classes_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """All chosen classes; no entry where none is."""
    chosen = [known(one, config.classes, config) for one in classes_of(answer)]
    return whole(config, {"choices": chosen}) if chosen else []


def classes_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of the chosen classes."""
    entry = only(result, config)
    chosen = [] if entry is None else value_of(entry, ChoiceValue, config).choices
    return classes_text([_class(one, config) for one in chosen])


def pair_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """The better one of two: left or right."""
    return whole(config, {"selected": known(answer, config.classes, config)})


def pair_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """left or right; "" where the annotator submitted nothing."""
    entry = only(result, config)
    return "" if entry is None else _class(value_of(entry, PairwiseValue, config).selected, config)


def words_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """Words, as they are."""
    if not answer:
        raise PlatformError(f"{config.control_name}: no words are no answer", remedy="leave the answer out")
    return whole(config, {"text": [answer]})


def words_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The words, as they are; "" where the annotator submitted nothing."""
    entry = only(result, config)
    if entry is None:
        return ""
    text = value_of(entry, TextValue, config).text
    if isinstance(text, list) and len(text) > 1:
        raise unreadable(f"{len(text)} texts", config)
    return text if isinstance(text, str) else "".join(text)


def ranking_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """Ids, the best first."""
    return whole(config, {"ranker": {config.control_name: list(ranking_of(answer))}})


def ranking_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of the order; "" where the annotator submitted nothing."""
    entry = only(result, config)
    if entry is None:
        return ""
    columns = value_of(entry, RankerValue, config).ranker
    if set(columns) != {config.control_name}:
        raise unreadable(f"columns {', '.join(sorted(columns)) or 'without name'}", config)
    return ranking_text(columns[config.control_name])


def rating_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """Stars: Label Studio knows whole ones alone."""
    rating = rating_of(answer)
    if rating is None or not rating.is_integer() or not _within(rating, 0, config.high):
        raise _refused(answer, config, f"0 to {config.high:g} whole stars")
    return whole(config, {"rating": int(rating)})


def rating_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of the stars; "" where the annotator submitted nothing."""
    entry = only(result, config)
    if entry is None:
        return ""
    rating = value_of(entry, RatingValue, config).rating
    if not _within(rating, 0, config.high):
        raise unreadable(f"{rating} stars", config)
    return rating_text(rating)


def number_to_result(answer: str, config: LabelConfig, _shown: Shown) -> list[Json]:
    """A number between the bounds of the question."""
    number = number_of(answer)
    if number is None or not _within(number, config.low, config.high):
        raise _refused(answer, config, _bounds(config))
    return whole(config, {"number": number})


def number_from_result(result: Sequence[object], config: LabelConfig) -> str:
    """The canonical text of the number; "" where the annotator submitted nothing."""
    entry = only(result, config)
    if entry is None:
        return ""
    number = value_of(entry, NumberValue, config).number
    if not _within(number, config.low, config.high):
        raise unreadable(f"the number {number:g}, not {_bounds(config)}", config)
    return number_text(number + 0.0)


def _class(name: str, config: LabelConfig) -> str:
    if name not in config.classes:
        raise unreadable(f'the unknown class "{name}"', config)
    return name


def _within(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _bounds(config: LabelConfig) -> str:
    low = "any" if config.low is None else f"{config.low:g}"
    return f"{low} to {'any' if config.high is None else f'{config.high:g}'}"


def _refused(answer: str, config: LabelConfig, wanted: str) -> PlatformError:
    return PlatformError(f"{config.control_name} does not take {answer[:60]}", remedy=f"answer with {wanted}")
