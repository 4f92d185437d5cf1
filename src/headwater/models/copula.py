"""A Gaussian copula for tables of numbers and categories, one per class of the target: the table's own generator.

Each column becomes normal scores through its empirical distribution (a category is an interval of probability), the
scores of a class are jointly normal, and rows are drawn by going back; whether a value is missing is a column of its
own. It keeps every marginal and all pairwise monotone dependence, and loses what is not monotone: a fair stand-in for
the generators of tables that teams use (the Gaussian copula of the Synthetic Data Vault, Patki et al. 2016, is of this
kind), and like every plug-in learner it inbreeds when it is trained on itself.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import ndtr, ndtri

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.table_form import TableForm

Floats = NDArray[np.float64]
_LEAST_ROWS = 10
_SHRINK_ROWS = 20.0  # correlations of a class of so many rows are half those of all rows together
_LEAST = 1e-6  # probabilities are kept this far from 0 and 1
_ATOM = 0.01  # a number that more rows than this share is a value of its own; between others a row lies anywhere
_BINS = 64


@dataclass(frozen=True, slots=True)
class _Marginal:
    """The distribution of the values of one column, missing ones left out."""

    values: Floats
    """Ascending, at least one."""
    upper: Floats
    """Cumulative probability up to each value."""
    numeric: bool

    @classmethod
    def of(cls, column: Floats, *, numeric: bool) -> "_Marginal":
        there = column[~np.isnan(column)]
        values, counts = np.unique(there if len(there) else np.zeros(1), return_counts=True)
        return cls(values, np.cumsum(counts) / counts.sum(), numeric)

    @property
    def lower(self) -> Floats:
        return np.r_[0.0, self.upper[:-1]]

    def _place(self, column: Floats) -> NDArray[np.int64]:
        return np.minimum(np.searchsorted(self.values, column), len(self.values) - 1)

    def scores(self, column: Floats, rng: np.random.Generator | None) -> Floats:
        """Return normal scores, NaN where a value is missing.

        Within its interval a row lies at random, or in the middle where no generator is given.
        """
        place = self._place(column)
        low, high = self.lower[place], self.upper[place]
        inside = rng.random(len(column)) if rng is not None else 0.5
        return np.where(np.isnan(column), np.nan, ndtri(np.clip(low + (high - low) * inside, _LEAST, 1 - _LEAST)))

    def column(self, probability: Floats) -> Floats:
        """Return the values at some probabilities."""
        place = np.minimum(np.searchsorted(self.upper, probability), len(self.values) - 1)
        found = self.values[place]
        if not self.numeric or len(self.values) == 1:
            return found
        between = np.interp(probability, (self.lower + self.upper) / 2, self.values)
        return np.where((self.upper - self.lower)[place] < _ATOM, between, found)

    def log_density(self, column: Floats) -> Floats:
        """Return the log probability of a category, or the log density of a number; 0 where a value is missing."""
        if self.numeric:
            edges = np.unique(np.interp(np.linspace(0, 1, _BINS + 1), self.upper, self.values))
            if len(edges) < 2:
                edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
            inside = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
            mass = np.interp(edges, self.values, self.upper, left=0.0, right=1.0)
            found = (np.maximum(np.diff(mass), _LEAST) / np.diff(edges))[inside]
            found = np.where((column < edges[0]) | (column > edges[-1]), _LEAST * found, found)
        else:
            place = self._place(column)
            found = np.where(self.values[place] == column, (self.upper - self.lower)[place], _LEAST)
        return np.where(np.isnan(column), 0.0, np.log(np.maximum(found, np.finfo(float).tiny)))


@dataclass(frozen=True, slots=True)
class _Part:
    """The copula of the rows of one class."""

    weight: float
    marginals: tuple[_Marginal, ...]
    gaps: tuple[int, ...]
    """Columns that have missing values; each has a score of its own behind those of the columns."""
    missing: Floats
    """Probability of a missing value in each of them."""
    root: Floats
    """Lower triangular root of the correlation of the scores."""

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        probability = ndtr(rng.standard_normal((count, len(self.root))) @ self.root.T)
        rows = np.stack([one.column(probability[:, i]) for i, one in enumerate(self.marginals)], axis=1)
        for place, (i, share) in enumerate(zip(self.gaps, self.missing, strict=True)):
            rows[probability[:, len(self.marginals) + place] < share, i] = np.nan
        return rows

    def log_density(self, codes: Floats) -> Floats:
        scores = np.nan_to_num(_scores(codes, self.marginals, self.gaps, self.missing, None))
        white = solve_triangular(self.root, scores.T, lower=True)
        copula = 0.5 * (np.square(scores.T) - np.square(white)).sum(axis=0) - np.log(np.diagonal(self.root)).sum()
        found = copula + sum(one.log_density(codes[:, i]) for i, one in enumerate(self.marginals))
        for i, share in zip(self.gaps, self.missing, strict=True):
            found += np.log(np.clip(np.where(np.isnan(codes[:, i]), share, 1 - share), _LEAST, 1))
        return np.asarray(found)


@dataclass(frozen=True, slots=True)
class CopulaModel:
    """A fitted copula."""

    form: TableForm
    parts: tuple[_Part, ...]

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` rows as columns ``value.<column>``, in random order."""
        counts = rng.multinomial(n, [part.weight for part in self.parts])
        rows = np.concatenate([part.draw(int(count), rng) for part, count in zip(self.parts, counts, strict=True)])
        return self.form.values(rows[rng.permutation(n)])

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log density of each row in nats, one token each; categories count by their probability."""
        codes = self.form.codes(samples)
        densities = np.stack([math.log(part.weight) + part.log_density(codes) for part in self.parts])
        return Losses(-np.logaddexp.reduce(densities, axis=0), np.ones(len(codes), np.int64))


@dataclass(frozen=True, slots=True)
class CopulaLearner:
    """Fits a Gaussian copula to each class of the target; to all rows where the target is a number."""

    form: TableForm

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> CopulaModel:
        """Return the copula of some rows.

        Args:
            samples: rows with the columns ``value.<column>`` of the form.
            rng: where in the interval of its category a row lies.

        Raises:
            NotEnoughData: there are fewer than ten rows.
        """
        codes = self.form.codes(samples)
        if len(codes) < _LEAST_ROWS:
            raise NotEnoughData(f"a generator of tables needs at least {_LEAST_ROWS} rows, got {len(codes)}.")
        gaps = tuple(np.flatnonzero(np.isnan(codes).any(axis=0)).tolist())
        whole = self._correlation(codes, gaps, rng)
        classes = np.zeros(len(codes))
        if not self.form.target_column.numeric:
            classes = codes[:, self.form.columns.index(self.form.target_column)]
        parts = []
        known = classes[~np.isnan(classes)]
        for one in np.unique(known):
            rows = codes[classes == one]
            own = len(rows) / (len(rows) + _SHRINK_ROWS)
            correlation = whole
            if len(rows) >= _LEAST_ROWS:
                correlation = own * self._correlation(rows, gaps, rng) + (1 - own) * whole
            missing = np.isnan(rows[:, list(gaps)]).mean(axis=0)
            root = np.asarray(np.linalg.cholesky(correlation), np.float64)
            parts.append(_Part(len(rows) / len(known), self._marginals(rows), gaps, missing, root))
        return CopulaModel(self.form, tuple(parts))

    def _marginals(self, rows: Floats) -> tuple[_Marginal, ...]:
        return tuple(_Marginal.of(rows[:, i], numeric=column.numeric) for i, column in enumerate(self.form.columns))

    def _correlation(self, rows: Floats, gaps: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return the correlation of the scores; each pair of columns from the rows that have both values."""
        missing = np.isnan(rows[:, list(gaps)]).mean(axis=0)
        scores = _scores(rows, self._marginals(rows), gaps, missing, rng)
        there = ~np.isnan(scores)
        filled = np.where(there, scores, 0.0)
        count = there.T.astype(float) @ there
        covariance = filled.T @ filled / np.maximum(count, 1)
        deviation = np.sqrt(np.maximum(np.diagonal(covariance), _LEAST))
        correlation = covariance / np.outer(deviation, deviation)
        # Pairs from different rows need not fit together, and columns may repeat each other.
        values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
        mended = (vectors * np.maximum(values, 0.005)) @ vectors.T
        scale = np.sqrt(np.diagonal(mended))
        return np.asarray(mended / np.outer(scale, scale))


def _scores(
    codes: Floats,
    marginals: tuple[_Marginal, ...],
    gaps: tuple[int, ...],
    missing: Floats,
    rng: np.random.Generator | None,
) -> Floats:
    """Return the scores of rows: those of every column, NaN for missing values, then those of being missing."""
    found = [one.scores(codes[:, i], rng) for i, one in enumerate(marginals)]
    for i, share in zip(gaps, missing, strict=True):
        absent = np.isnan(codes[:, i])
        inside = rng.random(len(codes)) if rng is not None else np.full(len(codes), 0.5)
        probability = np.where(absent, share * inside, share + (1 - share) * inside)
        found.append(ndtri(np.clip(probability, _LEAST, 1 - _LEAST)))
    return np.stack(found, axis=1)
