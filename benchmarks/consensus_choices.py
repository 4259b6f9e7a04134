"""Labels from choices: how often right on nine real crowds, how fast, and in how much memory, beside Crowd-Kit."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.crowd_tables import CrowdTable, crowd_tables
from benchmarks.figure import Figure, figure

IntArray = npt.NDArray[np.int64]

ABOVE, BELOW = 0.010, 0.015  # of the best single peer's mean; of each table's best peer
NUM_CLASSES, NUM_ANNOTATORS, OVERLAP = 10, 1000, 3
MANY, VERY_MANY = 3_000_000, 30_000_000
RUNS = 3
_SAME = 0.0005  # accuracies of a million labels that are called equal
_AS_GOOD = "no less accuracy (0.0005)"
_GIB = 2**30


def accuracy(runs: int | None = None) -> Iterator[Figure]:  # noqa: ARG001 - nothing in it is left to chance
    """Share of the known truths that the automatic choice gets right, beside every method of Crowd-Kit that runs."""
    ours: dict[str, float] = {}
    peers: dict[str, dict[str, float]] = {}
    for table in crowd_tables():
        ours[table.name] = _share(_automatic(table), table)
        for name, aggregate in _peers().items():
            said = _crowd_kit(aggregate, table)
            if said is not None:
                peers.setdefault(name, {})[table.name] = _share(said, table)
    for name, mine in ours.items():
        best = max(scores[name] for scores in peers.values() if name in scores)
        yield figure(
            "labeling", f"label accuracy, {name} (peer: this table's best of Crowd-Kit)", "share", [mine], peer=[best],
            must="at most 0.015 below", holds=lambda mine, best: best is not None and mine >= best - BELOW,
        )  # fmt: skip
    whole = {name: float(np.mean(list(one.values()))) for name, one in peers.items() if len(one) == len(ours)}
    yield figure(
        "labeling", f"label accuracy, mean of nine tables (peer: {max(whole, key=whole.__getitem__)} of Crowd-Kit)",
        "share", [float(np.mean(list(ours.values())))], peer=[max(whole.values())],
        must="at least 0.010 above", holds=lambda mine, best: best is not None and mine >= best + ABOVE,
    )  # fmt: skip


def throughput(runs: int | None = None) -> Iterator[Figure]:
    """Three million votes from a table of them to labels; Crowd-Kit's Dawid-Skene on the same votes."""
    from crowdkit.aggregation import DawidSkene

    votes, truth = _simulated(MANY)
    frame = votes.to_pandas().rename(columns={"item": "task", "annotator": "worker", "answer": "label"})
    rates: dict[str, list[float]] = {"dawid_skene": [], "ibcc": [], "auto": [], "peer": []}
    right: dict[str, float] = {}
    for _ in range(runs or RUNS):
        for method in ("dawid_skene", "ibcc", "auto"):
            begin = time.perf_counter()
            table = _fit(votes, method)
            rates[method].append(MANY / (time.perf_counter() - begin))
            right[method] = float(np.mean(table["answer"].to_numpy(zero_copy_only=False) == truth))
        begin = time.perf_counter()
        said = DawidSkene(n_iter=100).fit_predict(frame)
        rates["peer"].append(MANY / (time.perf_counter() - begin))
        right["peer"] = float(np.mean(said.sort_index().to_numpy() == truth))
    wanted = (
        ("dawid_skene", "20 times, at no less accuracy (0.0005)", 20),
        ("ibcc", _AS_GOOD, 0),
        ("auto", _AS_GOOD, 0),
    )
    for method, must, times in wanted:
        yield figure(
            "labeling", f"{MANY:,} votes to labels, {NUM_CLASSES} classes, {NUM_ANNOTATORS:,} annotators, {method}",
            "votes/s", rates[method], peer=rates["peer"], must=must,
            holds=_faster(times, right[method] >= right["peer"] - _SAME),
        )  # fmt: skip


def memory(runs: int | None = None) -> Iterator[Figure]:  # noqa: ARG001 - a minute a run
    """Thirty million votes in a process of their own: its peak, and whether time grows with the votes alone."""
    few, many = _apart(MANY), _apart(VERY_MANY)
    yield figure(
        "labeling", f"peak memory, {VERY_MANY:,} votes to labels", "GiB", [many[1]],
        must="under 8", holds=lambda peak, _: peak < 8,
    )  # fmt: skip
    yield figure(
        "labeling", f"time for {VERY_MANY:,} votes over time for {MANY:,}", "ratio", [many[0] / few[0]],
        must="linear: at most 12", holds=lambda ratio, _: ratio <= 12,
    )  # fmt: skip


def _faster(times: float, right: bool) -> Callable[[float, float | None], bool]:
    return lambda mine, theirs: right and theirs is not None and mine >= times * theirs


def _automatic(table: CrowdTable) -> dict[str, str]:
    from labeling.consensus.classes import Choices
    from labeling.consensus.votes import Votes

    return {one.item: one.answer for one in Choices().fit(Votes.of(table.said)).labels}


def _share(said: dict[str, str], table: CrowdTable) -> float:
    """An item that got no label is wrong."""
    return sum(said.get(item) == right for item, right in table.truth.items()) / len(table.truth)


def _peers() -> dict[str, Callable[[], Any]]:
    from crowdkit import aggregation

    names = ("MajorityVote", "Wawa", "ZeroBasedSkill", "DawidSkene", "OneCoinDawidSkene", "GLAD", "MMSR", "MACE", "KOS")
    return {name: getattr(aggregation, name) for name in names}


def _crowd_kit(aggregate: Callable[[], Any], table: CrowdTable) -> dict[str, str] | None:
    """Labels by item; None where the peer cannot take the table."""
    import pandas as pd

    last = {(item, who): answer for item, who, answer in table.said}
    rows = [(item, who, answer) for (item, who), answer in sorted(last.items())]
    frame = pd.DataFrame(rows, columns=["task", "worker", "label"])
    np.random.seed(0)
    try:
        said = aggregate().fit_predict(frame)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
    return {str(item): str(answer) for item, answer in said.items()}


def _simulated(num_votes: int) -> tuple[pa.Table, npt.NDArray[np.str_]]:
    """Votes as (item, annotator, answer), three an item, and each item's truth; errors have favourites."""
    random = np.random.default_rng(0)
    truth = random.integers(0, NUM_CLASSES, num_votes // OVERLAP)
    shares = _rows(random).cumsum(axis=2)
    item = np.repeat(np.arange(len(truth), dtype=np.int32), OVERLAP)
    first, step = random.integers(0, NUM_ANNOTATORS, len(truth)), random.integers(1, NUM_ANNOTATORS // 3, len(truth))
    who = ((first[:, None] + np.arange(OVERLAP) * step[:, None]) % NUM_ANNOTATORS).reshape(-1).astype(np.int32)
    said = np.empty(len(item), dtype=np.int32)
    for low in range(0, len(item), 1_000_000):
        part = slice(low, low + 1_000_000)
        draw = random.random(len(item[part]))
        said[part] = (draw[:, None] > shares[who[part], truth[item[part]]]).sum(axis=1)
    names = [[f"{n:08}" for n in range(len(truth))], [f"p{n:04}" for n in range(NUM_ANNOTATORS)], _classes()]
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(values)).cast(pa.string())
        for codes, values in zip((item, who, np.minimum(said, NUM_CLASSES - 1)), names, strict=True)
    ]
    return pa.table(columns, names=["item", "annotator", "answer"]), np.array(_classes())[truth]


def _classes() -> list[str]:
    return [f"class {n}" for n in range(NUM_CLASSES)]


def _rows(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """(annotators, truth, said)."""
    right = np.clip(
        random.beta(6, 3, (NUM_ANNOTATORS, 1)) + random.normal(0, 0.1, (NUM_ANNOTATORS, NUM_CLASSES)), 0.05, 0.98
    )
    rows = random.dirichlet(np.full(NUM_CLASSES, 0.5), (NUM_ANNOTATORS, NUM_CLASSES))
    places = np.arange(NUM_CLASSES)
    rows[:, places, places] = 0
    rows *= ((1 - right) / rows.sum(axis=2))[:, :, None]
    rows[:, places, places] = right
    return rows


def _fit(votes: pa.Table, method: Any) -> pa.Table:
    from labeling.consensus.classes import Choices
    from labeling.consensus.votes import Votes

    return Choices(method=method).fit(Votes.of_table(votes)).table


def _apart(num_votes: int) -> tuple[float, float]:
    """Seconds and peak GiB of a process that makes labels of so many votes."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.consensus_choices", str(num_votes)],
        check=True, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    seconds, peak = ran.stdout.split()
    return float(seconds), float(peak)


def _alone(num_votes: int) -> None:
    votes, truth = _simulated(num_votes)
    begin = time.perf_counter()
    table = _fit(votes, "ibcc")
    seconds = time.perf_counter() - begin
    if table.num_rows != len(truth):
        raise SystemExit("not every item has a label")
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _GIB)


if __name__ == "__main__":
    _alone(int(sys.argv[1]))
