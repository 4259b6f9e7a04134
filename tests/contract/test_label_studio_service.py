"""What our own Label Studio promises beyond what every server of ours does (test_local_servers.py)."""

# ruff: noqa: F811  a fixture that is imported is also the name of an argument

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, run

import httpx
import pytest

from labeling.crew import answer_through, demo_crew
from labeling.hosting.launch import ADMIN
from labeling.label_studio import LabelStudioPlatform
from labeling.label_studio_api import LabelStudioApi
from labeling.label_studio_rows import read_emails
from labeling.server import LocalLabelStudio
from lake.errors import PlatformError, PlatformUnreachable
from lake.servers import free_port
from tests.label_studio_fixture import USERS, VENV, LabelStudioServer, label_studio  # noqa: F401
from tests.unit.labeling.made import birds, platform_task

pytestmark = pytest.mark.contract

CONFIG = birds()
BATCH = [platform_task(f"t{i}") for i in range(12)]


def test_it_tells_its_version_and_refuses_a_wrong_token(
    label_studio: LabelStudioServer,
) -> None:
    platform = LabelStudioPlatform(label_studio.url, token=label_studio.token)
    assert platform.ping().count(".") >= 1
    for token in ("wrong", "a.b.c"):
        with pytest.raises(PlatformError, match="TRIALBASE_LABEL_STUDIO_TOKEN") as caught:
            LabelStudioPlatform(label_studio.url, token=token).ping()
        assert not isinstance(caught.value, PlatformUnreachable)


def test_its_secrets_are_readable_by_their_owner_alone(label_studio: LabelStudioServer) -> None:
    server = label_studio.server
    for path in (server.credentials_path, server.folder / ".env", server.folder / "label_studio.sqlite3"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert server.folder.stat().st_mode & 0o077 == 0


def test_the_administrator_can_log_in_and_annotators_use_tokens(label_studio: LabelStudioServer) -> None:
    with httpx.Client(base_url=label_studio.url, trust_env=False, follow_redirects=True) as browser:
        browser.get("/user/login/")
        form = {
            "email": ADMIN,
            "password": label_studio.server.admin_password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        browser.post("/user/login/", data=form)
        assert browser.get("/api/current-user/whoami").json()["email"] == ADMIN
        assert browser.get("/static/images/favicon.ico").status_code == 200


def test_it_listens_on_loopback_alone(label_studio: LabelStudioServer) -> None:
    """As the kernel says: every address that this port listens on is 127.0.0.1."""
    port = f"{int(label_studio.url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    tcp6 = Path("/proc/net/tcp6")
    rows += [line.split() for line in tcp6.read_text().splitlines()[1:]] if tcp6.exists() else []
    listening = {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port}")}
    assert listening == {"0100007F"}


def test_users_can_be_added_later(label_studio: LabelStudioServer) -> None:
    tokens = label_studio.server.ensure_users([USERS[0], "gina@simulated.example"])
    assert tokens[USERS[0]] == label_studio.tokens[USERS[0]]
    with LabelStudioApi(label_studio.url, token=tokens["gina@simulated.example"], timeout_s=30) as api:
        assert "gina@simulated.example" in read_emails(api).values()


@pytest.fixture
def postgres() -> Iterator[str]:
    """A PostgreSQL of our own on a free loopback port; its URL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a socket may have 107 characters
    port = free_port()
    as_owner: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]

    def control(*arguments: str) -> None:
        run([*as_owner, str(programs[-1] / arguments[0]), *arguments[1:]], check=True, stdout=DEVNULL, cwd=folder)

    control("initdb", "-D", f"{folder}/data", "-U", "team", "--auth=trust", "-E", "UTF8")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control("pg_ctl", "start", "-w", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log")
    try:
        control("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "team", "labels")
        yield f"postgresql://team:p%40ss@127.0.0.1:{port}/labels"
    finally:
        control("pg_ctl", "stop", "-D", f"{folder}/data", "-m", "immediate")
        shutil.rmtree(folder)


def test_a_team_keeps_its_answers_in_postgresql(tmp_path: Path, postgres: str, label_studio: LabelStudioServer) -> None:
    """The same crew, the same promises; its own migrations make this the slowest test here."""
    assert label_studio.server.running()  # and the environment is installed
    crew = demo_crew(CONFIG.classes)
    users = [one.name for one in crew]
    server = LocalLabelStudio(VENV, tmp_path / "data", free_port(), users=users, database_url=postgres)
    server.start()
    try:
        platform = LabelStudioPlatform(server.url, token=server.admin_token)
        project = platform.ensure_project("team", CONFIG, guideline="", overlap=3)
        assert platform.push(project, BATCH) == len(BATCH)
        tokens = server.ensure_users(users)
        answered = answer_through(
            server.url, tokens, project, CONFIG, crew, lambda _: CONFIG.classes[0], lambda _, __: None
        )
        assert answered == len(platform.pull(project, CONFIG, None).annotations) == 2 * len(BATCH)
        assert not (server.folder / "label_studio.sqlite3").exists()
    finally:
        server.stop()
