"""The lake elsewhere: media and tables on S3 (moto's server), the state on a real PostgreSQL."""

import datetime as dt
import threading
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from moto.server import ThreadedMotoServer

from lake import ids
from lake.blobs import Blobs
from lake.errors import LakeError, NotFound
from lake.ingest import register, take
from lake.records import Item, LedgerEntry, SignOff
from lake.state import State, open_state, schema
from lake.state.connect import open_engine
from lake.store import Lake
from lake.versions import Contents, DvcVersions
from tests.postgres_fixture import postgres, postgres_url  # noqa: F401 - fixtures
from tests.unit.lake.samples import SPEC, deliver, die_everywhere, png, run_python, stored
from tests.unit.lake.test_state import OPEN, SIGNED, WRITES, entry

pytestmark = pytest.mark.integration
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


# --- S3


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A bucket of its own, found through the environment as any tool of AWS finds it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = ids.slug(request.node.name)[:40] + "-bucket"
    urllib.request.urlopen(urllib.request.Request(f"{s3_endpoint}/{name}", method="PUT"), timeout=30).close()
    yield f"s3://{name}/lake"
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def lake(tmp_path: Path, bucket: str) -> Iterator[Lake]:
    made = Lake.at(tmp_path / "home", lake_url=bucket)
    yield made
    made.state.close()


def delivery(folder: Path) -> Path:
    deliver(folder, {f"{number}.png": png(number) for number in range(10)})
    return deliver(folder, {"again.png": png(3), "empty.png": b"", "answers.csv": b"file,answer\n0.png,0\n"})


def test_a_batch_is_taken_in_on_s3_as_on_a_disk(lake: Lake, tmp_path: Path) -> None:
    folder = delivery(tmp_path / "in")
    local = Lake.at(tmp_path / "local")
    receipts = []
    for one in (lake, local):
        receipts.append(take(one, "s", register(one, "s", [folder]), "image", SPEC))
    assert receipts[0] == receipts[1]
    assert (receipts[0].items, receipts[0].quarantined) == (10, {"empty": 1, "duplicate": 1})
    for name, data in stored(local).items():
        assert lake.blobs.read(name) == data  # the same objects, byte for byte
    assert take(lake, "s", receipts[0].batch, "image", SPEC) == receipts[0]
    local.state.close()


def test_items_are_read_at_random_without_their_pack(lake: Lake, tmp_path: Path) -> None:
    receipt = take(lake, "s", register(lake, "s", [delivery(tmp_path / "in")]), "image", SPEC)
    items = lake.batch("s", receipt.batch).records("items", Item)
    assert {lake.media(one.pack, one.offset, one.length) for one in items} == {png(number) for number in range(10)}
    assert lake.find_item(items[0].item_id[:8]) == ("s", items[0].item_id)
    with pytest.raises(NotFound):
        lake.media("pack-none", 0, 1)


def test_tables_on_s3_are_written_whole_and_read_by_column(lake: Lake) -> None:
    batch = lake.batch("s", "b")
    assert not batch.has("t")
    with pytest.raises(NotFound, match=r"t\.parquet is not there"):
        batch.read("t")
    for numbers in ([1, 2, 3], [4]):
        batch.write("t", pa.table({"n": numbers, "text": ["x"] * len(numbers)}))
        assert batch.has("t")
        assert batch.read("t", ["n"]).to_pydict() == {"n": numbers}
    lake.blobs.write(batch.path("t.parquet"), b"half")
    with pytest.raises(LakeError, match="is damaged"):
        batch.read("t")


def test_a_version_is_committed_from_packs_on_s3(lake: Lake, tmp_path: Path) -> None:
    receipt = take(lake, "s", register(lake, "s", [delivery(tmp_path / "in")]), "image", SPEC)
    items = lake.batch("s", receipt.batch).read("items")
    manifest = items.append_column("batch", pa.array(["b"] * 10)).append_column("split", pa.array(["train"] * 10))
    labels = pa.table({"item_id": items["item_id"], "answer": ["0"] * 10, "annotators": [["Ada"]] * 10})
    what = Contents(manifest=manifest, labels=labels, classes=("0",), gate_report="{}", card="")
    versions = DvcVersions(lake, f"{lake.lake_url}/versions")
    version = versions.commit("s", what, gate="pass", signed_by="Ada", batches=[receipt.batch])
    out = versions.checkout(version.tag, tmp_path / "out")
    (pack,) = what.packs
    assert (out / "packs" / f"{pack}.tar").read_bytes() == lake.blobs.read(f"packs/{pack}.tar")
    pushed = fsspec.filesystem("s3").find(f"{lake.lake_url}/versions")
    assert len(pushed) == 4  # manifest, labels, the pack and the list of packs


def test_a_store_that_does_not_answer_or_lets_nobody_in_is_said_so(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Blobs(bucket).exists("nothing") is False
    with pytest.raises(LakeError, match="cannot be written"):
        Blobs("s3://no-such-bucket/x").write("file", b"x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    for act in (lambda: Blobs(bucket).read("x"), lambda: Blobs(bucket).exists("x")):
        with pytest.raises(LakeError, match=r"cannot be read: .*\n.*credentials"):
            act()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(LakeError, match=r"cannot be written: .*credentials"):
        Blobs(bucket).write("x", b"x")


TAKE_ON_S3 = """
import pathlib, sys, tempfile
import daft, pandas, PIL.Image
from lake.ingest import register, take
from lake.store import Lake
from tests.unit.lake.samples import SPEC

def work(home):
    tempfile.tempdir = home  # packs are written here before they go to S3
    lake = Lake.at(pathlib.Path(home), lake_url=sys.argv[4] + pathlib.Path(home).name)
    take(lake, "s", register(lake, "s", [pathlib.Path(sys.argv[3])]), "image", SPEC)
"""


def test_killed_around_its_upload_to_s3_and_done_again_it_ends_the_same(bucket: str, tmp_path: Path) -> None:
    folder = delivery(tmp_path / "in")

    def everything(url: str) -> dict[str, bytes]:
        files = fsspec.filesystem("s3")
        files.invalidate_cache()
        root = url.removeprefix("s3://")
        return {name.removeprefix(root): files.cat_file(name) for name in files.find(root)}

    died = die_everywhere(TAKE_ON_S3, tmp_path, str(folder), f"{bucket}/")
    assert any(not everything(f"{bucket}/{home.name}") for home in died)
    assert any(len(everything(f"{bucket}/{home.name}")) == 1 for home in died)  # the pack, and no table yet
    expected = everything(f"{bucket}/0")
    assert {name.split("/")[1] for name in expected} == {"packs", "batches"}, sorted(expected)
    assert sum(name.startswith("/packs/") for name in expected) == 1
    for home in died:
        lake = Lake.at(home, lake_url=f"{bucket}/{home.name}")
        take(lake, "s", register(lake, "s", [folder]), "image", SPEC)
        assert everything(lake.lake_url) == expected
        lake.state.close()


# --- PostgreSQL


@pytest.fixture
def state(postgres_url: str) -> Iterator[State]:  # noqa: F811 - the fixture
    made = open_state(postgres_url)
    yield made
    made.close()


@pytest.mark.parametrize("name", WRITES)
def test_a_write_done_again_changes_nothing_on_postgresql(state: State, name: str) -> None:
    write, read = WRITES[name]
    write(state)
    once = read(state)
    write(state)
    assert read(state) == once


def test_times_and_money_come_back_exactly_from_postgresql(state: State) -> None:
    state.move_cursor("c", NOON.astimezone(dt.timezone(dt.timedelta(hours=-5))))
    assert state.cursor("c") == NOON
    assert str(state.cursor("c")) == str(NOON)
    exact = entry(amount="123456789012345.12345678")
    assert state.post([exact, entry("l"), exact]) == 2
    assert state.post([exact]) == 0
    assert state.entries()[0].amount == Decimal("123456789012345.12345678")


def test_migrations_end_where_the_schema_stands_on_postgresql(postgres_url: str) -> None:  # noqa: F811
    engine = open_engine(postgres_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_many_processes_open_and_write_a_new_postgresql_database_at_once(postgres_url: str) -> None:  # noqa: F811
    writers = [run_python(OPEN, postgres_url, "20", name) for name in "abc"]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    problems = [writer.communicate("\n", timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], problems
    state = open_state(postgres_url)
    assert [row.sequence for row in state.batches("s")] == list(range(1, 61))
    assert state.verify_audit() == 60
    state.close()


def test_many_who_post_and_sign_the_same_at_once_add_it_once(postgres_url: str) -> None:  # noqa: F811
    state = open_state(postgres_url)
    entries = [entry(str(number)) for number in range(200)]
    added: list[int] = []

    def work(rows: list[LedgerEntry], signed: SignOff) -> None:
        added.append(state.post(rows))
        state.add_signoff(signed)

    threads = [threading.Thread(target=work, args=(entries, SIGNED)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == 200
    assert state.signoffs("s", "b") == [SIGNED]
    assert state.verify_audit() == 1
    state.close()


def test_a_batch_is_taken_in_with_the_state_on_postgresql(postgres_url: str, tmp_path: Path) -> None:  # noqa: F811
    lake = Lake.at(tmp_path / "home", state_url=postgres_url)
    receipt = take(lake, "s", register(lake, "s", [delivery(tmp_path / "in")]), "image", SPEC)
    assert receipt.items == 10
    assert not (tmp_path / "home" / "state.db").exists()
    assert [row.batch for row in lake.state.batches("s")] == [receipt.batch]
    lake.state.close()
