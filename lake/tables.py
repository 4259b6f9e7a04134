"""Parquet tables: the same rows give the same bytes, on any fsspec URL."""

from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from lake.blobs import Blobs
from lake.errors import LakeError

GROUP_ROWS = 1 << 17
_ID = "item_id"  # another one in nearly every row: a dictionary would take half of the time, in vain


def write_table(blobs: Blobs, path: str, table: pa.Table) -> None:
    """Put a table in place, atomically."""
    blobs.write(path, parquet_bytes(table))


def parquet_bytes(table: pa.Table, *, checksums: bool = True) -> bytes:
    """A table as Parquet, zstd, with a checksum a page; equal tables give equal bytes, whether made or read."""
    sink = BytesIO()
    plain = table.cast(pa.schema([field.with_type(_plain(field.type)).remove_metadata() for field in table.schema]))
    with pq.ParquetWriter(
        sink,
        plain.schema,
        compression="zstd",
        write_page_checksum=checksums,
        write_statistics=False,  # rows come in the order of ids: no reader could leave anything out
        use_dictionary=[leaf for field in plain.schema for leaf in _leaves(field.name, field.type) if leaf != _ID],
        column_encoding={_ID: "DELTA_LENGTH_BYTE_ARRAY"} if _ID in plain.column_names else None,
    ) as writer:
        for start in range(0, max(plain.num_rows, 1), GROUP_ROWS):
            # in one piece, or the pages would tell how it was put together; not all at once, which takes it twice
            writer.write_table(plain.slice(start, GROUP_ROWS).combine_chunks(), row_group_size=GROUP_ROWS)
    return sink.getvalue()


def is_as_written(data: bytes) -> bool:
    """Whether the bytes of a table are those that writing it gives: any flipped bit shows, in its description too.

    Of a table that another release of Arrow wrote only the checksums of its pages speak; earlier releases of ours
    wrote none. Raises LakeError for what is no table at all.
    """
    try:
        file = pq.ParquetFile(BytesIO(data), page_checksum_verification=True)
        table, writer = file.read(), file.metadata.created_by
    except (pa.ArrowException, OSError, ValueError) as error:
        raise LakeError(str(error).splitlines()[0], remedy="restore it from a backup") from error
    if writer != f"parquet-cpp-arrow version {pa.__version__}":
        return True
    return data == parquet_bytes(table) or data == parquet_bytes(table, checksums=False)


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type whose lists call their values "item": read from Parquet they are called "element"."""
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _leaves(name: str, kind: pa.DataType) -> Iterator[str]:
    """What Parquet calls the columns of a field; without measured numbers, which are different in nearly every row."""
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(f"{name}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{name}.{field.name}", field.type)
    elif not pa.types.is_floating(kind):
        yield name


def read_table(blobs: Blobs, path: str, columns: list[str] | None = None) -> pa.Table:
    """A table, or some of its columns. Raises NotFound, and LakeError for a damaged file."""
    local = blobs.local_path(path)
    mapped = local is not None and local.is_file()
    source = local if mapped else BytesIO(blobs.read(path))
    try:
        return pq.read_table(
            source, columns=columns, memory_map=mapped, partitioning=None, page_checksum_verification=True
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(
            f"{blobs.url}/{path} is damaged: {str(error).splitlines()[0]}",
            remedy="remove it and run its stage again, or restore it from a backup",
        ) from error
