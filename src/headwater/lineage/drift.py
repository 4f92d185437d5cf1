"""Closed forms of what retraining on own output costs a neutral plug-in learner.

F is the expected share of heterozygosity or variance that is lost. n is the number of items of a training set,
generations count fits: 0 is the human source itself, 1 the model of n human items. All constants are haploid (1/n and
2nm, not 1/(2n) and 4nm). Population genetics: Wright 1931, Evolution in Mendelian populations; Crow and Kimura 1970,
An introduction to population genetics theory. Language of loops: Alemohammad et al. 2023 (arXiv:2307.01850), Kazdan et
al. 2024 (arXiv:2410.16713).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Curve = NDArray[np.float64]


def replace(n: float, generations: ArrayLike) -> Curve:
    """Return F = 1 - (1 - 1/n)^t of training on the previous generation's n items alone; it tends to 1.

    Wright 1931; for loops Seddik et al. 2024 (arXiv:2404.05090). n may be an effective size.

    Args:
        n: items per generation, at least 1.
        generations: t, any shape.
    """
    t = _generations(generations)
    if n == 1:
        return (t > 0).astype(np.float64)
    return np.asarray(-np.expm1(t * math.log1p(-1 / n)), dtype=np.float64)


def varying(sizes: ArrayLike) -> Curve:
    """Return F = 1 - prod(1 - 1/n_i) after each generation of sizes n_1, n_2, ..., shape (generations,).

    The effective size is their harmonic mean, near enough (Wright 1931).
    """
    kept: Curve = 1 - 1 / np.asarray(sizes, dtype=np.float64)
    return np.asarray(1 - np.cumprod(kept), dtype=np.float64)


def accumulate(n: int, generations: ArrayLike) -> Curve:
    """Return F = 1 - prod_{i<=t} (1 - 1/(n i^2)) of training on everything so far, n more items per generation.

    For an estimated mean with known variance this is the pi^2/6 of Gerstgrasser et al. 2024 (arXiv:2404.01413).
    """
    t = _generations(generations)
    i = np.arange(1, int(t.max(initial=0)) + 1, dtype=np.float64)
    return _at(1 - 1 / (n * i**2), t)


def accumulate_limit(n: int) -> float:
    """Return the limit F = 1 - sin(pi/sqrt n)/(pi/sqrt n) of :func:`accumulate` (Euler's product), about 1.645/n."""
    x = math.pi / math.sqrt(n)
    return 1 - math.sin(x) / x


def subsample(n: int, generations: ArrayLike) -> Curve:
    """Return F of training on n items drawn without replacement from everything so far.

    1 - F = (1 - 1/n) prod_{s=2..t} (1 - (3n - 1)/(s n (s n - 1))), n at least 2.
    """
    t = _generations(generations)
    s = np.arange(2, int(t.max(initial=0)) + 1, dtype=np.float64)
    return _at(np.concatenate([[1 - 1 / n], 1 - (3 * n - 1) / (s * n * (s * n - 1))]), t)


def subsample_limit(n: int) -> float:
    """Return the limit of :func:`subsample`, about (pi^2/2 - 2)/n = 2.93/n for large n; n is at least 2.

    The factors are (s - a)(s - b)/(s (s - 1/n)) with a + b = 1/n, so that the product is one of gamma functions.
    """
    from scipy.special import gammaln

    root = math.sqrt(12 * n - 3)
    a, b = (1 + root) / (2 * n), (1 - root) / (2 * n)
    log_product = gammaln(2) + gammaln(2 - 1 / n) - gammaln(2 - a) - gammaln(2 - b)
    return float(-math.expm1(math.log1p(-1 / n) + log_product))


def fresh_by_chance(n: int, m: float, generations: ArrayLike | None = None) -> Curve:
    """Return F where each of n items is fresh human with probability m, else drawn from the previous model.

    Two different items of a generation are related with f = (1-m)^2 / (n - (n-1)(1-m)^2) in the long run, and
    F = 1/n + (1 - 1/n) f (Wright 1931, island model with an infinite continent).

    Args:
        n: items per generation.
        m: probability in [0, 1].
        generations: t, any shape, the first generation being all human; None for the long run (m > 0).
    """
    return _balance(n, (1 - m) ** 2, generations)


def fresh_exact(n: int, r: int, generations: ArrayLike | None = None) -> Curve:
    """Return F where exactly r of the n items are fresh human ones; arguments as in :func:`fresh_by_chance`.

    As there, with the share a = s(s-1)/(n(n-1)) of pairs of items of which neither is fresh, s = n - r, in place of
    (1-m)^2.
    """
    s = n - r
    return _balance(n, s * (s - 1) / (n * (n - 1)) if n > 1 else 0.0, generations)


def fresh_short(r: float) -> float:
    """Return the short form F = 1/(1 + 2r) with r = nm fresh human items per generation, for large n and small m.

    Migration-drift balance of haploids (Wright 1931; the diploid textbook form 1/(1 + 4Nm) has N = n/2). It shows what
    counts: the number of fresh items, not their share.
    """
    return 1 / (1 + 2 * r)


def reserve(n: int, m: float, R: int) -> float:
    """Return F in the long run where each of n items comes from one fixed reserve of R items with probability m.

    1 - F = (1 - 1/R)(1 - F with fresh items): the inbreeding inside the reserve multiplies with the balance, and F
    cannot fall below 1/R. Equal to F = 1/n + (1 - 1/n) f with f = [(1-m)^2/n + (1-(1-m)^2)/R] / [1 - (1-m)^2 (1-1/n)].
    """
    return 1 - (1 - 1 / R) * (1 - float(fresh_by_chance(n, m)))


def tail_presence(n: int, m: float, p: ArrayLike) -> Curve:
    """Return the chance that a type of natural frequency p is present in a training set, in the long run.

    1 - B(a, b + n)/B(a, b) with a = 2nmp and b = 2nm(1-p): n draws from the stationary beta distribution of Wright 1931
    under m fresh human items by chance. A diffusion approximation: good for m up to 0.1, too low above (0.50 for 0.58
    at n = 1000, m = 0.5, p = 0.001).

    Args:
        n: items per generation.
        m: share of fresh human items in (0, 1].
        p: natural frequencies in [0, 1], any shape.
    """
    from scipy.special import gammaln

    p = np.asarray(p, dtype=np.float64)
    total, b = 2 * n * m, 2 * n * m * np.maximum(1 - p, 1e-300)
    log_absent = gammaln(b + n) - gammaln(b) + gammaln(total) - gammaln(total + n)
    return np.where(p >= 1, 1.0, 1 - np.exp(np.minimum(log_absent, 0.0)))


def survival_rate(generations: int) -> Curve:
    """Return s_1 .. s_k with s_1 = 1, s_{k+1} = 1 - exp(-s_k), about 2/k; shape (generations,).

    A type of expected count c is alive after k generations with probability 1 - exp(-c s_k): a branching process with
    Poisson offspring, and the lower bound of Suresh et al. 2025 (arXiv:2412.17646).
    """
    rates = np.ones(generations)
    for k in range(1, generations):
        rates[k] = -math.expm1(-rates[k - 1])
    return rates


def survivors(counts: ArrayLike, generations: int) -> Curve:
    """Return the expected number of types alive after 1 .. k generations, sum_i (1 - exp(-c_i s_k)).

    Args:
        counts: expected counts c_i of the types in a generation, shape (types,).
        generations: k, at least 1.

    Returns:
        Shape (generations,).
    """
    c = np.asarray(counts, dtype=np.float64)
    return np.array([-np.expm1(-c * s).sum() for s in survival_rate(generations)])


def fixation_time(n: int, types: int) -> float:
    """Return the mean number of generations until one of K equally frequent types is left, 2n (K-1) ln(K/(K-1)).

    Diffusion (Crow and Kimura 1970, haploid); tends to 2n for many types and is too long for small n (19.0 for 17.4 at
    K = n = 10).
    """
    return 2 * n * (types - 1) * math.log(types / (types - 1)) if types > 1 else 0.0


def golden_weight(k: float) -> float:
    """Return the best total weight of fresh human items in the estimate of a mean, (sqrt(k^2 + 4k) - k)/2.

    k is fresh human items per machine item; the stationary variance is smallest there and, times n_r / sigma^2, equals
    the weight. 0.618 for k = 1 (He, Xu and Cheng 2025, arXiv:2502.18049).
    """
    return (math.sqrt(k * k + 4 * k) - k) / 2


def weighted_variance(k: float, weight: float) -> float:
    """Return n_r Var / sigma^2 in the long run with weight w on the fresh items, (w^2 + k(1-w)^2)/(1-(1-w)^2).

    Arguments and source as in :func:`golden_weight`; w in (0, 1].
    """
    return float((weight**2 + k * (1 - weight) ** 2) / (1 - (1 - weight) ** 2))


def _balance(n: int, unmoved: float, generations: ArrayLike | None) -> Curve:
    """Return F where two items of a generation both come from the previous model with probability ``unmoved``."""
    kept = unmoved * (1 - 1 / n)
    f = np.asarray(unmoved / n / (1 - kept) if kept < 1 else 1.0)
    if generations is None:
        return 1 / n + (1 - 1 / n) * f
    t = _generations(generations)
    f = f * (1 - kept ** np.maximum(t - 1, 0))
    return np.where(t > 0, 1 / n + (1 - 1 / n) * f, 0.0)


def _generations(generations: ArrayLike) -> NDArray[np.int64]:
    t = np.asarray(generations)
    if t.size and (t.min() < 0 or np.any(t != t.astype(np.int64))):
        raise ValueError(f"generations are whole numbers of at least 0, got {generations!r}")
    return t.astype(np.int64)


def _at(factors: Curve, t: NDArray[np.int64]) -> Curve:
    """Return 1 - the product of the first t factors."""
    return 1 - np.concatenate([[1.0], np.cumprod(factors)])[t]
