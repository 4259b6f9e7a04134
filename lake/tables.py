"""Parquet tables: the same rows give the same bytes, on any fsspec URL."""

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from lake.blobs import Blobs
from lake.errors import LakeError


def write_table(blobs: Blobs, path: str, table: pa.Table) -> None:
    """Put a table in place, atomically."""
    blobs.write(path, parquet_bytes(table))


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as Parquet, zstd; equal tables give equal bytes."""
    sink = BytesIO()
    pq.write_table(table.combine_chunks().replace_schema_metadata(None), sink, compression="zstd")
    return sink.getvalue()


def read_table(blobs: Blobs, path: str, columns: list[str] | None = None) -> pa.Table:
    """A table, or some of its columns. Raises NotFound, and LakeError for a damaged file."""
    local = blobs.local_path(path)
    mapped = local is not None and local.is_file()
    source = local if mapped else BytesIO(blobs.read(path))
    try:
        return pq.read_table(source, columns=columns, memory_map=mapped, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(
            f"{blobs.url}/{path} is damaged: {str(error).splitlines()[0]}",
            remedy="remove it and run its stage again, or restore it from a backup",
        ) from error
