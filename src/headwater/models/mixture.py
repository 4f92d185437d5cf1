"""Gaussian mixtures with full covariances, fitted by expectation-maximisation to all replicates at once.

The mixture is the laboratory's learner with an error of its own: it is over-parameterised (two components for one
Gaussian), it climbs to a local optimum, and it can split before it collapses (Shumailov et al. 2024, Nature
631:755-759, Gaussian mixture example). The algorithm is that of scikit-learn's ``GaussianMixture`` with its default
start, a k-means clustering seeded by greedy k-means++; a test holds both together. Each replicate stops on its own.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, Diverged, InputError, NotEnoughData
from headwater.models import mixture_kernels as kernels
from headwater.models.learner import Losses
from headwater.models.samples import Points

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HumanReference:
    """What a mixture's statistics are measured against."""

    panel: Points
    """Held-out human points, (replicates, items, d), or one replicate for all."""
    law: "MixtureModel | None" = None
    """The human law where it is known and a mixture, with one replicate; None: it is known by the panel only."""


@dataclass(frozen=True, slots=True, eq=False)
class MixtureModel:
    """One mixture of K Gaussians in d dimensions per replicate."""

    weights: Floats
    """Shape (replicates, K); each row sums to 1."""
    means: Floats
    """Shape (replicates, K, d)."""
    covariances: Floats
    """Shape (replicates, K, d, d); positive definite."""
    human: HumanReference | None = None
    """What :meth:`statistics` compares with."""

    @property
    def mean(self) -> Floats:
        """Mean of each replicate's mixture, shape (replicates, d)."""
        return np.einsum("rk,rki->ri", self.weights, self.means)

    @property
    def covariance(self) -> Floats:
        """Covariance of each replicate's mixture, shape (replicates, d, d): within plus between the components."""
        apart = self.means - self.mean[:, None]
        within = np.einsum("rk,rkij->rij", self.weights, self.covariances)
        return within + np.einsum("rk,rki,rkj->rij", self.weights, apart, apart)

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return ``n`` points of each replicate in random order."""
        replicates, _, d = self.means.shape
        choices = rng.random((replicates, n))
        normals = rng.standard_normal((replicates, n, d))
        kernels.place(choices, normals, np.cumsum(self.weights, axis=1), self.means, _cholesky(self.covariances))
        return Points(normals)

    def loss(self, samples: Points) -> Losses:
        """Return minus the log density of each point in nats, shape (replicates, items), one token per point.

        Args:
            samples: points of as many replicates as the model has; a single replicate is scored by all of them.

        Raises:
            InputError: the points do not have the shape of the model's, or a covariance is not positive definite.
        """
        replicates, _, d = self.means.shape
        if samples.values.ndim != 3 or samples.values.shape[2] != d or samples.replicates not in {1, replicates}:
            raise InputError(
                f"Points of shape {samples.values.shape} cannot be scored by {replicates} mixtures in {d} dimensions. "
                f"Give an array of shape ({replicates}, items, {d}) or (1, items, {d})."
            )
        x = np.broadcast_to(_columns(samples.values), (replicates, d, samples.items))
        nats = np.empty((replicates, samples.items))
        model = tuple(np.ascontiguousarray(part, np.float64) for part in (self.weights, self.means, self.covariances))
        _shared(lambda first, step: kernels.log_densities(x, *model, nats, first, step), replicates)
        if len(broken := np.flatnonzero(np.isnan(nats).any(axis=1))):
            raise InputError(
                f"Replicate {broken[0]} has no density: a covariance of its mixture is not positive definite, or a "
                "point is not a number. Fit with a larger 'regularisation', or take the rows with NaN out."
            )
        return Losses(np.negative(nats, out=nats), np.ones(nats.shape, np.int64))

    def squared_l2(self, other: "MixtureModel") -> Floats:
        """Return the squared L2 distance of the densities, shape (replicates,): the integral of (p - q)^2.

        In closed form, with the weights a_i of both mixtures together, those of ``other`` negative:
        sum_ij a_i a_j N(m_i; m_j, S_i + S_j). 0 for equal densities; it grows without limit as one of them collapses,
        because the integral of p^2 does (its unit is one over volume).

        Args:
            other: mixtures of as many replicates, or of one, which then stands for all; K may differ.
        """

        def together(ours: Floats, theirs: Floats) -> Floats:
            return np.concatenate([ours, np.broadcast_to(theirs, (len(ours), *theirs.shape[1:]))], axis=1)

        signed = together(self.weights, -other.weights)
        means = together(self.means, other.means)
        covariances = together(self.covariances, other.covariances)
        lower = _cholesky(covariances[:, :, None] + covariances[:, None, :])
        apart = np.linalg.solve(lower, (means[:, :, None] - means[:, None, :])[..., None])[..., 0]
        log_roots = np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1)
        log_overlaps = -0.5 * np.square(apart).sum(axis=-1) - log_roots - 0.5 * means.shape[2] * math.log(2 * math.pi)
        return np.einsum("ri,rj,rij->r", signed, signed, np.exp(log_overlaps))

    def statistics(self) -> Mapping[str, Floats]:
        """Return the numbers of each replicate by name, arrays of shape (replicates,).

        * ``sigma``: standard deviation of the whole mixture, root of the mean over the coordinates of the variance;
        * ``component_sigma``: the same within each component, geometric mean over the components.

        With a human reference also

        * ``risk``: mean loss on the panel in nats per point, an estimate of the cross-entropy; higher is worse;
        * ``variance``: variance of the mixture over that of the human law, summed over the coordinates; 1 = intact. The
          law's own variance where it is known, otherwise the panel's;
        * ``squared_l2``: squared L2 distance to the human law, only where that is known.
        """
        d = self.means.shape[2]
        total = np.trace(self.covariance, axis1=1, axis2=2)
        within = np.trace(self.covariances, axis1=2, axis2=3)
        found = {"sigma": np.sqrt(total / d), "component_sigma": np.exp(0.5 * np.log(within / d).mean(axis=1))}
        if self.human is not None:
            law, panel = self.human.law, self.human.panel
            human_total = panel.values.var(axis=1).sum(axis=1)
            if law is not None:
                human_total = np.trace(law.covariance, axis1=1, axis2=2)
                found["squared_l2"] = self.squared_l2(law)
            found["variance"] = total / human_total
            found["risk"] = self.loss(panel).nats.mean(axis=1)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Climb:
    """Where expectation-maximisation ended in each replicate."""

    model: MixtureModel
    log_density: Floats
    """Weighted mean log density of the training points before the last step, shape (replicates,)."""
    iterations: NDArray[np.int64]
    """Steps made, shape (replicates,)."""
    converged: NDArray[np.bool_]
    """Whether the tolerance was met within the allowed number of steps, shape (replicates,)."""


@dataclass(frozen=True, slots=True)
class MixtureLearner:
    """Fits mixtures of Gaussians with full covariances (Dempster, Laird and Rubin 1977).

    Raises:
        ConfigError: a setting is out of range; the message lists all that are.
    """

    components: int
    """K, 1 or more."""
    tolerance: float = 1e-3
    """Stop when the mean log density changes by less, in nats per point; above 0. The default is scikit-learn's; the
    published recursion uses 1e-5."""
    max_iterations: int = 2000
    """Stop after this many steps in any case, 1 or more. 2000 is the published recursion's, which none of its fits
    needs; the result of a fit that was cut short is used as it is."""
    regularisation: float = 1e-6
    """Added to the diagonal of every covariance, 0 or more, in squared units of the data; scikit-learn's default. It
    holds up a component that has collapsed to a point, and is a floor: no standard deviation falls below its root."""
    human: HumanReference | None = None
    """Handed to the fitted models for their statistics; the fit does not look at it."""

    def __post_init__(self) -> None:
        faults = []
        if self.components < 1:
            faults.append(f"components = {self.components}: allowed are 1 and more")
        if not self.tolerance > 0:
            faults.append(f"tolerance = {self.tolerance}: allowed are numbers above 0")
        if self.max_iterations < 1:
            faults.append(f"max_iterations = {self.max_iterations}: allowed are 1 and more")
        if not self.regularisation >= 0:
            faults.append(f"regularisation = {self.regularisation}: allowed are 0 and more")
        if faults:
            raise ConfigError(faults, "the mixture learner")

    def fit(self, samples: Points, rng: np.random.Generator) -> MixtureModel:
        """Return the mixtures to which the k-means start of each replicate climbs.

        Fitting several replicates together gives the same mixtures as fitting one after the other with the same
        generator, on any number of threads.

        Args:
            samples: points (replicates, items, d), with or without weights; a weight of 2 counts as two equal points.
            rng: draws the seeds of k-means.

        Raises:
            InputError: the points do not have three axes, are not all finite, or have weights that are negative, not
                finite or all zero.
            Diverged: a component collapsed without regularisation.
            NotEnoughData: there are fewer points than components.
        """
        return self.climb(samples, self.start(samples, rng)).model

    def start(self, samples: Points, rng: np.random.Generator) -> MixtureModel:
        """Return the mixture of the clusters of one k-means clustering per replicate, seeded by greedy k-means++.

        Raises:
            InputError: as :meth:`fit`.
            NotEnoughData: as :meth:`fit`.
        """
        x, weights = self._checked(samples)
        replicates, d, _ = x.shape
        candidates = 2 + int(math.log(self.components))  # scikit-learn's number of trials per centre
        chances = rng.random((replicates, self.components, candidates))
        model = MixtureModel(
            np.empty((replicates, self.components)),
            np.empty((replicates, self.components, d)),
            np.empty((replicates, self.components, d, d)),
            self.human,
        )
        parts = model.weights, model.means, model.covariances, self.regularisation
        _shared(lambda first, step: kernels.start(x, weights, chances, *parts, first, step), replicates)
        return model

    def climb(self, samples: Points, start: MixtureModel) -> Climb:
        """Return where expectation-maximisation leads from ``start``, which has as many replicates as the samples.

        Raises:
            InputError: as :meth:`fit`, or the start does not have the shape of the samples.
            NotEnoughData: as :meth:`fit`.
        """
        x, item_weights = self._checked(samples)
        replicates, d, _ = x.shape
        if start.means.shape != (replicates, self.components, d):
            raise InputError(
                f"A start with means of shape {start.means.shape} does not fit. "
                f"Give one of shape {(replicates, self.components, d)}: replicates, components, dimensions."
            )
        weights, means, covariances = (
            np.array(part, np.float64, order="C") for part in (start.weights, start.means, start.covariances)
        )
        log_density = np.empty(replicates)
        iterations = np.empty(replicates, np.int64)
        settings = self.tolerance, self.max_iterations, self.regularisation
        parts = weights, means, covariances, log_density, iterations, settings
        _shared(lambda first, step: kernels.climb(x, item_weights, *parts, first, step), replicates)
        if len(broken := np.flatnonzero(iterations == 0)):
            raise Diverged(
                f"In replicate {broken[0]} a component collapsed: its covariance is no longer positive definite with "
                f"regularisation = {self.regularisation}. Give a larger regularisation (1e-6 of the data's variance is "
                "usual), fewer components or more points."
            )
        model = MixtureModel(weights, means, covariances, self.human)
        converged = iterations <= self.max_iterations
        return Climb(model, log_density, np.minimum(iterations, self.max_iterations), converged)

    def _checked(self, samples: Points) -> tuple[Floats, Floats]:
        """Return coordinates (replicates, d, items) and item weights, empty where all are 1."""
        values = samples.values
        if values.ndim != 3 or 0 in values.shape:
            raise InputError(
                f"Points of shape {values.shape} cannot be fitted. Give an array of shape (replicates, items, d) "
                "with at least one of each."
            )
        if samples.items < self.components:
            raise NotEnoughData(
                f"{self.components} components cannot be fitted to {samples.items} points. "
                f"Give at least {self.components} points, or fewer components."
            )
        x = _columns(values)
        # a sum is finite only if no term is NaN or infinite; it may also overflow, so the exact test follows
        if not math.isfinite(x.sum()) and not np.isfinite(x).all():
            replicate, item, _ = np.argwhere(~np.isfinite(values))[0]
            raise InputError(
                f"Item {item} of replicate {replicate} is {values[replicate, item]}. All coordinates must be finite "
                "numbers; fill in or take out the rows with missing values."
            )
        if samples.weights is None:
            return x, np.empty(0)
        weights = np.ascontiguousarray(samples.weights, np.float64)
        if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
            raise InputError(
                f"Weights from {weights.min()} to {weights.max()} cannot be used. "
                "All must be finite and not negative, and one at least above 0."
            )
        return x, weights


def isotropic(d: int, sigma: float = 1.0) -> MixtureModel:
    """Return the Gaussian at the origin with standard deviation ``sigma`` per coordinate, as a mixture of one."""
    return MixtureModel(np.ones((1, 1)), np.zeros((1, 1, d)), sigma**2 * np.eye(d)[None, None])


def _columns(values: NDArray[Any]) -> Floats:
    """Return the coordinates with items last: (replicates, d, items), contiguous."""
    columns: Floats = np.ascontiguousarray(np.swapaxes(values, 1, 2), np.float64)
    return columns


def _cholesky(covariances: Floats) -> Floats:
    try:
        lower = np.asarray(np.linalg.cholesky(covariances), np.float64)
    except np.linalg.LinAlgError:
        raise InputError(
            "A covariance of the mixture is not positive definite. Fit with a larger 'regularisation'."
        ) from None
    return lower


def _shared(work: Callable[[int, int], None], replicates: int) -> None:
    """Call ``work(first, step)`` on as many threads as numba was given, each on every step-th replicate.

    Plain threads over kernels that release the interpreter, and not a parallel numba loop: those end the process when
    two threads of the caller start one at the same time, or after a fork.
    """
    threads = min(nb.config.NUMBA_NUM_THREADS, replicates)
    if threads == 1:
        work(0, 1)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(work, first, threads) for first in range(1, threads)]
        work(0, threads)
        for other in others:
            other.result()
