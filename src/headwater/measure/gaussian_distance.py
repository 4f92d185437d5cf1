"""Distances between normal distributions and between mixtures of them, in closed form and for many at once.

``normal_`` is one-dimensional and takes standard deviations, ``gaussian_`` is d-dimensional and takes covariances. All
arguments broadcast; leading axes are usually replicates.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def normal_squared_w2(
    mean: ArrayLike, std: ArrayLike, mean_human: ArrayLike = 0.0, std_human: ArrayLike = 1.0
) -> Array:
    """Return the squared Wasserstein-2 distance (m - m')^2 + (s - s')^2, in squared units of the data; 0 or more."""
    return np.asarray(np.square(np.subtract(mean, mean_human)) + np.square(np.subtract(std, std_human)))


def gaussian_squared_w2(mean: Array, covariance: Array, mean_human: Array, covariance_human: Array) -> Array:
    """Return the squared Wasserstein-2 distance |m - m'|^2 + tr S + tr S' - 2 tr (S^1/2 S' S^1/2)^1/2.

    The covariance part is the Bures distance (Dowson and Landau 1982). With S = A A^T and S' = B B^T the last trace is
    the sum of the singular values of A^T B, which stays accurate where a covariance has collapsed to a lower rank.

    Args:
        mean: shape (..., d).
        covariance: positive semi-definite, shape (..., d, d).
        mean_human: shape (..., d).
        covariance_human: positive semi-definite, shape (..., d, d).

    Returns:
        Shape (...), 0 or more, in squared units of the data.
    """
    traces = np.trace(covariance, axis1=-2, axis2=-1) + np.trace(covariance_human, axis1=-2, axis2=-1)
    cross = np.swapaxes(_factor(covariance), -1, -2) @ _factor(covariance_human)
    bures = traces - 2.0 * np.linalg.svd(cross, compute_uv=False).sum(axis=-1)
    return np.asarray(np.square(mean - mean_human).sum(axis=-1) + np.maximum(bures, 0.0))


def normal_kl(mean: ArrayLike, std: ArrayLike, mean_other: ArrayLike = 0.0, std_other: ArrayLike = 1.0) -> Array:
    """Return the Kullback-Leibler divergence of N(mean, std^2) from N(mean_other, std_other^2), in nats; 0 or more.

    ln(s'/s) + (s^2 + (m - m')^2) / (2 s'^2) - 1/2, infinite where one standard deviation is 0. The expectation is
    over the first distribution: put the human one first to charge the model for what it has lost.
    """
    s, other = np.asarray(std, dtype=np.float64), np.asarray(std_other, dtype=np.float64)
    squares = np.square(s) + np.square(np.subtract(mean, mean_other))
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.log(other) - np.log(s) + squares / (2.0 * np.square(other)) - 0.5
    return np.asarray(np.where((s > 0.0) & (other > 0.0), np.maximum(kl, 0.0), np.inf))


def gaussian_kl(mean: Array, covariance: Array, mean_other: Array, covariance_other: Array) -> Array:
    """Return the Kullback-Leibler divergence of one d-dimensional normal distribution from another, in nats.

    (tr(S'^-1 S) + (m' - m)^T S'^-1 (m' - m) - d + ln(det S' / det S)) / 2; infinite where S is singular.

    Args:
        mean: of the distribution that the expectation is over, shape (..., d).
        covariance: positive semi-definite, shape (..., d, d).
        mean_other: shape (..., d).
        covariance_other: positive definite, shape (..., d, d).

    Returns:
        Shape (...), 0 or more.

    Raises:
        numpy.linalg.LinAlgError: ``covariance_other`` is singular.
    """
    difference = (mean_other - mean)[..., None]
    trace = np.trace(np.linalg.solve(covariance_other, covariance), axis1=-2, axis2=-1)
    squares = (difference * np.linalg.solve(covariance_other, difference)).sum(axis=(-2, -1))
    log_ratio = np.linalg.slogdet(covariance_other)[1] - np.linalg.slogdet(covariance)[1]
    return np.asarray(np.maximum(0.5 * (trace + squares - mean.shape[-1] + log_ratio), 0.0))


def mixture_squared_l2(weights: Array, means: Array, covariances: Array) -> Array:
    """Return the squared L2 distance between two Gaussian mixtures, the integral of the squared density difference.

    sum_ij a_i a_j N(m_i; m_j, S_i + S_j) over the components of both mixtures together, with the weights of one of
    them negative (the product of two normal densities integrates to a normal density). It grows without bound as a
    component narrows, so show it on a logarithmic axis.

    Args:
        weights: signed, shape (..., k); those of one mixture sum to 1, those of the other to -1.
        means: shape (..., k, d).
        covariances: positive definite, shape (..., k, d, d).

    Returns:
        Shape (...), 0 or more, in units of a density: 1 / (unit of the data)^d.

    Raises:
        numpy.linalg.LinAlgError: the sum of two covariances is singular.
    """
    difference = (means[..., :, None, :] - means[..., None, :, :])[..., None]
    sums = covariances[..., :, None, :, :] + covariances[..., None, :, :, :]
    squares = (difference * np.linalg.solve(sums, difference)).sum(axis=(-2, -1))
    constant = means.shape[-1] * np.log(2.0 * np.pi)
    densities = np.exp(-0.5 * (constant + np.linalg.slogdet(sums)[1] + squares))
    total = np.einsum("...i,...ij,...j->...", weights, densities, weights)
    return np.asarray(np.maximum(total, 0.0))  # rounding can leave equal mixtures just below 0


def _factor(covariance: Array) -> Array:
    """Return A with A A^T = covariance; unlike Cholesky it exists for singular ones too."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])
