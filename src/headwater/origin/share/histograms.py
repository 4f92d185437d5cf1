"""Scores as counts on a grid: what every estimator of the share works on.

A score is only ever compared with other scores, so a corpus of any size is a histogram of a few hundred bins. A
bootstrap of it is a matrix of counts, one row per replicate, and 500 replicates cost little more than one. Where
nothing is to be lost, every distinct score can be its own bin (:func:`exact_grid`).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError

Floats = NDArray[np.float64]
BINS = 400
"""Bins of a grid: on scores 3 sd apart the rounding moves no estimator by more than .02 points."""
_CHUNK = 4_000_000
"""Group weights drawn at a time."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the bins lie."""

    support: Floats
    """The score each bin stands for, ascending, shape (bins,)."""
    edges: Floats
    """Boundaries between bins, ascending, shape (bins - 1,); the outer bins are open."""

    def index(self, scores: ArrayLike) -> NDArray[np.intp]:
        """Return the bin of each score; a score on a boundary belongs to the bin above it."""
        return np.searchsorted(self.edges, np.asarray(scores, dtype=np.float64), side="right")

    def counts(self, scores: ArrayLike, weights: ArrayLike | None = None) -> Floats:
        """Return the scores per bin, shape (1, bins)."""
        found = np.bincount(self.index(scores), weights=weights, minlength=self.support.size)
        return found.astype(np.float64)[None, :]


def score_grid(*samples: ArrayLike, bins: int = BINS) -> Grid:
    """Return a grid of equal bins over the middle 99.8 % of each sample, with 10 % to spare on either side.

    Args:
        samples: scores, shape (n,) each; each sample counts the same whatever its size.
        bins: number of bins.
    """
    ends = [np.quantile(finite(sample), (0.001, 0.999)) for sample in samples if np.size(sample)]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    spare = 0.1 * (high - low) or 1.0
    edges = np.linspace(low - spare, high + spare, bins + 1)
    return Grid((edges[:-1] + edges[1:]) / 2, edges[1:-1])


def exact_grid(*samples: ArrayLike) -> Grid:
    """Return a grid on which every distinct score has a bin of its own."""
    support = np.unique(np.concatenate([finite(sample) for sample in samples]))
    return Grid(support, (support[:-1] + support[1:]) / 2)


@dataclass(frozen=True, slots=True)
class Sample:
    """Scores of one kind of text, by bin and by unit of independence."""

    bins: NDArray[np.intp]
    """Bin of each score, shape (n,)."""
    units: NDArray[np.intp] | None
    """Unit of independence of each score, 0, 1, 2, ..., shape (n,); None where each is its own."""
    counts: Floats
    """Scores per bin, shape (1, bins)."""

    @classmethod
    def of(cls, grid: Grid, scores: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Return the scores on the grid. A group is drawn, or left out, as a whole.

        Raises:
            InputError: a score is missing or infinite, or there is not one group for each.
        """
        values = finite(scores)
        units: NDArray[np.intp] | None = None
        if groups is not None:
            labels, codes = np.unique(named(groups, values.size), return_inverse=True)
            units = codes if labels.size < values.size else None
        return cls(grid.index(values), units, grid.counts(values))

    @property
    def size(self) -> int:
        """Number of scores."""
        return self.bins.size

    @property
    def independent(self) -> int:
        """Number of units of independence."""
        return self.size if self.units is None else int(self.units.max(initial=-1)) + 1

    def resample(self, replicates: int, rng: np.random.Generator) -> Floats:
        """Return counts per bin of bootstrap samples, units drawn with replacement, shape (replicates, bins)."""
        if self.units is None:
            return rng.multinomial(self.size, self.counts[0] / self.size, size=replicates).astype(np.float64)
        from scipy.sparse import coo_array

        rows = coo_array(
            (np.ones(self.size), (self.units, self.bins)), shape=(self.independent, self.counts.shape[1])
        ).tocsr()
        even = np.full(self.independent, 1 / self.independent)
        step = max(1, _CHUNK // self.independent)
        drawn = [
            rng.multinomial(self.independent, even, size=min(step, replicates - start)) @ rows
            for start in range(0, replicates, step)
        ]
        return np.concatenate(drawn)


def finite(scores: ArrayLike) -> Floats:
    """Return scores as an array of shape (n,), all finite."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    bad = ~np.isfinite(values)
    if bad.any():
        raise InputError(
            f"{bad.sum()} of {values.size} scores are missing or infinite, the first at position "
            f"{int(np.argmax(bad))}; leave out documents that could not be scored"
        )
    return values


def named(groups: ArrayLike, size: int) -> NDArray[np.generic]:
    """Return groups as an array of shape (size,).

    Raises:
        InputError: there is not one group for each.
    """
    names = np.asarray(groups)
    if names.shape != (size,):
        raise InputError(f"each of the {size} scores needs one group, got {names.size} groups")
    return names
