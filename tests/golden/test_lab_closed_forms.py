"""Closed forms of recursive training at published settings, and the laboratory's own chains beside them.

The numbers are those of the papers named in :mod:`headwater.lab.theory` and :mod:`headwater.lineage.drift`. Chains run
with fixed seeds. Where a check allows 4 standard errors it fails by chance with probability 6e-5; a check that allows a
share or a margin says so here.
"""

import math

import numpy as np
import pytest

from headwater.lab import Bench, experiment, run_experiment, settings_of, theory
from headwater.lab.experiments import categorical, gaussian, kde
from headwater.lab.result import Check
from headwater.lineage import drift


def _bench(seed: int = 0) -> Bench:
    return Bench(seed, lambda done, total, what: None)


def _faults(checks: list[Check]) -> list[str]:
    return [f"{one.name}: {one.observed:.5g} for {one.expected:.5g}, {one.tolerance}" for one in checks if not one.ok]


def test_one_fit_of_the_standard_deviation() -> None:
    exact = [round(theory.mean_sigma_ml(n), 4) for n in (10, 30, 100, 500, 1000)]
    assert exact == [0.9227, 0.9748, 0.9925, 0.9985, 0.9992]
    # the published means of 1,000 repeats, the one at 30 items left out, which lies 2 standard errors off
    for n, mean, spread in ((10, 0.9206, 0.2212), (100, 0.9916, 0.0676), (500, 0.9978, 0.0310), (1000, 0.9995, 0.0222)):
        assert abs(mean - theory.mean_sigma_ml(n)) < 2 * spread / math.sqrt(1000)
        assert theory.spread_sigma_ml(n) == pytest.approx(spread, rel=0.06)


def test_gaussian_replace() -> None:
    law = theory.gaussian_replace(100, 100)
    found = (law.variance, law.mean_squared, law.log_variance, law.sigma, law.w2)
    assert found == pytest.approx((0.3660, 0.6340, -2.0185, 0.4700, 1.0600), abs=5e-5)
    law = theory.gaussian_replace(10, 10)
    found = (law.variance, law.sigma, law.log_variance, law.mean_squared, law.w2)
    assert found == pytest.approx((0.3487, 0.4475, -2.2057, 0.6513, 1.1049), abs=5e-5)
    law = theory.gaussian_replace(10, 10, unbiased=True)
    assert (law.variance, law.sigma, law.log_variance, law.w2) == pytest.approx((1, 0.7579, -1.1521, 1.4842), abs=5e-5)
    assert theory.w2_leading(1000, 5) == pytest.approx((0.0075, 6.25e-5))
    assert theory.gaussian_replace(1000, 5, unbiased=True).w2 == pytest.approx(0.0075, rel=0.01)
    assert theory.log_determinant(50, 5, 20) == pytest.approx(-8.378, abs=5e-4)
    assert theory.log_determinant(100, 1, 100) == pytest.approx(-2.0185, abs=5e-5)


def test_gaussian_risk_is_the_mean_divergence() -> None:
    """The closed form of the risk beside 400,000 chains of 5 fits to 20 items, within 4 standard errors."""
    arm = gaussian._carry_out(
        _bench(3), "risk", gaussian.Replace(), items=20, fits=5, seeds=400_000,
        measure=lambda step: {"risk": step.model.statistics()["risk"]},
    )  # fmt: skip
    risk = arm.series["risk"]
    assert abs(risk.mean[-1] - theory.gaussian_replace(20, 5).risk) < 4 * risk.se[-1]
    assert theory.gaussian_replace(3, 1).risk == math.inf


def test_accumulate_and_subsample() -> None:
    kept = 1 - drift.accumulate(10, 100)
    assert float(kept) == pytest.approx(0.84428, abs=5e-6)
    limit = math.sin(math.pi / math.sqrt(10)) / (math.pi / math.sqrt(10))
    assert limit == pytest.approx(0.84344, abs=5e-6)
    assert 1 - drift.accumulate_limit(10) == pytest.approx(limit, abs=1e-12)
    assert theory.accumulated_mean(1, 100) == pytest.approx(1.63498, abs=5e-6)
    assert 1 - float(drift.subsample(20, 60)) == pytest.approx(0.8638, abs=5e-5)


def test_fresh_reserved_and_weighted() -> None:
    assert float(drift.fresh_exact(100, 2)) == pytest.approx(0.2024, abs=5e-5)
    assert drift.reserve(100, 0.1, 20) == pytest.approx(0.0980, abs=5e-5)
    assert drift.golden_weight(1) == pytest.approx(0.6180, abs=5e-5)
    assert drift.weighted_variance(1, drift.golden_weight(1)) == pytest.approx(0.6180, abs=5e-5)


def test_biased_sampling() -> None:
    published = {(100, 0, 0.9): 0.00989, (100, 10, 0.9): 0.4874, (100, 100, 0.9): 0.9036, (90, 10, 0.7): 0.2665,
                 (100, 10, 1.0): 0.9500}  # fmt: skip
    for (machine, fresh, factor), variance in published.items():
        assert theory.biased_sampling(machine, fresh, factor, 40)[1] == pytest.approx(variance, rel=5e-4)
    # without bias and fresh items it is drift alone
    assert theory.biased_sampling(50, 0, 1.0, 30)[0] == pytest.approx(float(drift.replace(50, 30)), abs=1e-12)


def test_least_squares() -> None:
    step = theory.ols_step(50, 10)
    assert step == pytest.approx(0.2564, abs=5e-5)
    assert [theory.ols_replace(50, 10, 1.0, t) for t in (5, 10)] == pytest.approx([1.282, 2.564], abs=5e-4)
    assert [theory.ols_accumulate(50, 10, 1.0, t) for t in (5, 10)] == pytest.approx([0.3753, 0.3974], abs=5e-5)
    assert theory.ols_accumulate(50, 10, 1.0, 100_000) == pytest.approx(0.4218, abs=5e-5)
    assert theory.ols_step(50, 10, 3.0) == pytest.approx(9 * step)


def test_kernel_variance() -> None:
    assert theory.kde_variance(50, 0.3, 60) == pytest.approx(3.389, abs=5e-4)
    assert theory.kde_limit(50, 0.3) == pytest.approx(4.41)
    v = 1 - 1 / 50
    for fits in range(5):
        assert theory.kde_variance(50, 0.3, fits) == pytest.approx(v)
        v = (1 - 1 / 50) * (v + 0.09)


def test_mean_wait() -> None:
    """A wait of 1 in half of the replicates and of 3 in the others: mean 2, standard deviation 1."""
    assert theory.mean_wait([0.5, 0.5, 0.0], 100) == pytest.approx((2.0, 0.1))


@pytest.mark.parametrize("regime", ["replace", "accumulate", "subsample", "fresh", "golden", "biased"])
def test_gaussian_chains(regime: str) -> None:
    """Margins stand at 4 standard errors of these numbers of chains or more, those of fresh data at 2.5 (1%)."""
    seeds = {"subsample": 10_000, "replace": 40_000, "fresh": 40_000, "golden": 40_000}.get(regime, 20_000)
    checks = gaussian._PUBLISHED[regime](_bench(), seeds)
    assert checks
    assert not _faults(checks)


@pytest.mark.slow
def test_gaussian_chains_with_a_reserve() -> None:
    """F = 0.0980 within 0.003, 4 standard errors of 40,000 chains."""
    assert not _faults(gaussian._published_reserve(_bench(), 40_000))


def test_categorical_chains() -> None:
    """Fixation within 3%, 3.4 standard errors of 4,000 chains (7e-4)."""
    assert not _faults(categorical._heterozygosity(_bench(), 20_000))
    assert not _faults(categorical._fixation(_bench(), 4000))
    assert drift.fixation_time(100, 10) == pytest.approx(189.65, abs=5e-3)


def test_zipf_support_and_decoding() -> None:
    """Types left within 2%: 5 standard errors of 4 chains at 10 fits. Decoding margins are 3 and more."""
    settings = settings_of(
        experiment("categorical"), {"seeds": 8, "generations": 9, "regime": "replace", "check_seeds": 0}
    )
    result = run_experiment(experiment("categorical"), settings)
    names = [check.name for check in result.checks]
    assert "replace: types left after 10 fits" in names
    assert "temperature 0.8: observed F after 10 fits" in names
    assert not _faults(list(result.checks))
    left = drift.survivors(20_000 * categorical.zipf(5000), 200)
    assert [round(float(left[k - 1]), 1) for k in (1, 2, 5, 10, 50, 100, 200)] == [
        3186.4, 2551.4, 1698.7, 1151.3, 380.4, 222.3, 126.8]  # fmt: skip
    neutral = next(arm for arm in result.arms if arm.name == "neutral")
    assert neutral.computed_f[-1] == pytest.approx(0.0005, abs=2e-5)


@pytest.mark.parametrize("law", ["exact", "raw"])
def test_least_squares_chains(law: str) -> None:
    for regime in ("replace", "accumulate"):
        given = {"seeds": 1500, "generations": 9, "law": law, "regime": regime}
        result = run_experiment(experiment("regression"), settings_of(experiment("regression"), given))
        assert len(result.checks) == 3
        assert not _faults(list(result.checks))


def test_kernel_chains() -> None:
    assert not _faults([kde._published(_bench(), 4000)])


def test_top_p_keeps_the_fewest_types_that_reach_the_mass() -> None:
    p = np.array([[0.1, 0.5, 0.25, 0.15], [1.0, 0.0, 0.0, 0.0]])
    assert np.allclose(categorical.top_p(p, 0.7), [[0, 2 / 3, 1 / 3, 0], [1, 0, 0, 0]])
    assert np.allclose(categorical.top_p(p, 0.8), [[0, 5 / 9, 2.5 / 9, 1.5 / 9], [1, 0, 0, 0]])
    assert np.allclose(categorical.temperature(p, 0.5)[0], p[0] ** 2 / (p[0] ** 2).sum())


@pytest.mark.parametrize("name", ["gaussian", "regression", "kde", "categorical"])
def test_every_regime_can_be_carried_out(name: str) -> None:
    one = experiment(name)
    for regime in (*one.regimes, *one.more_regimes):
        given = {"regime": regime, "seeds": 2, "generations": 2, "items": 60}
        result = run_experiment(one, settings_of(one, given, quick=True))
        assert result.arms[0].generations == 2
        assert all(math.isfinite(value) for series in result.arms[0].series.values() for value in series.mean)


@pytest.mark.parametrize("given", [{"dimensions": 3}, {"estimator": "unbiased"}, {"law": "raw"}])
def test_gaussian_settings(given: dict[str, object]) -> None:
    """Other dimensions, estimators and raw samples keep to their closed forms within 4 standard errors."""
    one = experiment("gaussian")
    settings = settings_of(one, {"regime": "replace", "seeds": 2000, "generations": 20, "check_seeds": 0, **given})
    result = run_experiment(one, settings)
    assert len(result.checks) >= 3
    assert not _faults(list(result.checks))
