"""What is known to be right of the items of a table, and answers in a matrix: files beside the table."""

from collections.abc import Iterator

from lake.errors import DeliveryError
from lake.ingest.readers.rows import JSON_ENDINGS, Row, lines_of, plain_ending, rows_of
from lake.ingest.readers.says import Known, Says
from lake.ingest.reading import Fault, ReaderSpec, Source, Unread


class Gold:
    """`source.reader.gold` with items in it: by the table's own columns, else item and answer in the first two."""

    def __init__(self, spec: ReaderSpec, source: Source) -> None:
        self._path = spec.gold or ""
        self._rows: dict[str, str | Row] = {}
        self._seen: set[str] = set()
        self._faults: list[Fault] = []
        if spec.gold is not None and spec.item is not None:
            _there(source, spec.gold, "gold")
            self._load(spec, source)

    def of(self, item: str | None, says: Says) -> str | None:
        """What is right of an item; None where nothing is known."""
        found = self._rows.get(item or "")
        if found is None or item is None:
            return None
        self._seen.add(item)
        return says.named(found) if isinstance(found, str) else says.right(found, self._path)

    def left(self) -> Iterator[Fault]:
        """What is wrong in the file, and items that the table does not have."""
        yield from self._faults
        for item in sorted(set(self._rows) - self._seen):
            yield Fault(self._path, "gold of no item", item[:200])

    def _load(self, spec: ReaderSpec, source: Source) -> None:
        named = spec.header and plain_ending(self._path) in JSON_ENDINGS
        for row in rows_of(source, self._path, spec if named else spec.model_copy(update={"header": False})):
            if isinstance(row, Unread):
                self._faults.append(Fault(row.path, "gold unreadable", row.detail))
                continue
            if not named and row.line == 1 and str(spec.item) in row.values:
                headed = rows_of(source, self._path, spec.model_copy(update={"header": True}))
                self._keep((one for one in headed if isinstance(one, Row)), spec)
                return
            if named:
                self._keep(iter([row]), spec)
            elif len(row.values) >= 2:
                self._rows[row.text(1) or ""] = row.text(2) or ""

    def _keep(self, rows: Iterator[Row], spec: ReaderSpec) -> None:
        for row in rows:
            key = row.text(spec.item)
            if key is not None:
                self._rows[key] = row


class Lines:
    """`gold` and `matrix` without items in them: line by line beside the one table."""

    def __init__(self, spec: ReaderSpec, source: Source, tables: list[str]) -> None:
        self._gold = self._opened(spec, source, tables, spec.gold, "gold") if spec.item is None else None
        self._matrix = self._opened(spec, source, tables, spec.matrix, "matrix")
        self._delimiter = spec.delimiter or None

    def note(self, known: Known, says: Says) -> None:
        """Add what stands in the next line of each. Raises DeliveryError where one ends."""
        if self._gold is not None:
            known.expert = says.named(self._next(self._gold)) or known.expert
        if self._matrix is not None:
            for number, answer in enumerate(self._next(self._matrix).split(self._delimiter), 1):
                if answer not in ("", "-1"):
                    known.said[str(number), "matrix"] = says.named(answer)

    def left(self) -> Iterator[Fault]:
        """Lines that no row of the table stands beside."""
        for lines in (self._gold, self._matrix):
            more = sum(1 for line in lines[1] if line) if lines is not None else 0
            if lines is not None and more:
                yield Fault(lines[0], "answers of no row", f"{more} lines more than the table has rows")

    def _next(self, lines: tuple[str, Iterator[str]]) -> str:
        found = next(lines[1], None)
        if found is None:
            raise DeliveryError(
                f"{lines[0]} has fewer lines than the table has rows", remedy="one line for each row, in the same order"
            )
        return found

    def _opened(
        self, spec: ReaderSpec, source: Source, tables: list[str], path: str | None, key: str
    ) -> tuple[str, Iterator[str]] | None:
        if path is None:
            return None
        _there(source, path, key)
        if len(tables) != 1 or spec.item is not None:
            raise DeliveryError(
                f"source.reader.{key}: {path} stands beside one table, line by line",
                remedy="name that table with source.reader.files, and no item",
            )
        return path, lines_of(source, path)


def _there(source: Source, path: str, key: str) -> None:
    if all(file.path != path for file in source.files()):
        raise DeliveryError(f"{source.url} holds no {path}", remedy=f"correct source.reader.{key}")
