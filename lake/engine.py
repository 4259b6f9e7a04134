"""Per-item work (reading, decoding, probing) over a table, on Daft: one laptop or a Ray cluster."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from lake.engine_rows import appended, joined, rows_of
from lake.errors import LakeError, SettingsError

os.environ.setdefault("DAFT_ANALYTICS_ENABLED", "0")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("DAFT_PROGRESS_BAR", "0")


PART_ROWS = 256  # that a node of a cluster is handed at once

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
        try:
            daft.set_runner_ray(address=_asked)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise LakeError(
                f"no Ray cluster answers at {_asked}: {error}",
                remedy="start it, or correct TRIALBASE_ENGINE: its port is that of Ray's client server (10001)",
            ) from error
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
        return pa.Table.from_arrays([*table.columns, *empty], schema=joined(table.schema, out))
    import daft
    from daft import DataType

    _start()

    fields = {field.name: DataType.from_arrow_type(field.type) for field in out}

    @daft.func.batch(return_dtype=DataType.struct(fields), batch_size=batch_rows)
    def mapped(*series: Any) -> pa.StructArray:
        return rows_of(function, out, *(one.to_pylist() for one in series))

    index = pa.array(range(table.num_rows), pa.int64())
    frame = daft.from_arrow(table.select(list(columns)).append_column("__row", index))
    if _running != "native":  # a table of this process is one part, and a part is worked on by one node
        frame = frame.into_partitions(-(-table.num_rows // PART_ROWS))
    result: Any = mapped(*(daft.col(name) for name in columns))  # an expression, whatever its annotation says
    done = frame.select("__row", result.alias("__out")).to_arrow().sort_by("__row")
    if done.num_rows != table.num_rows:
        raise LakeError(
            f"the engine returned {done.num_rows} of {table.num_rows} rows",
            remedy="rerun; if it stays, report it",
        )
    return appended(table, done["__out"].combine_chunks(), out)


def map_stream(
    tables: Iterable[pa.Table],
    columns: Sequence[str],
    function: Callable[..., tuple[object, ...]],
    out: pa.Schema,
) -> Iterator[pa.Table]:
    """As `map_rows`, for one table after the other: while one is taken, those behind it are worked on.

    Where there are several, the native runner lets processes of their own work, one a core, since work in Python holds
    up the other threads of its process. A single table is not worth their start. What `tables` raises is raised here.
    """
    coming = iter(tables)
    first = list(islice(coming, 2))
    if len(first) < 2 or _asked != "native":
        return (map_rows(one, columns, function, out) for one in chain(first, coming))
    from lake.engine_stream import streamed

    _start()
    return streamed(chain(first, coming), columns, function, out)
