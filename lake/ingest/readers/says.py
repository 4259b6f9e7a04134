"""What the row of a table says of its item: classes, numbers and spans, and who says so."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from lake.answers import number_text, shapes_text
from lake.errors import DeliveryError
from lake.ingest.readers.paths import Told, moment
from lake.ingest.readers.rows import Row, lines_of
from lake.ingest.readers.spans import marks
from lake.ingest.reading import Column, Fault, ReaderSpec, Said, Source


@dataclass
class Known:
    """What the rows of one item have said so far. said: of each annotator and column."""

    said: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)  # the file of each in which it was said last
    expert: str | None = None
    group: str | None = None
    captured_at: dt.datetime | None = None

    def as_said(self) -> tuple[Said, ...]:
        """In an order that does not depend on that of the rows."""
        return tuple(Said(who, answer) for (who, _), answer in sorted(self.said.items()))


class Says:
    """Reads the columns that `answer`, `number`, `spans`, `annotator`, `expert`, `group` and `time` name."""

    KEYS = frozenset({"answer", "number", "above", "spans", "annotator", "expert", "group", "time", "classes"})

    def __init__(self, spec: ReaderSpec, source: Source) -> None:
        self._spec = spec
        self._answers = spec.answer if isinstance(spec.answer, tuple) else (spec.answer,) if spec.answer else ()
        self._classes = classes_of(spec, source)
        self.columns: frozenset[Column] = frozenset(
            one
            for one in (*self._answers, spec.number, spec.spans, spec.annotator, spec.expert, spec.group, spec.time)
            if one is not None
        )

    def note(self, known: Known, row: Row, source: str, path: str, told: Told) -> Iterator[Fault]:
        """Add what a row says. source: names the row; path: its file, who says it where nobody is named."""
        who = row.text(self._spec.annotator) or told.annotator
        for column, annotator, answer in self._said(row, who, path):
            if isinstance(answer, Fault):
                yield Fault(source, answer.reason, answer.detail)
                continue
            earlier = known.files.get((annotator, column))
            if earlier is not None:
                reason = "repeated row" if earlier == path else "answered in two files"
                yield Fault(source, reason, f"{annotator} has answered this item already: the last one counts")
            known.said[annotator, column], known.files[annotator, column] = answer, path
        expert = row.text(self._spec.expert)
        known.expert = self.named(expert) if expert else known.expert
        known.group = row.text(self._spec.group) or told.group or known.group
        try:
            known.captured_at = moment(row.text(self._spec.time) or told.time) or known.captured_at
        except (ValueError, OverflowError):
            yield Fault(source, "time unreadable", str(row.get(self._spec.time)))

    def right(self, row: Row, path: str) -> str | None:
        """What a row says where there is one speaker at most: the row of a file of gold."""
        said = [answer for _, _, answer in self._said(row, None, path) if isinstance(answer, str)]
        expert = row.text(self._spec.expert)
        return self.named(expert) if expert else said[0] if said else None

    def named(self, answer: str) -> str:
        """A class that the data has by number, by its name."""
        return named(answer, self._classes)

    def _said(self, row: Row, who: str | None, path: str) -> Iterator[tuple[str, str, str | Fault]]:
        """(column, annotator, answer or what is wrong with it)"""
        several = len(self._answers) > 1
        for column in self._answers:
            text = row.text(column)
            if text is not None and text.strip():
                yield str(column), str(column) if several else who or path, self.named(text)
            elif who is not None and not several:
                yield str(column), who, Fault("", "empty answer", f"{who} has said nothing")
        if self._spec.number is not None:
            answer = self._number(row.text(self._spec.number))
            if answer is not None:
                yield str(self._spec.number), who or path, answer
        if self._spec.spans is not None:
            text = row.text(self._spec.text) or ""
            for one in marks(row.get(self._spec.spans), text, who or path):
                if isinstance(one, Fault):
                    yield str(self._spec.spans), "", one
                else:
                    yield str(self._spec.spans), one[0], shapes_text("spans", one[1])

    def _number(self, text: str | None) -> str | Fault | None:
        if text is None or not text.strip():
            return None
        try:
            value = float(text)
        except ValueError:
            return Fault("", "number unreadable", text[:80])
        if not math.isfinite(value):
            return Fault("", "number unreadable", text[:80])
        if self._spec.above is not None and value <= self._spec.above:
            return Fault("", f"{self._spec.number} not above {self._spec.above:g}", f"{value:g}")
        return number_text(value)


def named(answer: str, classes: tuple[str, ...]) -> str:
    """A class that the data has by number, from 0, by its name; any other answer as it is."""
    answer = answer.strip()
    number = answer.removesuffix(".0")
    known = number.isascii() and number.isdigit() and int(number) < len(classes)
    return classes[int(number)] if known else answer


def classes_of(spec: ReaderSpec, source: Source) -> tuple[str, ...]:
    """The classes that `source.reader.classes` names, or those in the file that it names. Raises DeliveryError."""
    if not isinstance(spec.classes, str):
        return spec.classes
    if all(file.path != spec.classes for file in source.files()):
        raise DeliveryError(
            f"{source.url} holds no {spec.classes}, which is to name the classes",
            remedy="correct source.reader.classes",
        )
    try:
        return tuple(line.strip() for line in lines_of(source, spec.classes) if line.strip())
    except ValueError as error:
        raise DeliveryError(f"{source.url}/{spec.classes}: {error}", remedy="save it as UTF-8") from error
