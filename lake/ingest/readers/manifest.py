"""A table of addresses of media, with what is said of them: CSV, JSON lines, Parquet."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lake.errors import DeliveryError
from lake.ingest.readers.addresses import Addresses
from lake.ingest.readers.paths import Pattern, Places, Told, is_document, wanted
from lake.ingest.readers.rows import ENDINGS, Row, rows_of
from lake.ingest.readers.says import Known, Says
from lake.ingest.reading import Beside, Column, Fault, Part, Read, ReaderSpec, Sample, Source, Unread
from lake.ingest.sources.remote import is_remote

_MEDIA_NAMES = ("uri", "url", "path", "file", "filename", "file_name", "image", "audio", "video", "media", "filepath")
_FEW = 4


@dataclass
class _Item:
    """What the rows of one item come to."""

    source: str
    parts: tuple[Part, ...]
    told: Told
    known: Known = field(default_factory=Known)


class Manifest:
    """`media` names the column of an item's file, or several of its parts. Rows with the same media are one sample."""

    NAME = "manifest"
    KEYS = Says.KEYS - {"spans"} | {"files", "pattern", "media", "delimiter", "quoted", "header", "origins"}

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec
        self._pattern = Pattern(spec)

    def recognises(self, source: Source) -> bool:
        """Few tables, the first of which names a file of the delivery, or an address, in a column of a usual name."""
        tables = wanted(source.files(), None, ENDINGS)
        return 0 < len(tables) <= _FEW and self._column(source, tables[0]) is not None

    def read(self, source: Source) -> Iterator[Read]:
        tables = wanted(source.files(), self._spec.files, ENDINGS)
        if not tables:
            raise DeliveryError(f"{source.url} holds no table", remedy="give source.reader.files: a glob of manifests")
        media = self._media(source, tables[0])
        items: dict[tuple[str, ...], _Item] = {}
        says, addresses = Says(self._spec, source), Addresses(self._spec, source)
        for file in source.files():
            if file.path in tables or file.path == self._spec.classes or is_document(file.path):
                yield Beside(file.path)
        for path in tables:
            for row in rows_of(source, path, self._spec):
                if isinstance(row, Unread):
                    yield row
                else:
                    yield from self._note(row, path, media, says, addresses, items)
        for item in items.values():
            yield Sample(
                source=item.source,
                parts=item.parts,
                said=item.known.as_said(),
                expert=item.known.expert,
                group=item.known.group,
                captured_at=item.known.captured_at,
                attributes=item.told.attributes,
            )

    def _note(
        self,
        row: Row,
        path: str,
        media: tuple[Column, ...],
        says: Says,
        addresses: Addresses,
        items: dict[tuple[str, ...], _Item],
    ) -> Iterator[Fault]:
        """Add a row to its item."""
        source = f"{path}#{row.line}"
        named = tuple(row.text(column) or "" for column in media)
        if named not in items:
            parts: list[Part] = []
            for number, (column, address) in enumerate(zip(media, named, strict=True)):
                part = addresses.part(address, path, str(column) if number else "") if address else "no media named"
                if isinstance(part, str):
                    yield Fault(source, "media missing", part)
                    return
                parts.append(part)
            items[named] = _Item(source, tuple(parts), self._pattern.told(named[0]))
        item = items[named]
        for column, answer in (("answer", item.told.answer),):
            if answer:
                item.known.said[item.told.annotator or "file name", column] = says.named(answer)
        yield from says.note(item.known, row, source, path, item.told)

    def _media(self, source: Source, path: str) -> tuple[Column, ...]:
        if self._spec.media is not None:
            return self._spec.media if isinstance(self._spec.media, tuple) else (self._spec.media,)
        found = self._column(source, path)
        if found is None:
            raise DeliveryError(
                f"{source.url}/{path} has no column that names files", remedy="give source.reader.media: the column"
            )
        return (found,)

    def _column(self, source: Source, path: str) -> Column | None:
        """The column of a usual name whose first value is a file of the delivery or an address."""
        row = next((one for one in rows_of(source, path, self._spec) if isinstance(one, Row)), None)
        places = Places(source.files())
        for name in row.index if row is not None else ():
            if str(name).lower() in _MEDIA_NAMES and row is not None:
                value = row.get(name)
                if isinstance(value, str) and (is_remote(value) or places.find(value, path) is not None):
                    return name
        return None
