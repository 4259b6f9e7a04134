"""Published tables of real people's choices, with the truth: votes as (item, annotator, class)."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("TRIALBASE_TEST_DATA", ROOT.parent / "shared" / "data"))

Said = list[tuple[str, str, str]]
Truth = dict[str, str]


@dataclass(frozen=True)
class CrowdTable:
    """What a crowd said of items, and what is true of some or all of them."""

    name: str
    said: Said  # in the order of the file; a repeated (item, annotator) is a later word
    truth: Mapping[str, str]
    texts: Mapping[str, str]  # of the items, where they are known

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({answer for _, _, answer in self.said}))


def crowd_tables() -> Iterator[CrowdTable]:
    """The nine tables of choices. Raises FileNotFoundError where the folder does not hold one."""
    for name, read in _TABLES.items():
        said, truth = read(FOLDER)
        yield CrowdTable(name, said, truth, _polarity_texts(FOLDER) if name == "sentence_polarity" else {})


def _bluebirds(folder: Path) -> tuple[Said, Truth]:
    votes = yaml.safe_load((folder / "crowd_bluebirds" / "labels.yaml").read_text())
    truth = yaml.safe_load((folder / "crowd_bluebirds" / "gt.yaml").read_text())
    said = [(str(item), str(who), str(answer)) for who, given in votes.items() for item, answer in given.items()]
    return said, {str(item): str(answer) for item, answer in truth.items()}


def _rows(path: Path) -> tuple[Said, Truth]:
    """No header: worker, item, label, truth, ..."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    return [(item, who, answer) for who, item, answer, *_ in rows], {item: right for _, item, _, right, *_ in rows}


def _hitspam(folder: Path) -> tuple[Said, Truth]:
    labels = (folder / "crowd_hitspam" / "labels.txt").read_text().splitlines()
    gold = (folder / "crowd_hitspam" / "gold.txt").read_text().splitlines()
    said = [(item, who, answer) for who, item, answer in (line.split("\t") for line in labels if line)]
    return said, dict(line.split("\t") for line in gold if line)


def _polarity(folder: Path) -> tuple[Said, Truth]:
    place = folder / "crowd_sentence_polarity"
    said = []
    for number, line in enumerate((place / "answers.txt").read_text().splitlines()):
        said += [(f"{number:05}", f"{who:03}", vote) for who, vote in enumerate(line.split()) if vote != "-1"]
    truth = (place / "Sentiment_Z_train.txt").read_text().split()
    return said, {f"{number:05}": right for number, right in enumerate(truth)}


def _polarity_texts(folder: Path) -> dict[str, str]:
    path = folder / "crowd_sentence_polarity" / "Sentiment_text_train.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return {f"{number:05}": line for number, line in enumerate(lines) if line.strip()}


def _cifar(folder: Path) -> tuple[Said, Truth]:
    with (folder / "cifar10n_1000" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    slots = ("random_label1", "random_label2", "random_label3")
    said = [(row["file"], slot, row[slot]) for row in rows for slot in slots]
    return said, {row["file"]: row["clean_label"] for row in rows}


_TABLES: dict[str, Callable[[Path], tuple[Said, Truth]]] = {
    "bluebirds": _bluebirds,
    "music_genre": lambda folder: _rows(folder / "crowd_music_genre" / "MS.csv"),
    "weather_cf": lambda folder: _rows(folder / "crowd_weather_sentiment" / "CF.csv"),
    "weather_amt": lambda folder: _rows(folder / "crowd_weather_sentiment" / "CF_amt.csv"),
    "zencrowd_in": lambda folder: _rows(folder / "crowd_zencrowd_entity" / "ZenCrowd_in.csv"),
    "zencrowd_us": lambda folder: _rows(folder / "crowd_zencrowd_entity" / "ZenCrowd_us.csv"),
    "hitspam": _hitspam,
    "sentence_polarity": _polarity,
    "cifar10n": _cifar,
}
