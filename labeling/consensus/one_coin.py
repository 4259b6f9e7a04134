"""One number an annotator: how often they are right. For questions with too many classes for confusion matrices."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from labeling.consensus.confusion import CROWD, Ballots
from labeling.consensus.votes import FloatArray, IntArray

_RESTS = 1e-9  # change of any accuracy at which it rests


@dataclass(frozen=True)
class OneCoin:
    """Annotators who are right with a probability of their own, and else say any other class alike.

    Source: Dawid & Skene 1979 with one parameter (ZenCrowd, Demartini et al. 2012), accuracies drawn to the crowd's.
    """

    accuracy: FloatArray  # (A,)
    crowd: float

    @classmethod
    def fit(cls, ballots: Ballots, max_iterations: int) -> "OneCoin":
        """Alternate between items and annotators until the accuracies rest."""
        heads = np.full(ballots.num_annotators, 0.8)
        model = cls(heads, 0.8)
        for _ in range(max_iterations):
            before, model = model, cls._of(ballots, model.posterior_of_votes(ballots))
            if np.abs(model.accuracy - before.accuracy).max(initial=0.0) < _RESTS:
                break
        return model

    @classmethod
    def _of(cls, ballots: Ballots, right: FloatArray) -> "OneCoin":
        """right: (votes,), probability that each vote is right."""
        who = ballots.table.indices // ballots.num_classes
        num = np.bincount(who, minlength=ballots.num_annotators)
        sums = np.bincount(who, weights=right, minlength=ballots.num_annotators)
        crowd = float((right.sum() + 1) / (len(right) + 2))
        return cls(np.clip((sums + CROWD * crowd) / (num + CROWD), 1e-6, 1 - 1e-6), crowd)

    def of_crew(self, who: IntArray) -> "OneCoin":
        """The same of other annotators: places among these, -1 for a stranger."""
        return OneCoin(np.where(who >= 0, self.accuracy[who], self.crowd), self.crowd)

    def posterior(self, ballots: Ballots) -> FloatArray:
        """(I, K), rows sum to 1: probability of each class of each item. Gold is certain."""
        return np.asarray(_shares(ballots, self._weights(ballots)))

    def posterior_of_votes(self, ballots: Ballots) -> FloatArray:
        """(votes,): probability that each is right; memory for the classes of a piece of the items at most."""
        parts = []
        for _, table, known in ballots.chunks():
            piece = Ballots(table, ballots.num_annotators, ballots.num_classes, known)
            posterior = _shares(piece, self._weights(piece))
            rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
            parts.append(posterior[rows, table.indices % ballots.num_classes])
        return np.concatenate(parts) if parts else np.zeros(0)

    def _weights(self, ballots: Ballots) -> FloatArray:
        """(votes,): what each adds to the log-odds of the class it names."""
        odds = np.log(self.accuracy) - np.log((1 - self.accuracy) / max(1, ballots.num_classes - 1))
        return np.asarray(odds[ballots.table.indices // ballots.num_classes])


def _shares(ballots: Ballots, weights: FloatArray) -> FloatArray:
    table = ballots.table
    shape = (table.shape[0], ballots.num_classes)
    named = sparse.csr_matrix((weights, table.indices % ballots.num_classes, table.indptr), shape=shape)
    joint = named.toarray()  # votes for the same class add up
    certain = np.flatnonzero(ballots.known >= 0)
    joint[certain] = np.where(np.arange(shape[1]) == ballots.known[certain, None], 0.0, -np.inf)
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))
