"""The one interface of everything that fits, samples and scores."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Losses:
    """Cross-entropy of a model on documents, one entry per document in the order given."""

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


class Model(Protocol):
    """A fitted model."""

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` new documents or rows drawn from the model."""
        ...

    def loss(self, samples: pa.Table) -> Losses:
        """Return the loss on each document or row."""
        ...


class Learner(Protocol):
    """Something that can be fitted to samples."""

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> Model:
        """Return a model fitted to the samples; the same samples and generator state give the same model."""
        ...
