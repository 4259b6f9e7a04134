"""Deliveries read: everything in them in an order that does not change, with the bytes of the media."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from lake.ingest.beside import ORDER
from lake.ingest.readers import reader_for
from lake.ingest.reading import Beside, Damaged, Fault, ReaderSpec, Sample, Source, Unread


@dataclass(frozen=True)
class Loaded:
    """One read of a source, with the bytes of its media."""

    source: Source
    read: Sample | Fault | Unread
    data: tuple[bytes, ...] = ()


def reads_of(sources: Sequence[Source], spec: ReaderSpec | None) -> Iterator[tuple[Source, Sample | Fault | Unread]]:
    """Everything in the deliveries, file by file, in an order that does not change."""
    for source in sources:
        reader = reader_for(source, spec)
        named = {ORDER}
        for read in reader.read(source):
            if isinstance(read, Beside):
                named.add(read.file)
                continue
            if isinstance(read, Sample):
                named.update(part.file for part in read.parts)
            if isinstance(read, Unread):
                named.add(read.path)
            yield source, read
        for left in source.unread():
            yield source, left
        for file in source.files():
            if file.path not in named:
                yield source, Unread(file.path, "unsupported", f"no part of a {reader.NAME} delivery")


def chunks_of(
    reads: Iterable[tuple[Source, Sample | Fault | Unread]], max_bytes: int, *, chunk_bytes: int, chunk_rows: int
) -> Iterator[list[Loaded]]:
    """Reads with their bytes, as many as the engine takes at once. max_bytes: of a medium, and one byte more."""
    chunk: list[Loaded] = []
    size = 0
    for source, read in reads:
        loaded = _loaded(source, read, max_bytes)
        chunk.append(loaded)
        size += sum(map(len, loaded.data))
        if size >= chunk_bytes or len(chunk) >= chunk_rows:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _loaded(source: Source, read: Sample | Fault | Unread, max_bytes: int) -> Loaded:
    try:
        parts = read.parts if isinstance(read, Sample) else ()
        return Loaded(source, read, tuple(part.read(max_bytes) for part in parts))
    except Damaged as error:
        assert isinstance(read, Sample), "only media are read"
        return Loaded(source, Unread(read.source, "unreadable", error.what))


def media_table(chunk: Sequence[Loaded]) -> pa.Table:
    """The media of a chunk: data, file, and whether it is its sample's main one."""
    pairs = [
        (part, data, number == 0)
        for one in chunk
        if isinstance(one.read, Sample)
        for number, (part, data) in enumerate(zip(one.read.parts, one.data, strict=True))
    ]
    return pa.table(
        {
            "data": pa.array([data for _, data, _ in pairs], pa.large_binary()),
            "file": pa.array([part.file for part, _, _ in pairs], pa.string()),
            "main": pa.array([main for _, _, main in pairs], pa.bool_()),
        }
    )
