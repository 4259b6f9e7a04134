"""The lake of one installation: batches of tables, packs of media, the state database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from lake import tables
from lake.blobs import Blobs
from lake.errors import LakeError, NotFound
from lake.packs import Place, read_item
from lake.records import Label, Purpose, Record, from_table
from lake.state import State, open_state

LOCK_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Batch:
    """The tables of one delivery batch: one a stage, each written whole."""

    scenario: str
    name: str
    blobs: Blobs

    def has(self, table: str) -> bool:
        return self.blobs.exists(self._path(table))

    def read(self, table: str, columns: list[str] | None = None) -> pa.Table:
        """A stage's table. Raises NotFound."""
        return tables.read_table(self.blobs, self._path(table), columns)

    def records(self, table: str, record: type[Record]) -> list[Record]:
        """A stage's table as records. Raises NotFound."""
        return list(from_table(self.read(table), record))

    def write(self, table: str, rows: pa.Table) -> None:
        tables.write_table(self.blobs, self._path(table), rows)

    def remove(self, table: str) -> None:
        """Take a table away; nothing where there is none."""
        self.blobs.remove(self._path(table))

    def path(self, file: str) -> str:
        """Where a file of this batch lies below the lake's root."""
        return f"batches/{self.scenario}/{self.name}/{file}"

    def _path(self, table: str) -> str:
        return self.path(f"{table}.parquet")


@dataclass(frozen=True)
class Lake:
    """All that an installation holds; below `home`, or where the URLs point."""

    home: Path
    lake_url: str
    state_url: str

    @classmethod
    def at(cls, home: Path, *, lake_url: str | None = None, state_url: str | None = None) -> "Lake":
        """The lake of a home folder; nothing is opened before it is used."""
        home = home.absolute()
        return cls(home, lake_url or str(home / "lake"), state_url or f"sqlite:///{home / 'state.db'}")

    @cached_property
    def blobs(self) -> Blobs:
        return Blobs(self.lake_url)

    @cached_property
    def state(self) -> State:
        return open_state(self.state_url)

    def batch(self, scenario: str, batch: str) -> Batch:
        return Batch(scenario, batch, self.blobs)

    def batches(self, scenario: str, *, purpose: Purpose | None = None, upto: str | None = None) -> list[Batch]:
        """Batches in the order of their registration; `upto` ends with that batch. Raises NotFound for it."""
        last = None if upto is None else self.state.batch(scenario, upto).sequence
        rows = [
            row
            for row in self.state.batches(scenario)
            if (purpose is None or row.purpose == purpose) and (last is None or row.sequence <= last)
        ]
        return [self.batch(scenario, row.batch) for row in rows]

    def read_all(
        self, scenario: str, table: str, *, purpose: Purpose | None = None, upto: str | None = None
    ) -> pa.Table | None:
        """One table over all batches that have it, with a column `batch`; None where none has."""
        parts = []
        for batch in self.batches(scenario, purpose=purpose, upto=upto):
            if batch.has(table):
                rows = batch.read(table)
                if "batch" not in rows.column_names:
                    rows = rows.append_column("batch", pa.array([batch.name] * rows.num_rows, pa.string()))
                parts.append(rows)
        return pa.concat_tables(parts) if parts else None

    def item_ids(self, scenario: str) -> set[str]:
        """All items that a scenario's batches hold."""
        known: set[str] = set()
        for batch in self.batches(scenario):
            if batch.has("items"):
                known.update(batch.read("items", ["item_id"])["item_id"].to_pylist())
        return known

    def gold(self, scenario: str, *, upto: str | None = None) -> dict[str, str]:
        """What experts said of items in labeling deliveries: item_id -> answer; the first word counts."""
        answers = self.read_all(scenario, "answers", purpose="labeling", upto=upto)
        rows = (
            [] if answers is None else zip(answers["item_id"].to_pylist(), answers["answer"].to_pylist(), strict=True)
        )
        said: dict[str, str] = {}
        for item_id, answer in rows:
            said.setdefault(item_id, answer)
        return said

    def labels(self, scenario: str, *, upto: str | None = None) -> dict[str, Label]:
        """The newest label of each item, by item_id."""
        newest: dict[str, Label] = {}
        for batch in self.batches(scenario, purpose="labeling", upto=upto):
            if batch.has("labels"):
                newest |= {label.item_id: label for label in batch.records("labels", Label)}
        return newest

    def media(self, pack: str, offset: int, length: int) -> bytes:
        """One item's bytes."""
        return read_item(self.blobs, Place(pack, offset, length))

    def find_item(self, item_id: str) -> tuple[str, str]:
        """(scenario, whole item id) of an item, given at least 6 digits of its id."""
        found = set()
        if len(item_id) >= 6:
            for row in self.state.batches():
                batch = self.batch(row.scenario, row.batch)
                if batch.has("items"):
                    ids = batch.read("items", ["item_id"])["item_id"].to_pylist()
                    found |= {(row.scenario, one) for one in ids if one.startswith(item_id)}
        if len({one for _, one in found}) == 1:
            return min(found)
        if not found:
            raise NotFound(f"no item {item_id}", remedy="give at least 6 digits of an item id, as tables show them")
        raise NotFound(f"{len(found)} items begin with {item_id}", remedy="give more digits")

    @contextmanager
    def lock(self, name: str, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Let one process at a time do `name` on this installation. Raises LakeError after `timeout_s`."""
        from filelock import FileLock, Timeout

        folder = self.home / "locks"
        lock = FileLock(folder / f"{name}.lock", timeout=timeout_s)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise LakeError(
                f"another process has been at {name} for {timeout_s:g} s",
                remedy="wait for it, or end it: what it did is kept, and doing it again adds nothing",
            ) from error
        except OSError as error:
            raise LakeError(
                f"{folder} cannot be written: {error.strerror}", remedy="correct TRIALBASE_HOME or the folder's rights"
            ) from error
        try:
            yield
        finally:
            lock.release()
