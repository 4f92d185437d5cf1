"""Clipped density and coverage: how a recipe's documents lie among unseen human ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import HumanSide, sampled
from headwater.gate.diagnosis.nearest import Nearest
from headwater.measure import likeness

DIMENSIONS = 24
_NEIGHBOURS = 5
_MOST_EMPTY = 0.1  # share of documents that would all lie on one point


@dataclass(frozen=True)
class Cloud:
    """How a batch lies among human documents (Salvy et al. 2025, arXiv:2507.01761); both in [0, 1], 1 is best.

    In a space of words a few documents lie near everything (hubs): a model with three words left scored a coverage of
    0.82. Neither may decide anything.
    """

    density: float
    coverage: float


@dataclass(frozen=True)
class Space:
    """The directions in which human training documents differ most: TF-IDF weights, then a singular decomposition."""

    nearest: Nearest
    axes: NDArray[np.float64]
    """Shape (dimensions, words)."""
    human: NDArray[np.float64]
    """Human reference documents, shape (documents, dimensions)."""

    @classmethod
    def of(cls, human: HumanSide, nearest: Nearest, rng: np.random.Generator) -> "Space | None":
        """Return the space; None where there are too few human documents for one, or most have no telling word."""
        from scipy.sparse.linalg import svds

        train = nearest.vectors(sampled(human.train, rng, 3000))
        reference = sampled(human.reference, rng)
        dimensions = min(DIMENSIONS, min(train.shape) - 1)
        people = nearest.vectors(reference)
        empty = float(np.mean(np.diff(people.indptr) == 0)) if reference.num_rows else 1.0
        if dimensions < 2 or reference.num_rows <= _NEIGHBOURS or empty > _MOST_EMPTY:
            return None
        start = np.random.default_rng(human.seed).standard_normal(min(train.shape))
        axes = np.ascontiguousarray(svds(train, k=dimensions, v0=start)[2])
        return cls(nearest, axes, _placed(people, axes))

    def cloud(self, documents: pa.Table, rng: np.random.Generator) -> Cloud | None:
        """Return how a batch lies; None for fewer than ten documents."""
        documents = sampled(documents, rng)
        if documents.num_rows < 2 * _NEIGHBOURS:
            return None
        found = likeness(_placed(self.nearest.vectors(documents), self.axes), self.human, _NEIGHBOURS)
        return Cloud(float(found.clipped_density[0]), float(found.clipped_coverage[0]))


def _placed(vectors: Any, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors @ axes.T, dtype=np.float64)
