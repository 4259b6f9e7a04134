"""A table whose rows are the samples: a text in a column, or the row itself; and who said what of it in others."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from lake.errors import DeliveryError
from lake.ingest.readers.gold import Gold, Lines
from lake.ingest.readers.paths import Pattern, Told, is_document, matches, only, wanted
from lake.ingest.readers.rows import ENDINGS, JSON_ENDINGS, YAML_ENDINGS, Row, rows_of
from lake.ingest.readers.says import Known, Says
from lake.ingest.reading import Beside, Column, Fault, Read, ReaderSpec, Sample, Source, Unread, inline

_TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "utterance", "文本", "内容", "评论", "句子")
_ANSWER_NAMES = ("label", "answer", "class", "category", "sentiment", "标签", "类别")


@dataclass
class _Item:
    """What the rows of one item come to."""

    source: str
    data: bytes
    ending: str
    known: Known = field(default_factory=Known)
    told: Told = field(default_factory=Told)


class Table:
    """`text` names the column of the item's text; without one the row itself, but for what is said of it, is the item.

    Rows with the same `item` are one sample; where annotators are named, so are rows with the same text. An annotator
    who has answered an item twice is a fault, and the last answer counts.
    """

    NAME = "table"
    KEYS = Says.KEYS | {"files", "pattern", "item", "text", "gold", "matrix", "delimiter", "quoted", "header"}

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._pattern = Pattern(spec)

    def recognises(self, source: Source) -> bool:
        """Tables and documents alone."""
        return only(source.files(), ENDINGS)

    def read(self, source: Source) -> Iterator[Read]:
        beside = {self._spec.gold, self._spec.matrix, self._spec.classes} - {None, (), ""}
        names = [path for path in wanted(source.files(), self._spec.files, ENDINGS) if path not in beside]
        if not names:
            raise DeliveryError(f"{source.url} holds no table", remedy="give source.reader.files: a glob of its tables")
        for file in source.files():
            if file.path in names or file.path in beside or self._stands_beside(file.path):
                yield Beside(file.path)
        yield from self._items(source, names, self._guessed(source, names[0]))

    def _guessed(self, source: Source, path: str) -> ReaderSpec:
        """Where no column is named, those of the usual names."""
        if self._spec.model_fields_set & (Says.KEYS | {"item", "text", "matrix"}):
            return self._spec
        first = next((row for row in rows_of(source, path, self._spec) if isinstance(row, Row)), None)
        names = [name for name in (first.index if first else ()) if isinstance(name, str)]
        text = next((name for name in names if name.lower() in _TEXT_NAMES), None)
        answer = next((name for name in names if name.lower() in _ANSWER_NAMES), None)
        return self._spec.model_copy(update={"text": text, "answer": answer})

    def _stands_beside(self, path: str) -> bool:
        return is_document(path) or (self._spec.files is not None and not matches(path, self._spec.files))

    def _items(self, source: Source, names: list[str], spec: ReaderSpec) -> Iterator[Read]:
        says, gold, beside = Says(spec, source), Gold(spec, source), Lines(spec, source, names)
        items: dict[str, _Item] = {}
        columns = _Columns(spec, says.columns)
        for path in names:
            told = self._pattern.told(path)
            for row in rows_of(source, path, spec):
                if isinstance(row, Unread):
                    yield row
                    continue
                item = self._item(row, path, told, columns, items, source)
                yield from says.note(item.known, row, f"{path}#{row.line}", path, told)
                beside.note(item.known, says)
                if not columns.grouped:
                    yield from _sample(item, None)
        for key, item in items.items():
            yield from _sample(item, gold.of(key, says))
        yield from chain(gold.left(), beside.left())

    def _item(
        self, row: Row, path: str, told: Told, columns: "_Columns", items: dict[str, _Item], source: Source
    ) -> _Item:
        """The item that a row belongs to; one that is not seen again is not kept."""
        columns.fit(row, f"{source.url}/{path}")
        if not columns.grouped:
            return _Item(f"{path}#{row.line}", *columns.content(row), told=told)
        key = row.text(columns.key) or ""
        if key not in items:
            items[key] = _Item(f"{path}#{row.line}", *columns.content(row), told=told)
        return items[key]


class _Columns:
    """Which columns make an item, and which name it."""

    def __init__(self, spec: ReaderSpec, said: frozenset[Column]) -> None:
        self._spec, self._said, self.text = spec, said, spec.text
        self.key = spec.item if spec.item is not None else spec.text if spec.annotator is not None else None
        self.grouped = self.key is not None
        self._fitted: object = None

    def fit(self, row: Row, where: str) -> None:
        """Whether a table has the columns that are asked for. Raises DeliveryError."""
        if row.index is self._fitted:
            return
        for column in (self.text, self._spec.item, *sorted(self._said, key=str)):
            if column is not None and not row.has(column) and isinstance(row.index, dict) and not _is_json(where):
                known = ", ".join(str(name) for name in row.index)
                raise DeliveryError(f"{where} has no column {column!r}", remedy=f"its columns are {known}")
        self._fitted = row.index

    def content(self, row: Row) -> tuple[bytes, str]:
        """An item's bytes and the ending that says what they are."""
        if self.text is not None:
            return (row.text(self.text) or "").encode("utf-8", "replace"), ".txt"
        if self._spec.item is not None:
            return _json({str(self._spec.item): row.get(self._spec.item)}), ".json"
        named = {str(one) for one in self._said}
        return _json({name: _number(value) for name, value in row.plain().items() if name not in named}), ".json"


def _sample(item: _Item, right: str | None) -> Iterator[Read]:
    if not item.data.strip():
        yield Fault(item.source, "empty text", "nothing stands in its column")
    yield Sample(
        source=item.source,
        parts=(inline(item.data, item.source + item.ending),),
        said=item.known.as_said(),
        expert=right if right is not None else item.known.expert,
        group=item.known.group,
        captured_at=item.known.captured_at,
        attributes=item.told.attributes,
    )


def _number(value: Any) -> Any:
    """A cell of CSV as the number that it is."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value) if value.isascii() and "_" not in value else value
        except ValueError:
            continue
    return value if value else None


def _json(value: dict[str, Any]) -> bytes:
    """Sorted by nothing: columns stay in their order. Numbers that are none are null."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if "NaN" in text or "Infinity" in text:
        clean = {name: None if isinstance(one, float) and one * 0 != 0 else one for name, one in value.items()}
        text = json.dumps(clean, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace")


def _is_json(where: str) -> bool:
    """Objects may leave out what is null."""
    return any(ending in where.lower() for ending in (*JSON_ENDINGS, *YAML_ENDINGS))
