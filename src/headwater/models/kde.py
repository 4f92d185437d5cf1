"""Kernel density estimates with a Gaussian kernel, for all replicates at once.

A model is its training points and a bandwidth; sampling resamples the points and adds the kernel's noise. The noise is
a mutation: trained on its own output, the estimate diffuses instead of losing variance.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.learner import Losses
from headwater.models.samples import Points

Floats = NDArray[np.float64]

_DIRECTIONS = 16
"""Directions that the Wasserstein distance is averaged over in two and more dimensions."""
_KERNEL_POINTS = 5
"""Quantiles that stand for the kernel in the Wasserstein distance."""


@dataclass(frozen=True, slots=True, eq=False)
class KernelModel:
    """A kernel density estimate of each replicate."""

    points: Floats
    """Training points, shape (replicates, items, d)."""
    bandwidth: float
    """Standard deviation of the kernel in every direction."""
    weights: Floats | None = None
    """Weight of each point, shape (items,), summing to 1; None: all the same."""
    panel: Floats | None = None
    """Human points that no model is trained on, shape (points, d), for the measures."""

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return ``n`` points of each replicate: training points drawn with replacement, plus the kernel's noise."""
        replicates, items, d = self.points.shape
        if self.weights is None:
            index = rng.integers(items, size=(replicates, n))
        else:
            index = rng.choice(items, size=(replicates, n), p=self.weights)
        values = rng.standard_normal((replicates, n, d))
        values *= self.bandwidth
        values += self.points[np.arange(replicates)[:, None], index]
        return Points(values)

    def loss(self, samples: Points) -> Losses:
        """Return minus the log density of each point in nats, shape (replicates, items).

        Args:
            samples: points of as many replicates as the model has; a single replicate is scored by all of them.

        Raises:
            InputError: the points do not have the shape of the model's.
        """
        replicates, items, d = self.points.shape
        values = np.asarray(samples.values, np.float64)
        if values.ndim != 3 or values.shape[2] != d or len(values) not in {1, replicates}:
            raise InputError(
                f"Points of shape {values.shape} cannot be scored by {replicates} kernel density estimates in {d} "
                f"dimensions. Give an array of shape ({replicates}, items, {d}) or (1, items, {d})."
            )
        weights = np.full(items, 1 / items) if self.weights is None else self.weights
        scaled = np.swapaxes(values, 1, 2) / self.bandwidth
        where = np.broadcast_to(scaled, (replicates, *scaled.shape[1:]))
        centres = np.ascontiguousarray(np.swapaxes(self.points, 1, 2)) / self.bandwidth
        nats = np.empty((replicates, samples.items))
        _log_sums(where, centres, np.log(weights), nats)
        np.subtract(d * math.log(math.sqrt(2 * math.pi) * self.bandwidth), nats, out=nats)
        return Losses(nats, np.ones(nats.shape, np.int64))

    def statistics(self) -> Mapping[str, Floats]:
        """Return the numbers of each replicate by name, arrays of shape (replicates,).

        * ``set_variance``: variance of the training points (the number of points as divisor), mean over coordinates;

        and with a human panel

        * ``variance``: variance of the model, kernel included, as a share of the panel's, summed over coordinates;
        * ``risk``: mean loss on the panel in nats per point, an estimate of the cross-entropy; higher is worse;
        * ``w2``: squared Wasserstein-2 distance between model and panel along a direction, mean over 16 fixed
          directions (over 1 in one dimension), by quantiles. The two need not agree on a verdict (Borji 2024,
          arXiv:2410.12954), so both are given.
        """
        weights = self.weights
        spread = Points(self.points).values.var(axis=1) if weights is None else _weighted_variance(self.points, weights)
        found = {"set_variance": spread.mean(axis=1)}
        if self.panel is not None:
            found["variance"] = (spread + self.bandwidth**2).sum(axis=1) / self.panel.var(axis=0).sum()
            found["risk"] = self.loss(Points(self.panel[None])).nats.mean(axis=1)
            found["w2"] = self._squared_distance(self.panel)
        return found

    def _squared_distance(self, panel: Floats) -> Floats:
        from scipy.special import ndtri

        replicates, items, d = self.points.shape
        directions = _directions(d)
        kernel = self.bandwidth * ndtri((np.arange(_KERNEL_POINTS) + 0.5) / _KERNEL_POINTS)
        levels = (np.arange(len(panel)) + 0.5) / len(panel)
        weights = np.full(items, 1 / items) if self.weights is None else self.weights
        repeated = np.repeat(weights, _KERNEL_POINTS) / _KERNEL_POINTS
        total = np.zeros(replicates)
        for direction in directions:
            ours = ((self.points @ direction)[:, :, None] + kernel).reshape(replicates, -1)
            theirs = np.sort(panel @ direction)
            if self.weights is None:
                at = np.minimum((levels * ours.shape[1]).astype(np.int64), ours.shape[1] - 1)
                quantiles = np.sort(ours, axis=1)[:, at]
            else:
                order = np.argsort(ours, axis=1)
                reached = np.cumsum(repeated[order], axis=1)
                at_each = np.stack([np.searchsorted(row, levels) for row in reached])
                at_each = np.minimum(at_each, ours.shape[1] - 1)
                quantiles = np.take_along_axis(np.take_along_axis(ours, order, 1), at_each, 1)
            total += np.square(quantiles - theirs).mean(axis=1)
        return total / len(directions)


@dataclass(frozen=True, slots=True, eq=False)
class KernelLearner:
    """Keeps the points; nothing is estimated.

    Raises:
        ConfigError: the bandwidth is not positive.
    """

    bandwidth: float
    """Standard deviation of the kernel, in units of the data."""
    panel: Floats | None = None
    """Human points that no model is trained on, shape (points, d); handed on to the models."""

    def __post_init__(self) -> None:
        if self.bandwidth <= 0:
            raise ConfigError(
                [f"bandwidth = {self.bandwidth}: allowed are values above 0"], "the kernel density learner"
            )

    def fit(self, samples: Points, rng: np.random.Generator) -> KernelModel:  # noqa: ARG002  (nothing is random)
        """Return the kernel density estimate of each replicate.

        Raises:
            NotEnoughData: there is no point.
        """
        if not samples.items:
            raise NotEnoughData("A kernel density estimate cannot be made from 0 points. Give at least one.")
        weights = None if samples.weights is None else samples.weights / samples.weights.sum()
        return KernelModel(samples.values, self.bandwidth, weights, self.panel)


@dataclass(frozen=True, slots=True)
class PointSource:
    """A human law of points; it never runs out."""

    law: Literal["normal", "blobs"] = "normal"
    """``normal`` is N(0, I); ``blobs`` is three normal clouds of standard deviation 1 around fixed centres."""
    dimensions: int = 1
    """Dimensions of ``normal``; ``blobs`` has 2."""

    def points(self, replicates: int, items: int, rng: np.random.Generator) -> Floats:
        """Return points, shape (replicates, items, dimensions)."""
        if self.law == "normal":
            return rng.standard_normal((replicates, items, self.dimensions))
        clouds = rng.integers(len(_CENTRES), size=(replicates, items))
        return _CENTRES[clouds] + rng.standard_normal((replicates, items, 2))

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Points]:
        """Return a function that draws points for each replicate."""
        return lambda items: Points(self.points(replicates, items, rng))


# An equilateral triangle, 6 standard deviations apart, so that the clouds do not touch. Centres are fixed because
# training and test points must come from the same law.
_CENTRES = np.array([[0.0, 0.0], [6.0, 0.0], [3.0, 3 * math.sqrt(3)]])


def _directions(dimensions: int) -> Floats:
    if dimensions == 1:
        return np.ones((1, 1))
    vectors = np.random.default_rng(0).standard_normal((_DIRECTIONS, dimensions))  # always the same ones
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _weighted_variance(points: Floats, weights: Floats) -> Floats:
    mean = np.einsum("rnd,n->rd", points, weights)
    variance: Floats = np.einsum("rnd,n->rd", np.square(points - mean[:, None]), weights)
    return variance


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _log_sums(where: Floats, centres: Floats, log_weights: Floats, out: Floats) -> None:
    """Write log sum_j w_j exp(-|x - c_j|^2 / 2) for every point x of every replicate.

    Coordinates come first so that the inner loops run over the centres side by side. The largest term is taken out of
    the sum, which keeps points far from all centres finite.
    """
    replicates, d, items = where.shape
    terms = np.empty(centres.shape[2])
    for r in range(replicates):
        for i in range(items):
            terms[:] = log_weights
            for k in range(d):
                x = where[r, k, i]
                for j in range(len(terms)):
                    apart = centres[r, k, j] - x
                    terms[j] -= 0.5 * apart * apart
            largest = terms[0]
            for j in range(1, len(terms)):
                largest = max(largest, terms[j])
            total = 0.0
            for j in range(len(terms)):
                total += math.exp(terms[j] - largest)
            out[r, i] = largest + math.log(total)
