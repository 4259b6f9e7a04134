"""Review: doubtful labels go to experts with the answers that compete, and what an expert decides is final."""

import dataclasses
import datetime as dt
import string
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from labeling.config import LabelConfig
from labeling.platform import arrival, current_votes
from labeling.spec import PriceSpec
from lake import ids
from lake.errors import SpecError
from lake.ledger import answer_entry
from lake.records import Annotation, Label, LedgerEntry, Task

ADJUDICATED = "adjudicated"  # method of a label that an expert decided
ANSWERS_KEY = "competing_answers"  # where a review task holds what people said
DECISION = "decision:"  # how the key of a decision in the ledger begins

Why = Literal["own work", "not an expert"]
OWN_WORK: Why = "own work"
NO_EXPERT: Why = "not an expert"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An expert's last word on one item, under one version of the guideline."""

    item_id: str
    guideline_version: str
    task_id: str
    annotation_id: str
    expert: str
    answer: str
    at: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A decision that does not count."""

    item_id: str
    task_id: str
    expert: str
    why: Why


@dataclass(frozen=True, kw_only=True)
class Review:
    """What experts decided, and what of it does not count."""

    decisions: tuple[Decision, ...]  # by item and guideline version; one of each
    ignored: tuple[Ignored, ...]  # by item and expert

    @property
    def num_ignored(self) -> dict[str, int]:
        """How many do not count, by reason."""
        return dict(sorted(Counter(one.why for one in self.ignored).items()))

    def overlap(self, task_id: str) -> int:
        """How many answers a review task needs until one counts: one more than were ignored."""
        return 1 + sum(one.task_id == task_id for one in self.ignored)


def doubtful(labels: Iterable[Label], *, min_posterior: float, min_agreement: float) -> tuple[Label, ...]:
    """Labels that an expert has to look at: below the posterior, or fewer than `min_agreement` of the votes say it."""
    return tuple(
        one
        for one in labels
        if one.adjudicated_by is None and (one.confidence < min_posterior or one.agreement < min_agreement)
    )


def review_config(config: LabelConfig) -> LabelConfig:
    """The scenario's own question with the answers that compete written above it.

    Raises SpecError where the question shows something under the key that the answers need.
    """
    if config.value_key == ANSWERS_KEY:
        raise SpecError(
            f"the question shows ${ANSWERS_KEY}, which review needs for itself",
            remedy="give that value another name in label_config.xml",
        )
    root = ET.fromstring(config.xml)
    frame = ET.Element("View", {"style": "white-space: pre-line; padding: 8px 0"})
    ET.SubElement(frame, "Header", {"value": "Answers so far", "size": "5"})
    ET.SubElement(frame, "Header", {"value": f"${ANSWERS_KEY}", "size": "4"})
    root.insert(0, frame)
    return LabelConfig.parse(ET.tostring(root, encoding="unicode"), where="the review of label_config.xml")


def review_guideline(guideline: str) -> str:
    """What experts are told, before the guideline that annotators had."""
    return (
        "People did not agree on these items, or are not sure. The answers that they gave are named A, B, C in no "
        "order; any other answer may be right too. What you say is final. Skip what you have answered yourself "
        f"before: it would not count.\n\n{guideline}"
    )


def review_task(scenario: str, item_id: str, guideline_version: str, *, batch: str, doubt: float) -> Task:
    """The task of the review project; an item has one for each version of the guideline."""
    return Task(
        task_id=ids.key("review", scenario, item_id, guideline_version)[:32],
        scenario=scenario,
        item_id=item_id,
        guideline_version=guideline_version,
        batch=batch,
        overlap=1,
        priority=round(doubt, 9),
        reason="review",
    )


def competing(answers: Iterable[str], task_id: str) -> tuple[str, ...]:
    """The different answers, in an order by hash that tells neither who nor how many gave each."""
    return tuple(sorted(set(answers), key=lambda answer: (ids.key("competing answer", task_id, answer), answer)))


def named(answers: Sequence[str]) -> str:
    """The answers as experts read them, a line each: A, B, C ... Z, then A2, B2."""
    letters = string.ascii_uppercase
    names = (letters[i % 26] + (str(i // 26 + 1) if i >= 26 else "") for i in range(len(answers)))
    return "\n".join(f"{name}: {answer}" for name, answer in zip(names, answers, strict=True))


def decide(reviews: Sequence[Annotation], answers: Iterable[Annotation], *, experts: Collection[str] = ()) -> Review:
    """What counts among the answers of the review project.

    reviews: all of it. answers: all of the scenario's own project; somebody who had answered an item there before
    deciding on it decided on their own work (the platform numbers answers in the order in which it gets them). experts:
    who may decide; empty for everybody. Of several experts who decide on one item the first counts, with the last
    word they said: a decision that is edited is the edited one. Skipped tasks decide nothing.
    """
    first: dict[tuple[str, str], tuple[int, str]] = {}
    for one in answers:
        if not one.cancelled:
            key = one.item_id, one.annotator
            first[key] = min(first.get(key, arrival(one)), arrival(one))
    decided: dict[tuple[str, str], Annotation] = {}
    for one in sorted(reviews, key=arrival):
        if not one.cancelled:
            decided.setdefault((one.task_id, one.annotator), one)  # the first, by which own work is known
    ignored = {}
    for (task_id, expert), one in decided.items():
        answered = first.get((one.item_id, expert))
        if experts and expert not in experts:
            ignored[task_id, expert] = Ignored(item_id=one.item_id, task_id=task_id, expert=expert, why=NO_EXPERT)
        elif answered is not None and answered < arrival(one):
            ignored[task_id, expert] = Ignored(item_id=one.item_id, task_id=task_id, expert=expert, why=OWN_WORK)
    good = [one for one in reviews if (one.task_id, one.annotator) not in ignored]
    counted = current_votes(good, dict.fromkeys({one.task_id for one in good}, 1))
    return Review(
        decisions=tuple(
            sorted(map(_decision, counted), key=lambda one: (one.item_id, one.guideline_version, one.task_id))
        ),
        ignored=tuple(sorted(ignored.values(), key=lambda one: (one.item_id, one.expert, one.task_id))),
    )


def adjudicated(
    labels: Iterable[Label], decisions: Iterable[Decision], votes: Mapping[str, Sequence[str]]
) -> tuple[Label, ...]:
    """The labels with experts' decisions in place of what annotators agreed on, where there is one of their version.

    votes: by item, what annotators said; `agreement` is the share of these that the expert agrees with.
    """
    words = {(one.item_id, one.guideline_version): one for one in decisions}
    return tuple(
        _decided(one, words.get((one.item_id, one.schema_version)), votes.get(one.item_id, ())) for one in labels
    )


def decision_entry(
    *, scenario: str, batch: str, task_id: str, expert: str, at: dt.datetime, price: PriceSpec
) -> LedgerEntry:
    """One answer of an expert to one review task, paid once however often it is edited or pulled."""
    entry = answer_entry(
        scenario=scenario,
        batch=batch,
        task_id=task_id,
        annotator=expert,
        at=at,
        price=price.per_answer,
        currency=price.currency,
    )
    return dataclasses.replace(entry, key=f"{DECISION}{scenario}:{task_id}:{expert}")


def _decision(one: Annotation) -> Decision:
    return Decision(
        item_id=one.item_id,
        guideline_version=one.guideline_version,
        task_id=one.task_id,
        annotation_id=one.annotation_id,
        expert=one.annotator,
        answer=one.answer,
        at=one.updated_at,
    )


def _decided(label: Label, decision: Decision | None, votes: Sequence[str]) -> Label:
    if decision is None:
        return label
    return dataclasses.replace(
        label,
        answer=decision.answer,
        confidence=1.0,
        agreement=round(votes.count(decision.answer) / len(votes), 9) if votes else label.agreement,
        method=ADJUDICATED,
        adjudicated_by=decision.expert,
    )
