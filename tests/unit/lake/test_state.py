"""The state database on SQLite: every write may be repeated, by anybody, at once. PostgreSQL: tests/integration."""

import dataclasses
import datetime as dt
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import lake.state
from lake.errors import LakeError, NotFound
from lake.records import LedgerEntry, Run, SignOff, Trial
from lake.state import Outcome, State, open_state, schema
from lake.state.connect import HEAD, open_engine
from lake.store import Lake
from tests.unit.lake.samples import run_python

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
RUN = Run(
    run_id="r",
    scenario="s",
    batch="b",
    dataset="s@v1",
    dataset_hash="h",
    recipe="net",
    provider="local",
    state="running",
    seconds=1.5,
)
TRIAL = Trial(
    trial_id="t",
    scenario="s",
    batch="b",
    model="s/1",
    suite="v1",
    accuracy=0.9,
    worst_slice="dark",
    verdict="hold",
    reasons=("too dark", "too few"),
    num_failures=3,
    champion=None,
)
SIGNED = SignOff(
    scenario="s", batch="b", report_hash="h", by="Ada", role="steward", decision="approve", reason="", at=NOON
)


def entry(key: str = "k", amount: str = "0.10") -> LedgerEntry:
    return LedgerEntry(
        key=key,
        at=NOON,
        scenario="s",
        batch="b",
        kind="annotation",
        who="Ada",
        subject="t",
        quantity=Decimal(1),
        unit="answer",
        amount=Decimal(amount),
        currency="CNY",
    )


@pytest.fixture
def state(lake: Lake) -> State:
    return lake.state


# --- each write twice

WRITES: dict[str, tuple[Callable[[State], object], Callable[[State], object]]] = {
    "add_batch": (lambda state: state.add_batch("s", "b", "trial", ["/in"]), lambda state: state.batches()),
    "finish": (
        lambda state: state.finish(Outcome(scenario="s", batch="b", stage="raw", summary={"n": 1, "x": None})),
        lambda state: state.outcomes("s", "b"),
    ),
    "reopen": (lambda state: state.reopen("s", "b", ["raw"]), lambda state: state.outcomes("s", "b")),
    "add_signoff": (
        lambda state: state.add_signoff(SIGNED),
        lambda state: (state.signoffs("s", "b"), state.audit_entries()),
    ),
    "post": (lambda state: state.post([entry(), entry("l"), entry()]), lambda state: state.entries()),
    "repost": (lambda state: state.repost(entry(amount="7")), lambda state: state.entries()),
    "put_run": (lambda state: state.put_run(RUN), lambda state: state.runs()),
    "put_trial": (lambda state: state.put_trial(TRIAL), lambda state: state.trials()),
    "move_cursor": (lambda state: state.move_cursor("c", NOON), lambda state: state.cursor("c")),
}


def test_every_write_is_covered() -> None:
    reads = {"batch", "batches", "outcomes", "signoffs", "audit_entries", "verify_audit", "entries", "runs", "trials"}
    public = {name for name in vars(State) if not name.startswith("_")} - reads - {"cursor", "close", "note"}
    assert public == set(WRITES)  # note: an entry of the log, not a state of affairs; twice said is said twice


@pytest.mark.parametrize("name", WRITES)
def test_a_write_done_again_changes_nothing(state: State, name: str) -> None:
    write, read = WRITES[name]
    write(state)
    once = read(state)
    write(state)
    assert read(state) == once


def test_what_was_written_comes_back_in_its_own_types(state: State) -> None:
    state.put_run(RUN)
    state.put_trial(TRIAL)
    state.add_signoff(SIGNED)
    state.post([entry(amount="123456789012345.12345678")])
    assert (state.runs("s"), state.trials("s"), state.signoffs("s", "b")) == ([RUN], [TRIAL], [SIGNED])
    assert state.entries("s") == [entry(amount="123456789012345.12345678")]
    assert [*state.entries("other"), *state.runs("other"), *state.trials("other")] == []


def test_batches_keep_the_order_of_their_registration(state: State) -> None:
    for name in ("z", "a", "m", "a"):
        state.add_batch("s", name, "labeling", [f"/in/{name}"])
    state.add_batch("other", "z", "labeling", [])
    assert [(row.batch, row.sequence) for row in state.batches("s")] == [("z", 1), ("a", 2), ("m", 3)]
    assert state.batch("s", "a").paths == ("/in/a",)
    with pytest.raises(NotFound, match="scenario s has no batch x"):
        state.batch("s", "x")


def test_a_finished_stage_is_replaced_and_reopened(state: State) -> None:
    for number in (1, 2):
        state.finish(Outcome(scenario="s", batch="b", stage="raw", summary={"n": number}))
    state.finish(Outcome(scenario="s", batch="b", stage="curated", summary={}))
    assert state.outcomes("s", "b")["raw"].summary == {"n": 2}
    state.reopen("s", "b", ["curated", "labels"])
    assert set(state.outcomes("s", "b")) == {"raw"}


def test_a_later_decision_stands_beside_the_earlier_one(state: State) -> None:
    later = dataclasses.replace(SIGNED, decision="reject", at=NOON + dt.timedelta(seconds=1))
    for row in (SIGNED, later, SIGNED):
        state.add_signoff(row)
    assert state.signoffs("s", "b") == [SIGNED, later]
    assert [one.action for one in state.audit_entries()] == ["sign-off"] * 2


def test_posting_tells_how_many_entries_were_new(state: State) -> None:
    assert state.post([]) == 0
    assert state.post([entry("a"), entry("b"), entry("a")]) == 2
    assert state.post([entry("b"), entry("c")]) == 1
    assert state.post([entry(str(number)) for number in range(5_000)]) == 5_000


def test_a_time_is_a_moment_in_any_zone_and_never_a_guess(state: State) -> None:
    state.move_cursor("c", NOON.astimezone(dt.timezone(dt.timedelta(hours=8))))
    assert state.cursor("c") == NOON
    assert str(state.cursor("c")).endswith("+00:00")
    assert state.cursor("other") is None
    with pytest.raises(sa.exc.StatementError, match="a time without a zone"):
        state.move_cursor("c", NOON.replace(tzinfo=None))


# --- the form of the database


def test_migrations_end_where_the_schema_stands(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_head_is_alembics_own() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(lake.state.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


OPEN = """
import sys
from lake.state import open_state
print("ready", flush=True)
sys.stdin.readline()
state = open_state(sys.argv[1])
for number in range(int(sys.argv[2])):
    state.add_batch("s", f"{sys.argv[3]}{number}", "labeling", [])
    state.note(sys.argv[3], "tried", str(number), "")
state.verify_audit()
"""


def test_many_processes_open_and_write_a_new_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    writers = [run_python(OPEN, url, "20", name) for name in "abc"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    problems = [writer.communicate("\n", timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], problems
    state = open_state(url)
    assert [row.sequence for row in state.batches("s")] == list(range(1, 61))
    assert state.verify_audit() == 60
    state.close()


def test_a_reader_is_not_kept_waiting_by_a_writer(tmp_path: Path) -> None:
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    state.put_run(RUN)
    with sqlite3.connect(tmp_path / "state.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM runs")
        assert state.runs() == [RUN]
        writer.execute("ROLLBACK")
    writer.close()
    state.close()


# --- what goes wrong with it


@pytest.mark.parametrize(
    "url", ["no url", "nosuch://host/name", "mysql://host/name", "postgresql+psycopg://nobody@127.0.0.1:1/x"]
)
def test_a_database_that_does_not_open_is_said_so(url: str) -> None:
    with pytest.raises(LakeError, match=r"the state database does not open: .*\n.*TRIALBASE_STATE_URL"):
        open_state(url)


def test_a_database_in_an_impossible_place_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match="does not open"):
        open_state(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("not a database" * 1000)
    with pytest.raises(LakeError, match=r"does not open: .*not a database"):
        open_state(f"sqlite:///{tmp_path / 'state.db'}")


def test_a_database_of_a_newer_trialbase_is_said_so_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    open_state(url).close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LakeError, match=r"9999.*\n.*newer Trialbase"):
        open_state(url)


def test_a_database_that_breaks_while_it_is_used_is_said_so(tmp_path: Path) -> None:
    state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    state.close()
    for name in tmp_path.iterdir():
        name.write_bytes(b"\0" * 100)
    with pytest.raises(LakeError, match=r"the state database sqlite:.*state\.db fails"):
        state.runs()
    state.close()
