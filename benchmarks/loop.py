"""The loop's own figures: the demo as a whole, and what orchestration costs."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.figure import Figure, figure

BIN = Path(sys.executable).parent
DEMO_RUNS = 3
STEP_RUNS = 5


def demo(runs: int | None = None) -> Iterator[Figure]:
    """Wall time and peak memory of `trialbase demo`, environments in place."""
    seconds, peaks, good = [], [], True
    for _ in range(runs or DEMO_RUNS):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "demo.json"
            begin = time.monotonic()
            command = [str(BIN / "trialbase"), "demo", "--home", f"{folder}/home", "--json", str(out)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            peaks.append(_peak_gib(process))
            seconds.append(time.monotonic() - begin)
            good = good and process.returncode == 0 and _sound(out)
    yield figure(
        "loop", "demo, wall time", "s", seconds, must="at most 180", holds=lambda ours, _: good and ours <= 180
    )
    yield figure("loop", "demo, peak memory", "GiB", peaks, must="under 6", holds=lambda ours, _: good and ours < 6)


def ten_steps(runs: int | None = None) -> Iterator[Figure]:
    """Ten trivial chained assets in an installation that has run before: whole commands, in turn."""
    run = [str(BIN / "trialbase"), "run", "--select", "group:ten"]
    launch = [str(BIN / "dagster"), "asset", "materialize", "--select", "*", "--module-name"]
    commands = (run, [*launch, "benchmarks.ten_steps"], [*launch, "benchmarks.ten_steps_plain"])
    with tempfile.TemporaryDirectory() as folder:
        for command in commands:
            _timed(command, Path(folder))  # the first run makes Dagster's databases
        rounds = [[_timed(command, Path(folder)) for command in commands] for _ in range(runs or STEP_RUNS)]
    ours, mine, peer = (list(column) for column in zip(*rounds, strict=True))
    yield figure(
        "loop", "ten trivial steps, `trialbase run`", "s", ours, peer=peer, must="under 2.5", holds=lambda s, _: s < 2.5
    )
    yield figure(
        "loop", "ten trivial steps, `dagster asset materialize`, our executor", "s", mine, peer=peer,
        must="under 5", holds=lambda s, _: s < 5,
    )  # fmt: skip


def _timed(command: list[str], folder: Path) -> float:
    """Seconds of a whole command; its ten materialisations are counted."""
    import dagster as dg

    from pipelines.materialise import dagster_home
    from pipelines.settings import Settings

    home = dagster_home(Settings(home=folder))
    own = {"TRIALBASE_HOME": str(folder), "DAGSTER_HOME": str(home), "TRIALBASE_DEFINITIONS": "benchmarks.ten_steps"}
    begin, started = time.monotonic(), time.time()
    subprocess.run(command, env=os.environ | own, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    with dg.DagsterInstance.from_config(str(home)) as instance:
        events = [instance.get_latest_materialization_event(dg.AssetKey(f"step_{n:02}")) for n in range(10)]
    if any(event is None or event.timestamp < started for event in events):
        raise RuntimeError(f"{' '.join(command)} did not materialise all ten assets")
    return seconds


def _peak_gib(process: "subprocess.Popen[bytes]") -> float:
    """Largest sum of the proportional set sizes of a process and all below it, looked at twice a second."""
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        root = psutil.Process(process.pid)
        while not done.wait(0.5):
            total = 0
            try:
                family = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for one in family:
                try:
                    total += one.memory_full_info().pss
                except psutil.Error:  # it has just ended
                    continue
            peak = max(peak, total / 2**30)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait(timeout=900)
    done.set()
    watcher.join()
    return peak


def _sound(path: Path) -> bool:
    """Two loops with people better than chance, a model on each, and a verdict."""
    loops = json.loads(path.read_text())["loops"]
    return len(loops) == 2 and all(one["label_accuracy"] > 0.8 and one["trial"]["accuracy"] > 0.7 for one in loops)
