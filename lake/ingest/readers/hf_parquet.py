"""Parquet as the Hugging Face datasets library writes it: media as {bytes, path}, classes named in the metadata.

Format: huggingface.co/docs/datasets, "Features" (Image, Audio, ClassLabel).
"""

import json
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lake.answers import number_text
from lake.errors import DeliveryError
from lake.ingest.readers.paths import is_document, wanted
from lake.ingest.reading import Beside, Damaged, Fault, Part, Read, ReaderSpec, Said, Sample, Source, Unread

_MAX_GROUP_BYTES = 2**31
_ENDINGS = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "wav", b"fLaC": "flac", b"ID3": "mp3", b"OggS": "ogg"}


class HfParquet:
    """Every row is a sample: its media are the columns of {bytes, path}, its answer a ClassLabel."""

    NAME = "hf_parquet"
    KEYS = frozenset({"files", "answer", "text", "group"})

    def __init__(self, spec: ReaderSpec) -> None:
        self._spec = spec

    def recognises(self, source: Source) -> bool:
        found = wanted(source.files(), None, (".parquet",))
        try:
            return bool(found) and bool(_Table(source, found[0], self._spec).media)
        except DeliveryError:
            return False

    def read(self, source: Source) -> Iterator[Read]:
        for file in source.files():
            if is_document(file.path) or file.path.rpartition("/")[2] in ("dataset_info.json", "state.json"):
                yield Beside(file.path)
        for path in wanted(source.files(), self._spec.files, (".parquet",)):
            try:
                table = _Table(source, path, self._spec)
            except DeliveryError as error:
                yield Unread(path, "unreadable", error.what)
                continue
            yield Beside(path)
            yield from table.samples()


@dataclass
class _Group:
    """The media of the row group that was read last, by column: parts are asked for in order."""

    number: int = -1
    column: str = ""
    values: Sequence[Any] = ()


class _Table:
    """One Parquet file. Raises DeliveryError where it is none."""

    def __init__(self, source: Source, path: str, spec: ReaderSpec) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path, self._spec = path, spec
        handle = source.open(path)
        weakref.finalize(self, handle.close)
        try:
            self._file: Any = pq.ParquetFile(handle)
            schema = self._file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DeliveryError(  # a name in it that is no UTF-8 is a ValueError
                f"{source.url}/{path} is no Parquet: {str(error).partition(chr(10))[0]}",
                remedy="deliver it again whole",
            ) from error
        self.media = [one.name for one in schema if pa.types.is_struct(one.type) and _is_media(one.type)]
        self._plain = [one.name for one in schema if not pa.types.is_nested(one.type) and not _is_binary(one.type)]
        self._classes = _class_labels(schema.metadata or {})
        self._held: dict[str, _Group] = {name: _Group() for name in self.media}

    def samples(self) -> Iterator[Read]:
        """Media are read a row group at a time, when they are asked for."""
        import pyarrow as pa

        line = 0
        for group in range(self._file.num_row_groups):
            facts = self._file.metadata.row_group(group)
            if facts.total_byte_size > _MAX_GROUP_BYTES:
                yield Unread(f"{self._path}#{line + 1}", "oversize", f"a row group of {facts.total_byte_size} bytes")
                line += facts.num_rows
                continue
            try:
                names = self._plain + [f"{one}.path" for one in self.media]
                rows = self._file.read_row_group(group, columns=names).to_pylist()
            except (pa.ArrowException, OSError, ValueError) as error:
                yield Unread(f"{self._path}#{line + 1}", "unreadable", str(error).partition("\n")[0])
                continue
            for at, row in enumerate(rows):
                line += 1
                yield from self._sample(row, group, at, line)

    def _sample(self, row: dict[str, Any], group: int, at: int, line: int) -> Iterator[Read]:
        source = f"{self._path}#{line}"
        parts = [
            Part(
                name if number else "", self._named(row, name, group, at, source), partial(self._bytes, name, group, at)
            )
            for number, name in enumerate(self.media)
        ]
        answer = self._answer(row)
        group_of = row.get(str(self._spec.group)) if self._spec.group is not None else None
        if not parts:
            yield Fault(source, "sample without media", "no column of {bytes, path}")
            return
        yield Sample(
            source=source,
            parts=tuple(parts),
            said=(Said(self._path, answer),) if answer else (),
            group=None if group_of is None else str(group_of),
        )

    def _named(self, row: dict[str, Any], name: str, group: int, at: int, source: str) -> str:
        """What a medium's file was called; where it does not say, by its first bytes."""
        path = str((row.get(name) or {}).get("path") or "")
        if "." in path.rpartition("/")[2]:
            return f"{source}.{path.rpartition('.')[2]}"
        head = self._bytes(name, group, at, 16)
        return f"{source}.{next((ending for magic, ending in _ENDINGS.items() if head.startswith(magic)), 'bin')}"

    def _bytes(self, name: str, group: int, at: int, max_bytes: int) -> bytes:
        import pyarrow as pa

        held = self._held[name]
        if held.number != group:
            try:
                column = self._file.read_row_group(group, columns=[f"{name}.bytes"])[name]
            except (pa.ArrowException, OSError, ValueError) as error:
                raise Damaged(f"{self._path}: {error}", remedy="deliver it again whole") from error
            held.number, held.values = group, column.combine_chunks()
        value = held.values[at].as_py()
        return bytes((value or {}).get("bytes") or b"")[: max_bytes + 1]

    def _answer(self, row: dict[str, Any]) -> str:
        column = self._spec.answer if isinstance(self._spec.answer, str) else next(iter(self._classes), None)
        value = row.get(column) if column is not None else None
        names = self._classes.get(str(column), ())
        if isinstance(value, int) and names:
            return names[value] if 0 <= value < len(names) else ""
        return number_text(value) if isinstance(value, float) else "" if value is None else str(value)


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_media(kind: Any) -> bool:
    return {field.name for field in kind} >= {"bytes", "path"}


def _class_labels(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Names of classes by column. What is not written as the library writes it names none."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        return {
            name: tuple(map(str, one["names"]))
            for name, one in features.items()
            if isinstance(one, dict) and one.get("_type") == "ClassLabel" and isinstance(one.get("names"), list)
        }
    except (ValueError, AttributeError, RecursionError):
        return {}
