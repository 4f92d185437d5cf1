"""Normal distributions, fitted to all replicates at once: the learner whose recursive training has an exact law.

Two kinds of data sets: the items themselves (``Points``), or only their mean and scatter (``Moments``), which is all a
normal distribution is fitted to. Mean and scatter of n items of a known normal distribution can be drawn from their own
law without drawing the items: the mean is normal, the scatter a chi-square (a Wishart matrix in d dimensions), and both
are independent (Cochran's theorem). That is the exact-law mode; it costs the same for any number of items, and joining
two data sets costs the same however much has accumulated.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.learner import Losses
from headwater.models.samples import Points

Floats = NDArray[np.float64]

_TAIL = 2.0
"""The human tail begins here, in human standard deviations: 4.6% of the human items lie beyond."""
_NOWHERE = 4.0
"""Beyond this many human standard deviations there are no humans to speak of: 0.006%."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean and scatter of a data set, of every replicate."""

    items: int
    """Items of each replicate."""
    mean: Floats
    """Weighted mean, shape (replicates,), or (replicates, d)."""
    scatter: Floats
    """Weighted sum of the squared deviations from the mean, shape (replicates,), or of their outer products,
    (replicates, d, d)."""
    weight: float
    """Sum of the weights of the items; ``items`` where all weigh 1."""
    squares: float
    """Sum of the squares of the weights."""

    @classmethod
    def of(cls, points: Points) -> "Moments":
        """Return the moments of points of shape (replicates, items) or (replicates, items, d)."""
        values, weights = points.values, points.weights
        if weights is None and values.ndim == 2:
            mean, scatter = _scatters(np.asarray(values, np.float64))
            return cls(points.items, mean, scatter, float(points.items), float(points.items))
        if weights is None:
            mean = values.mean(axis=1)
            apart = values - mean[:, None]
            weighted, total, squares = apart, float(points.items), float(points.items)
        else:
            total, squares = float(weights.sum()), float(np.square(weights).sum())
            mean = np.einsum("rn...,n->r...", values, weights) / total
            apart = values - mean[:, None]
            weighted = np.einsum("rn...,n->rn...", apart, weights)
        formula = "rn,rn->r" if values.ndim == 2 else "rni,rnj->rij"
        return cls(points.items, mean, np.einsum(formula, weighted, apart, optimize=True), total, squares)

    def join(self, other: "Moments") -> "Moments":
        """Return the moments of both data sets together, at a cost that does not depend on their sizes."""
        weight = self.weight + other.weight
        apart = other.mean - self.mean
        between = np.square(apart) if apart.ndim == 1 else np.einsum("ri,rj->rij", apart, apart)
        return Moments(
            self.items + other.items,
            self.mean + apart * (other.weight / weight),
            self.scatter + other.scatter + between * (self.weight * other.weight / weight),
            weight,
            self.squares + other.squares,
        )

    def draw(self, items: int, rng: np.random.Generator) -> "Moments":  # noqa: ARG002
        """Return the whole data set, where that is what was asked for.

        Raises:
            NotImplementedError: fewer items were asked for; moments cannot tell their items apart.
        """
        if items < self.items:
            raise NotImplementedError(
                f"{items} of {self.items} items cannot be drawn from their moments alone; use raw samples (Points)"
            )
        return self

    def blend(self, other: "Moments", share: float, rng: np.random.Generator) -> "Moments":
        """Raise, as moments cannot tell their items apart.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("items cannot be exchanged where only moments are kept; use raw samples (Points)")

    def weighted(self, weight: float) -> "Moments":
        """Return the same items, each with an equal part of ``weight``."""
        return replace(
            self, scatter=self.scatter * (weight / self.weight), weight=weight, squares=weight * weight / self.items
        )


@dataclass(frozen=True, slots=True, eq=False)
class GaussianModel:
    """A normal distribution of each replicate, measured against the human law N(0, 1), or N(0, I) in d dimensions."""

    mean: Floats
    """Shape (replicates,), or (replicates, d)."""
    covariance: Floats
    """The variance, shape (replicates,), or the covariance, (replicates, d, d); positive (semi-)definite."""
    exact: bool = False
    """Write moments drawn from their law instead of items."""
    bias: float = 1.0
    """Factor in (0, 1] on the variance when items are written: below 1, the generator prefers what is usual."""
    streamed: bool = False
    """Draw the items, but write only their moments."""

    @property
    def variance(self) -> Floats:
        """Variance, mean over the coordinates, shape (replicates,)."""
        if self.mean.ndim == 1:
            return self.covariance
        return np.trace(self.covariance, axis1=1, axis2=2) / self.mean.shape[1]

    def sample(self, n: int, rng: np.random.Generator) -> Points | Moments:
        """Return ``n`` independent items of each replicate, or their moments in the exact-law and streamed modes."""
        if self.exact:
            return self._moments(n, rng) if self.mean.ndim == 1 else self._matrix_moments(n, rng)
        points = self._points(n, rng) if self.mean.ndim == 1 else self._vectors(n, rng)
        return Moments.of(points) if self.streamed else points

    def loss(self, samples: Points) -> Losses:
        """Return minus the log density of each item in nats, shape (replicates, items); infinite for no variance.

        Raises:
            InputError: only the moments of the items are known.
        """
        if isinstance(samples, Moments):
            raise InputError("Moments have no loss item by item. Use raw samples (law = raw).")
        apart = samples.values - self.mean[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.mean.ndim == 1:
                variance = self.covariance[:, None]
                nats = (np.log(2 * math.pi * variance) + np.square(apart) / variance) / 2
            else:
                values, vectors = np.linalg.eigh(self.covariance)
                along = np.square(apart @ vectors) / values[:, None]
                nats = (np.log(2 * math.pi * values).sum(axis=1)[:, None] + along.sum(axis=2)) / 2
        return Losses(np.where(np.isnan(nats), np.inf, nats), np.ones(nats.shape, np.int64))

    def statistics(self) -> Mapping[str, Floats]:
        """Return the numbers of each replicate by name, arrays of shape (replicates,).

        * ``variance``: as a share of the human one, mean over the coordinates; ``sigma``, its root; ``log_variance``,
          the log of the determinant of the covariance, in one dimension of the variance;
        * ``mean_squared``: squared error of the mean, mean over the coordinates;
        * ``w2``: squared Wasserstein-2 distance to the human law; it cannot exceed mean_squared + 1 per coordinate
          where the variance is lost;
        * ``risk``: Kullback-Leibler divergence from the human law in nats, that is the excess of the negative
          log-likelihood of human items over the least possible; it grows without limit as the variance is lost;
        * ``tail``: the model's mass beyond 2 human standard deviations on either side, at most the human one there, as
          a share of it; 1 = intact; mean over the coordinates;
        * ``hallucinated``: the model's mass beyond 4 human standard deviations, where the human law has 0.006%; mean
          over the coordinates.
        """
        variance = self.variance
        along, squares = self._spectrum()
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(along)
            risk = (logs + (1 + squares) / along - 1) / 2
            risk = np.where(along > 0, risk, np.inf)
        tail, nowhere = self._beyond()
        if self.mean.ndim == 1:
            spread = np.sqrt(variance)
            return {
                "variance": variance, "sigma": spread, "log_variance": logs, "mean_squared": squares,
                "w2": squares + np.square(spread - 1), "risk": risk, "tail": tail, "hallucinated": nowhere,
            }  # fmt: skip
        return {
            "variance": variance,
            "sigma": np.sqrt(variance),
            "log_variance": logs.sum(axis=1),
            "mean_squared": squares.mean(axis=1),
            "w2": (squares + np.square(np.sqrt(along) - 1)).sum(axis=1),
            "risk": risk.sum(axis=1),
            "tail": tail.mean(axis=1),
            "hallucinated": nowhere.mean(axis=1),
        }

    def _spectrum(self) -> tuple[Floats, Floats]:
        """Return the variances along the principal axes and the squared means along them."""
        if self.mean.ndim == 1:
            return self.covariance, np.square(self.mean)
        values, vectors = np.linalg.eigh(self.covariance)
        return np.maximum(values, 0.0), np.square(np.einsum("ri,rij->rj", self.mean, vectors))

    def _beyond(self) -> tuple[Floats, Floats]:
        """Return the share of the human tails that is left, and the mass far out, coordinate by coordinate."""
        from scipy.special import ndtr

        variance = self.covariance if self.mean.ndim == 1 else np.diagonal(self.covariance, axis1=1, axis2=2)
        steepness = 1 / np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))
        above, below = self.mean * steepness, -self.mean * steepness
        human = float(ndtr(-_TAIL))
        tails = (np.minimum(ndtr(side - _TAIL * steepness), human) for side in (above, below))
        far = sum(ndtr(side - _NOWHERE * steepness) for side in (above, below))
        return sum(tails) / (2 * human), np.asarray(far)

    def _points(self, n: int, rng: np.random.Generator) -> Points:
        values = rng.standard_normal((len(self.mean), n))
        _place(values, self.mean, np.sqrt(self.bias * self.covariance))
        return Points(values)

    def _vectors(self, n: int, rng: np.random.Generator) -> Points:
        normals = rng.standard_normal((*self.mean.shape[:1], n, self.mean.shape[1]))
        roots = _root(self.bias * self.covariance)
        return Points(normals @ np.swapaxes(roots, 1, 2) + self.mean[:, None])

    def _moments(self, n: int, rng: np.random.Generator) -> Moments:
        replicates = len(self.mean)
        variance = self.covariance if self.bias == 1 else self.bias * self.covariance
        mean = rng.standard_normal(replicates)
        mean *= np.sqrt(variance / n)
        mean += self.mean
        scatter = rng.standard_gamma((n - 1) / 2, replicates)
        scatter *= 2 * variance
        return Moments(n, mean, scatter, n, n)

    def _matrix_moments(self, n: int, rng: np.random.Generator) -> Moments:
        """Return moments with a scatter of Wishart's law, by Bartlett's decomposition."""
        replicates, d = self.mean.shape
        if n <= d:
            raise InputError(
                f"Moments of {n} items in {d} dimensions have no exact law here. Give at least {d + 1} items."
            )
        roots = _root(self.bias * self.covariance)
        mean = self.mean + np.einsum("rij,rj->ri", roots, rng.standard_normal((replicates, d))) / math.sqrt(n)
        half = roots @ bartlett(replicates, d, n - 1, rng)
        return Moments(n, mean, half @ np.swapaxes(half, 1, 2), n, n)


@dataclass(frozen=True, slots=True)
class GaussianLearner:
    """Fits mean and variance.

    Raises:
        ConfigError: a setting is out of its range.
    """

    unbiased: bool = False
    """Divide by the number of items less 1, not by the number (maximum likelihood). On average the variance then stays,
    while almost every path still loses it."""
    known_variance: float | None = None
    """Keep the variance at this value and fit the mean alone."""
    exact: bool = False
    """The models write moments drawn from their law instead of items."""
    bias: float = 1.0
    """Factor in (0, 1] on the variance of what the models write (Alemohammad et al. 2023, arXiv:2307.01850)."""
    streamed: bool = False
    """The models draw items but write only their moments, which cost the same however much accumulates."""

    def __post_init__(self) -> None:
        faults = []
        if not 0 < self.bias <= 1:
            faults.append(f"bias = {self.bias}: allowed are values above 0 and up to 1")
        if self.known_variance is not None and self.known_variance <= 0:
            faults.append(f"known_variance = {self.known_variance}: allowed are values above 0")
        if faults:
            raise ConfigError(faults, "the Gaussian learner")

    def fit(self, samples: Points | Moments, rng: np.random.Generator) -> GaussianModel:  # noqa: ARG002  (not random)
        """Return the normal distribution of each replicate.

        Raises:
            NotEnoughData: there are not enough items for the estimator.
        """
        least = 2 if self.unbiased and self.known_variance is None else 1
        if samples.items < least:
            raise NotEnoughData(f"A variance cannot be fitted to {samples.items} items. Give at least {least}.")
        moments = Moments.of(samples) if isinstance(samples, Points) else samples
        if self.known_variance is not None:
            covariance = np.full_like(moments.mean, self.known_variance)
            if moments.mean.ndim == 2:
                covariance = covariance[:, :, None] * np.eye(moments.mean.shape[1])
        else:
            lost = moments.squares / moments.weight if self.unbiased else 0.0
            covariance = moments.scatter / (moments.weight - lost)
        return GaussianModel(moments.mean, covariance, self.exact, self.bias, self.streamed)


@dataclass(frozen=True, slots=True)
class GaussianSource:
    """The human law N(0, 1), or N(0, I) in d dimensions; it never runs out."""

    dimensions: int = 1
    exact: bool = False
    """Give moments drawn from their law instead of items."""
    streamed: bool = False
    """Draw items, but give only their moments."""

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Points | Moments]:
        """Return a function that draws items for each replicate."""
        d = self.dimensions
        shape = (replicates,) if d == 1 else (replicates, d)
        identity = np.ones(replicates) if d == 1 else np.broadcast_to(np.eye(d), (replicates, d, d))
        human = GaussianModel(np.zeros(shape), identity, self.exact, streamed=self.streamed)
        return lambda items: human.sample(items, rng)


def bartlett(replicates: int, dimensions: int, freedom: int, rng: np.random.Generator) -> Floats:
    """Return lower triangular A, shape (replicates, d, d), such that A A^T has Wishart's law with identity scale.

    The squares of the diagonal are chi-square with ``freedom``, ``freedom`` - 1, ... degrees of freedom, the entries
    below it standard normal (Bartlett 1933).

    Args:
        replicates: number of matrices.
        dimensions: d.
        freedom: degrees of freedom, at least d.
        rng: decides the draw.
    """
    below = np.tril(rng.standard_normal((replicates, dimensions, dimensions)), -1)
    i = np.arange(dimensions)
    below[:, i, i] = np.sqrt(2 * rng.standard_gamma((freedom - i) / 2, (replicates, dimensions)))
    return below


def _root(covariance: Floats) -> Floats:
    """Return A with A A^T = covariance; the Cholesky factor unless a covariance has become singular."""
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None])


# One pass over items that are still in the cache; numpy's temporaries cost as much again as a quarter of the draw.


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _scatters(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and sum of squared deviations of each row."""
    replicates, items = values.shape
    means, scatters = np.empty(replicates), np.empty(replicates)
    for r in range(replicates):
        total = 0.0
        for i in range(items):
            total += values[r, i]
        mean = total / items
        squares = 0.0
        for i in range(items):
            apart = values[r, i] - mean
            squares += apart * apart
        means[r], scatters[r] = mean, squares
    return means, scatters


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def _place(normals: Floats, means: Floats, sigmas: Floats) -> None:
    """Turn standard normal numbers into items of each row's distribution, in place."""
    for r in range(len(normals)):
        mean, sigma = means[r], sigmas[r]
        for i in range(normals.shape[1]):
            normals[r, i] = mean + sigma * normals[r, i]
