"""Bayesian models of how each annotator confuses classes, fitted to any number of votes in bounded memory.

The truth of an item is a class k and, within it, a subtype m that nobody names: a kind of item on which
annotators err alike. Annotator a says v with probability confusion[a, k, m, v]. With one subtype that is the
model of Dawid & Skene 1979 with priors (IBCC, Kim & Ghahramani 2012); with several, errors of annotators are
correlated (EBCC, Li, Rubinstein & Cohn 2019). The prior of each row is a Dirichlet of `weight` votes that the
annotator's own accuracy deals out, itself drawn to the crowd's: who answered little is judged by what is known
of them elsewhere, and who answered nothing else by the crowd.

Shapes: I items, A annotators, K classes, M subtypes, V = K things to say.
"""

import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import digamma, gammaln

from labeling.consensus.votes import FloatArray, IntArray

CROWD = 4.0  # votes at the crowd's accuracy that each annotator's own accuracy starts with
SUBTYPES = 0.1  # Dirichlet prior of subtypes, in all: most of them stay empty unless the votes call for them
CLASSES = 1.0  # Dirichlet prior of classes, each
WEIGHTS = tuple(2.0 ** (step / 2) for step in range(17))  # 1 to 256
_EARLY = 5  # iterations after which the prior is looked at again only so often
_THREADS = min(4, os.cpu_count() or 1)
_CHUNK = 32_768  # items held at once
_UNDERFLOW = -600.0  # nats; below this a float's exponential comes near zero
_FIRST_TRUST = 1e-3  # votes that a class gets at least in a prior, or its logarithm would be undefined


@dataclass(frozen=True)
class Ballots:
    """Votes as a sparse table that models are fitted to; each annotator answers an item at most once."""

    table: sparse.csr_matrix  # (I, A * K), 1 where annotator a said v: column a * K + v
    num_annotators: int
    num_classes: int
    known: IntArray  # (I,), the class of items whose truth is known, else -1

    @classmethod
    def of(
        cls, item: IntArray, annotator: IntArray, said: IntArray, known: IntArray, shape: tuple[int, int]
    ) -> "Ballots":
        """item, annotator, said: (votes,), by item. shape: annotators, classes."""
        num_annotators, num_classes = shape
        bounds = np.searchsorted(item, np.arange(len(known) + 1))
        column = (annotator * num_classes + said).astype(np.int32)
        one = np.ones(len(column), dtype=np.float32)
        table = sparse.csr_matrix((one, column, bounds), shape=(len(known), num_annotators * num_classes))
        return cls(table, num_annotators, num_classes, known)

    @property
    def num_votes(self) -> int:
        """Number of votes."""
        return int(self.table.nnz)

    def some(self, rows: IntArray) -> "Ballots":
        """The votes on some items."""
        return Ballots(self.table[rows], self.num_annotators, self.num_classes, self.known[rows])

    def chunks(self) -> Iterator[tuple[slice, sparse.csr_matrix, IntArray]]:
        """Pieces of the items: their rows, votes and what is known of them; no votes are copied."""
        table = self.table
        for start in range(0, table.shape[0], _CHUNK):
            rows = slice(start, min(start + _CHUNK, table.shape[0]))
            low, high = table.indptr[rows.start], table.indptr[rows.stop]
            parts = (table.data[low:high], table.indices[low:high], table.indptr[rows.start : rows.stop + 1] - low)
            yield rows, sparse.csr_matrix(parts, shape=(rows.stop - start, table.shape[1])), self.known[rows]

    def shares(self, table: sparse.csr_matrix) -> FloatArray:
        """(items, K): share of each item's votes for each class; equal where nobody voted."""
        counts = table @ np.tile(np.eye(self.num_classes), (self.num_annotators, 1))
        total = counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, counts / np.maximum(total, 1), 1 / max(1, self.num_classes))


@dataclass(frozen=True)
class Model:
    """What was learned of annotators and of the items' classes."""

    log_confusion: FloatArray  # (A, K, M, V), expected logarithm; what items are judged by
    confusion: FloatArray  # (A, K, V), expected, over the subtypes
    accuracy: FloatArray  # (A,), expected share of right answers, drawn to the crowd's
    log_prior: FloatArray  # (K, M), expected logarithm
    log_stranger: FloatArray  # (K, M, V), of an annotator of whom nothing is known
    weight: float  # votes that each row of a confusion matrix started with
    evidence: float  # lower bound of the log-likelihood of all votes, nats; of points their log-likelihood
    num_iterations: int
    converged: bool

    @property
    def num_subtypes(self) -> int:
        """M."""
        return int(self.log_prior.shape[1])

    def of_crew(self, who: IntArray) -> "Model":
        """The same of other annotators: places among these, -1 for a stranger."""
        known = (who >= 0)[:, None, None, None]
        log_confusion = np.where(known, self.log_confusion[who], self.log_stranger[None])
        return dataclasses.replace(self, log_confusion=log_confusion)

    def posterior(self, ballots: Ballots) -> FloatArray:
        """(I, K), rows sum to 1: probability of each class of each item. Gold is certain."""
        parts = [
            _responsibility(table, known, self.log_confusion, self.log_prior)[0].sum(axis=2)
            for _, table, known in ballots.chunks()
        ]
        return np.concatenate(parts) if parts else np.zeros((0, ballots.num_classes))


@dataclass(frozen=True)
class Fitter:
    """Variational inference for one of the models; its numbers are those of the module's docstring."""

    num_subtypes: int = 1
    weight: float | None = None  # votes that each row of a confusion matrix starts with; None: what explains best
    bayesian: bool = True  # else confusion matrices are points, as Dawid and Skene have them
    seed: int = 0  # subtypes start at random
    max_iterations: int = 300
    tolerance: float = 1e-5  # gain in evidence a vote at which it rests, nats

    def fit(self, ballots: Ballots) -> Model:
        """Alternate between items and annotators, from the shares of votes, until the evidence rests.

        Source: the mean-field updates of Li, Rubinstein & Cohn 2019, with the hierarchical prior above.
        """
        counts, sizes = self._start(ballots)
        before, weight = -np.inf, self.weight or WEIGHTS[len(WEIGHTS) // 2]
        for iteration in range(1, self.max_iterations + 1):
            if not self.weight and (iteration <= _EARLY or iteration % _EARLY == 0):
                weight = _weight(counts, weight)
            prior = _prior(counts, weight)
            log_confusion, log_prior = self._log(counts + prior[:, :, None, :]), _log_prior(sizes)
            evidence = -_divergence(counts, prior, log_confusion) - _prior_divergence(sizes) if self.bayesian else 0.0
            counts, sizes, likelihood = _pass(ballots, log_confusion, log_prior)
            evidence += likelihood
            converged = abs(evidence - before) <= self.tolerance * max(1, ballots.num_votes)
            if converged or iteration == self.max_iterations:
                break
            before = evidence
        return self._model(counts, sizes, weight, evidence, iteration, converged)

    def _log(self, votes: FloatArray) -> FloatArray:
        if self.bayesian:
            return _expected_log(votes)
        return np.asarray(np.log(votes / votes.sum(axis=-1, keepdims=True)))

    def _model(
        self, counts: FloatArray, sizes: FloatArray, weight: float, evidence: float, iterations: int, rests: bool
    ) -> Model:
        prior = _prior(counts, weight)
        whole = counts.sum(axis=2) + prior
        crowd = _crowd(counts)
        stranger = np.broadcast_to(_rows(np.array([crowd]), counts.shape[1])[0][:, None, :], counts.shape[1:])
        return Model(
            log_confusion=self._log(counts + prior[:, :, None, :]),
            confusion=whole / whole.sum(axis=2, keepdims=True),
            accuracy=_accuracy(counts, crowd),
            log_prior=_log_prior(sizes),
            log_stranger=np.log(np.maximum(stranger, _FIRST_TRUST)),
            weight=weight,
            evidence=evidence,
            num_iterations=iterations,
            converged=rests,
        )

    def _start(self, ballots: Ballots) -> tuple[FloatArray, FloatArray]:
        """Counts as if each item were what its votes' shares say, in subtypes drawn by chance."""
        draw = np.random.default_rng(self.seed)
        counts = np.zeros((ballots.table.shape[1], ballots.num_classes * self.num_subtypes))
        sizes = np.zeros((ballots.num_classes, self.num_subtypes))
        for _, table, known in ballots.chunks():
            shares = ballots.shares(table)
            _clamp(shares, known)
            split = draw.standard_gamma(1.0, size=(*shares.shape, self.num_subtypes)) if self.num_subtypes > 1 else None
            parts = shares[:, :, None] * (1.0 if split is None else split / split.sum(axis=2, keepdims=True))
            counts += table.T @ parts.reshape(len(parts), -1)
            sizes += parts.sum(axis=0)
        return _by_annotator(counts, ballots, self.num_subtypes), sizes


def _pass(ballots: Ballots, log_confusion: FloatArray, log_prior: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Expected counts (A, K, M, V), sizes (K, M) and log-likelihood under what is believed of the annotators.

    Pieces go through threads, numpy and scipy let go of the interpreter; sums are made in the pieces' order.
    """

    def piece(one: tuple[slice, sparse.csr_matrix, IntArray]) -> tuple[FloatArray, FloatArray, float]:
        _, table, known = one
        parts, evidence = _responsibility(table, known, log_confusion, log_prior)
        return table.T @ parts.reshape(len(parts), -1), parts.sum(axis=0), float(evidence.sum())

    num_classes, num_subtypes = log_prior.shape
    counts = np.zeros((ballots.table.shape[1], num_classes * num_subtypes))
    sizes, likelihood = np.zeros_like(log_prior), 0.0
    several = ballots.table.shape[0] > _CHUNK
    with ThreadPoolExecutor(_THREADS) if several else nullcontext() as pool:
        for more, size, evidence in (pool.map if pool else map)(piece, ballots.chunks()):
            counts += more
            sizes += size
            likelihood += evidence
    return _by_annotator(counts, ballots, num_subtypes), sizes, likelihood


def _responsibility(
    table: sparse.csr_matrix, known: IntArray, log_confusion: FloatArray, log_prior: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(items, K, M) probability of each class and subtype, and (items,) log-likelihood of the votes."""
    num_annotators, num_classes, num_subtypes, _ = log_confusion.shape
    by_vote = log_confusion.transpose(0, 3, 1, 2).reshape(num_annotators * num_classes, -1)
    joint = table @ by_vote
    joint += log_prior.reshape(-1)
    crowded = bool(joint.size) and joint.min() < _UNDERFLOW
    certain = np.flatnonzero(known >= 0)
    impossible = np.repeat(np.arange(num_classes) != known[certain, None], num_subtypes, axis=1)
    joint[certain] = np.where(impossible, -np.inf, joint[certain])
    best = np.zeros((len(joint), 1))
    scaled = np.arange(len(joint)) if crowded else certain  # elsewhere no exponential comes near zero
    best[scaled] = joint[scaled].max(axis=1, keepdims=True)
    joint -= best
    np.exp(joint, out=joint)
    total = joint @ np.ones((joint.shape[1], 1))
    joint /= total
    return joint.reshape(-1, num_classes, num_subtypes), (np.log(total) + best)[:, 0]


def _clamp(posterior: FloatArray, known: IntArray) -> None:
    """Where the truth is known the posterior is certain; in place."""
    rows = np.flatnonzero(known >= 0)
    posterior[rows] = 0.0
    posterior[rows, known[rows]] = 1.0


def _by_annotator(counts: FloatArray, ballots: Ballots, num_subtypes: int) -> FloatArray:
    """(A * V, K * M) as (A, K, M, V)."""
    shape = (ballots.num_annotators, ballots.num_classes, ballots.num_classes, num_subtypes)
    return np.ascontiguousarray(counts.reshape(shape).transpose(0, 2, 3, 1))


def _crowd(counts: FloatArray) -> float:
    """The accuracy of all annotators together."""
    return float((np.einsum("akmk->", counts) + 1) / (counts.sum() + 2))


def _accuracy(counts: FloatArray, crowd: float) -> FloatArray:
    """(A,): each annotator's accuracy, drawn to the crowd's by CROWD votes."""
    right = np.einsum("akmk->a", counts)
    return np.asarray((right + CROWD * crowd) / (counts.sum(axis=(1, 2, 3)) + CROWD))


def _rows(accuracy: FloatArray, num_classes: int) -> FloatArray:
    """(A, K, V): confusion of annotators who err in no direction."""
    eye = np.eye(num_classes)
    wrong = (1 - accuracy)[:, None, None] * (1 - eye) / max(1, num_classes - 1)
    return np.asarray(accuracy[:, None, None] * eye + wrong)


def _prior(counts: FloatArray, weight: float) -> FloatArray:
    """(A, K, V): the votes each row starts with."""
    rows = _rows(_accuracy(counts, _crowd(counts)), counts.shape[1])
    return np.maximum(weight * rows, _FIRST_TRUST)


def _weight(counts: FloatArray, now: float) -> float:
    """The one of WEIGHTS under which the counts are most probable, climbing from `now`."""
    rows = _rows(_accuracy(counts, _crowd(counts)), counts.shape[1])[:, :, None, :]
    place = int(np.searchsorted(WEIGHTS, now))
    scores: dict[int, float] = {}

    def score(place: int) -> float:
        if not 0 <= place < len(WEIGHTS):
            return -np.inf
        if place not in scores:
            scores[place] = _log_marginal(counts, np.maximum(WEIGHTS[place] * rows, _FIRST_TRUST))
        return scores[place]

    while True:
        best = max((place, place + 1, place - 1), key=score)
        if best == place:
            return float(WEIGHTS[place])
        place = int(best)


def _log_marginal(counts: FloatArray, prior: FloatArray) -> float:
    """Log probability of all rows of counts under a Dirichlet prior over the last axis (Polya; Minka 2000)."""
    after = counts + prior
    seen = gammaln(after).sum() - gammaln(after.sum(axis=-1)).sum()
    repeats = counts.shape[2]  # the prior is one for all subtypes
    return float(seen - repeats * (gammaln(prior).sum() - gammaln(prior.sum(axis=-1)).sum()))


def _expected_log(votes: FloatArray) -> FloatArray:
    """Expected logarithm of a Dirichlet's shares, over the last axis."""
    return np.asarray(digamma(votes) - digamma(votes.sum(axis=-1, keepdims=True)))


def _log_prior(sizes: FloatArray) -> FloatArray:
    """(K, M): of a class and, within it, of a subtype."""
    subtypes = _expected_log(sizes + SUBTYPES / sizes.shape[1])
    return np.asarray(subtypes + _expected_log(sizes.sum(axis=1) + CLASSES)[:, None])


def _divergence(counts: FloatArray, prior: FloatArray, log_confusion: FloatArray) -> float:
    """How far the annotators' rows have moved from their prior, nats."""
    before = np.broadcast_to(prior[:, :, None, :], counts.shape)
    return _kl(counts + before, before, log_confusion)


def _prior_divergence(sizes: FloatArray) -> float:
    start = np.full_like(sizes, SUBTYPES / sizes.shape[1])
    classes = sizes.sum(axis=1)
    flat = np.full_like(classes, CLASSES)
    within = _kl(sizes + start, start, _expected_log(sizes + start))
    return within + _kl(classes + flat, flat, _expected_log(classes + flat))


def _kl(after: FloatArray, before: FloatArray, expected_log: FloatArray) -> float:
    """Kullback-Leibler divergence of Dirichlets over the last axis, summed over all others; expected_log: of after."""
    moved = ((after - before) * expected_log).sum(axis=-1)
    normal = gammaln(after.sum(axis=-1)) - gammaln(after).sum(axis=-1)
    normal -= gammaln(before.sum(axis=-1)) - gammaln(before).sum(axis=-1)
    return float((normal + moved).sum())
