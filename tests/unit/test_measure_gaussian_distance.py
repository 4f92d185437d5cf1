"""Closed-form distances against quadrature, scipy and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, linalg, stats

from headwater.measure import (
    gaussian_kl,
    gaussian_squared_w2,
    mixture_squared_l2,
    normal_kl,
    normal_squared_w2,
)

QUANTILES = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)


def _covariances(rng: np.random.Generator, *shape: int, d: int) -> np.ndarray:
    factor = rng.normal(size=(*shape, d, d))
    return factor @ np.swapaxes(factor, -1, -2) + 0.1 * np.eye(d)


@given(st.floats(-3, 3), st.floats(0, 3), st.floats(-3, 3), st.floats(0.1, 3))
def test_one_dimensional_w2_is_the_distance_of_the_quantile_functions(m: float, s: float, m2: float, s2: float) -> None:
    """W2^2 in one dimension is the integral of the squared difference of quantiles; midpoint rule, tails cut."""
    expected = np.mean(np.square((m + s * QUANTILES) - (m2 + s2 * QUANTILES)))
    assert normal_squared_w2(m, s, m2, s2) == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_one_dimensional_distances_default_to_the_standard_normal_and_broadcast() -> None:
    assert normal_squared_w2(0.0, 1.0) == 0.0
    assert normal_squared_w2(np.array([1.0, 0.0]), np.array([1.0, 0.0])).tolist() == [1.0, 1.0]
    assert normal_kl(0.0, 1.0) == 0.0
    assert normal_kl(np.zeros((3, 1)), np.ones(4)).shape == (3, 4)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multivariate_w2_agrees_with_the_formula_through_matrix_roots(d: int) -> None:
    rng = np.random.default_rng(1)
    means, others = rng.normal(size=(2, 4, d))
    a, b = _covariances(rng, 4, d=d), _covariances(rng, 4, d=d)
    expected = []
    for m, n, s, t in zip(means, others, a, b, strict=True):
        root = linalg.sqrtm(s).real
        expected.append(np.square(m - n).sum() + np.trace(s + t - 2 * linalg.sqrtm(root @ t @ root).real))
    found = gaussian_squared_w2(means, a, others, b)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(gaussian_squared_w2(others, b, means, a), found, rtol=1e-10)  # symmetric


def test_multivariate_w2_of_commuting_covariances_is_a_sum_over_axes() -> None:
    stds, others = np.array([0.5, 2.0, 0.0]), np.array([1.0, 1.0, 1.0])  # one axis has collapsed altogether
    mean = np.array([0.1, -0.2, 0.3])
    found = gaussian_squared_w2(mean, np.diag(stds**2), np.zeros(3), np.diag(others**2))
    assert found == pytest.approx(normal_squared_w2(mean, stds, 0.0, others).sum(), rel=1e-14)


def test_multivariate_w2_of_equal_laws_is_zero_even_at_lower_rank() -> None:
    vectors = np.random.default_rng(2).normal(size=(3, 5, 2))
    covariance = vectors @ np.swapaxes(vectors, -1, -2)  # rank 2 of 5
    assert (gaussian_squared_w2(np.zeros(5), covariance, np.zeros(5), covariance) < 1e-13).all()


@pytest.mark.parametrize(("m", "s", "m2", "s2"), [(0.0, 1.0, 0.5, 0.7), (-1.0, 0.2, 0.0, 1.0), (0.3, 2.0, 0.0, 1.0)])
def test_one_dimensional_kl_is_the_integral(m: float, s: float, m2: float, s2: float) -> None:
    p, q = stats.norm(m, s), stats.norm(m2, s2)
    expected, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), m - 12 * s, m + 12 * s)
    assert normal_kl(m, s, m2, s2) == pytest.approx(expected, rel=1e-9)


def test_kl_is_infinite_for_a_point_mass() -> None:
    assert normal_kl(0.0, 0.0) == np.inf
    assert normal_kl(0.0, 1.0, 0.0, 0.0) == np.inf
    assert gaussian_kl(np.zeros(2), np.diag([1.0, 0.0]), np.zeros(2), np.eye(2)) == np.inf


def test_multivariate_kl_is_additive_over_axes_and_invariant_under_maps() -> None:
    rng = np.random.default_rng(3)
    means, stds = rng.normal(size=(4, 3)), rng.uniform(0.2, 2.0, size=(4, 3))
    others, stds2 = rng.normal(size=3), rng.uniform(0.2, 2.0, size=3)
    expected = normal_kl(means, stds, others, stds2).sum(axis=-1)
    a, b = stds[..., None] ** 2 * np.eye(3), np.diag(stds2**2)
    np.testing.assert_allclose(gaussian_kl(means, a, others, b), expected, rtol=1e-12)
    turn = rng.normal(size=(3, 3))
    turned = gaussian_kl(means @ turn.T, turn @ a @ turn.T, turn @ others, turn @ b @ turn.T)
    np.testing.assert_allclose(turned, expected, rtol=1e-9)


def test_squared_l2_of_mixtures_in_one_dimension_is_the_integral() -> None:
    weights = np.array([0.3, 0.7, -0.4, -0.6])
    means, stds = np.array([-1.0, 0.5, 0.0, 2.0]), np.array([0.3, 1.0, 0.8, 0.1])

    def squared(x: float) -> float:
        return float(np.square(weights @ stats.norm.pdf(x, means, stds)))

    expected, _ = integrate.quad(squared, -8, 8, points=[-1.0, 0.0, 0.5, 2.0], limit=500)
    found = mixture_squared_l2(weights, means[:, None], (stds**2)[:, None, None])
    assert found == pytest.approx(expected, rel=1e-8)


def test_squared_l2_of_mixtures_in_two_dimensions_is_the_sum_over_a_grid() -> None:
    """Sums over a grid finer than the components are accurate far beyond the tolerance (analytic integrand)."""
    rng = np.random.default_rng(4)
    weights = np.array([[0.5, 0.5, -1.0], [0.2, 0.8, -1.0]])
    means, covariances = rng.normal(size=(2, 3, 2)), 0.3 * _covariances(rng, 2, 3, d=2)
    axis = np.linspace(-12, 12, 1201)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    expected = []
    for replicate in range(2):
        density = sum(
            w * stats.multivariate_normal(m, s).pdf(points)
            for w, m, s in zip(weights[replicate], means[replicate], covariances[replicate], strict=True)
        )
        expected.append(np.square(density).sum() * (axis[1] - axis[0]) ** 2)
    np.testing.assert_allclose(mixture_squared_l2(weights, means, covariances), expected, rtol=1e-7)


def test_squared_l2_is_zero_for_equal_mixtures_and_grows_as_one_narrows() -> None:
    """Two components of std s far from everything weigh 1/(4 pi s^2) each in the plane, times 1/4 for their weights."""
    human, narrow = np.eye(2), 1e-4 * np.eye(2)
    weights, means = np.array([0.5, 0.5, -1.0]), np.array([[30.0, 0.0], [0.0, 30.0], [0.0, 0.0]])
    found = mixture_squared_l2(weights, means, np.stack([narrow, narrow, human]))
    assert found == pytest.approx((0.25 + 0.25) / (4 * np.pi * 1e-4) + 1 / (4 * np.pi), rel=1e-12)
    assert mixture_squared_l2(weights, np.zeros((3, 2)), np.stack([human] * 3)) == 0.0
