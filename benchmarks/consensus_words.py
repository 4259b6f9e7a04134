"""Labels from spans and transcripts of real crowds, beside counting votes and Crowd-Kit's methods."""

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.crowd_tables import FOLDER
from benchmarks.figure import Figure, figure
from lake.answers import Span, shapes_of, shapes_text

SPANS_F1 = 0.60
RUNS = 3
Spoken = tuple[list[tuple[str, str, str]], dict[str, str]]  # (item, annotator, text), truth


def spans(runs: int | None = None) -> Iterator[Figure]:  # noqa: ARG001 - nothing in it is left to chance
    """Opinions in Chinese sentences, three to six people each: F1 of spans that are exactly an expert's."""
    from labeling.consensus.spans import Spans
    from labeling.consensus.votes import Votes

    said, truth = _opinions()
    ours = {one.item: set(shapes_of(one.answer, "spans")) for one in Spans().fit(Votes.of(said)).labels}
    counts: dict[str, Counter[Span]] = {}
    for item, _, answer in said:
        counts.setdefault(item, Counter()).update(shapes_of(answer, "spans"))
    twice = {item: {span for span, count in found.items() if count >= 2} for item, found in counts.items()}
    yield figure(
        "labeling", "agreed spans, exact F1 on crowd_opinion_zh (peer: spans that two or more drew)", "F1",
        [_f1(ours, truth)], peer=[_f1(twice, truth)], must=f"at least {SPANS_F1:.2f}",
        holds=lambda mine, _: mine >= SPANS_F1,
    )  # fmt: skip


def transcripts(runs: int | None = None) -> Iterator[Figure]:
    """Read English, about seven people a recording: word error rate beside Crowd-Kit's three methods."""
    from labeling.consensus.transcripts import Transcripts
    from labeling.consensus.votes import Votes

    said, truth = _speech()
    seconds = []
    for _ in range(runs or RUNS):
        begin = time.perf_counter()
        ours = {one.item: one.answer for one in Transcripts().fit(Votes.of(said)).labels}
        seconds.append(time.perf_counter() - begin)
    peers = {name: aggregate(said) for name, aggregate in _PEERS.items()}
    rates = {name: _word_error_rate(found, truth) for name, found in peers.items()}
    best = min(rates, key=rates.__getitem__)
    yield figure(
        "labeling", f"agreed transcripts, word error rate on crowd_speech_transcripts (peer: Crowd-Kit's best, {best})",
        "share", [_word_error_rate(ours, truth)], peer=[rates[best]], must="at most the peer's",
        holds=lambda mine, theirs: theirs is not None and mine <= theirs,
    )  # fmt: skip
    yield figure(
        "labeling", f"{len(said):,} transcripts to {len(truth):,} labels", "s", seconds,
        must="under 60", holds=lambda mine, _: mine < 60,
    )  # fmt: skip


def _opinions() -> tuple[list[tuple[str, str, str]], dict[str, set[Span]]]:
    folder = FOLDER / "crowd_opinion_zh"
    truth = {}
    for line in (folder / "dev.json").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        truth[str(row["id"])] = {_span(one) for one in row["annotations"]}
    said = []
    for line in (folder / "dev-crowd.json").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        by: dict[str, set[Span]] = {}
        for one in row["annotations"]:
            drawn = by.setdefault(str(one["user"]), set())
            if 0 <= one["start_offset"] < one["end_offset"]:  # else the file's word for "nothing here"
                drawn.add(_span(one))
        said += [(str(row["id"]), who, shapes_text("spans", sorted(drawn))) for who, drawn in by.items()]
    return said, truth


def _span(row: Mapping[str, Any]) -> Span:
    return Span(row["label"], row["start_offset"], row["end_offset"])


def _f1(said: Mapping[str, set[Span]], truth: Mapping[str, set[Span]]) -> float:
    right = sum(len(said.get(item, set()) & spans) for item, spans in truth.items())
    return 2 * right / (sum(map(len, said.values())) + sum(map(len, truth.values())))


def _speech() -> Spoken:
    folder = FOLDER / "crowd_speech_transcripts"
    with (folder / "crowdspeech-dev-clean-crowd.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    said = [(item, who, text) for item, text, who in (row for row in rows if len(row) == 3)]
    lines = (folder / "crowdspeech-dev-clean-gt.txt").read_text(encoding="utf-8").splitlines()
    return said, dict(line.split("\t") for line in lines if line)


def _word_error_rate(said: Mapping[str, str], truth: Mapping[str, str]) -> float:
    """Of all words, in lower case and without punctuation on both sides."""
    from rapidfuzz.distance import Levenshtein

    from labeling.consensus.transcripts import words_of

    wrong = sum(Levenshtein.distance(words_of(said.get(item, "")), words_of(right)) for item, right in truth.items())
    return wrong / sum(len(words_of(right)) for right in truth.values())


def _frame(said: list[tuple[str, str, str]]) -> Any:
    import pandas as pd

    from labeling.consensus.transcripts import words_of

    last = {(item, who): " ".join(words_of(text)) for item, who, text in said}
    rows = [(item, who, text) for (item, who), text in sorted(last.items())]
    return pd.DataFrame(rows, columns=["task", "worker", "text"])


def _rover(said: list[tuple[str, str, str]]) -> dict[str, str]:
    from crowdkit.aggregation import ROVER

    return dict(ROVER(str.split, " ".join).fit_predict(_frame(said)))


def _rasa(said: list[tuple[str, str, str]]) -> dict[str, str]:
    from crowdkit.aggregation import TextRASA

    return dict(TextRASA(encoder=_encoded).fit_predict(_frame(said), None))


def _hrrasa(said: list[tuple[str, str, str]]) -> dict[str, str]:
    from crowdkit.aggregation import TextHRRASA
    from crowdkit.aggregation.embeddings import hrrasa

    setattr(hrrasa.HRRASA, "_aggregate_embeddings", staticmethod(_aggregate_embeddings))  # noqa: B010 - not ours
    return dict(TextHRRASA(encoder=_encoded).fit_predict(_frame(said), None))


def _aggregate_embeddings(data: Any, weights: Any, true_embeddings: Any = None) -> Any:
    """Weighted means of embeddings, as the peer makes them; its own cast to floats fails with pandas 3."""
    joined = data.join(weights, on=["task", "worker"])
    joined["weighted"] = joined.weight * joined.embedding
    groups = joined.groupby("task", group_keys=False)
    means = groups.weighted.apply(lambda column: column.sum()) / groups.weight.sum()
    if true_embeddings is not None:
        means.update(true_embeddings)
    return means


def _encoded(text: str) -> Any:
    """Hashed n-grams of characters: an encoder that is the same everywhere, in place of a language model."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=512)
    return hashing.transform([text]).toarray()[0]


_PEERS: dict[str, Callable[[list[tuple[str, str, str]]], dict[str, str]]] = {
    "ROVER": _rover,
    "RASA": _rasa,
    "HRRASA": _hrrasa,
}
