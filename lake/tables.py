"""Parquet tables: the same rows give the same bytes, on any fsspec URL."""

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from lake.blobs import Blobs


def write_table(blobs: Blobs, path: str, table: pa.Table) -> None:
    """Put a table in place, atomically."""
    blobs.write(path, parquet_bytes(table))


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as Parquet, zstd; equal tables give equal bytes."""
    sink = BytesIO()
    pq.write_table(table.combine_chunks().replace_schema_metadata(None), sink, compression="zstd")
    return sink.getvalue()


def read_table(blobs: Blobs, path: str, columns: list[str] | None = None) -> pa.Table:
    """A table, or some of its columns. Raises NotFound."""
    local = blobs.local_path(path)
    if local is not None and local.exists():
        return pq.read_table(local, columns=columns, memory_map=True, partitioning=None)
    return pq.read_table(BytesIO(blobs.read(path)), columns=columns)
