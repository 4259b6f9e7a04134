"""Parquet with embedded media, as the Hugging Face datasets library reads it.

Format: huggingface.co/docs/datasets, "Features": a medium is {bytes, path}, a class is a number with its names in the
metadata.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake.export.reading import Labelled, Reading

GROUP_BYTES = 64 * 2**20  # a row group is held in memory
SHARD_BYTES = 512 * 2**20
_MEDIUM = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FEATURES = {"image": "Image", "audio": "Audio", "video": "Video"}


def write(reading: Reading, folder: Path) -> None:
    """data/<split>-00000-of-0000N.parquet.

    Columns: item_id, a medium named by its modality (`media` where items differ), further parts by their names, answer,
    label (its number, where all answers are classes), and all that is known of item and label.
    """
    (folder / "data").mkdir()
    column = next(iter(reading.modalities)) if len(reading.modalities) == 1 else "media"
    rows = _Rows(reading, column)
    splits: dict[str, _Split] = {}
    for item in reading.items():
        splits.setdefault(item.split, _Split(folder / "data", item.split, rows.table)).add(item)
    for split in splits.values():
        split.close()


class _Rows:
    """Items as rows of one schema."""

    def __init__(self, reading: Reading, column: str) -> None:
        self._reading, self._column = reading, column
        self._classes = {name: number for number, name in enumerate(reading.classes)}
        self._labelled = reading.kinds <= {"class", ""} and bool(reading.classes)
        self._parts = (
            sorted({part.name for item in reading.items() for part in item.media[1:]}) if reading.has_parts else []
        )
        self._schema = self._shape()

    def table(self, items: list[Labelled]) -> pa.Table:
        return pa.Table.from_pylist([self._row(item) for item in items], schema=self._schema)

    def _row(self, item: Labelled) -> dict[str, Any]:
        media = {part.name or self._column: part for part in item.media}
        row: dict[str, Any] = {
            name: {"bytes": self._reading.read(part), "path": part.file(item.item_id)} for name, part in media.items()
        }
        if self._labelled:
            row["label"] = self._classes.get(item.answer, -1)  # as that library says "no label"
        return row | {"item_id": item.item_id, "answer": item.answer, **item.facts}

    def _shape(self) -> pa.Schema:
        kinds = {"confidence": pa.float64(), "agreement": pa.float64()}
        kinds |= {"annotators": pa.list_(pa.string()), "attributes": pa.list_(pa.string())}
        first = next(self._reading.items(), None)
        fields = [("item_id", pa.string()), (self._column, _MEDIUM), *((name, _MEDIUM) for name in self._parts)]
        fields += [("label", pa.int64())] if self._labelled else []
        fields += [("answer", pa.string())]
        fields += [(name, kinds.get(name, pa.string())) for name in (first.facts if first else ())]
        return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": self._features(fields)}})})

    def _features(self, fields: list[tuple[str, pa.DataType]]) -> dict[str, Any]:
        features: dict[str, Any] = {}
        for name, kind in fields:
            if kind == _MEDIUM and _FEATURES.get(name):
                features[name] = {"_type": _FEATURES[name]}
            elif kind == _MEDIUM:
                features[name] = {part: {"dtype": dtype, "_type": "Value"} for part, dtype in _VALUES.items()}
            elif name == "label":
                features[name] = {"names": list(self._reading.classes), "_type": "ClassLabel"}
            elif pa.types.is_list(kind):
                features[name] = {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
            else:
                features[name] = {"dtype": str(kind).replace("double", "float64"), "_type": "Value"}
        return features


_VALUES = {"bytes": "binary", "path": "string"}


class _Split:
    """The shards of one split; they get their names when their number is known."""

    def __init__(self, folder: Path, split: str, table: Callable[[list[Labelled]], pa.Table]) -> None:
        self._folder, self._split, self._table = folder, split, table
        self._held: list[Labelled] = []
        self._held_bytes = self._shard_bytes = self._number = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, item: Labelled) -> None:
        self._held.append(item)
        self._held_bytes += sum(part.place.length for part in item.media)
        if self._held_bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._end_shard()
        for number in range(self._number):
            name = f"{self._split}-{number:05}-of-{self._number:05}.parquet"
            self._path(number).rename(self._folder / name)

    def _flush(self) -> None:
        if not self._held:
            return
        table = self._table(self._held)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path(self._number), table.schema, compression="zstd")
            self._number += 1
        self._writer.write_table(table)
        self._shard_bytes += self._held_bytes
        self._held, self._held_bytes = [], 0
        if self._shard_bytes >= SHARD_BYTES:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._shard_bytes = None, 0

    def _path(self, number: int) -> Path:
        return self._folder / f".{self._split}-{number}"
