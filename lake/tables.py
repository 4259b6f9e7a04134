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
    """A table as Parquet, zstd; equal tables give equal bytes, whether they were made or read."""
    sink = BytesIO()
    plain = table.cast(pa.schema([field.with_type(_plain(field.type)).remove_metadata() for field in table.schema]))
    pq.write_table(plain.combine_chunks(), sink, compression="zstd")
    return sink.getvalue()


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type whose lists call their values "item": read from Parquet they are called "element"."""
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


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
