"""Tables that come one after the other, worked on by Daft's own processes while they come."""

import asyncio
import os
import pickle
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import daft
import pyarrow as pa
from daft import DataType, Schema
from daft.io.pushdowns import Pushdowns
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch

from lake.engine_rows import appended, rows_of
from lake.errors import LakeError

UNIT_ROWS, UNIT_BYTES = 64, 2**20  # what a process is handed at once
AHEAD = 3  # tables that are held: one that is taken, and two to work on
_PAUSE_S = 0.001
_DONE, _FAILED = b"+", b"-"
_UNIT = pa.schema([("number", pa.int64()), ("rows", pa.large_binary())])


def streamed(
    tables: Iterator[pa.Table],
    columns: Sequence[str],
    function: Callable[..., tuple[object, ...]],
    out: pa.Schema,
) -> Iterator[pa.Table]:
    """Each table with the columns of `out` appended, in order. A table that comes while AHEAD are held waits."""
    coming = _Coming(tables, columns)
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # Daft's processes would import from the folder that one stands in

    @daft.cls(use_process=True, max_concurrency=len(os.sched_getaffinity(0)))
    class Worker:
        @daft.method.batch(return_dtype=DataType.binary(), batch_size=1)
        def work(self, units: Any) -> list[bytes]:
            return [_worked(unit, function, out) for unit in units.to_pylist()]

    result: Any = Worker().work(daft.col("rows"))
    parts: Any = coming.read().select("number", result.alias("found")).iter_partitions(results_buffer_size=1)
    try:
        yield from _answered(coming, parts, out)
    finally:
        coming.wanted = False
        threading.Thread(target=parts.close).start()  # the processes take half a second to end


def _answered(coming: "_Coming", parts: Iterator[Any], out: pa.Schema) -> Iterator[pa.Table]:
    found: deque[pa.Array] = deque()
    for at, (number, answer) in enumerate(_rows(parts)):
        if number != at:
            raise LakeError("the engine returned rows in another order", remedy="rerun; if it stays, report it")
        found.append(_found(answer))
        yield from coming.complete(found, out)
        if coming.ended and not coming.held:
            return
    yield from coming.complete(found, out)
    if coming.error is not None:
        raise coming.error
    if coming.held:
        raise LakeError("the engine lost rows", remedy="rerun; if it stays, report it")


def _rows(parts: Iterator[Any]) -> Iterator[tuple[int, bytes]]:
    for part in parts:
        done = part.to_arrow()
        yield from zip(done["number"].to_pylist(), done["found"].to_pylist(), strict=True)


def _worked(unit: bytes, function: Callable[..., tuple[object, ...]], out: pa.Schema) -> bytes:
    """What was found of a unit's rows, or the error that ends the map: Daft would make another one of it."""
    table = pa.ipc.open_stream(unit).read_all()
    try:
        found = rows_of(function, out, *(column.to_pylist() for column in table.columns))
    except Exception as error:  # noqa: BLE001 - raised again where the answer is read
        return _FAILED + pickle.dumps(error)
    return _DONE + _stream(pa.table({"found": found}))


def _found(answer: bytes) -> pa.Array:
    if answer.startswith(_FAILED):
        raise pickle.loads(answer[len(_FAILED) :])
    return pa.ipc.open_stream(memoryview(answer)[len(_DONE) :]).read_all()["found"].combine_chunks()


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@dataclass
class _Held:
    table: pa.Table
    num_units: int


class _Coming(DataSource):
    """The tables as Daft asks for them, in units; Daft asks in a thread of its own."""

    name = "tables that come"

    def __init__(self, tables: Iterator[pa.Table], columns: Sequence[str]) -> None:
        self.held: deque[_Held] = deque()
        self.error: BaseException | None = None
        self.ended = False
        self.wanted = True
        self._tables, self._columns = tables, list(columns)

    @property
    def schema(self) -> Schema:
        return Schema.from_pyarrow_schema(_UNIT)

    async def get_tasks(self, pushdowns: Pushdowns) -> AsyncIterator[DataSourceTask]:
        del pushdowns  # all of it is asked for
        yield _Reading(self)

    async def units(self) -> AsyncIterator[bytes]:
        """A failure of the tables ends them, and is kept: Daft would make another error of it."""
        while self.wanted and (table := self._next()) is not None:
            while len(self.held) >= AHEAD and self.wanted:
                await asyncio.sleep(_PAUSE_S)
            chosen = table.select(self._columns)
            rows = max(1, min(UNIT_ROWS, table.num_rows * UNIT_BYTES // max(1, chosen.nbytes)))
            places = range(0, table.num_rows, rows)
            self.held.append(_Held(table, len(places)))
            for place in places:
                yield _stream(chosen.slice(place, rows))
        self.ended = self.error is None

    def complete(self, found: deque[pa.Array], out: pa.Schema) -> Iterator[pa.Table]:
        """The tables of which all units are there, with what was found."""
        while self.held and len(found) >= self.held[0].num_units:
            first = self.held[0]
            units = [found.popleft() for _ in range(first.num_units)]
            whole = pa.concat_arrays(units) if units else pa.array([], pa.struct(list(out)))
            yield appended(first.table, whole, out)
            self.held.popleft()

    def _next(self) -> pa.Table | None:
        try:
            return next(self._tables, None)
        except Exception as error:  # noqa: BLE001 - `streamed` raises it
            self.error = error
            return None


class _Reading(DataSourceTask):
    def __init__(self, coming: _Coming) -> None:
        self._coming = coming

    @property
    def schema(self) -> Schema:
        return self._coming.schema

    async def read(self) -> AsyncIterator[RecordBatch]:
        number = 0
        async for unit in self._coming.units():
            batch = pa.record_batch(
                {"number": pa.array([number], pa.int64()), "rows": pa.array([unit], pa.large_binary())}
            )
            yield RecordBatch.from_arrow_record_batches([batch], batch.schema)
            number += 1
