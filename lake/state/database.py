"""The state database: typed rows in, typed rows out."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from lake import audit
from lake.errors import LakeError, NotFound
from lake.records import LedgerEntry, Purpose, Run, SignOff, Trial
from lake.state import schema
from lake.state.connect import answering, open_engine
from lake.state.rows import BatchRow, Outcome

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


class State:
    """Reads and writes of the state database; each write is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Give the connections back; the next use opens new ones."""
        self._engine.dispose()

    # --- batches

    def add_batch(self, scenario: str, batch: str, purpose: Purpose, paths: Sequence[str]) -> BatchRow:
        """Register a batch once; a second call changes nothing."""
        table = schema.batches
        with self._writing() as connection:
            if connection.dialect.name == "postgresql":  # or two processes would draw the same number
                connection.execute(sa.text("LOCK TABLE batches IN EXCLUSIVE MODE"))
            last = connection.scalar(sa.select(sa.func.max(table.c.sequence)).where(table.c.scenario == scenario))
            row = {
                "scenario": scenario,
                "batch": batch,
                "sequence": (last or 0) + 1,
                "purpose": purpose,
                "paths": list(paths),
                "registered_at": _now(),
            }
            self._insert_new(connection, table, [row])
        return self.batch(scenario, batch)

    def batch(self, scenario: str, batch: str) -> BatchRow:
        for row in self.batches(scenario):
            if row.batch == batch:
                return row
        raise NotFound(
            f"scenario {scenario} has no batch {batch}",
            remedy=f"see `trialbase status {scenario}` for its batches",
        )

    def batches(self, scenario: str | None = None) -> list[BatchRow]:
        """Batches in the order of their registration."""
        table = schema.batches
        query = sa.select(table).order_by(table.c.scenario, table.c.sequence)
        if scenario is not None:
            query = query.where(table.c.scenario == scenario)
        return [BatchRow(**(row | {"paths": tuple(row["paths"])})) for row in self._rows(query)]

    # --- stages

    def finish(self, outcome: Outcome) -> None:
        """Mark a stage of a batch as done; doing it again replaces the summary."""
        row = {
            "scenario": outcome.scenario,
            "batch": outcome.batch,
            "stage": outcome.stage,
            "summary": dict(outcome.summary),
            "done_at": _now(),
        }
        with self._writing() as connection:
            self._upsert(connection, schema.stages, row)

    def reopen(self, scenario: str, batch: str, stages: Iterable[str]) -> None:
        """Forget that some stages were done: what they rest on has changed."""
        table = schema.stages
        with self._writing() as connection:
            connection.execute(
                sa.delete(table).where(
                    table.c.scenario == scenario, table.c.batch == batch, table.c.stage.in_(list(stages))
                )
            )

    def outcomes(self, scenario: str, batch: str) -> dict[str, Outcome]:
        """The finished stages of a batch, by name."""
        table = schema.stages
        query = sa.select(table).where(table.c.scenario == scenario, table.c.batch == batch)
        return {row["stage"]: Outcome(**_without(row, "done_at")) for row in self._rows(query)}

    # --- decisions

    def add_signoff(self, row: SignOff) -> None:
        """Record a decision and its audit entry together; the same row again changes nothing."""
        with self._writing() as connection:
            if not self._insert_new(connection, schema.signoffs, [dataclasses.asdict(row)]):
                return
            detail = f"{row.decision} report {row.report_hash}; {row.reason}"
            audit.append(connection, row.by, "sign-off", f"{row.scenario}/{row.batch}", detail)

    def signoffs(self, scenario: str, batch: str) -> list[SignOff]:
        """Decisions on a batch, oldest first."""
        table = schema.signoffs
        query = sa.select(table).where(table.c.scenario == scenario, table.c.batch == batch).order_by(table.c.id)
        return [SignOff(**_without(row, "id")) for row in self._rows(query)]

    def note(self, who: str, action: str, subject: str, detail: str) -> None:
        """Add an audit entry that is not part of another write."""
        with self._writing() as connection:
            audit.append(connection, who, action, subject, detail)

    def audit_entries(self) -> list[audit.Entry]:
        return [audit.Entry(**row) for row in self._rows(sa.select(schema.audit).order_by(schema.audit.c.sequence))]

    def verify_audit(self) -> int:
        """How many audit entries stand, all of them; raises LakeError when any was changed, added or removed."""
        with self._writing() as connection:  # nothing is appended meanwhile
            audit.hold(connection)
            rows = connection.execute(sa.select(schema.audit).order_by(schema.audit.c.sequence)).mappings().all()
            heads = connection.execute(sa.select(schema.audit_head)).mappings().all()
        entries = [audit.Entry(**row) for row in rows]
        count = audit.verify(entries)
        if [dict(head) for head in heads] == [{"sequence": one.sequence, "hash": one.hash} for one in entries[-1:]]:
            return count
        raise LakeError(
            f"the audit log has {count} entries, but does not end where it did",
            remedy="compare it with a backup: its newest decisions were removed or replaced",
        )

    # --- ledger

    def post(self, entries: Iterable[LedgerEntry]) -> int:
        """Add entries whose key is new; returns how many were."""
        rows = [_decimals_to_text(dataclasses.asdict(entry)) for entry in entries]
        if not rows:
            return 0
        with self._writing() as connection:
            return self._insert_new(connection, schema.ledger, rows)

    def repost(self, entry: LedgerEntry) -> None:
        """Replace the entry of this key: a meter that still runs."""
        with self._writing() as connection:
            self._upsert(connection, schema.ledger, _decimals_to_text(dataclasses.asdict(entry)))

    def entries(self, scenario: str | None = None) -> list[LedgerEntry]:
        """Ledger entries in the order of their keys."""
        query = sa.select(schema.ledger).order_by(schema.ledger.c.key)
        if scenario is not None:
            query = query.where(schema.ledger.c.scenario == scenario)
        exact = ("quantity", "amount")
        return [LedgerEntry(**(row | {name: Decimal(row[name]) for name in exact})) for row in self._rows(query)]

    # --- runs, trials, cursors

    def put_run(self, run: Run) -> None:
        with self._writing() as connection:
            self._upsert(connection, schema.runs, dataclasses.asdict(run))

    def runs(self, scenario: str | None = None) -> list[Run]:
        query = sa.select(schema.runs).order_by(schema.runs.c.dataset, schema.runs.c.run_id)
        if scenario is not None:
            query = query.where(schema.runs.c.scenario == scenario)
        return [Run(**row) for row in self._rows(query)]

    def put_trial(self, row: Trial) -> None:
        with self._writing() as connection:
            self._upsert(connection, schema.trials, dataclasses.asdict(row) | {"reasons": list(row.reasons)})

    def trials(self, scenario: str | None = None) -> list[Trial]:
        query = sa.select(schema.trials).order_by(schema.trials.c.scenario, schema.trials.c.model)
        if scenario is not None:
            query = query.where(schema.trials.c.scenario == scenario)
        return [Trial(**(row | {"reasons": tuple(row["reasons"])})) for row in self._rows(query)]

    def cursor(self, name: str) -> dt.datetime | None:
        rows = self._rows(sa.select(schema.cursors).where(schema.cursors.c.name == name))
        return rows[0]["at"] if rows else None

    def move_cursor(self, name: str, at: dt.datetime) -> None:
        with self._writing() as connection:
            self._upsert(connection, schema.cursors, {"name": name, "at": at})

    # --- inside

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with answering(self._engine), self._engine.connect() as connection:
            reading = connection.execution_options(sqlite_begin="DEFERRED")
            return [dict(row) for row in reading.execute(query).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with answering(self._engine), self._engine.begin() as connection:
            yield connection

    def _insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """How many rows were new."""
        insert = self._insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
        return len(connection.execute(insert, rows).all())

    def _upsert(self, connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table).values(row)
        update = {name: insert.excluded[name] for name in row if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=update))

    def _insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        if self._engine.dialect.name == "sqlite":
            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # a third of a second that SQLite need not wait for

        return postgresql.insert(table)


def open_state(url: str) -> State:
    """Open a state database (any SQLAlchemy URL of SQLite or PostgreSQL), brought to the newest form."""
    return State(open_engine(url))


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _decimals_to_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row.items()}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
