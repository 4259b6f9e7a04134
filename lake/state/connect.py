"""Reaching the state database: SQLite or PostgreSQL, migrated when it is opened."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lake.errors import LakeError

HEAD = "0001"  # the newest migration; a test holds it to Alembic's own answer
CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 30


def open_engine(url: str) -> sa.Engine:
    """An engine on a state database that is brought to the newest form. Raises LakeError."""
    try:
        engine = _engine(url)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        raise _closed(error) from error
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        engine.dispose()
        raise _closed(error) from error
    except LakeError:
        engine.dispose()
        raise
    return engine


def _closed(error: Exception) -> LakeError:
    return LakeError(
        f"the state database does not open: {_first_line(error)}",
        remedy="start it, or correct TRIALBASE_STATE_URL (sqlite:///file or postgresql+psycopg://user@host/name)",
    )


@contextmanager
def answering(engine: sa.Engine) -> Iterator[None]:
    """A database that is gone, full, locked or damaged is a LakeError; a wrong statement stays what it is."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError):
        raise
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raise LakeError(
            f"the state database {engine.url.render_as_string()} fails: {_first_line(error)}",
            remedy="start it, free its disk or restore it, then rerun: the write that failed left nothing",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": LOCK_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins transactions itself, see `begin` below
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {mode}")  # immediate: two writers wait instead of failing half way

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite does not wait for others here, whatever its timeout: two processes may meet a new database at once."""
    end = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _migrate(connection: sa.Connection) -> None:
    migrated = sa.inspect(connection).has_table("alembic_version")
    if migrated and connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":  # two processes may meet a new database at once
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7414253)"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise LakeError(
            f"the state database has another form than this Trialbase knows: {error}",
            remedy="use the newer Trialbase that wrote it, or another TRIALBASE_HOME",
        ) from error
