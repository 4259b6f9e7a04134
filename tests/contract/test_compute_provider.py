"""What every provider promises, with real processes that are really killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from lake.errors import ComputeError
from tests.datasets import digits, training_spec, write_dataset
from training import attempts
from training.attempts import Attempt, Process
from training.compute.local import MAX_STALLED, LocalProvider
from training.compute.provider import EXIT_RESUMABLE, EXIT_TIMEOUT, ComputeProvider, Handle, Job, Poll
from training.files import RunFolder
from training.results import read_metrics, read_result
from training.spec import LocalOfferSpec

pytestmark = pytest.mark.contract
CLASSES = tuple("0123456789")
PRICE = LocalOfferSpec(price_per_hour=Decimal("3.6"), currency="CNY")
SHORT, LONG = 3, 100_000  # epochs


@pytest.fixture(scope="module")
def dataset_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "v1", digits(0, 300), CLASSES)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where runs live; what still runs there at the end is killed."""
    folder = tmp_path / "runs"
    folder.mkdir()
    yield folder
    for pid in processes_of(folder):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["local"])
def provider(root: Path) -> ComputeProvider:
    return LocalProvider(root, PRICE)


def job(dataset_dir: Path, epochs: int = SHORT, **changes: object) -> Job:
    spec = training_spec(epochs=epochs, **changes)
    return Job(run_id="r", dataset_dir=dataset_dir, classes=CLASSES, spec=spec)


def submit(provider: ComputeProvider, what: Job, key: str = "run-1") -> Handle:
    return provider.submit(what, provider.offers()[0], key=key)


def wait(provider: ComputeProvider, handle: Handle, until: Callable[[Poll], bool], timeout_s: float = 90) -> Poll:
    deadline = time.monotonic() + timeout_s
    while not until(poll := provider.poll(handle)):
        assert time.monotonic() < deadline, f"{poll}\n{provider.logs(handle)}"
        time.sleep(0.02)
    return poll


def ended(poll: Poll) -> bool:
    return poll.state not in ("submitted", "running")


def process_of(root: Path, key: str = "run-1") -> int:
    process = attempts.read(RunFolder(root / key).process, Process)
    assert process is not None
    return process.pid


def trained_a_while(root: Path, key: str = "run-1") -> None:
    """Wait until there is a checkpoint."""
    deadline = time.monotonic() + 60
    while not RunFolder(root / key).last_step():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of(root: Path) -> list[int]:
    """Every living process that works below that folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if alive and "training.entry" in (line := process.info["cmdline"] or []) and line[-1].startswith(str(root)):
            found.append(process.pid)
    return found


def test_an_offer_has_a_price(provider: ComputeProvider) -> None:
    (offer,) = provider.offers()
    assert (offer.price_per_hour, offer.currency, offer.count) == (Decimal("3.6"), "CNY", 1)


def test_a_job_runs_to_its_end_and_hands_over_its_model(
    provider: ComputeProvider, dataset_dir: Path, tmp_path: Path
) -> None:
    handle = submit(provider, job(dataset_dir))
    poll = wait(provider, handle, ended)
    provider.fetch(handle, tmp_path / "fetched")
    provider.fetch(handle, tmp_path / "fetched")  # as after a crash

    assert (poll.state, poll.exit_code) == ("succeeded", 0)
    assert 0 < poll.seconds < 60
    assert provider.poll(handle) == poll
    assert "epoch 3/3" in provider.logs(handle)
    result, rows = read_result(tmp_path / "fetched"), read_metrics(tmp_path / "fetched" / "metrics.jsonl")
    assert result.steps == 45
    assert (result.num_train, result.num_validation) == (240, 60)
    assert len(rows) == 9
    assert sorted(path.name for path in (tmp_path / "fetched").iterdir()) == ["metrics.jsonl", "model", "result.json"]


def test_a_key_is_submitted_once_however_many_ask(provider: ComputeProvider, dataset_dir: Path, root: Path) -> None:
    what = job(dataset_dir, LONG)
    handles: list[Handle] = []
    askers = [threading.Thread(target=lambda: handles.append(submit(provider, what))) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    again = submit(LocalProvider(root, PRICE), what)

    assert set(handles) == {again}
    wait(provider, again, lambda poll: poll.state == "running")
    assert len(processes_of(root)) == 1
    provider.cancel(again)
    assert processes_of(root) == []


def test_a_finished_key_is_not_run_again(provider: ComputeProvider, dataset_dir: Path, root: Path) -> None:
    handle = submit(provider, job(dataset_dir, 1))
    poll = wait(provider, handle, ended)
    assert submit(provider, job(dataset_dir, 1)) == handle
    assert provider.poll(handle) == poll
    assert processes_of(root) == []


def test_a_run_that_is_killed_again_and_again_ends_in_the_same_bits(
    provider: ComputeProvider, dataset_dir: Path, root: Path, tmp_path: Path
) -> None:
    what = job(dataset_dir, 10)
    whole = submit(provider, what, "whole")
    pieced = submit(provider, what, "pieced")
    dice, before, kills = random.Random(1), 0.0, 0
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        wait(provider, pieced, lambda poll: poll.state in ("running", "succeeded"))
        last = RunFolder(root / "pieced").last_step()
        deadline = time.monotonic() + 30
        while RunFolder(root / "pieced").last_step() <= last and not ended(provider.poll(pieced)):
            assert time.monotonic() < deadline, provider.logs(pieced)
            time.sleep(0.01)
        time.sleep(dice.random() * 0.3)
        if ended(provider.poll(pieced)):
            break
        os.kill(process_of(root, "pieced"), number)
        poll = wait(provider, pieced, ended)
        if poll.state == "succeeded":
            break
        kills += 1
        assert poll.state == "lost"
        assert poll.exit_code == (None if number == signal.SIGKILL else EXIT_RESUMABLE)
        assert poll.seconds > before
        before = poll.seconds
        submit(provider, what, "pieced")

    assert kills >= 2
    assert wait(provider, pieced, ended).state == wait(provider, whole, ended).state == "succeeded"
    for name, handle in (("whole", whole), ("pieced", pieced)):
        provider.fetch(handle, tmp_path / name)
    for name in ("metrics.jsonl", "result.json", "model/model.safetensors", "model/config.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieced" / name).read_bytes(), name


def test_a_run_survives_its_submitter(provider: ComputeProvider, dataset_dir: Path, root: Path) -> None:
    what = job(dataset_dir, LONG)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from decimal import Decimal\n"
        "from training.compute.local import LocalProvider\n"
        "from training.compute.provider import Job\n"
        "from training.spec import LocalOfferSpec\n"
        "provider = LocalProvider(Path(sys.argv[1]), LocalOfferSpec(price_per_hour=Decimal(1), currency='CNY'))\n"
        "provider.submit(Job.model_validate_json(sys.argv[2]), provider.offers()[0], key='run-1')\n"
        "os.killpg(0, signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", script, str(root), what.model_dump_json()]
    done = subprocess.run(command, start_new_session=True, check=False)
    assert done.returncode == -signal.SIGKILL

    handle = Handle("local", "run-1")
    assert wait(provider, handle, lambda poll: poll.state == "running").seconds > 0
    assert submit(provider, what) == handle
    assert len(processes_of(root)) == 1
    provider.cancel(handle)


def test_cancelling_ends_the_process_before_it_returns(
    provider: ComputeProvider, dataset_dir: Path, root: Path
) -> None:
    handle = submit(provider, job(dataset_dir, LONG))
    trained_a_while(root)
    provider.cancel(handle)
    assert processes_of(root) == []
    poll = provider.poll(handle)
    time.sleep(1.1)
    provider.cancel(handle)

    assert poll.state == "cancelled"
    assert provider.poll(handle) == poll
    submit(provider, job(dataset_dir, LONG))
    assert provider.poll(handle).state == "cancelled"
    assert processes_of(root) == []


def test_cancelling_at_once_ends_it_too(provider: ComputeProvider, dataset_dir: Path, root: Path) -> None:
    handle = submit(provider, job(dataset_dir, LONG))
    provider.cancel(handle)
    assert provider.poll(handle).state == "cancelled"
    assert processes_of(root) == []


def test_cancelling_a_finished_run_changes_nothing(provider: ComputeProvider, dataset_dir: Path) -> None:
    handle = submit(provider, job(dataset_dir, 1))
    poll = wait(provider, handle, ended)
    provider.cancel(handle)
    assert provider.poll(handle) == poll


def test_another_process_with_the_same_number_is_left_alone(
    provider: ComputeProvider, dataset_dir: Path, root: Path
) -> None:
    """The number of a run that was killed went to somebody else."""
    handle = submit(provider, job(dataset_dir, LONG))
    trained_a_while(root)
    os.kill(process_of(root), signal.SIGKILL)
    wait(provider, handle, ended)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        note = attempts.read(RunFolder(root / "run-1").process, Process)
        assert note is not None
        stolen = note.model_copy(update={"pid": bystander.pid, "group": bystander.pid})
        attempts.write(RunFolder(root / "run-1").process, stolen)

        assert provider.poll(handle).state == "lost"
        provider.cancel(handle)
        assert bystander.poll() is None
        bystander.kill()


def test_a_run_without_progress_is_given_up(provider: ComputeProvider, dataset_dir: Path, root: Path) -> None:
    what = job(dataset_dir, LONG, checkpoint_every_steps=10_000_000)
    for _ in range(MAX_STALLED):
        handle = submit(provider, what)
        wait(provider, handle, lambda poll: poll.state == "running")
        os.kill(process_of(root), signal.SIGKILL)
        poll = wait(provider, handle, ended)
    assert poll.state == "failed"
    assert "saved no checkpoint" in poll.message
    submit(provider, what)
    assert provider.poll(handle) == poll
    assert processes_of(root) == []


def test_a_job_that_fails_says_why_and_runs_again_when_mended(
    provider: ComputeProvider, dataset_dir: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(dataset_dir, broken)
    (broken / "labels.parquet").rename(broken / "hidden")
    handle = submit(provider, job(broken, 1))
    poll = wait(provider, handle, ended)
    assert (poll.state, poll.exit_code) == ("failed", 1)
    assert "labels.parquet" in poll.message
    with pytest.raises(ComputeError, match="failed"):
        provider.fetch(handle, tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()

    (broken / "hidden").rename(broken / "labels.parquet")
    submit(provider, job(broken, 1))
    assert wait(provider, handle, ended).state == "succeeded"


def test_a_job_of_other_classes_is_refused(provider: ComputeProvider, dataset_dir: Path) -> None:
    other = job(dataset_dir, 1).model_copy(update={"classes": ("cat", "dog")})
    poll = wait(provider, submit(provider, other), ended)
    assert poll.state == "failed"
    assert "other classes" in poll.message


def test_a_run_stops_at_its_deadline_and_goes_on_when_given_more(
    provider: ComputeProvider, dataset_dir: Path, root: Path
) -> None:
    handle = submit(provider, job(dataset_dir, LONG, timeout_s=8))
    poll = wait(provider, handle, ended)
    assert (poll.state, poll.exit_code) == ("failed", EXIT_TIMEOUT)
    assert "timeout_s" in poll.message
    assert poll.seconds < 30

    steps = RunFolder(root / "run-1").last_step()
    submit(provider, job(dataset_dir, LONG))
    wait(provider, handle, lambda _: RunFolder(root / "run-1").last_step() > steps)
    provider.cancel(handle)


def test_a_process_that_hangs_past_its_deadline_is_killed(
    provider: ComputeProvider, dataset_dir: Path, root: Path
) -> None:
    handle = submit(provider, job(dataset_dir, LONG))
    trained_a_while(root)
    run = RunFolder(root / "run-1")
    os.kill(process_of(root), signal.SIGSTOP)  # it cannot look at the time any more
    attempt = attempts.read(run.attempt, Attempt)
    assert attempt is not None
    attempts.write(run.attempt, attempt.model_copy(update={"seconds_before": 10_000.0}))

    poll = provider.poll(handle)
    assert (poll.state, poll.exit_code) == ("failed", EXIT_TIMEOUT)
    assert processes_of(root) == []


def test_no_secret_reaches_the_process(
    provider: ComputeProvider, dataset_dir: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRIALBASE_LABEL_STUDIO_URL", "SOME_TOKEN", "AWS_ACCESS_KEY_ID", "DB_PASSWORD", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "not-to-be-seen")
    handle = submit(provider, job(dataset_dir, LONG))
    wait(provider, handle, lambda poll: poll.state == "running")
    process = psutil.Process(process_of(root))
    assert "not-to-be-seen" not in " ".join([*process.cmdline(), *process.environ().values()])
    provider.cancel(handle)


def test_a_key_that_was_never_submitted_is_an_error(provider: ComputeProvider, tmp_path: Path) -> None:
    unknown = Handle("local", "nobody")
    for verb in (provider.poll, provider.logs, provider.cancel):
        with pytest.raises(ComputeError, match="nobody"):
            verb(unknown)
    with pytest.raises(ComputeError, match="nobody"):
        provider.fetch(unknown, tmp_path / "to")


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden"])
def test_a_key_that_is_no_name_is_refused(provider: ComputeProvider, dataset_dir: Path, key: str) -> None:
    with pytest.raises(ComputeError, match="name a run"):
        submit(provider, job(dataset_dir), key)
