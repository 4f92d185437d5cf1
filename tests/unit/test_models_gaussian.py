"""Normal distributions: moments instead of items, the exact sampling laws, and the measures."""

import numpy as np
import pytest
from scipy import stats

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.gaussian import GaussianLearner, GaussianModel, GaussianSource, Moments, bartlett
from headwater.models.samples import Points


def _points(seed: int = 0, shape: tuple[int, ...] = (3, 40)) -> Points:
    return Points(2 + 1.5 * np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("shape", [(3, 40), (3, 40, 4)])
def test_moments_are_those_of_the_items(shape: tuple[int, ...]) -> None:
    points = _points(shape=shape)
    moments = Moments.of(points)
    assert np.allclose(moments.mean, points.values.mean(axis=1))
    for r in range(3):
        assert np.allclose(moments.scatter[r] / 40, np.cov(points.values[r], rowvar=False, bias=True))


@pytest.mark.parametrize("tail", [(), (2,)])
def test_joined_moments_are_those_of_the_joined_items(tail: tuple[int, ...]) -> None:
    first, second = _points(1, (3, 40, *tail)).weighted(0.6), _points(2, (3, 15, *tail)).weighted(0.4)
    whole = Moments.of(first.join(second))
    parts = Moments.of(first).join(Moments.of(second))
    assert parts.items == whole.items == 55
    assert np.allclose(parts.mean, whole.mean)
    assert np.allclose(parts.scatter, whole.scatter)
    assert parts.weight == pytest.approx(whole.weight)
    assert parts.squares == pytest.approx(whole.squares)


def test_weighting_moments_is_weighting_items() -> None:
    points = _points()
    weighted, expected = Moments.of(points).weighted(0.3), Moments.of(points.weighted(0.3))
    assert np.allclose(weighted.scatter, expected.scatter)
    assert (weighted.weight, weighted.squares) == pytest.approx((expected.weight, expected.squares))


def test_moments_cannot_tell_their_items_apart() -> None:
    moments, rng = Moments.of(_points()), np.random.default_rng(0)
    assert moments.draw(40, rng) is moments
    with pytest.raises(NotImplementedError, match="39 of 40 items cannot be drawn"):
        moments.draw(39, rng)
    with pytest.raises(NotImplementedError, match="raw samples"):
        moments.blend(moments, 0.1, rng)
    with pytest.raises(InputError, match="item by item"):
        GaussianLearner().fit(moments, rng).loss(moments)  # type: ignore[arg-type]


def test_estimators() -> None:
    points, rng = _points(), np.random.default_rng(0)
    assert np.allclose(GaussianLearner().fit(points, rng).variance, points.values.var(axis=1))
    assert np.allclose(GaussianLearner(unbiased=True).fit(points, rng).variance, points.values.var(axis=1, ddof=1))
    assert np.allclose(
        GaussianLearner(unbiased=True).fit(points.weighted(0.25), rng).variance, points.values.var(axis=1, ddof=1)
    )
    known = GaussianLearner(known_variance=2.0).fit(_points(shape=(3, 40, 2)), rng)
    assert np.allclose(known.covariance, 2 * np.eye(2))
    with pytest.raises(NotEnoughData, match="1 items"):
        GaussianLearner(unbiased=True).fit(Points(np.zeros((2, 1))), rng)
    with pytest.raises(ConfigError, match="bias = 0"):
        GaussianLearner(bias=0.0)


def test_loss_is_minus_the_log_density() -> None:
    points, rng = _points(), np.random.default_rng(0)
    model = GaussianLearner().fit(points, rng)
    expected = [-stats.norm.logpdf(points.values[r], model.mean[r], np.sqrt(model.covariance[r])) for r in range(3)]
    assert np.allclose(model.loss(points).nats, expected)
    cloud = _points(shape=(3, 40, 3))
    model = GaussianLearner().fit(cloud, rng)
    expected = [
        -stats.multivariate_normal(model.mean[r], model.covariance[r]).logpdf(cloud.values[r]) for r in range(3)
    ]
    assert np.allclose(model.loss(cloud).nats, expected)


def test_a_lost_variance_has_infinite_loss_and_risk_without_warnings() -> None:
    model = GaussianModel(np.zeros(2), np.array([0.0, 1.0]))
    assert np.isinf(model.loss(Points(np.zeros((2, 1)))).nats[0, 0])
    found = model.statistics()
    assert np.isinf(found["risk"][0])
    assert found["risk"][1] == 0
    assert found["tail"].tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize("d", [1, 3])
def test_statistics_of_the_human_law_say_intact(d: int) -> None:
    shape, identity = ((1,), np.ones(1)) if d == 1 else ((1, d), np.eye(d)[None])
    found = GaussianModel(np.zeros(shape), identity).statistics()
    expected = {"variance": 1, "sigma": 1, "log_variance": 0, "mean_squared": 0, "w2": 0, "risk": 0, "tail": 1,
                "hallucinated": 2 * stats.norm.sf(4)}  # fmt: skip
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_statistics_in_one_dimension() -> None:
    mu, v = 0.7, 0.36
    found = {name: values[0] for name, values in GaussianModel(np.array([mu]), np.array([v])).statistics().items()}
    assert found["w2"] == pytest.approx(mu**2 + 0.4**2)
    assert found["risk"] == pytest.approx(0.5 * (np.log(v) + (1 + mu**2) / v - 1))
    law, human = stats.norm(mu, 0.6), stats.norm.sf(2)
    assert found["tail"] == pytest.approx((min(law.sf(2), human) + min(law.cdf(-2), human)) / (2 * human))
    assert found["hallucinated"] == pytest.approx(law.sf(4) + law.cdf(-4))


def test_statistics_in_several_dimensions_are_the_sums_over_principal_axes() -> None:
    """A rotated diagonal covariance gives the numbers of its axes, which a one-dimensional model gives one by one."""
    rng = np.random.default_rng(4)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    along, mean = np.array([0.2, 0.9, 1.4]), np.array([0.3, -0.5, 0.1])
    covariance = rotation @ np.diag(along) @ rotation.T
    whole = GaussianModel((rotation @ mean)[None], covariance[None]).statistics()
    axes = GaussianModel(mean, along).statistics()
    for name in ("w2", "risk", "log_variance"):
        assert whole[name][0] == pytest.approx(axes[name].sum())
    for name in ("variance", "mean_squared"):
        assert whole[name][0] == pytest.approx(axes[name].mean())


@pytest.mark.parametrize("bias", [1.0, 0.5])
def test_exact_law_is_the_law_of_raw_moments(bias: float) -> None:
    """Two samples of 20,000 moments of 7 items: Kolmogorov-Smirnov p above 1e-4 for mean and scatter (seeds fixed)."""
    rng = np.random.default_rng(6)
    shape = (20_000,)
    raw = GaussianModel(np.full(shape, 0.4), np.full(shape, 2.0), bias=bias, streamed=True).sample(7, rng)
    law = GaussianModel(np.full(shape, 0.4), np.full(shape, 2.0), exact=True, bias=bias).sample(7, rng)
    assert isinstance(raw, Moments)
    assert isinstance(law, Moments)
    assert stats.ks_2samp(raw.mean, law.mean).pvalue > 1e-4
    assert stats.ks_2samp(raw.scatter, law.scatter).pvalue > 1e-4
    assert abs(np.corrcoef(law.mean, law.scatter)[0, 1]) < 0.03


def test_exact_law_in_several_dimensions() -> None:
    """Means of mean, scatter and log det of 20,000 draws of 8 items lie within 5 standard errors of their expectations
    (30 comparisons, false alarm below 2e-5)."""
    covariance = np.array([[1.0, 0.4], [0.4, 0.5]])
    replicates, n = 20_000, 8
    model = GaussianModel(np.tile([0.5, -1.0], (replicates, 1)), np.tile(covariance, (replicates, 1, 1)), exact=True)
    drawn = model.sample(n, np.random.default_rng(7))
    assert isinstance(drawn, Moments)

    def close(values: np.ndarray, expected: np.ndarray | float) -> bool:
        error = values.std(axis=0) / np.sqrt(replicates)
        return bool((np.abs(values.mean(axis=0) - expected) < 5 * error).all())

    assert close(drawn.mean, np.array([0.5, -1.0]))
    assert close(drawn.scatter, (n - 1) * covariance)
    apart = drawn.mean - [0.5, -1.0]
    assert close(np.einsum("ri,rj->rij", apart, apart), covariance / n)
    # E log det of a Wishart matrix (Anderson 2003, section 7.5)
    from scipy.special import psi

    expected = np.log(np.linalg.det(covariance)) + 2 * np.log(2) + psi((n - 1) / 2) + psi((n - 2) / 2)
    assert close(np.linalg.slogdet(drawn.scatter)[1], expected)


def test_bartlett_factor_is_lower_triangular_with_the_right_mean() -> None:
    """5 standard errors on 9 entries: false alarm below 1e-5 (seed fixed)."""
    root = bartlett(20_000, 3, 5, np.random.default_rng(8))
    assert (np.triu(root, 1) == 0).all()
    matrix = root @ np.swapaxes(root, 1, 2)
    assert (np.abs(matrix.mean(axis=0) - 5 * np.eye(3)) < 5 * matrix.std(axis=0) / np.sqrt(20_000)).all()


def test_too_few_items_for_a_wishart_law_is_refused() -> None:
    model = GaussianModel(np.zeros((1, 3)), np.eye(3)[None], exact=True)
    with pytest.raises(InputError, match="at least 4 items"):
        model.sample(3, np.random.default_rng(0))


def test_raw_items_have_mean_and_covariance_of_the_model() -> None:
    """20,000 items: within 5 standard errors (false alarm below 1e-5, seed fixed)."""
    covariance = np.array([[1.0, -0.3], [-0.3, 0.25]])
    model = GaussianModel(np.array([[1.0, 2.0]]), covariance[None], bias=0.5)
    values = model.sample(20_000, np.random.default_rng(9)).values[0]  # type: ignore[union-attr]
    assert np.abs(values.mean(axis=0) - [1, 2]).max() < 5 * np.sqrt(0.5 / 20_000)
    assert np.abs(np.cov(values, rowvar=False) - 0.5 * covariance).max() < 5 * 0.5 * np.sqrt(2 / 20_000)


def test_a_singular_covariance_still_samples() -> None:
    """Points of a line stay on it."""
    model = GaussianModel(np.zeros((1, 2)), np.ones((1, 2, 2)))
    values = model.sample(50, np.random.default_rng(0)).values[0]  # type: ignore[union-attr]
    assert np.allclose(values[:, 0], values[:, 1])


def test_source_gives_new_items_at_each_call() -> None:
    take = GaussianSource().supply(2, np.random.default_rng(0))
    first, second = take(5), take(5)
    assert isinstance(first, Points)
    assert not np.array_equal(first.values, second.values)  # type: ignore[union-attr]
    assert isinstance(GaussianSource(2, exact=True).supply(2, np.random.default_rng(0))(5), Moments)
    assert isinstance(GaussianSource(streamed=True).supply(2, np.random.default_rng(0))(5), Moments)
