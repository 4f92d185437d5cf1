"""Gaussian mixtures: errors, weights, independence of replicates, extreme data, statistics."""

import numba as nb
import numpy as np
import pytest
from scipy import integrate, stats

from headwater.errors import ConfigError, Diverged, InputError, NotEnoughData
from headwater.models.mixture import HumanReference, MixtureLearner, MixtureModel, isotropic
from headwater.models.samples import Points


def _two_groups(replicates: int, items: int, d: int, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    apart = 4 * rng.integers(0, 2, (replicates, items, 1))
    return Points(rng.standard_normal((replicates, items, d)) + apart)


def _same(a: MixtureModel, b: MixtureModel, tolerance: float = 0.0) -> bool:
    return all(
        np.allclose(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance)
        for name in ("weights", "means", "covariances")
    )


def test_all_faulty_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        MixtureLearner(0, tolerance=0, max_iterations=0, regularisation=float("nan"))
    assert [fault.split(" =")[0] for fault in caught.value.faults] == [
        "components",
        "tolerance",
        "max_iterations",
        "regularisation",
    ]


def test_fewer_points_than_components_are_refused_and_as_many_are_not() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(NotEnoughData, match="4 components cannot be fitted to 3 points"):
        MixtureLearner(4).fit(Points(np.zeros((1, 3, 2))), rng)
    model = MixtureLearner(4).fit(Points(rng.standard_normal((1, 4, 2))), rng)
    assert np.allclose(np.sort(model.weights), 0.25)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_coordinate_that_is_no_number_is_refused_with_its_place(value: float) -> None:
    values = np.zeros((2, 5, 3))
    values[1, 4, 2] = value
    with pytest.raises(InputError, match="Item 4 of replicate 1"):
        MixtureLearner(1).fit(Points(values), np.random.default_rng(0))


@pytest.mark.parametrize("weights", [[1.0, -1.0, 1.0], [np.nan, 1.0, 1.0], [0.0, 0.0, 0.0]])
def test_weights_that_cannot_be_used_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="Weights from"):
        MixtureLearner(1).fit(Points(np.zeros((1, 3, 1)), np.array(weights)), np.random.default_rng(0))


def test_shapes_that_do_not_fit_are_refused() -> None:
    rng = np.random.default_rng(0)
    points = _two_groups(2, 30, 2)
    with pytest.raises(InputError, match=r"\(replicates, items, d\)"):
        MixtureLearner(1).fit(Points(np.zeros((5, 2))), rng)
    model = MixtureLearner(2).fit(points, rng)
    with pytest.raises(InputError, match="A start with means of shape"):
        MixtureLearner(3).climb(points, model)
    with pytest.raises(InputError, match="cannot be scored"):
        model.loss(Points(np.zeros((2, 5, 3))))
    with pytest.raises(InputError, match="cannot be scored"):
        model.loss(Points(np.zeros((3, 5, 2))))


def test_a_component_that_collapses_to_a_point_is_held_by_the_regularisation() -> None:
    points = Points(np.full((2, 20, 3), 7.0))
    model = MixtureLearner(2, regularisation=1e-4).fit(points, np.random.default_rng(0))
    assert np.allclose(model.means, 7.0)
    assert np.allclose(model.covariances, 1e-4 * np.eye(3), atol=1e-12)
    assert np.allclose(model.statistics()["sigma"], 1e-2)
    with pytest.raises(Diverged, match="collapsed"):
        MixtureLearner(2, regularisation=0).fit(points, np.random.default_rng(0))


def test_more_components_than_distinct_points_leave_every_component_finite() -> None:
    values = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]]), 10, axis=0)[None]
    model = MixtureLearner(5).fit(Points(values), np.random.default_rng(1))
    assert np.isfinite(model.means).all()
    assert np.isfinite(model.loss(Points(values)).nats).all()
    assert np.allclose(model.mean, values.mean(axis=1))


def test_a_weight_counts_as_equal_points() -> None:
    rng = np.random.default_rng(3)
    points = _two_groups(3, 300, 2, seed=3)
    weights = rng.integers(0, 4, 300)
    repeated = Points(np.repeat(points.values, weights, axis=1))
    learner = MixtureLearner(3, tolerance=1e-8)
    weighted = learner.fit(Points(points.values, weights.astype(float)), np.random.default_rng(4))
    assert _same(weighted, learner.fit(repeated, np.random.default_rng(4)), 1e-9)
    # a common factor changes nothing but the sums
    scaled = learner.fit(Points(points.values, 0.01 * weights), np.random.default_rng(4))
    assert _same(weighted, scaled, 1e-9)


def test_replicates_together_are_replicates_one_by_one() -> None:
    points = _two_groups(5, 700, 3)
    learner = MixtureLearner(3)
    together = learner.fit(points, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    for r in range(5):
        alone = learner.fit(Points(points.values[r : r + 1]), rng)
        assert np.array_equal(alone.means[0], together.means[r])
        assert np.array_equal(alone.covariances[0], together.covariances[r])


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    points = _two_groups(5, 700, 3)
    found = []
    for threads in (1, 2, 4):
        monkeypatch.setattr(nb.config, "NUMBA_NUM_THREADS", threads)
        model = MixtureLearner(3).fit(points, np.random.default_rng(6))
        found.append(np.concatenate([model.means.ravel(), model.loss(points).nats.ravel()]))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_each_replicate_stops_on_its_own() -> None:
    points = _two_groups(6, 400, 2)
    learner = MixtureLearner(3, tolerance=1e-6)
    climb = learner.climb(points, learner.start(points, np.random.default_rng(7)))
    assert climb.converged.all()
    assert len(set(climb.iterations.tolist())) > 3
    short = MixtureLearner(3, tolerance=1e-6, max_iterations=4)
    cut = short.climb(points, short.start(points, np.random.default_rng(7)))
    assert not cut.converged.any()
    assert (cut.iterations == 4).all()


def test_every_step_raises_the_likelihood() -> None:
    points = _two_groups(4, 333, 2)
    model = MixtureLearner(3).start(points, np.random.default_rng(8))
    step = MixtureLearner(3, max_iterations=1, regularisation=0)
    before = np.full(4, -np.inf)
    for _ in range(30):
        climb = step.climb(points, model)
        assert (climb.log_density >= before - 1e-12).all()
        assert np.allclose(climb.log_density, -model.loss(points).nats.mean(axis=1), rtol=1e-13)
        before, model = climb.log_density, climb.model


def test_data_far_from_the_origin_lose_no_digits() -> None:
    points = _two_groups(2, 500, 2)
    narrow = Points(1e-2 * points.values)
    learner = MixtureLearner(2, regularisation=1e-9)
    near = learner.fit(narrow, np.random.default_rng(9))
    far = learner.fit(Points(narrow.values + 1e4), np.random.default_rng(9))
    # the data themselves are only known to 1e4 * 2^-53 = 1e-12, a standard deviation of 1e-2 to 1e-10
    assert np.allclose(far.covariances, near.covariances, rtol=1e-8, atol=1e-13)


def test_one_component_is_the_mean_and_the_covariance() -> None:
    points = _two_groups(2, 1001, 4)
    model = MixtureLearner(1, regularisation=0).fit(points, np.random.default_rng(0))
    for r in range(2):
        assert np.allclose(model.mean[r], points.values[r].mean(axis=0), rtol=1e-12)
        assert np.allclose(model.covariance[r], np.cov(points.values[r].T, ddof=0), rtol=1e-11)


def test_loss_is_minus_the_log_density_even_far_out() -> None:
    model = MixtureModel(
        np.array([[0.3, 0.7]]),
        np.array([[[0.0, 1.0], [2.0, -1.0]]]),
        np.array([[[[1.0, 0.3], [0.3, 0.5]], [[0.2, -0.1], [-0.1, 2.0]]]]),
    )
    rng = np.random.default_rng(10)
    values = rng.standard_normal((1, 600, 2)) * rng.choice([1.0, 10.0, 1000.0], (1, 600, 1))
    parts = [
        np.log(model.weights[0, k])
        + stats.multivariate_normal(model.means[0, k], model.covariances[0, k]).logpdf(values[0])
        for k in range(2)
    ]
    losses = model.loss(Points(values))
    assert np.allclose(losses.nats[0], -np.logaddexp(*parts), rtol=1e-12)
    assert losses.tokens.sum() == 600


def test_samples_follow_the_mixture_in_random_order() -> None:
    """Counts and moments of 200,000 draws; each of 7 comparisons fails by chance with probability 6e-7 (5 s.e.)."""
    covariances = np.array([[[1.0, 0.6], [0.6, 2.0]], [[0.5, 0.0], [0.0, 0.1]]])
    model = MixtureModel(np.array([[0.2, 0.8]]), np.array([[[-30.0, 0.0], [30.0, 5.0]]]), covariances[None])
    n = 200_000
    values = model.sample(n, np.random.default_rng(11)).values[0]
    left = values[:, 0] < 0
    assert abs(left.mean() - 0.2) < 5 * np.sqrt(0.16 / n)
    # exchangeable: as many from the first component in the first half as in the second
    assert abs(left[: n // 2].mean() - left[n // 2 :].mean()) < 5 * np.sqrt(4 * 0.16 / n)
    for chosen, covariance in ((left, covariances[0]), (~left, covariances[1])):
        found = np.cov(values[chosen].T)
        spread = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / chosen.sum())
        assert (np.abs(found - covariance) < 5 * spread)[np.triu_indices(2)].all()


def test_squared_l2_in_closed_form_is_the_integral() -> None:
    p = MixtureModel(np.array([[0.4, 0.6]]), np.array([[[-1.0], [1.5]]]), np.array([[[[0.3]], [[1.2]]]]))
    q = isotropic(1, 0.7)

    def density(model: MixtureModel, x: float) -> float:
        return float(np.exp(-model.loss(Points(np.array([[[x]]]))).nats[0, 0]))

    expected, _ = integrate.quad(lambda x: (density(p, x) - density(q, x)) ** 2, -15, 15, limit=200)
    assert p.squared_l2(q)[0] == pytest.approx(expected, rel=1e-8)
    assert p.squared_l2(p)[0] == pytest.approx(0, abs=1e-15)


def test_statistics_of_a_known_mixture() -> None:
    """Weights 1/2 at -3 and 3 on the first axis, standard deviations 1 and 4: variances 9 + 8.5 and 8.5."""
    covariances = np.array([[np.eye(2), 16 * np.eye(2)]])
    law = isotropic(2, 2.0)
    panel = law.sample(1000, np.random.default_rng(12))
    model = MixtureModel(
        np.array([[0.5, 0.5]]), np.array([[[-3.0, 0.0], [3.0, 0.0]]]), covariances, HumanReference(panel, law)
    )
    found = model.statistics()
    assert found["sigma"][0] == pytest.approx(np.sqrt(13))
    assert found["component_sigma"][0] == pytest.approx(2.0)
    assert found["variance"][0] == pytest.approx(26 / 8)
    assert found["risk"][0] == pytest.approx(model.loss(panel).mean)
    assert found["squared_l2"][0] == pytest.approx(model.squared_l2(law)[0])
    by_panel = MixtureModel(model.weights, model.means, covariances, HumanReference(panel)).statistics()
    assert by_panel["variance"][0] == pytest.approx(26 / panel.values[0].var(axis=0).sum())
    assert "squared_l2" not in by_panel
    assert set(MixtureModel(model.weights, model.means, covariances).statistics()) == {"sigma", "component_sigma"}
