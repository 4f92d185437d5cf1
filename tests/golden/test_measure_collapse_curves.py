"""The eight definitions on curves known in closed form.

A normal distribution is fitted to n items and sampled again and again. Fits are counted from 1, generations from 0. The
formulas are exact: variance of the mean and of the maximum-likelihood or unbiased standard deviation after t fits;
accumulation as in Gerstgrasser et al. 2024 (arXiv:2404.01413) and Kazdan et al. 2024 (arXiv:2410.16713).
"""

import math

import numpy as np
import pytest
from scipy.special import digamma, gammaln

from headwater.measure import Evidence, Phases, Scaling, Trend, Verdict, definitions, phases

SHOWN, NOT_SHOWN, UNDECIDED = Verdict.SHOWN, Verdict.NOT_SHOWN, Verdict.UNDECIDED
# Standard errors as a share of the mean: the closed form itself, and a simulation of some ten thousand replicates.
ERRORS = (0.0, 1e-3)


def fits(generations: int) -> np.ndarray:
    return np.arange(1.0, generations + 2.0)


def unbiased_factor(n: np.ndarray | float) -> np.ndarray:
    """c4(n): the mean of the unbiased standard deviation of n standard normal items."""
    n = np.asarray(n, dtype=float)
    return np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))


def likelihood_factor(n: np.ndarray | float) -> np.ndarray:
    """d_n, the same with maximum likelihood."""
    return unbiased_factor(n) * np.sqrt((np.asarray(n, dtype=float) - 1) / n)


def w2_likelihood(n: np.ndarray | float, t: np.ndarray | float) -> np.ndarray:
    return 2 * (1 - likelihood_factor(n) ** t)


def w2_unbiased(n: np.ndarray | float, t: np.ndarray | float) -> np.ndarray:
    return t / np.asarray(n) + 2 * (1 - unbiased_factor(n) ** t)


def trend(mean: np.ndarray, error: float) -> Trend:
    return Trend(mean, error * np.abs(mean))


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in definitions(evidence)}


def test_the_curves_are_those_of_the_table() -> None:
    assert w2_likelihood(100, 100) == pytest.approx(1.0600, abs=5e-5)
    assert w2_unbiased(10, 10) == pytest.approx(1.4842, abs=5e-5)
    assert np.prod(1 - 1 / (10 * fits(99) ** 2)) == pytest.approx(0.84428, abs=5e-6)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("n", "generations", "diverging"), [(10, 100, NOT_SHOWN), (100, 100, UNDECIDED), (100, 1000, NOT_SHOWN)]
)
def test_replace_by_maximum_likelihood_saturates(n: int, generations: int, diverging: Verdict, error: float) -> None:
    """W2^2 tends to 2: flat after 10 n generations, still on its way (1.07) and slowing down after n."""
    t = fits(generations)
    drift = digamma((n - 1) / 2) - math.log(n / 2)
    for variance in ((1 - 1 / n) ** t, np.exp(t * drift)):
        found = verdicts(Evidence(risk=trend(w2_likelihood(n, t), error), variance=trend(variance, error)))
        assert found["catastrophic_risk"] is SHOWN
        assert found["any_increase"] is SHOWN
        assert found["diverging_risk"] is diverging
        assert found["collapsing_variance"] is SHOWN
        assert found["tail_loss"] is Verdict.NOT_MEASURED


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("n", [10, 100])
def test_replace_unbiased_diverges_and_its_mean_variance_hides_the_collapse(n: int, error: float) -> None:
    t = fits(100)
    found = verdicts(Evidence(risk=trend(w2_unbiased(n, t), error), variance=trend(np.ones(101), error)))
    assert found["catastrophic_risk"] is SHOWN
    assert found["any_increase"] is SHOWN
    assert found["diverging_risk"] is SHOWN
    assert found["collapsing_variance"] is NOT_SHOWN  # E sigma^2 = 1 for ever
    typical = np.exp(t * (digamma((n - 1) / 2) - math.log((n - 1) / 2)))
    assert verdicts(Evidence(variance=trend(typical, error)))["collapsing_variance"] is SHOWN


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("generations", [20, 50, 100])
def test_accumulate_is_an_increase_and_nothing_else(generations: int, error: float) -> None:
    """Risk rises by the factor pi^2/6 at most; the variance keeps sin(pi/sqrt n)/(pi/sqrt n) of itself."""
    t = fits(generations)
    for n in (10, 100):
        kept = np.cumprod(1 - 1 / (n * t**2))
        for risk in (np.cumsum(t**-2) / n, 1 - kept):
            found = verdicts(Evidence(risk=trend(risk, error), variance=trend(kept, error)))
            assert found["catastrophic_risk"] is NOT_SHOWN
            assert found["any_increase"] is SHOWN
            assert found["diverging_risk"] is NOT_SHOWN
            assert found["collapsing_variance"] is NOT_SHOWN


@pytest.mark.parametrize("error", ERRORS)
def test_accumulate_and_subsample_is_bounded_too(error: float) -> None:
    n, s = 20, fits(60)
    factors = 1 - (3 * n - 1) / (s * n * (s * n - 1))
    factors[0] = 1 - 1 / n
    kept = np.cumprod(factors)
    assert kept[59] == pytest.approx(0.8638, abs=5e-5)
    found = verdicts(Evidence(risk=trend(1 - kept, error), variance=trend(kept, error)))
    assert found["catastrophic_risk"] is NOT_SHOWN
    assert found["any_increase"] is SHOWN
    assert found["diverging_risk"] is NOT_SHOWN
    assert found["collapsing_variance"] is NOT_SHOWN


@pytest.mark.parametrize("error", ERRORS)
def test_replace_with_a_kernel_estimate_spreads_instead_of_collapsing(error: float) -> None:
    """V' = (1 - 1/n)(V + h^2) from V = 1 - 1/n, n = 50, h = .3: the variance rises to 3.389 at 60, and to 4.41."""
    n, h = 50, 0.3
    variance = [1 - 1 / n]
    for _ in range(1000):
        variance.append((1 - 1 / n) * (variance[-1] + h**2))
    assert variance[60] == pytest.approx(3.389, abs=5e-4)
    assert variance[-1] == pytest.approx(4.41, abs=5e-6)
    risk = np.square(np.sqrt(variance) - 1)
    found = verdicts(Evidence(risk=trend(risk, error), variance=trend(np.array(variance), error)))
    assert found["collapsing_variance"] is NOT_SHOWN
    assert found["any_increase"] is SHOWN
    assert found["diverging_risk"] is NOT_SHOWN


@pytest.mark.parametrize("error", ERRORS)
def test_least_squares(error: float) -> None:
    """sigma^2 d / (T - d - 1) t under replacement; with the sum of 1/i^2 in place of t where all data are kept."""
    t, one = fits(20), 10 / (50 - 10 - 1)
    assert one == pytest.approx(0.2564, abs=5e-5)
    replaced = verdicts(Evidence(risk=trend(one * t, error)))
    assert (replaced["catastrophic_risk"], replaced["diverging_risk"]) == (SHOWN, SHOWN)
    kept = verdicts(Evidence(risk=trend(one * np.cumsum(t**-2), error)))
    assert (kept["catastrophic_risk"], kept["diverging_risk"]) == (NOT_SHOWN, NOT_SHOWN)


@pytest.mark.parametrize("error", ERRORS)
def test_scaling_laws(error: float) -> None:
    """Keeping all data multiplies risk by a constant at all sizes. Replacement for 100 generations saturates at small n."""
    n = np.array([10.0, 32.0, 100.0, 316.0])

    def judge(last: np.ndarray, first: np.ndarray) -> Verdict:
        scaling = Scaling(n, first, last, error * first, error * last)
        return verdicts(Evidence(scaling=scaling))["scaling_law"]

    assert judge(1.635 / n, 1 / n) is NOT_SHOWN
    assert judge(w2_likelihood(n, 101), w2_likelihood(n, 1)) is SHOWN
    assert judge(w2_unbiased(10 * n, 5), w2_unbiased(10 * n, 1)) is NOT_SHOWN  # 1.5 t / n, far from saturation


def test_early_and_late_collapse_set_in_at_their_own_times() -> None:
    """A type seen c times lives about 2c generations; the mean variance halves after .69 n, the typical after .35 n.

    Survival of the tail is 1 - exp(-c s_k), s_1 = 1, s_{k+1} = 1 - exp(-s_k) (Suresh et al. 2025, arXiv:2412.17646).
    """
    n, c, t = 100, 5, fits(120)
    s = [1.0]
    while len(s) < len(t):
        s.append(1 - math.exp(-s[-1]))
    tail = trend(1 - np.exp(-c * np.array(s)), 0.0)
    mean, typical = (
        trend(curve, 0.0) for curve in ((1 - 1 / n) ** t, np.exp(t * (digamma((n - 1) / 2) - math.log(n / 2))))
    )
    found = phases(tail, mean)
    assert found.early is not None
    assert abs(found.early - 2 * c) <= 4
    assert found.late == 69
    late = phases(None, typical).late
    assert late is not None
    assert abs(late - 0.35 * n) <= 1
    assert phases(tail, trend(np.ones(121), 0.0)) == Phases(found.early, None)
    evidence = verdicts(Evidence(tail=tail, variance=trend(np.ones(121), 0.0)))
    assert (evidence["tail_loss"], evidence["collapsing_variance"]) == (SHOWN, NOT_SHOWN)


def test_simulated_random_walk_of_the_coefficients_diverges() -> None:
    """Replacement with known variance: each coefficient error is a random walk, risk d t / n with d = 20, n = 1.

    20,000 replicates: the pace has a standard error of .009, so 1 - 2 * .009 clears .9 by nine standard errors.
    """
    rng = np.random.default_rng(11)
    risk = np.zeros((20_000, 101), dtype=np.float32)
    for _ in range(20):
        risk += np.square(np.cumsum(rng.standard_normal(risk.shape, dtype=np.float32), axis=1))
    simulated = Trend.of(risk.astype(np.float64))
    assert np.abs((simulated.mean - 20 * fits(100)) / simulated.se).max() < 5  # 101 correlated values: below 1e-4
    finding = definitions(Evidence(risk=simulated))[2]
    assert finding.verdict is SHOWN
    assert abs(finding.value - 1.0) < 4 * (finding.high - finding.low) / 4  # beyond 4 s.e. with probability 6e-5
    # Knowing that a replicate's generations go together narrows the interval.
    alone = definitions(Evidence(risk=Trend(simulated.mean, simulated.se)))[2]
    assert finding.high - finding.low < alone.high - alone.low


def test_a_control_without_a_trend_is_rarely_called_collapsed() -> None:
    """Intervals of 2 s.e. on one side fail in 2.3 % (normal) to 2.5 % (50 replicates) of runs.

    1500 runs: a rate above 4 % has probability below 1e-3; the pace asks for more, and is false in under .5 %.
    """
    rng = np.random.default_rng(12)
    false_increase = false_divergence = 0
    for _ in range(1500):
        noise = Trend.of(1 + 0.1 * rng.standard_normal((50, 9)))
        found = verdicts(Evidence(risk=noise, variance=noise))
        false_increase += found["any_increase"] is SHOWN
        false_divergence += found["diverging_risk"] is SHOWN
        assert found["collapsing_variance"] is NOT_SHOWN
    assert 0.01 < false_increase / 1500 < 0.04
    assert false_divergence / 1500 < 0.005
