"""`python -m benchmarks NAME [--json FILE]`; NAME `all` runs every one and writes benchmarks/results."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import (
    consensus_choices,
    consensus_words,
    labeling_sync,
    labels_needed,
    lake_duplicates,
    lake_ingest,
    lake_versions,
    loop,
    votes_bought,
)
from benchmarks.figure import Figure, results_file

BENCHMARKS: dict[str, Callable[[int | None], Iterator[Figure]]] = {
    "demo": loop.demo,
    "ten_steps": loop.ten_steps,
    "lake_ingest": lake_ingest.ingest,
    "lake_duplicates": lake_duplicates.near_duplicates,
    "lake_commits": lake_versions.commits,
    "lake_million": lake_versions.million,
    "lake_reads": lake_versions.reads,
    "choices_accuracy": consensus_choices.accuracy,
    "choices_throughput": consensus_choices.throughput,
    "choices_memory": consensus_choices.memory,
    "labels_needed": labels_needed.labels_needed,
    "votes_bought": votes_bought.replay,
    "votes_with_machine": votes_bought.with_machine,
    "spans": consensus_words.spans,
    "transcripts": consensus_words.transcripts,
    "labeling_sync": labeling_sync.sync,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=["all", *BENCHMARKS])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--runs", type=int, help="measure so many times, instead of each benchmark's own number")
    arguments = parser.parse_args()
    names = list(BENCHMARKS) if arguments.name == "all" else [arguments.name]
    figures = []
    for name in names:
        for one in BENCHMARKS[name](arguments.runs):
            print(json.dumps(dataclasses.asdict(one)), flush=True)
            figures.append(dataclasses.asdict(one))
    for path in (arguments.json, results_file() if arguments.name == "all" else None):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(one["holds"] for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
