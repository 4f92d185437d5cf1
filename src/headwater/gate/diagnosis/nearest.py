"""The human training documents that a document is nearest to. Panel documents are never shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import Columns, HumanSide, words_of
from headwater.gate.diagnosis.discriminator import unit_length

SHOWN = 3
_COMMON = 0.2
"""Words in more than this share of the human documents tell little about a topic and cost most of the time."""
_CELLS = 4_000_000  # of similarities at once: 32 MB


@dataclass(frozen=True, slots=True)
class Near:
    """A human training document and how near it is."""

    id: str
    cosine: float
    """Of the weights of their words, [0, 1]; 1 for the same words in any order."""
    beginning: str
    """How it begins."""


@dataclass(frozen=True)
class Nearest:
    """Nearest human training documents by the cosine of TF-IDF weights.

    Words in more than a fifth of the human documents, and words that the human vocabulary does not have, do not count.
    """

    human: HumanSide
    name: str = "nearest"

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each word: ln((1 + N) / (1 + documents with it)) + 1, 0 for common words."""
        train = self.human.train
        words, owners = words_of(train)
        pairs = np.unique(owners * self.human.vocabulary_size + words)
        spread = np.bincount(pairs % self.human.vocabulary_size, minlength=self.human.vocabulary_size)
        kept = (spread > 0) & (spread <= max(_COMMON * train.num_rows, 1))
        return np.where(kept, np.log((1 + train.num_rows) / (1 + spread)) + 1, 0.0)

    def vectors(self, documents: pa.Table) -> Any:
        """Return one sparse row of unit length per document."""
        from scipy.sparse import coo_matrix

        words, owners = words_of(documents)
        used = self.weights[words] > 0
        words, owners = words[used], owners[used]
        shape = (documents.num_rows, self.human.vocabulary_size)
        counts = coo_matrix((np.ones(len(words)), (owners, words)), shape=shape).tocsr()
        counts.data = (1 + np.log(counts.data)) * self.weights[counts.indices]
        return unit_length(counts).tocsr()

    @cached_property
    def _people(self) -> Any:
        return self.vectors(self.human.train).T.tocsr()

    def columns(self, documents: pa.Table) -> Columns:
        """Return ``nearest_cosine``, the cosine to the nearest human training document, [0, 1]."""
        best = [np.zeros(0)]
        for _, block in self._similarities(documents):
            best.append(block.max(axis=1).toarray().ravel() if block.nnz else np.zeros(block.shape[0]))
        return {"nearest_cosine": np.minimum(np.concatenate(best), 1.0)}

    def rows(self, documents: pa.Table, most: int = SHOWN) -> list[list[tuple[int, float]]]:
        """Return for each document the rows of the nearest training documents and their cosines, nearest first."""
        found: list[list[tuple[int, float]]] = []
        for _, block in self._similarities(documents):
            for row in range(block.shape[0]):
                places = block.indices[block.indptr[row] : block.indptr[row + 1]]
                values = block.data[block.indptr[row] : block.indptr[row + 1]]
                order = np.lexsort((places, -values))[:most]
                found.append([(int(places[i]), min(float(values[i]), 1.0)) for i in order if values[i] > 0])
        return found

    def near(self, row: int, cosine: float) -> Near:
        """Return the training document of a row as it is shown."""
        train = self.human.train
        return Near(train["id"][row].as_py(), cosine, beginning(train["text"][row].as_py()))

    def _similarities(self, documents: pa.Table) -> Iterator[tuple[int, Any]]:
        """Yield blocks of similarities: first row, then a sparse matrix (documents of the block, human documents)."""
        vectors = self.vectors(documents)
        size = max(_CELLS // max(self.human.train.num_rows, 1), 1)
        for start in range(0, documents.num_rows, size):
            yield start, (vectors[start : start + size] @ self._people).tocsr()


def beginning(text: str | None, length: int = 160) -> str:
    """Return how a text begins, on one line."""
    shown = " ".join((text or "")[: 2 * length].split())
    return shown if len(shown) <= length else shown[: length - 1].rstrip() + "…"
