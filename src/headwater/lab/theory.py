"""Closed forms beside the curves of the laboratory that are not inbreeding (those are :mod:`headwater.lineage.drift`).

n is the number of items of a training set, t the number of fits: 0 is the human source itself, 1 the model of the human
items. The human source is N(0, 1), or N(0, I) in d dimensions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, polygamma, psi


def mean_sigma_ml(n: int) -> float:
    """Return E[s] of n standard normal items with s^2 = sum of squares / n: sqrt(2/n) G(n/2) / G((n-1)/2); n > 1.

    0.9227, 0.9748, 0.9925, 0.9985 and 0.9992 for n = 10, 30, 100, 500 and 1000.
    """
    return math.sqrt(2 / n) * _gamma_ratio(n)


def mean_sigma_unbiased(n: int) -> float:
    """Return c4 = E[s] with s^2 = sum of squares / (n - 1): sqrt(2/(n-1)) G(n/2) / G((n-1)/2); n > 1."""
    return math.sqrt(2 / (n - 1)) * _gamma_ratio(n)


def spread_sigma_ml(n: int) -> float:
    """Return the standard deviation of s of n standard normal items with s^2 = sum of squares / n; n > 1."""
    return math.sqrt(1 - 1 / n - mean_sigma_ml(n) ** 2)


@dataclass(frozen=True, slots=True)
class GaussianReplace:
    """What is expected of a normal distribution that was fitted t times, each time to n of its own samples."""

    variance: float
    """E[sigma^2]. With the unbiased estimator it stays 1 although almost every path goes to 0: rare paths carry it."""
    mean_squared: float
    """E[mu^2]."""
    sigma: float
    """E[sigma]."""
    log_variance: float
    """E[log sigma^2], about -2t/n for maximum likelihood and -t/n for the unbiased estimator."""
    log_variance_spread: float
    """Standard deviation of log sigma^2."""
    w2: float
    """E[mu^2 + (sigma - 1)^2], squared Wasserstein-2 distance to the human law; at most 2 for maximum likelihood."""
    risk: float
    """Expected Kullback-Leibler divergence of the model from the human law, in nats; infinite for n below 4."""


def gaussian_replace(n: int, fits: int, *, unbiased: bool = False) -> GaussianReplace:
    """Return the exact expectations of a normal distribution that replaces its training set.

    A fit multiplies the variance by chi2(n-1)/m, with m = n (maximum likelihood) or n - 1 (unbiased), and moves the
    mean by sqrt(variance/n) N(0, 1), independently; everything follows. The leading order of E[w2] for unbiased
    estimators, 3t/(2n), is the one of Shumailov et al. 2024 (Nature 631:755-759). For the risk, with b = m/(n-3) the
    mean of the inverse factor, E[1/v_t] = b^t and E[mu_t^2/v_t] = b (E[mu_{t-1}^2/v_{t-1}] + 1/n).

    Args:
        n: items of a training set, above 1.
        fits: t.
        unbiased: divide by n - 1 instead of n.
    """
    m = n - 1 if unbiased else n
    step = mean_sigma_unbiased(n) if unbiased else mean_sigma_ml(n)
    mean_squared = fits / n if unbiased else -math.expm1(fits * math.log1p(-1 / n))
    variance = 1.0 if unbiased else 1 - mean_squared
    log_variance = fits * float(psi((n - 1) / 2) - math.log(m / 2))
    return GaussianReplace(
        variance,
        mean_squared,
        step**fits,
        log_variance,
        math.sqrt(fits * float(polygamma(1, (n - 1) / 2))),
        mean_squared + variance + 1 - 2 * step**fits,
        _risk(n, m, fits, log_variance),
    )


def log_determinant(n: int, dimensions: int, fits: int, *, unbiased: bool = False) -> float:
    """Return E[log det] of the covariance in d dimensions, t sum_i (psi((n-i)/2) - log(m/2)), i = 1 .. d; n > d."""
    i = np.arange(1, dimensions + 1)
    return fits * float((psi((n - i) / 2) - math.log((n - 1 if unbiased else n) / 2)).sum())


def w2_leading(n: int, fits: int) -> tuple[float, float]:
    """Return mean and variance of the squared W2 distance at leading order in t/n: 3t/(2n) and 2.5 (t/n)^2.

    For unbiased estimators and replacement (Shumailov et al. 2024, Nature 631:755-759, for the mean).
    """
    return 1.5 * fits / n, 2.5 * (fits / n) ** 2


def accumulated_mean(n: int, fits: int) -> float:
    """Return the variance of an estimated mean with known variance 1 when everything is kept, (1/n) sum_{i<=t} 1/i^2.

    It stays below pi^2/6 of the first error (Gerstgrasser et al. 2024, arXiv:2404.01413; Dey and Donoho 2024,
    arXiv:2410.22812).
    """
    return float((1 / np.arange(1, fits + 1, dtype=np.float64) ** 2).sum()) / n


def biased_sampling(
    machine: int, fresh: int, factor: float, fits: int, start: tuple[float, float] = (0.0, 1.0)
) -> tuple[float, float]:
    """Return (E[mu^2], E[sigma^2]) when the model writes with its variance times ``factor`` and fresh items join.

    With a and b the shares of machine and fresh items, n_s and n_r their numbers: q' = a^2 (q + factor v / n_s) +
    b^2 / n_r and v' = a (q + factor v) + b - q' (maximum likelihood; biased sampling as in Alemohammad et al.
    2023, arXiv:2307.01850).

    Args:
        machine: n_s, machine items of a training set, above 0.
        fresh: n_r, fresh human items of a training set; 0 and more.
        factor: variance factor of the sampling in (0, 1].
        fits: fits to such training sets.
        start: (q, v) before them; (0, 1) is the human law itself, (1/n, 1 - 1/n) the model of n human items.
    """
    a, b = machine / (machine + fresh), fresh / (machine + fresh)
    q, v = start
    for _ in range(fits):
        moved = a * a * (q + factor * v / machine) + (b * b / fresh if fresh else 0.0)
        q, v = moved, a * (q + factor * v) + b - moved
    return q, v


def ols_step(n: int, dimensions: int, noise: float = 1.0) -> float:
    """Return the excess test error of ordinary least squares, noise^2 d / (n - d - 1), for normal inputs; n > d + 1."""
    return noise**2 * dimensions / (n - dimensions - 1)


def ols_replace(n: int, dimensions: int, noise: float, fits: int) -> float:
    """Return the excess test error after t fits to the newest output alone: t times the first one.

    Gerstgrasser et al. 2024 (arXiv:2404.01413), for inputs that stay the same and for new ones.
    """
    return ols_step(n, dimensions, noise) * fits


def ols_accumulate(n: int, dimensions: int, noise: float, fits: int) -> float:
    """Return the excess test error after t fits to everything so far, with the same inputs in every generation.

    The first error times sum_{i<=t} 1/i^2, below pi^2/6 (Gerstgrasser et al. 2024, arXiv:2404.01413). With new inputs
    it is an upper value.
    """
    return ols_step(n, dimensions, noise) * accumulated_mean(1, fits)


def kde_variance(n: int, bandwidth: float, fits: int) -> float:
    """Return the expected variance of the t-th training set when a kernel density estimate replaces its own.

    V_1 = 1 - 1/n, then V' = (1 - 1/n)(V + h^2): the kernel's noise is a mutation that outweighs drift, so the estimate
    diffuses until :func:`kde_limit`.

    Args:
        n: items of a training set, above 1.
        bandwidth: h in units of the human standard deviation.
        fits: further fits after the one to the human items; 0 is the human training set.
    """
    kept = (1 - 1 / n) ** fits
    return (1 - 1 / n) * kept + kde_limit(n, bandwidth) * (1 - kept)


def kde_limit(n: int, bandwidth: float) -> float:
    """Return the variance that :func:`kde_variance` tends to, (n - 1) h^2."""
    return (n - 1) * bandwidth**2


def _gamma_ratio(n: int) -> float:
    return math.exp(gammaln(n / 2) - gammaln((n - 1) / 2))


def _risk(n: int, m: int, fits: int, log_variance: float) -> float:
    if fits == 0:
        return 0.0
    if n <= 3:
        return math.inf
    b = m / (n - 3)
    inverse = b**fits
    moved = b * (inverse - 1) / (b - 1) / n
    return (log_variance + inverse + moved - 1) / 2


def mean_wait(waiting: Sequence[float], replicates: int) -> tuple[float, float]:
    """Return the mean number of fits until something has happened everywhere, and its standard error.

    With T fits until it happens, E[T] = sum_t P(T > t) and E[T^2] = sum_t (2t + 1) P(T > t), t = 0, 1, ...

    Args:
        waiting: share of replicates where it has not happened yet after 1, 2, ... fits; the last should be 0.
        replicates: number of replicates.
    """
    shares = np.concatenate([[1.0], np.asarray(waiting, dtype=np.float64)])
    mean = float(shares.sum())
    square = float(((2 * np.arange(len(shares)) + 1) * shares).sum())
    return mean, math.sqrt(max(square - mean * mean, 0.0) / replicates)
