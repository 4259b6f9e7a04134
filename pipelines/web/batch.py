"""One batch as a steward reads it: what became of the delivery, what the gate says, and who answered what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from assets.sign import committed, present_report
from assets.stage import Fact, Work, data_docs
from assets.status import Status, status_of
from assets.trial import report_path
from lake.records import Annotation, Label, SignOff, from_table
from lake.state import BatchRow
from lake.store import Batch
from pipelines.web.clusters import Clusters, read_clusters
from pipelines.web.items import Items
from pipelines.web.show import Shown, show_items
from quality.expectations import docs_index
from quality.gate import GateReport

PAGE_ROWS = 50

Order = Literal["doubtful", "item"]
Tone = Literal["plain", "good", "bad", "part"]


@dataclass(frozen=True)
class Bar:
    """One line of the funnel: `count` of `of`; the template knows the words for `key`."""

    key: str
    count: int
    of: int
    tone: Tone
    reason: str = ""  # of a quarantine

    @property
    def percent(self) -> float:
        return round(min(100.0, 100 * self.count / self.of), 2) if self.of else 0.0


@dataclass(frozen=True)
class LabelRow:
    """One label, with what every annotator said."""

    item: Shown
    label: Label
    sure: bool
    answers: tuple[Annotation, ...]


@dataclass(frozen=True)
class AnnotatorRow:
    """How one annotator did; gold figures are None for who answered no gold task."""

    name: str
    num_answers: int
    accuracy: float  # as consensus estimates it
    gold_answers: int | None
    gold_accuracy: float | None
    gold_low: float | None  # 95 %
    gold_high: float | None


@dataclass(frozen=True)
class Page:
    """Which part of a list is shown; pages count from 1."""

    number: int
    num_pages: int
    num_rows: int

    @classmethod
    def at(cls, number: int, num_rows: int) -> "Page":
        """The page of that number, or the nearest there is."""
        num_pages = max(1, -(-num_rows // PAGE_ROWS))
        return cls(min(max(1, number), num_pages), num_pages, num_rows)

    @property
    def start(self) -> int:
        return (self.number - 1) * PAGE_ROWS


@dataclass(frozen=True)
class BatchView:
    """What the page of a batch shows; parts that are not there yet are None or empty."""

    row: BatchRow
    status: Status
    bars: tuple[Bar, ...]
    num_faults: int  # in what the delivery says
    clusters: Clusters
    report: GateReport | None
    labels: tuple[LabelRow, ...]
    page: Page
    order: Order
    annotators: tuple[AnnotatorRow, ...]
    short_names: Mapping[str, str]  # of annotators
    signoffs: tuple[SignOff, ...]  # newest first
    version: str | None
    trial: Mapping[str, Fact] | None
    has_docs: bool
    has_trial_page: bool

    @property
    def num_quarantined(self) -> int:
        return sum(bar.count for bar in self.bars if bar.key == "quarantined")


def read_batch(work: Work, items: Items, *, page: int, order: Order) -> BatchView:
    """Everything on the page of a batch."""
    state, name = work.lake.state, work.scenario.name
    rows, at = _labels(work, items, page, order)
    trial = state.outcomes(name, work.batch_name).get("trial")
    annotators = tuple(_annotators(work.batch))
    return BatchView(
        row=state.batch(name, work.batch_name),
        status=status_of(work),
        bars=tuple(funnel(work)),
        num_faults=work.batch.read("faults", ["reason"]).num_rows if work.batch.has("faults") else 0,
        clusters=read_clusters(work.batch, items, name),
        report=present_report(work),
        labels=rows,
        page=at,
        order=order,
        annotators=annotators,
        short_names=short_names([one.name for one in annotators]),
        signoffs=tuple(reversed(state.signoffs(name, work.batch_name))),
        version=committed(work),
        trial=None if trial is None else trial.summary,
        has_docs=docs_index(data_docs(work)).is_file(),
        has_trial_page=(work.lake.home / report_path(work)).is_file(),
    )


def funnel(work: Work) -> list[Bar]:
    """What became of the delivered files; lines of stages that did not run yet are left out."""
    batch = work.batch
    if not batch.has("items"):
        return []
    reasons = Counter(batch.read("quarantine", ["reason"])["reason"].to_pylist())
    items = _num_rows(batch, "items")
    delivered = items + reasons.total()
    bars = [Bar("delivered", delivered, delivered, "plain")]
    bars += [Bar("quarantined", count, delivered, "bad", reason) for reason, count in sorted(reasons.items())]
    bars.append(Bar("items", items, delivered, "plain"))
    if batch.has("curated"):
        bars.append(Bar("near duplicates", _num_rows(batch, "dropped"), delivered, "bad"))
        bars.append(Bar("curated", _num_rows(batch, "curated"), delivered, "good"))
    return bars + _people_bars(work)


def _people_bars(work: Work) -> list[Bar]:
    batch, bars = work.batch, []
    if batch.has("tasks"):
        overlap = batch.read("tasks", ["overlap"])["overlap"].to_pylist()
        bars.append(Bar("tasks", len(overlap), len(overlap), "plain"))
        if batch.has("annotations"):
            cancelled = batch.read("annotations", ["cancelled"])["cancelled"].to_pylist()
            bars.append(Bar("annotations", cancelled.count(False), sum(overlap), "part"))
    if batch.has("labels"):
        confidence = batch.read("labels", ["confidence"])["confidence"].to_pylist()
        floor = work.scenario.labeling.consensus.min_posterior
        bars.append(Bar("labels", len(confidence), len(confidence), "plain"))
        bars.append(Bar("confident", sum(one >= floor for one in confidence), len(confidence), "good"))
    return bars


def short_names(names: Sequence[str]) -> dict[str, str]:
    """The part of each e-mail address before its @, where that tells people apart."""
    shorts = Counter(name.partition("@")[0] for name in names)
    return {name: name.partition("@")[0] if shorts[name.partition("@")[0]] == 1 else name for name in names}


def _labels(work: Work, items: Items, page: int, order: Order) -> tuple[tuple[LabelRow, ...], Page]:
    if not work.batch.has("labels"):
        return (), Page.at(1, 0)
    table = work.batch.read("labels")
    by = [("item_id", "ascending")]
    table = table.sort_by([("confidence", "ascending"), *by] if order == "doubtful" else by)
    at = Page.at(page, table.num_rows)
    labels = list(from_table(table.slice(at.start, PAGE_ROWS), Label))
    answers = _answers(work.batch, [one.item_id for one in labels])
    shown = show_items(items, work.scenario.name, [one.item_id for one in labels])
    floor = work.scenario.labeling.consensus.min_posterior
    rows = [
        LabelRow(item, label, label.confidence >= floor, answers.get(label.item_id, ()))
        for item, label in zip(shown, labels, strict=True)
    ]
    return tuple(rows), at


def _answers(batch: Batch, item_ids: Sequence[str]) -> dict[str, tuple[Annotation, ...]]:
    """What people said of some items, by item, in the order of their names."""
    if not batch.has("annotations"):
        return {}
    table = batch.read("annotations")
    table = table.filter(pc.is_in(table["item_id"], pa.array(item_ids, pa.string())))
    said: dict[str, tuple[Annotation, ...]] = {}
    for one in from_table(table.sort_by([("item_id", "ascending"), ("annotator", "ascending")]), Annotation):
        said[one.item_id] = (*said.get(one.item_id, ()), one)
    return said


def _annotators(batch: Batch) -> list[AnnotatorRow]:
    """In the order of their names."""
    if not batch.has("annotators"):
        return []
    gold = {row["annotator"]: row for row in batch.read("gold_figures").to_pylist()}
    return [
        AnnotatorRow(
            name=row["annotator"],
            num_answers=row["num_answers"],
            accuracy=row["accuracy"],
            gold_answers=gold.get(row["annotator"], {}).get("num_answers"),
            gold_accuracy=gold.get(row["annotator"], {}).get("accuracy"),
            gold_low=gold.get(row["annotator"], {}).get("low"),
            gold_high=gold.get(row["annotator"], {}).get("high"),
        )
        for row in batch.read("annotators").to_pylist()
    ]


def _num_rows(batch: Batch, table: str) -> int:
    return int(batch.read(table, ["item_id"]).num_rows)


def shown_slice(item_ids: Sequence[str], page: Page) -> Sequence[str]:
    """The part of a list that a page shows."""
    return item_ids[page.start : page.start + PAGE_ROWS]
