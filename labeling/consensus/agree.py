"""From annotations to labels: what every kind of consensus has in common."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from labeling.consensus.votes import Agreed, Method, Votes
from lake.records import Annotation, Label


@dataclass(frozen=True)
class Consensus:
    """What people agreed on, and what that says of them."""

    labels: tuple[Label, ...]  # sorted by item_id; gold items have none
    annotators: pa.Table  # ANNOTATORS_SCHEMA, by annotator
    method: str
    why: str  # why that method, in one sentence

    def only(self, item_ids: Collection[str]) -> "Consensus":
        """The same with the labels of some items."""
        wanted = set(item_ids)
        return dataclasses.replace(self, labels=tuple(label for label in self.labels if label.item_id in wanted))


def agree(
    annotations: Sequence[Annotation], method: Method, *, gold: Mapping[str, str], schema_version: str
) -> Consensus:
    """One label for each item that anyone answered, with the confidence of its answer.

    Cancelled annotations don't vote; an annotator's last word on an item is the vote. Items of `gold` get no label:
    their answer is known, and it anchors what is learned of annotators. Labels of any confidence are returned: the
    caller decides. The same annotations in any order give the same result. Raises what `method.fit` raises.
    """
    votes = votes_of(annotations)
    fitted = method.fit(votes, gold={item: gold[item] for item in votes.items if item in gold})
    labels = [_label(one, fitted.method, schema_version) for one in fitted.labels if one.item not in gold]
    return Consensus(tuple(labels), fitted.annotators, fitted.method, fitted.why)


def votes_of(annotations: Sequence[Annotation]) -> Votes:
    """Each annotator's last word on each item, without those that were cancelled."""
    order = sorted(annotations, key=lambda one: (one.updated_at, one.annotation_id))
    return Votes.of((one.item_id, one.annotator, one.answer) for one in order if not one.cancelled)


def _label(one: Agreed, method: str, schema_version: str) -> Label:
    return Label(
        item_id=one.item,
        schema_version=schema_version,
        answer=one.answer,
        confidence=one.confidence,
        agreement=one.agreement,
        method=method,
        annotators=one.annotators,
    )
