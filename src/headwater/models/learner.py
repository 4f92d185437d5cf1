"""The one interface of everything that fits, samples and scores.

``S`` is whatever the learner is fitted to: an Arrow table of documents or rows, or the data sets of many replicates at
once (:mod:`headwater.models.samples`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

S = TypeVar("S")

Tell = Callable[[int, int, str], None]
"""Is told how many steps are done, of how many, and what is being done."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Cross-entropy of a model on documents, one entry per document in the order given.

    The models of many replicates add an axis for the replicates in front.
    """

    nats: NDArray[np.float64]
    """Total negative natural-log probability of each document."""
    tokens: NDArray[np.int64]
    """Number of tokens (or items) each total is the sum of."""

    @property
    def per_token(self) -> NDArray[np.float64]:
        """Mean nats per token of each document."""
        return self.nats / np.maximum(self.tokens, 1)

    @property
    def mean(self) -> float:
        """Nats per token over all documents together (each token counts the same)."""
        return float(self.nats.sum() / max(int(self.tokens.sum()), 1))


def averaged(losses: Sequence[Losses]) -> Losses:
    """Return the mean of the losses of several models on the same documents, document by document."""
    if len(losses) == 1:
        return losses[0]
    return Losses(np.mean([one.nats for one in losses], axis=0), losses[0].tokens)


class Model(Protocol[S]):
    """A fitted model."""

    def sample(self, n: int, rng: np.random.Generator) -> S:
        """Return ``n`` new documents or rows drawn from the model, of every replicate where there are several."""
        ...

    def loss(self, samples: S) -> Losses:
        """Return the loss on each document or row."""
        ...


class Learner(Protocol[S]):
    """Something that can be fitted to samples."""

    def fit(self, samples: S, rng: np.random.Generator) -> Model[S]:
        """Return a model fitted to the samples; the same samples and generator state give the same model."""
        ...


def seeds_of(learner: object) -> int:
    """Return how many models of a learner are to be averaged wherever two training sets are compared.

    A learner whose models differ from seed to seed says so by an attribute ``seeds``; one without has no noise.
    """
    return max(1, int(getattr(learner, "seeds", 1)))


def fitted(learner: Learner[S], samples: S, seed: Sequence[int]) -> list[Model[S]]:
    """Return the models of a learner that are to be averaged, each from a seed of its own.

    Args:
        learner: what is fitted, as often as it says.
        samples: what it is fitted to.
        seed: the same for both training sets of a comparison; the first model is the one of this seed alone.
    """
    more = ([*seed, number] for number in range(1, seeds_of(learner)))
    return [learner.fit(samples, np.random.default_rng(one)) for one in ([*seed], *more)]
