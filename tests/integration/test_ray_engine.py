"""Per-item work on a real Ray cluster of two nodes on this machine: the same tables, whatever becomes of a node."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from lake.ingest import register, take
from lake.servers import free_port, until
from lake.store import Lake
from quality.probes import measure, probe_schema
from tests.unit.lake.samples import ROOT, SPEC, deliver, encoded, picture, png, run_python, stored

pytest.importorskip("ray", reason="ray is not installed: pip install -r requirements/dev.lock")
pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("ray")]
STORE_BYTES = 100 * 2**20
NUM_ROWS = 2_000


@dataclass
class Cluster:
    address: str
    folder: Path
    worker: subprocess.Popen[bytes]  # the second node; the first one is the head


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # its sockets' paths have to be short
    port, client = free_port(), free_port()
    head = [
        "--head", f"--port={port}", f"--ray-client-server-port={client}", "--include-dashboard=false",
        f"--temp-dir={folder}",
    ]  # fmt: skip
    with ExitStack() as nodes:
        nodes.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes.enter_context(_node(folder / "head.log", *head))
        worker = nodes.enter_context(_node(folder / "worker.log", f"--address=127.0.0.1:{port}"))
        address = f"ray://127.0.0.1:{client}"
        waited = run_python(TWO_NODES, address)
        out, problems = waited.communicate(timeout=120)
        assert out.strip() == "2", problems + (folder / "head.log").read_text() + (folder / "worker.log").read_text()
        yield Cluster(address, folder, worker)


@contextmanager
def _node(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        str(Path(sys.executable).parent / "ray"), "start", "--block", "--num-cpus=1", "--disable-usage-stats",
        f"--object-store-memory={STORE_BYTES}", "--node-ip-address=127.0.0.1", *arguments,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    with log.open("wb") as file:
        node = subprocess.Popen(command, stdout=file, stderr=file, env=environment, start_new_session=True)
    try:
        yield node
    finally:
        kill(node)


def kill(node: subprocess.Popen[bytes]) -> None:
    """All processes of a node at once, as when its machine loses power."""
    with suppress(psutil.NoSuchProcess):
        for one in [*psutil.Process(node.pid).children(recursive=True), psutil.Process(node.pid)]:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
    node.wait()


TWO_NODES = """
import sys, time, ray
for _ in range(60):
    try:
        ray.init(sys.argv[1], log_to_driver=False)
        break
    except Exception:
        time.sleep(1)
for _ in range(60):
    alive = sum(node["Alive"] for node in ray.nodes())
    if alive == 2:
        break
    time.sleep(0.5)
print(alive)
"""

TAKE = """
import pathlib, sys
from lake import engine
from lake.ingest import register, take
from lake.store import Lake
from quality.probes import measure, probe_schema
from tests.unit.lake.samples import SPEC

engine.use(sys.argv[1])
lake = Lake.at(pathlib.Path(sys.argv[2]))
batch = register(lake, "s", [pathlib.Path(sys.argv[3])])
print(take(lake, "s", batch, "image", SPEC, measure=measure, measured=probe_schema("image")).items)
"""


def test_a_delivery_comes_in_on_a_cluster_as_it_does_on_one_machine(cluster: Cluster, tmp_path: Path) -> None:
    folder = deliver(tmp_path / "in", {f"{number:03}.png": png(number) for number in range(600)})
    deliver(folder, {"cut.png": png(900)[:-30], "again.png": png(3), "a.jpg": encoded(picture(7, (64, 48)), "JPEG")})
    process = run_python(TAKE, cluster.address, str(tmp_path / "cluster"), str(folder))
    out, problems = process.communicate(timeout=180)
    assert process.returncode == 0, problems
    alone, together = Lake.at(tmp_path / "alone"), Lake.at(tmp_path / "cluster")
    batch = register(alone, "s", [folder])
    receipt = take(alone, "s", batch, "image", SPEC, measure=measure, measured=probe_schema("image"))
    assert out.strip() == str(receipt.items) == "601"
    assert stored(together) == stored(alone)  # byte for byte
    alone.state.close()
    together.state.close()


MAP = """
import pathlib, sys
import pyarrow as pa
from lake import engine

def slowly(number):
    import os, pathlib, time
    time.sleep(0.005)
    pathlib.Path(sys_folder, f"on-{os.getppid()}").touch()  # the parent of a worker is its node's raylet
    return (2 * number,)

sys_folder = sys.argv[2]
engine.use(sys.argv[1])
numbers = pa.table({"n": pa.array(range(int(sys.argv[3])), pa.int64())})
done = engine.map_rows(numbers, ["n"], slowly, pa.schema([("double", pa.int64())]))
print(done["double"].to_pylist() == [2 * n for n in range(int(sys.argv[3]))], done.num_rows)
"""


def test_a_node_that_is_lost_in_the_middle_loses_no_row(cluster: Cluster, tmp_path: Path) -> None:
    process = run_python(MAP, cluster.address, str(tmp_path), str(NUM_ROWS))
    try:
        assert until(lambda: len(list(tmp_path.glob("on-*"))) == 2, 90), "both nodes work"
        assert process.poll() is None, "in the middle of it"
        kill(cluster.worker)
        out, problems = process.communicate(timeout=180)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, problems
    assert out.split() == ["True", str(NUM_ROWS)]


def test_a_cluster_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    process = run_python(
        TAKE, f"ray://127.0.0.1:{free_port()}", str(tmp_path / "home"), str(deliver(tmp_path / "in", {"a.png": png(1)}))
    )
    _, problems = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "LakeError" in problems.splitlines()[-2] + problems.splitlines()[-1]
    assert "TRIALBASE_ENGINE" in problems
