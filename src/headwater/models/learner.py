"""The one interface of everything that fits, samples and scores.

``S`` is whatever the learner is fitted to: an Arrow table of documents or rows, or the data sets of many replicates at
once (:mod:`headwater.models.samples`).
"""

from collections.abc import Callable
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
