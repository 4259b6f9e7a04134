"""The portal once a batch has become a version and its model was tried; and the portal as a process of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from assets.labels import gate_report
from assets.stage import Work
from assets.trial import report_path
from lake.blobs import replace_text
from lake.records import Failure, Label, to_table
from lake.state import Outcome
from lake.versions import Contents
from tests.integration.portal.asking import STEWARD
from tests.integration.portal.home import SCENARIO, open_batch, served

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portal's home, where all labels have become a version and a model failed on the first item."""
    home = Path(shutil.copytree(made, tmp_path_factory.mktemp("results") / "home"))
    work = open_batch(home)
    version = _commit(work)
    _finish(work, "dataset", {"version": version})
    first = work.batch.records("labels", Label)[0]
    failure = Failure(item_id=first.item_id, expected="circle", predicted="<b>square", confidence=0.7, slices=())
    work.batch.write("failures", to_table([failure], Failure))
    _finish(
        work,
        "trial",
        {"model": "shapes/1", "accuracy": 0.9123, "cases": 57, "verdict": "promote", "reasons": "thresholds are met"},
    )
    replace_text(work.lake.home / report_path(work), "<!doctype html><title>Trial</title><h1>Trial of shapes/1</h1>")
    return home


def _finish(work: Work, stage: str, summary: dict[str, str | int | float]) -> None:
    work.lake.state.finish(Outcome(scenario=SCENARIO, batch=work.batch_name, stage=stage, summary=summary))


def _commit(work: Work) -> str:
    labels = work.batch.read("labels")
    items = work.batch.read("items")
    kept = items.filter(pa.compute.is_in(items["item_id"], labels["item_id"].combine_chunks()))
    contents = Contents(
        manifest=kept.append_column("split", pa.array(["train"] * kept.num_rows, pa.string())),
        labels=labels,
        classes=work.scenario.classes,
        gate_report=gate_report(work).to_json(),
        card="# Shapes\n",
    )
    version = work.ports.versions.commit(
        SCENARIO, contents, gate="waivable", signed_by="sofia", batches=[work.batch_name]
    )
    return version.tag


def test_item_page_shows_versions_and_what_a_model_said(home: Path) -> None:
    first = open_batch(home).batch.records("labels", Label)[0]
    with served(home) as url:
        text = httpx.get(f"{url}/scenarios/{SCENARIO}/items/{first.item_id}", auth=STEWARD, trust_env=False).text
    assert "shapes@v1" in text
    assert "train" in text
    assert "It said <strong>&lt;b&gt;square</strong> with confidence 70.0 %" in text


def test_a_dataset_repository_in_trouble_does_not_hide_the_item(home: Path) -> None:
    first = open_batch(home).batch.records("labels", Label)[0]
    repository = home / "datasets" / ".git" / "HEAD"
    before = repository.read_bytes()
    repository.write_bytes(b"nonsense")
    try:
        with served(home) as url:
            page = httpx.get(f"{url}/scenarios/{SCENARIO}/items/{first.item_id}", auth=STEWARD, trust_env=False)
    finally:
        repository.write_bytes(before)
    assert page.status_code == 200
    assert "committed versions are safe" in page.text
    assert "CC-BY-4.0" in page.text


def test_batch_page_shows_the_trial_and_leads_to_its_report(home: Path) -> None:
    work = open_batch(home)
    with served(home) as url, httpx.Client(base_url=url, auth=STEWARD, trust_env=False) as client:
        text = client.get(f"/scenarios/{SCENARIO}/batches/{work.batch_name}").text
        report = client.get(f"/reports/{SCENARIO}/{work.batch_name}")
    assert "shapes/1 answered 91.2 % of 57 cases: <strong>promote</strong>" in text
    assert f'href="/reports/{SCENARIO}/{work.batch_name}"' in text
    assert "Trial of shapes/1" in report.text
    assert report.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in report.headers["content-security-policy"]


def test_the_portal_runs_as_a_process_and_stops_when_told(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipelines.web", "--port", str(port)]
    environment = os.environ | {"TRIALBASE_HOME": str(home), "TRIALBASE_SCENARIOS": str(home / "scenarios")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert _healthy(f"http://127.0.0.1:{port}/healthz")
        assert httpx.get(f"http://127.0.0.1:{port}/", auth=STEWARD, trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in output


def test_a_state_database_that_does_not_open_is_an_error_with_a_remedy(home: Path) -> None:
    environment = os.environ | {"TRIALBASE_HOME": str(home), "TRIALBASE_STATE_URL": "sqlite:////proc/none/state.db"}
    command = [sys.executable, "-m", "pipelines.web", "--port", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "to mend it: " in done.stderr
    assert "Traceback" not in done.stderr


def _healthy(address: str) -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            return httpx.get(address, trust_env=False).status_code == 200
        except httpx.TransportError:
            time.sleep(0.1)
    return False
