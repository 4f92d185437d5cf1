"""Data sets that regimes can mix: whatever it holds, a data set can be joined, drawn from and blended.

Laboratory experiments carry all their replicates at once: the first axis of every array counts replicates, which never
mix. ``Points`` keeps the items themselves; ``Counts`` keeps how often each type occurs, which is all a plug-in learner
needs, at a cost that does not depend on the number of items.
"""

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Samples(Protocol):
    """A data set, or one data set per replicate."""

    @property
    def items(self) -> int:
        """Items in the data set, of each replicate; tokens where documents are counted in tokens."""
        ...

    def join(self, other: Self) -> Self:
        """Return both data sets together, ``self`` first."""
        ...

    def draw(self, items: int, rng: np.random.Generator) -> Self:
        """Return ``items`` items drawn without replacement; all where there are not more."""
        ...

    def blend(self, other: Self, share: float, rng: np.random.Generator) -> Self:
        """Return ``self`` with each item exchanged, with probability ``share``, for a random item of ``other``.

        Items of ``other`` are drawn with replacement.
        """
        ...

    def weighted(self, weight: float) -> Self:
        """Return the same items with a total weight of ``weight`` in a fit; unweighted items weigh 1 each."""
        ...


_SMALL_DRAW = 4
"""A draw of at most one in so many items is made by rejection, whose cost does not grow with the pool."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The items themselves."""

    values: NDArray[Any]
    """Shape (replicates, items, ...)."""
    weights: NDArray[np.float64] | None = None
    """Weight of each item in a fit, shape (items,), the same in all replicates; None: 1 each."""

    @property
    def items(self) -> int:
        """Items of each replicate."""
        return int(self.values.shape[1])

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return int(self.values.shape[0])

    def join(self, other: "Points") -> "Points":
        """Return both together, ``self`` first."""
        values = np.concatenate([self.values, other.values], axis=1)
        if self.weights is None and other.weights is None:
            return Points(values)
        return Points(values, np.concatenate([_weights(self), _weights(other)]))

    def draw(self, items: int, rng: np.random.Generator) -> "Points":
        """Return items drawn without replacement; all, as they are, where there are not more."""
        if items >= self.items:
            return self
        if _SMALL_DRAW * items <= self.items:
            return self.take(_few_of_many(self.replicates, items, self.items, rng))
        # argpartition of uniform keys draws for all replicates at once, in linear time
        keys = rng.random((self.replicates, self.items))
        return self.take(np.argpartition(keys, items, axis=1)[:, :items])

    def take(self, index: NDArray[np.int64]) -> "Points":
        """Return the items at ``index`` of each replicate, shape (replicates, items)."""
        rows = np.arange(self.replicates)[:, None]
        return Points(self.values[rows, index])

    def blend(self, other: "Points", share: float, rng: np.random.Generator) -> "Points":
        """Return ``self`` with each item exchanged, with probability ``share``, for a random item of ``other``."""
        exchanged = rng.random((self.replicates, self.items)) < share
        index = rng.integers(other.items, size=(self.replicates, self.items))
        rows, columns = np.nonzero(exchanged)
        values = self.values.copy()
        values[rows, columns] = other.values[rows, index[rows, columns]]
        return Points(values)

    def weighted(self, weight: float) -> "Points":
        """Return the same items, each with an equal part of ``weight``."""
        return Points(self.values, np.full(self.items, weight / self.items))


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often each type occurs: enough for a learner that only looks at frequencies."""

    counts: NDArray[np.int64]
    """Shape (replicates, types); every row has the same sum."""

    @property
    def items(self) -> int:
        """Items of each replicate."""
        return int(self.counts[0].sum())

    def join(self, other: "Counts") -> "Counts":
        """Return both together."""
        return Counts(self.counts + other.counts)

    def draw(self, items: int, rng: np.random.Generator) -> "Counts":
        """Return items drawn without replacement (multivariate hypergeometric)."""
        if items >= self.items:
            return self
        return Counts(_without_replacement(self.counts, np.full(len(self.counts), items), rng))

    def blend(self, other: "Counts", share: float, rng: np.random.Generator) -> "Counts":
        """Return ``self`` with each item exchanged, with probability ``share``, for a random item of ``other``."""
        exchanged = rng.binomial(self.items, share, size=len(self.counts))
        kept = _without_replacement(self.counts, self.items - exchanged, rng)
        return Counts(kept + rng.multinomial(exchanged, other.counts / other.items))

    def weighted(self, weight: float) -> "Counts":
        """Counts carry no weights.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("counts carry no weights; use points")


def _weights(points: Points) -> NDArray[np.float64]:
    return np.ones(points.items) if points.weights is None else points.weights


def _few_of_many(replicates: int, items: int, pool: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``items`` different places of a pool for each replicate, ascending: those drawn twice are drawn again."""
    places = rng.integers(pool, size=(replicates, items))
    rows = np.arange(replicates)
    while len(rows):
        some = np.sort(places[rows], axis=1)
        again = np.zeros(some.shape, bool)
        again[:, 1:] = some[:, 1:] == some[:, :-1]
        some[again] = rng.integers(pool, size=int(np.count_nonzero(again)))
        places[rows] = some
        rows = rows[again.any(axis=1)]
    return places


def _without_replacement(
    counts: NDArray[np.int64], items: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a multivariate hypergeometric draw of ``items[r]`` items from each row.

    Row by row, or type by type for all rows at once, whichever are fewer.
    """
    if len(counts) < counts.shape[1]:
        rows = zip(counts, items, strict=True)
        return np.stack([rng.multivariate_hypergeometric(row, int(k), method="marginals") for row, k in rows])
    drawn = np.zeros_like(counts)
    left, rest = items.copy(), counts.sum(axis=1)
    for kind in range(counts.shape[1] - 1):
        have = counts[:, kind]
        rest = rest - have
        drawn[:, kind] = rng.hypergeometric(have, rest, left)
        left = left - drawn[:, kind]
    drawn[:, -1] = left
    return drawn
