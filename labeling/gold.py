"""Gold: tasks whose answer an expert has given, mixed in to see how far an annotator can be trusted."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from lake import ids
from lake.errors import SpecError
from lake.intervals import wilson
from lake.records import Annotation

GOLD_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("num_answers", pa.int64(), nullable=False),
        pa.field("num_correct", pa.int64(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),  # 95 %, Wilson
        pa.field("high", pa.float64(), nullable=False),
    ]
)


_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)

Sightings = Mapping[str, Mapping[str, dt.datetime]]  # person -> item -> when last answered
Ruling = Literal["open", "upheld", "dismissed"]


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """An annotator's word against the gold answer to one item, and what came of it.

    Raises SpecError for one without a reason, and for a ruling that nobody signed or an open one that somebody did.
    """

    task_id: str
    item_id: str
    annotator: str
    reason: str
    decision: Ruling = "open"
    decided_by: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise SpecError(
                f"the appeal of {self.annotator} about {self.item_id} gives no reason",
                remedy="say what the gold answer gets wrong",
            )
        if (self.decision == "open") != (self.decided_by is None):
            raise SpecError(
                f"the appeal of {self.annotator} about {self.item_id} is {self.decision}, decided by {self.decided_by}",
                remedy="name who ruled, and only once they did",
            )


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """A gold item that should no longer judge anybody, and why."""

    item_id: str
    gold_answer: str
    num_good: int  # good annotators who answered it
    num_contradicting: int  # of those, how many say otherwise
    instead: str | None  # what most of these say; None where nobody good contradicts
    num_upheld: int  # appeals that were upheld


def choose_gold(gold: Mapping[str, str], n: int, *, seed_key: str, seen: Sightings | None = None) -> tuple[str, ...]:
    """`n` item ids of `gold`, or all where there are fewer; another `seed_key` (batch) draws others.

    seen: which gold each of the people who will answer has answered, and when (`sightings`). Gold that none of them
    has met comes first, then the one whose last meeting lies back furthest; the draw decides among equals alone.
    """
    last: dict[str, dt.datetime] = {}
    for items in (seen or {}).values():
        for item_id, at in items.items():
            last[item_id] = max(at, last.get(item_id, at))
    order = sorted(gold, key=lambda item_id: (last.get(item_id, _NEVER), ids.key("gold", seed_key, item_id)))
    return tuple(order[:n])


def num_gold(num_tasks: int, share: float) -> int:
    """How many gold tasks make at least `share` of all, when they are mixed into `num_tasks` others; none into none.

    Raises SpecError unless 0 <= share < 1.
    """
    if not 0 <= share < 1:
        raise SpecError(f"gold cannot be {share:g} of all tasks", remedy="give a share of 0 or more, less than 1")
    return math.ceil(round(num_tasks * share / (1 - share), 9))


def sightings(annotations: Iterable[Annotation], gold: Mapping[str, str]) -> dict[str, dict[str, dt.datetime]]:
    """When each person last answered each gold item; skipped ones were seen too."""
    seen: dict[str, dict[str, dt.datetime]] = {}
    for one in annotations:
        if one.item_id in gold:
            items = seen.setdefault(one.annotator, {})
            items[one.item_id] = max(one.updated_at, items.get(one.item_id, one.updated_at))
    return seen


def qualified(figures: pa.Table, *, min_answers: int, min_low: float) -> tuple[str, ...]:
    """Annotators, sorted, who answered enough gold, and whose accuracy is high enough for sure.

    figures: GOLD_SCHEMA. min_low: what the lower end of the 95 % interval of their accuracy has to reach.
    """
    return tuple(
        sorted(
            row["annotator"]
            for row in figures.to_pylist()
            if row["num_answers"] >= min_answers and row["low"] >= min_low
        )
    )


def retirements(
    annotations: Sequence[Annotation],
    gold: Mapping[str, str],
    appeals: Iterable[Appeal] = (),
    *,
    min_answers: int,
    min_low: float,
    min_contradicting: int,
) -> tuple[Retirement, ...]:
    """Gold items that should be retired, by item: many good annotators contradict them, or an appeal was upheld.

    An annotator is good for an item when they qualify (`qualified`) on all other gold: the item in question says
    nothing about who is good. It is contradicted by at least `min_contradicting` of these, and by more of them than
    agree with it. Each annotator's last word on an item counts.
    """
    said = _last_words(annotations, gold)
    right = Counter(who for (who, item_id), answer in said.items() if answer == gold[item_id])
    asked = Counter(who for who, _ in said)
    otherwise: dict[str, list[str]] = {}  # what good annotators say instead, by item
    num_good: Counter[str] = Counter()
    for (who, item_id), answer in sorted(said.items()):
        agrees = answer == gold[item_id]
        rest = wilson(right[who] - agrees, asked[who] - 1)
        if asked[who] - 1 >= min_answers and rest.low >= min_low:
            num_good[item_id] += 1
            if not agrees:
                otherwise.setdefault(item_id, []).append(answer)
    upheld = Counter(one.item_id for one in appeals if one.decision == "upheld" and one.item_id in gold)
    many = {
        name for name, all_ in otherwise.items() if len(all_) >= min_contradicting and 2 * len(all_) > num_good[name]
    }
    return tuple(
        Retirement(
            item_id=item_id,
            gold_answer=gold[item_id],
            num_good=num_good[item_id],
            num_contradicting=len(otherwise.get(item_id, [])),
            instead=_most_said(otherwise.get(item_id, [])),
            num_upheld=upheld[item_id],
        )
        for item_id in sorted(many | set(upheld))
    )


def _last_words(annotations: Sequence[Annotation], gold: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Each annotator's last answer to each gold item, by annotator and item."""
    order = sorted(annotations, key=lambda one: (one.updated_at, one.annotation_id))
    return {(one.annotator, one.item_id): one.answer for one in order if not one.cancelled and one.item_id in gold}


def _most_said(answers: Sequence[str]) -> str | None:
    counts = Counter(answers)
    return min(counts, key=lambda answer: (-counts[answer], answer)) if counts else None


def gold_figures(annotations: Sequence[Annotation], gold: Mapping[str, str]) -> pa.Table:
    """How each annotator did on gold items: GOLD_SCHEMA, by annotator; only those who answered any."""
    answers: dict[str, list[bool]] = {}
    for one in annotations:
        if not one.cancelled and one.item_id in gold:
            answers.setdefault(one.annotator, []).append(one.answer == gold[one.item_id])
    rows = []
    for annotator, right in sorted(answers.items()):
        share = wilson(sum(right), len(right))
        rows.append(
            {
                "annotator": annotator,
                "num_answers": len(right),
                "num_correct": sum(right),
                "accuracy": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    return pa.Table.from_pylist(rows, schema=GOLD_SCHEMA)
