"""Per-item work (reading, decoding, probing) over a table, on Daft: one laptop or a Ray cluster."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from lake.errors import LakeError, SettingsError

os.environ.setdefault("DAFT_ANALYTICS_ENABLED", "0")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DAFT_PROGRESS_BAR", "0")


_asked, _running = "native", ""  # of this process, which can have one engine


def use(engine: str) -> None:
    """Choose where work runs: `native`, or a Ray cluster's address (`ray://host:10001`).

    Nothing is started before there is work. Raises SettingsError for any other word, and for another
    engine than the one that has worked in this process.
    """
    global _asked
    if engine != "native" and not engine.startswith("ray://"):
        raise SettingsError(f"unknown engine {engine!r}", remedy="set TRIALBASE_ENGINE to native or ray://host:port")
    if _running and engine != _running:
        raise SettingsError(f"this process works on {_running} already", remedy=f"start another one for {engine}")
    if engine != "native" and importlib.util.find_spec("ray") is None:
        raise SettingsError("Ray is not installed", remedy="pip install 'daft[ray]', or set TRIALBASE_ENGINE to native")
    _asked = engine


def _start() -> None:
    global _running
    import daft

    if _running:
        return
    if _asked == "native":
        daft.set_runner_native()
    else:
        daft.set_runner_ray(address=_asked)
    _running = _asked


def map_rows(
    table: pa.Table,
    columns: Sequence[str],
    function: Callable[..., tuple[object, ...]],
    out: pa.Schema,
    *,
    batch_rows: int = 64,
) -> pa.Table:
    """A table with the columns of `out` appended: `function(*values of columns)` for every row.

    Row order is kept. `function` must be importable where the work runs and must not depend on
    other rows. An exception in it ends the whole map. batch_rows: rows that one worker takes at a time; work
    that decodes takes milliseconds a row, and larger batches leave workers idle.
    """
    if table.num_rows == 0:
        empty = [pa.array([], type=field.type) for field in out]
        return pa.Table.from_arrays([*table.columns, *empty], schema=_joined(table.schema, out))
    import daft
    from daft import DataType

    _start()

    fields = {field.name: DataType.from_arrow_type(field.type) for field in out}

    @daft.func.batch(return_dtype=DataType.struct(fields), batch_size=batch_rows)
    def mapped(*series: Any) -> pa.StructArray:
        rows = [function(*row) for row in zip(*(one.to_pylist() for one in series), strict=True)]
        arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), out, strict=True)]
        return pa.StructArray.from_arrays(arrays, fields=list(out))

    index = pa.array(range(table.num_rows), pa.int64())
    frame = daft.from_arrow(table.select(list(columns)).append_column("__row", index))
    result: Any = mapped(*(daft.col(name) for name in columns))  # an expression, whatever its annotation says
    done = frame.select("__row", result.alias("__out")).to_arrow().sort_by("__row")
    if done.num_rows != table.num_rows:
        raise LakeError(
            f"the engine returned {done.num_rows} of {table.num_rows} rows",
            remedy="rerun; if it stays, report it",
        )
    struct = done["__out"].combine_chunks()
    struct = struct if isinstance(struct, pa.StructArray) else struct.chunk(0)
    fresh = [struct.field(name).cast(out.field(name).type) for name in out.names]
    return pa.Table.from_arrays([*table.combine_chunks().columns, *fresh], schema=_joined(table.schema, out))


def _joined(left: pa.Schema, right: pa.Schema) -> pa.Schema:
    return pa.schema([*left, *right])
