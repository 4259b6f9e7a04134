"""DVC remotes elsewhere: S3 (moto's server), SSH (a real sshd on loopback); killed pushes, remotes that refuse."""

import getpass
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from lake import holdings, ids
from lake.errors import LakeError
from lake.gc import collect
from lake.packs import PackWriter, pack_path
from lake.store import Lake
from lake.verify import verify
from lake.versions import DvcVersions
from tests.contract.test_versions import held, tool
from tests.unit.lake.holding import Made, commit, contents_of
from tests.unit.lake.samples import png, run_python

pytestmark = pytest.mark.integration
SSHD = Path("/usr/sbin/sshd")
MADE = [Made(png(number, (64, 64)), str(number % 2)) for number in range(6)]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake.at(tmp_path / "home")
    yield made
    made.state.close()


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """A server of the user at hand with keys of its own; its port."""
    (folder / "home" / ".ssh").mkdir(parents=True, mode=0o700)
    for key in (folder / "host_key", folder / "home" / ".ssh" / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/home/.ssh/id_ed25519.pub\nPasswordAuthentication no\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None  # where sshd gives up its rights
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of its own, found through the environment as any tool of AWS finds it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"b-{ids.content_id(str(tmp_path).encode())[:20]}"
    urllib.request.urlopen(urllib.request.Request(f"{s3_endpoint}/{bucket}", method="PUT"), timeout=30).close()
    yield f"s3://{bucket}"
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if not SSHD.exists() or not shutil.which("ssh-keygen"):
        pytest.skip("sshd is not there: apt-get install openssh-server")
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as port:
        monkeypatch.setenv("HOME", str(tmp_path / "sshd" / "home"))
        yield f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}"


@pytest.fixture(params=["local", "s3", "ssh"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A remote that is empty, as TRIALBASE_DVC_REMOTE names it."""
    place = str(tmp_path) if request.param == "local" else request.getfixturevalue(request.param)
    return f"{place}/remote"


def test_a_version_goes_to_its_remote_and_a_stranger_gets_it_from_there(
    lake: Lake, remote: str, tmp_path: Path
) -> None:
    versions = DvcVersions(lake, remote)
    commit(versions, contents_of(lake, MADE, "01"))
    commit(versions, contents_of(lake, [*MADE[:5], Made(MADE[5].data, "0")], "01"))
    kept = held(versions.folder("data@v1"))
    assert versions.repository.dvc.missing(versions.repository.objects_at("data@v2")) == []
    tool(tmp_path, "git", "clone", "--quiet", str(versions.path), str(tmp_path / "clone"))
    versions.path.rename(tmp_path / "far away")  # nothing but git's history and the remote is left
    tool(tmp_path, "dvc", "get", str(tmp_path / "clone"), "data", "--rev", "data@v1", "--out", "got")
    found = held(tmp_path / "got")
    assert {name: found.get(name) for name in kept} == kept


def test_a_lost_cache_comes_back_from_any_remote(lake: Lake, remote: str, tmp_path: Path) -> None:
    versions = DvcVersions(lake, remote)
    commit(versions, contents_of(lake, MADE, "01"))
    kept = held(versions.folder("data@v1"))
    shutil.rmtree(versions.path / ".dvc" / "cache")
    assert verify(lake, versions).findings == ()
    assert versions.table("data@v1", "labels").num_rows == 6
    assert held(versions.checkout("data@v1", tmp_path / "out")) == kept


def test_a_lake_on_s3_is_verified_and_swept_too(tmp_path: Path, s3: str) -> None:
    lake = Lake.at(tmp_path / "home", lake_url=f"{s3}/lake")
    versions = DvcVersions(lake)
    commit(versions, contents_of(lake, MADE, "01"))
    verdict = verify(lake, versions)
    assert (verdict.packs, verdict.items, verdict.findings) == (1, 6, ())
    (pack,) = holdings.packs(lake.blobs)
    whole = lake.blobs.read(pack_path(pack))
    lake.blobs.write(pack_path(pack), whole[:700] + b"?" + whole[701:])
    assert [one.problem for one in verify(lake, versions).findings] == ["damaged pack"]
    lake.blobs.write(pack_path(pack), whole)
    with PackWriter(lake.blobs) as packs:
        packs.add("0" * 64, "text/plain", b"nobody's")
    assert [one.problem for one in verify(lake, versions, quick=True).findings] == ["orphan pack"]
    assert [one.kind for one in collect(lake, versions, dry_run=False).removals] == ["pack"]
    assert verify(lake, versions).findings == ()
    lake.state.close()


PUSH = """
import os, pathlib, signal, sys
from lake.store import Lake
from lake.versions import DvcVersions
import dvc_objects.fs.base as base
whole, left = base.FileSystem.put_file, int(sys.argv[3])

def put_file(self, source, target, **kwargs):
    global left
    left -= 1
    if left < 0:
        half = source + ".half"
        with open(source, "rb") as file, open(half, "wb") as out:
            data = file.read()
            out.write(data[: len(data) // 2])
        if self.protocol == "ssh":
            whole(self, half, target)  # as an upload that was cut off leaves it there
        os.unlink(half)
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, source, target, **kwargs)

base.FileSystem.put_file = put_file
from tests.integration.test_dataset_remotes import MADE
from tests.unit.lake.holding import commit, contents_of
lake = Lake.at(pathlib.Path(sys.argv[1]))
commit(DvcVersions(lake, sys.argv[2]), contents_of(lake, MADE, "01"))
"""


@pytest.mark.parametrize("remote", ["local", "ssh"], indirect=True)  # S3 itself puts an object whole or not at all
def test_a_push_killed_in_the_middle_is_no_version_and_mended_by_the_next(
    lake: Lake, remote: str, tmp_path: Path
) -> None:
    for done in range(3):
        process = run_python(PUSH, str(lake.home), remote, str(done))
        problems = process.communicate(timeout=120)[1]
        assert process.returncode == -9, problems
        assert DvcVersions(lake, remote).list() == []
    versions = DvcVersions(lake, remote)
    commit(versions, contents_of(lake, MADE, "01"))
    kept = held(versions.folder("data@v1"))
    shutil.rmtree(versions.path / ".dvc" / "cache")
    assert held(versions.checkout("data@v1", tmp_path / "out")) == kept


def test_a_remote_that_refuses_is_said_so_and_no_version_appears(
    lake: Lake, s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert s3
    with pytest.raises(LakeError, match=r"was not pushed to s3://no-such-bucket/x: .*\n.*TRIALBASE_DVC_REMOTE"):
        commit(DvcVersions(lake, "s3://no-such-bucket/x"), contents_of(lake, MADE, "01"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(LakeError, match="was not pushed to ssh://"):
        commit(DvcVersions(lake, "ssh://nobody@127.0.0.1:1/x"), contents_of(lake, MADE, "01"))
    with pytest.raises(LakeError, match=r"with the remote strange://x: .*Unsupported URL"):
        commit(DvcVersions(lake, "strange://x"), contents_of(lake, MADE, "01"))
    assert DvcVersions(lake).list() == []
    assert commit(DvcVersions(lake), contents_of(lake, MADE, "01")).tag == "data@v1"
