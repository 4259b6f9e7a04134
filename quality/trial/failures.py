"""From what a model got wrong to what people should look at next.

The cases themselves are never asked for: they stay what the model has not seen.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa

from lake.records import Failure, Reason
from quality.duplicates import Embeddings, embedding_matrix

_NEIGHBOURS = 5  # labelled items that a label is compared with
_DIGITS = 6  # of a similarity: fewer than the libraries of two machines differ in
_CHUNK_ROWS = 1 << 13  # compared with all failed cases at once


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One item that people should label (`trial failure`) or look at again (`review`)."""

    item_id: str
    reason: Reason
    why: str  # a sentence for people; it tells of a trial case's answer, so not for the annotator's eyes
    weight: float  # 0 to 1, larger is sooner


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """Failures that mix up the same two classes in the same direction."""

    expected: str
    predicted: str
    item_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        called = f"calls {self.predicted!r}" if self.predicted else "has no answer for"
        return f"{len(self.item_ids)} trial cases of {self.expected!r} that the model {called}"


def groups_of(failures: Sequence[Failure]) -> tuple[FailureGroup, ...]:
    """Failures by (expected, predicted), the largest group first."""
    members: dict[tuple[str, str], list[str]] = defaultdict(list)
    for failure in failures:
        members[failure.expected, failure.predicted].append(failure.item_id)
    groups = [
        FailureGroup(expected=expected, predicted=predicted, item_ids=tuple(sorted(items)))
        for (expected, predicted), items in members.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-len(group.item_ids), group.expected, group.predicted)))


def propose(
    failures: Sequence[Failure], cases: pa.Table, pool: pa.Table, labelled: pa.Table, *, budget: int
) -> tuple[Request, ...]:
    """At most `budget` items that are most likely to mend the failures, the most wanted first.

    cases, pool, labelled: item_id, probe_embedding; labelled also answer. The pool is free of leaks
    (quality.leakage), or the gate will refuse what is made of it.
    Each group of failures gets a share of the budget as large as its share of the failures. At most half
    of that goes to labelled items near the failed cases whose label disagrees with the case and with most
    of its own neighbours; the rest to unlabelled items near the failed cases.
    """
    groups = groups_of(failures)
    known, fresh = _items(labelled), _items(pool)
    answers = labelled.sort_by("item_id")["answer"].to_pylist()
    trial = _items(cases)
    place_of = {item_id: place for place, item_id in enumerate(trial.ids)}
    taken = {*trial.ids}
    requests: list[Request] = []
    for group, share in zip(groups, _shares([len(one.item_ids) for one in groups], budget), strict=True):
        failed = trial.vectors[[place_of[item_id] for item_id in group.item_ids]]
        importance = len(group.item_ids) / len(failures)
        doubted = _doubtful(group, failed, known, answers, taken)
        review = [_request(item, "review", near, why, importance) for item, near, why in islice(doubted, share // 2)]
        taken.update(request.item_id for request in review)
        close = _close_by(group, failed, fresh, taken.union(known.ids))
        num_left = share - len(review)
        collect = [
            _request(item, "trial failure", near, why, importance) for item, near, why in islice(close, num_left)
        ]
        taken.update(request.item_id for request in collect)
        requests += review + collect
    return tuple(sorted(requests, key=lambda request: (-request.weight, request.item_id)))


@dataclasses.dataclass(frozen=True)
class _Items:
    """Items and their embeddings, sorted by item_id so that ties fall the same way every time."""

    ids: list[str]
    vectors: Embeddings


def _items(table: pa.Table) -> _Items:
    ordered = table.select(["item_id", "probe_embedding"]).sort_by("item_id")
    return _Items(ordered["item_id"].to_pylist(), embedding_matrix(ordered["probe_embedding"]))


def _request(item_id: str, reason: Reason, similarity: float, why: str, importance: float) -> Request:
    return Request(item_id=item_id, reason=reason, why=why, weight=round(importance * similarity, _DIGITS))


def _close_by(
    group: FailureGroup, failed: Embeddings, items: _Items, barred: Collection[str]
) -> Iterator[tuple[str, float, str]]:
    """Items that resemble a failed case, the most alike first, with the similarity and the reason."""
    for place, similarity in _by_similarity(items.vectors, failed):
        if items.ids[place] not in barred:
            yield items.ids[place], similarity, f"Resembles ({similarity:.2f}) one of {group.name}."


def _doubtful(
    group: FailureGroup, failed: Embeddings, known: _Items, answers: Sequence[str], barred: Collection[str]
) -> Iterator[tuple[str, float, str]]:
    """Labelled items that resemble a failed case and whose label neither it nor their neighbours share."""
    for place, similarity in _by_similarity(known.vectors, failed):
        answer = answers[place]
        if answer == group.expected or known.ids[place] in barred:
            continue
        neighbours = [answers[other] for other in _neighbours(known.vectors, place)]
        num_others = sum(other != answer for other in neighbours)
        if num_others * 2 > len(neighbours):
            yield (
                known.ids[place],
                similarity,
                (
                    f"Labelled {answer!r}, unlike {num_others} of the {len(neighbours)} labelled items nearest to it; "
                    f"resembles ({similarity:.2f}) one of {group.name}."
                ),
            )


def _by_similarity(vectors: Embeddings, failed: Embeddings) -> Iterator[tuple[int, float]]:
    """Places with the cosine to the nearest failed case, falling; what does not resemble any is left out."""
    similarity = np.zeros(len(vectors))
    for low in range(0, len(vectors), _CHUNK_ROWS):
        similarity[low : low + _CHUNK_ROWS] = (vectors[low : low + _CHUNK_ROWS] @ failed.T).max(axis=1)
    similarity = similarity.round(_DIGITS)
    for place in np.argsort(-similarity, kind="stable").tolist():
        if similarity[place] <= 0:
            return
        yield place, float(similarity[place])


def _neighbours(vectors: Embeddings, place: int) -> list[int]:
    """The _NEIGHBOURS rows nearest to a row, without itself."""
    similarity = (vectors @ vectors[place]).round(_DIGITS)
    similarity[place] = -np.inf
    nearest: list[int] = np.argsort(-similarity, kind="stable")[: min(_NEIGHBOURS, len(vectors) - 1)].tolist()
    return nearest


def _shares(sizes: Sequence[int], budget: int) -> list[int]:
    """`budget` in proportion to the sizes, in whole numbers (largest remainders; ties to the first)."""
    total = sum(sizes)
    shares = [budget * size // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda place: -(budget * sizes[place] % total))
    for place in by_remainder[: budget - sum(shares)]:
        shares[place] += 1
    return shares
