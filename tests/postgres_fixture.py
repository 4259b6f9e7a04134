"""A real PostgreSQL server for tests: a conftest.py or test module imports `postgres` (and its like) from here."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from lake.servers import free_port

PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/local/bin"), Path("/usr/bin"))
START_S = 60.0


@dataclass(frozen=True)
class PostgresServer:
    """Where the server listens; everybody on this machine may enter as `trialbase`, without a password."""

    port: int

    def url(self, database: str = "postgres", driver: str = "postgresql+psycopg") -> str:
        """A database's SQLAlchemy URL; with `postgresql` for a driver the one that libpq understands."""
        return f"{driver}://trialbase@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database of its own; returns its name."""
        name = f"test_{uuid4().hex[:12]}"
        with psycopg.connect(self.url(driver="postgresql"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL on a free loopback port, its data in a folder of its own, both gone afterwards."""
    programs = next((place for place in PLACES if (place / "initdb").exists() and (place / "postgres").exists()), None)
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    data = Path(tempfile.mkdtemp(prefix="trialbase-postgres-"))
    try:
        if user:
            shutil.chown(data, user, user)
        _run([programs / "initdb", "-A", "trust", "-U", "trialbase", "-E", "UTF8", "--locale=C", "-N", data], user)
        with _serving(programs / "postgres", data, user) as server:
            yield server
    finally:
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """The SQLAlchemy URL of a database that is new for each test."""
    return postgres.url(postgres.create_database())


@contextmanager
def _serving(program: Path, data: Path, user: str | None) -> Iterator[PostgresServer]:
    """The server process; stopped by its own id."""
    server = PostgresServer(free_port())
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [str(program), "-D", str(data), "-p", str(server.port), *options]
    with (data / "server.log").open("wb") as log:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, cwd=data, stdout=log, stderr=subprocess.STDOUT, **_as(user)
        )
        try:
            _wait(server, process, data / "server.log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # its "fast" stop: nobody is waited for
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            psycopg.connect(server.url(driver="postgresql"), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=120, **_as(user))
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


def _as(user: str | None) -> dict[str, Any]:
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}
