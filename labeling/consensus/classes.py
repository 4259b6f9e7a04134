"""Consensus on one class out of several: majority, or Dawid and Skene's model of each annotator."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labeling.spec import ConsensusSpec
from lake.errors import PlatformError
from lake.records import Annotation, Label

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

VERSION = "1"  # changes with every change that may change a label
SMOOTHING = 2.0  # votes a row of each confusion matrix starts with; see _confusion
_DIGITS = 9  # of what is written, so that the last bits of a sum don't change a hash

ANNOTATORS_SCHEMA = pa.schema(
    [
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("num_answers", pa.int64(), nullable=False),
        pa.field("accuracy", pa.float64(), nullable=False),  # expected share of right answers
    ]
)


@dataclass(frozen=True)
class Consensus:
    """What people agreed on, and what that says of them."""

    labels: tuple[Label, ...]  # sorted by item_id; gold items have none
    annotators: pa.Table  # ANNOTATORS_SCHEMA, by annotator
    classes: tuple[str, ...]
    confusion: FloatArray  # (annotators, classes, classes), [a, t, v] = P(a says v | truth is t)
    num_iterations: int
    converged: bool

    def only(self, item_ids: Collection[str]) -> "Consensus":
        """The same with the labels of some items."""
        wanted = set(item_ids)
        return dataclasses.replace(self, labels=tuple(label for label in self.labels if label.item_id in wanted))


@dataclass(frozen=True)
class _Votes:
    """One row a vote: which item, which annotator, which class; sorted by item, then annotator."""

    items: list[str]
    annotators: list[str]
    item: IntArray
    annotator: IntArray
    said: IntArray


def agree(
    annotations: Sequence[Annotation],
    classes: Sequence[str],
    spec: ConsensusSpec,
    *,
    gold: Mapping[str, str],
    schema_version: str,
) -> Consensus:
    """One label for each item that anyone answered, with the posterior of its answer.

    Cancelled annotations don't vote; an annotator's last word on an item is the vote. Items of `gold` get
    no label: their answer is known, and it anchors the annotators' confusion matrices (dawid_skene).
    Labels whose confidence lies below `spec.min_posterior` are returned too: the caller decides.
    The same annotations in any order give the same result. Raises PlatformError for an unknown class.
    """
    votes = _votes(annotations, classes)
    expert = _Codes(classes)
    known = np.array([expert[gold[item]] if item in gold else -1 for item in votes.items], dtype=np.int64)
    num_iterations, converged = 0, True
    posterior = _shares(votes, len(classes))
    if spec.method == "dawid_skene":
        posterior, num_iterations, converged = _dawid_skene(votes, posterior, known, spec)
    _clamp(posterior, known)
    confusion = _confusion(votes, posterior)
    return Consensus(
        labels=_labels(votes, posterior, known, classes, spec.method, schema_version),
        annotators=_annotators(votes, posterior),
        classes=tuple(classes),
        confusion=confusion,
        num_iterations=num_iterations,
        converged=converged,
    )


class _Codes(dict[str, int]):
    """Index of each class. Raises PlatformError for one that the question does not have."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__({name: i for i, name in enumerate(classes)})

    def __missing__(self, answer: str) -> int:
        remedy = f"the classes are {', '.join(list(self)[:12])}"
        raise PlatformError(f'"{answer}" is no class of this question', remedy=remedy)


def _votes(annotations: Sequence[Annotation], classes: Sequence[str]) -> _Votes:
    last: dict[tuple[str, str], Annotation] = {}
    for one in sorted(annotations, key=lambda one: (one.updated_at, one.annotation_id)):
        if not one.cancelled:
            last[one.item_id, one.annotator] = one
    items = sorted({item for item, _ in last})
    people = sorted({who for _, who in last})
    row, column = {name: i for i, name in enumerate(items)}, {name: i for i, name in enumerate(people)}
    code = _Codes(classes)
    triples = sorted((row[item], column[who], code[one.answer]) for (item, who), one in last.items())
    table = np.array(triples, dtype=np.int64).reshape(-1, 3)
    return _Votes(items, people, table[:, 0], table[:, 1], table[:, 2])


def _shares(votes: _Votes, num_classes: int) -> FloatArray:
    """(items, classes): share of the item's votes for each class."""
    counts = np.zeros((len(votes.items), num_classes))
    np.add.at(counts, (votes.item, votes.said), 1.0)
    return counts / counts.sum(axis=1, keepdims=True) if len(counts) else counts


def _clamp(posterior: FloatArray, known: IntArray) -> None:
    """Where the truth is known the posterior is certain; in place."""
    rows = np.flatnonzero(known >= 0)
    posterior[rows] = 0.0
    posterior[rows, known[rows]] = 1.0


def _confusion(votes: _Votes, posterior: FloatArray) -> FloatArray:
    """(annotators, classes, classes): how each annotator answers each true class, expected under `posterior`.

    Each row starts with SMOOTHING votes that the annotator's own overall accuracy deals out: one who was
    seen on few items of a class is judged by what is known of them elsewhere.
    """
    num_classes = posterior.shape[1]
    counts = np.zeros((len(votes.annotators), num_classes, num_classes))
    np.add.at(counts.transpose(0, 2, 1), (votes.annotator, votes.said), posterior[votes.item])
    right = (np.trace(counts, axis1=1, axis2=2) + 1) / (counts.sum(axis=(1, 2)) + 2)
    prior = np.empty_like(counts)
    prior[:] = ((1 - right) / (num_classes - 1))[:, None, None]
    prior[:, np.arange(num_classes), np.arange(num_classes)] = right[:, None]
    counts += SMOOTHING * prior
    return np.asarray(counts / counts.sum(axis=2, keepdims=True), dtype=np.float64)


def _dawid_skene(
    votes: _Votes, start: FloatArray, known: IntArray, spec: ConsensusSpec
) -> tuple[FloatArray, int, bool]:
    """Posterior (items, classes), iterations made, and whether they came to rest.

    Expectation-maximisation from the shares of votes, in log space against underflow, until an iteration
    changes the mean log-likelihood a vote by less than `spec.tolerance`; gold stays certain throughout.
    Source: Dawid & Skene 1979, with the smoothing of `_confusion`.
    """
    posterior = start.copy()
    _clamp(posterior, known)
    impossible = (posterior == 0) & (known >= 0)[:, None]  # what an expert ruled out
    before = -np.inf
    for iteration in range(1, spec.max_iterations + 1):
        joint = _log_joint(votes, _confusion(votes, posterior), _prior(posterior))
        joint[impossible] = -np.inf
        evidence = np.logaddexp.reduce(joint, axis=1)
        posterior = np.exp(joint - evidence[:, None])
        likelihood = float(evidence.sum()) / max(1, len(votes.item))
        if abs(likelihood - before) < spec.tolerance:
            return posterior, iteration, True
        before = likelihood
    return posterior, spec.max_iterations, False


def _prior(posterior: FloatArray) -> FloatArray:
    """(classes,): how frequent each class is; none is impossible."""
    counts = posterior.sum(axis=0) + 1.0
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _log_joint(votes: _Votes, confusion: FloatArray, prior: FloatArray) -> FloatArray:
    """(items, classes): log probability of the item's votes together with each true class."""
    joint = np.tile(np.log(prior), (len(votes.items), 1))
    np.add.at(joint, votes.item, np.log(confusion)[votes.annotator, :, votes.said])
    return joint


def _labels(
    votes: _Votes,
    posterior: FloatArray,
    known: IntArray,
    classes: Sequence[str],
    method: str,
    schema_version: str,
) -> tuple[Label, ...]:
    shares = _shares(votes, len(classes))
    bounds = np.searchsorted(votes.item, np.arange(len(votes.items) + 1))
    labels = []
    for row, item_id in enumerate(votes.items):
        if known[row] >= 0:
            continue
        best = int(posterior[row].round(_DIGITS).argmax())  # of equals the first in the order of the question
        labels.append(
            Label(
                item_id=item_id,
                schema_version=schema_version,
                answer=classes[best],
                confidence=round(float(posterior[row, best]), _DIGITS),
                agreement=round(float(shares[row, best]), _DIGITS),
                method=method,
                annotators=tuple(votes.annotators[i] for i in votes.annotator[bounds[row] : bounds[row + 1]]),
            )
        )
    return tuple(labels)


def _annotators(votes: _Votes, posterior: FloatArray) -> pa.Table:
    """How often each annotator said what is true, expected under the posterior."""
    size = len(votes.annotators)
    num_answers = np.bincount(votes.annotator, minlength=size)
    right = np.bincount(votes.annotator, weights=posterior[votes.item, votes.said], minlength=size)
    columns = [votes.annotators, num_answers, (right / num_answers).round(_DIGITS)]
    return pa.table(columns, schema=ANNOTATORS_SCHEMA)
