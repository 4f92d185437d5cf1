"""What a signal is, and what signals compare with.

Signals describe; they never admit. Every gate by likeness that was tried did worse than no gate at all in some setting
(benchmarks/RESULTS.md), so their numbers stand beside a decision and a filter on one of them is warned about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.selection import token_counts
from headwater.models.learner import Learner, Model
from headwater.text import END

Columns = Mapping[str, NDArray[np.float64]]

LARGEST_SAMPLE = 400
"""Documents of a side that are compared at most where the cost is not linear: the standard error of an area under the
curve is then about 0.02."""


class Signal(Protocol):
    """One signal on documents: a batch becomes columns."""

    @property
    def name(self) -> str:
        """Return the name of the signal."""
        ...

    def columns(self, documents: pa.Table) -> Columns:
        """Return columns by name, one value per document; not a number where the signal says nothing."""
        ...


@dataclass(frozen=True, eq=False)
class HumanSide:
    """The human documents that signals compare with. Both tables are encoded, with the columns ``tokens`` and ``unit``.

    What is compared as one sample with another comes from ``reference``, which nothing was fitted to: a model finds its
    own training text far too probable, and a vocabulary knows all its words.
    """

    train: pa.Table
    """Human training documents: what models, importance weights, rare words and nearest documents come from."""
    reference: pa.Table
    """Human documents beside them; those of the steering panel, whose scores may be shown, or a part held out."""
    learner: Learner[pa.Table]
    vocabulary_size: int
    rare: NDArray[np.int64]
    """Token ids that are rare in the human training text."""
    seed: int = 0

    @cached_property
    def model(self) -> Model[pa.Table]:
        """The proxy of the human base."""
        return self.learner.fit(self.train, np.random.default_rng(self.seed))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each token id occurs in the training documents."""
        return np.bincount(tokens_of(self.train), minlength=self.vocabulary_size)


def tokens_of(documents: pa.Table) -> NDArray[np.int32]:
    """Return the tokens of all documents, one after the other."""
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in documents["tokens"].chunks]
    return np.concatenate([np.zeros(0, np.int32), *parts])


def owners_of(documents: pa.Table) -> NDArray[np.int64]:
    """Return the row that each token belongs to."""
    return np.repeat(np.arange(documents.num_rows), token_counts(documents))


def words_of(documents: pa.Table) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the known words, without unknown ones and ends, and the row each belongs to."""
    tokens, owners = tokens_of(documents), owners_of(documents)
    known = tokens > END
    return tokens[known], owners[known]


def sampled(documents: pa.Table, rng: np.random.Generator, most: int = LARGEST_SAMPLE) -> pa.Table:
    """Return at most so many of the documents, drawn at random, in their order."""
    if documents.num_rows <= most:
        return documents
    return documents.take(pa.array(np.sort(rng.choice(documents.num_rows, most, replace=False))))
