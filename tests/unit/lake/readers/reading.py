"""Small deliveries, and what a reader makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lake.answers import shapes_of
from lake.ingest.readers import reader_for
from lake.ingest.reading import Beside, Fault, Read, ReaderSpec, Sample, Source, Unread
from lake.ingest.sources import open_source
from tests.unit.lake.samples import deliver


@dataclass(frozen=True)
class Seen:
    """All that a reader says of a source."""

    reader: str
    reads: tuple[Read, ...]
    source: Source

    @property
    def samples(self) -> list[Sample]:
        return [one for one in self.reads if isinstance(one, Sample)]

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(one.source, one.reason) for one in self.reads if isinstance(one, Fault)]

    @property
    def unread(self) -> list[tuple[str, str]]:
        return [(one.path, one.reason) for one in self.reads if isinstance(one, Unread)]

    @property
    def unnamed(self) -> set[str]:
        """Files that go to quarantine because the reader says nothing of them."""
        named = {one.file for one in self.reads if isinstance(one, Beside)}
        named |= {part.file for one in self.samples for part in one.parts}
        named |= {one.path for one in self.reads if isinstance(one, Unread)}
        return {file.path for file in self.source.files()} - named

    def said(self) -> dict[str, list[tuple[str, str]]]:
        return {one.source: [(said.annotator, said.answer) for said in one.said] for one in self.samples}

    def data(self) -> dict[str, list[bytes]]:
        return {one.source: [part.read(1 << 20) for part in one.parts] for one in self.samples}


def see(place: Path, /, **spec: Any) -> Seen:
    """What the reader of these keys makes of a place; without keys, what the one that recognises it does."""
    source = open_source(place)
    reader = reader_for(source, ReaderSpec(**spec) if spec else None)
    first = tuple(reader.read(source))
    again = tuple(reader_for(source, ReaderSpec(**spec) if spec else None).read(source))
    assert [_plain(one) for one in again] == [_plain(one) for one in first], "the same source, read again, is the same"
    return Seen(reader.NAME, first, source)


def see_files(folder: Path, files: Mapping[str, Any], /, **spec: Any) -> Seen:
    """The same of files that are written below a folder first."""
    as_bytes = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
    return see(deliver(folder, as_bytes), **spec)


def drawn(sample: Sample, kind: str = "boxes") -> list[Any]:
    """The shapes that all annotators of a sample have drawn."""
    return [shape for said in sample.said for shape in shapes_of(said.answer, kind)]


def _plain(read: Read) -> object:
    if not isinstance(read, Sample):
        return read
    parts = [(part.name, part.file, part.read(1 << 20)) for part in read.parts]
    return (read.source, parts, read.said, read.expert, read.group, read.captured_at, dict(read.attributes))
