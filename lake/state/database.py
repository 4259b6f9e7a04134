"""The state database: typed rows in, typed rows out."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lake import audit
from lake.errors import LakeError, NotFound
from lake.records import Decision, LedgerEntry, Purpose, Run, Verdict
from lake.state import schema

HEAD = "0001"  # the newest migration; a test holds it to Alembic's own answer

Fact = str | int | float | bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchRow:
    """One batch of deliveries."""

    scenario: str
    batch: str
    sequence: int
    purpose: Purpose
    paths: tuple[str, ...]
    registered_at: dt.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a finished stage said of itself: the same inputs give the same summary."""

    scenario: str
    batch: str
    stage: str
    summary: Mapping[str, Fact]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignOffRow:
    """One decision of a person on one quality report."""

    scenario: str
    batch: str
    report_hash: str
    by: str
    role: str
    decision: Decision
    reason: str
    at: dt.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialRow:
    """One model judged on one suite."""

    trial_id: str
    scenario: str
    batch: str
    model: str
    suite: str
    accuracy: float
    worst_slice: str
    verdict: Verdict
    reasons: tuple[str, ...]
    num_failures: int
    champion: str | None


class State:
    """Reads and writes of the state database; each write is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- batches

    def add_batch(self, scenario: str, batch: str, purpose: Purpose, paths: Sequence[str]) -> BatchRow:
        """Register a batch once; a second call changes nothing."""
        table = schema.batches
        with self._engine.begin() as connection:
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
        with self._engine.begin() as connection:
            self._upsert(connection, schema.stages, row)

    def reopen(self, scenario: str, batch: str, stages: Iterable[str]) -> None:
        """Forget that some stages were done: what they rest on has changed."""
        table = schema.stages
        with self._engine.begin() as connection:
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

    def add_signoff(self, row: SignOffRow) -> None:
        """Record a decision and its audit entry together."""
        with self._engine.begin() as connection:
            connection.execute(sa.insert(schema.signoffs), dataclasses.asdict(row))
            detail = f"{row.decision} report {row.report_hash}; {row.reason}"
            audit.append(connection, row.by, "sign-off", f"{row.scenario}/{row.batch}", detail)

    def signoffs(self, scenario: str, batch: str) -> list[SignOffRow]:
        """Decisions on a batch, oldest first."""
        table = schema.signoffs
        query = sa.select(table).where(table.c.scenario == scenario, table.c.batch == batch).order_by(table.c.id)
        return [SignOffRow(**_without(row, "id")) for row in self._rows(query)]

    def note(self, who: str, action: str, subject: str, detail: str) -> None:
        """Add an audit entry that is not part of another write."""
        with self._engine.begin() as connection:
            audit.append(connection, who, action, subject, detail)

    def audit_entries(self) -> list[audit.Entry]:
        return [audit.Entry(**row) for row in self._rows(sa.select(schema.audit).order_by(schema.audit.c.sequence))]

    # --- ledger

    def post(self, entries: Iterable[LedgerEntry]) -> int:
        """Add entries whose key is new; returns how many were."""
        rows = [_decimals_to_text(dataclasses.asdict(entry)) for entry in entries]
        if not rows:
            return 0
        with self._engine.begin() as connection:
            return self._insert_new(connection, schema.ledger, rows)

    def repost(self, entry: LedgerEntry) -> None:
        """Replace the entry of this key: a meter that still runs."""
        with self._engine.begin() as connection:
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
        with self._engine.begin() as connection:
            self._upsert(connection, schema.runs, dataclasses.asdict(run))

    def runs(self, scenario: str | None = None) -> list[Run]:
        query = sa.select(schema.runs).order_by(schema.runs.c.dataset, schema.runs.c.run_id)
        if scenario is not None:
            query = query.where(schema.runs.c.scenario == scenario)
        return [Run(**row) for row in self._rows(query)]

    def put_trial(self, row: TrialRow) -> None:
        with self._engine.begin() as connection:
            self._upsert(connection, schema.trials, dataclasses.asdict(row) | {"reasons": list(row.reasons)})

    def trials(self, scenario: str | None = None) -> list[TrialRow]:
        query = sa.select(schema.trials).order_by(schema.trials.c.scenario, schema.trials.c.model)
        if scenario is not None:
            query = query.where(schema.trials.c.scenario == scenario)
        return [TrialRow(**(row | {"reasons": tuple(row["reasons"])})) for row in self._rows(query)]

    def cursor(self, name: str) -> dt.datetime | None:
        rows = self._rows(sa.select(schema.cursors).where(schema.cursors.c.name == name))
        return rows[0]["at"] if rows else None

    def move_cursor(self, name: str, at: dt.datetime) -> None:
        with self._engine.begin() as connection:
            self._upsert(connection, schema.cursors, {"name": name, "at": at})

    # --- inside

    def _rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        before = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        connection.execute(self._insert(table).on_conflict_do_nothing(), rows)
        return (connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0) - before

    def _upsert(self, connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        insert = self._insert(table).values(row)
        update = {name: insert.excluded[name] for name in row if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=update))

    def _insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        return sqlite.insert(table) if self._engine.dialect.name == "sqlite" else postgresql.insert(table)


def open_state(url: str) -> State:
    """Open a state database (any SQLAlchemy URL of SQLite or PostgreSQL), brought to the newest form."""
    try:
        engine = _engine(url)
        with engine.begin() as connection:
            _migrate(connection)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise LakeError(
            f"the state database does not open: {str(error).splitlines()[0]}",
            remedy="start it, or correct TRIALBASE_STATE_URL (sqlite:///file or postgresql+psycopg://user@host/name)",
        ) from error
    return State(engine)


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions itself, see `begin` below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # two writers wait instead of failing half way

    return engine


def _migrate(connection: sa.Connection) -> None:
    migrated = sa.inspect(connection).has_table("alembic_version")
    if migrated and connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # two processes may meet a new database at once
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7414253)"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _decimals_to_text(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in row.items()}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
