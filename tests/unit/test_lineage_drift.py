"""Closed forms: published limits, stated values and how they hang together."""

import math

import numpy as np
import pytest

from headwater.lineage import drift


def test_replacing() -> None:
    # Heterozygosity kept, n = 50: 0.98, 0.81707, 0.4457.
    assert 1 - drift.replace(50, [1, 10, 40]) == pytest.approx([0.98, 0.81707, 0.4457], abs=5e-6)
    assert drift.replace(1, [0, 1, 5]).tolist() == [0, 1, 1]
    assert 1 - drift.varying([50] * 10)[-1] == pytest.approx(0.81707, abs=5e-6)
    with pytest.raises(ValueError, match="whole numbers"):
        drift.replace(10, -1)
    with pytest.raises(ValueError, match="whole numbers"):
        drift.accumulate(10, 1.5)


@pytest.mark.parametrize(("n", "t", "kept"), [(5, 50, 0.70478), (5, 100, 0.70340), (10, 100, 0.84428), (100, 100, 0.98373), (50, 40, 0.96790)])  # fmt: skip
def test_accumulating(n: int, t: int, kept: float) -> None:
    assert 1 - float(drift.accumulate(n, t)) == pytest.approx(kept, abs=6e-6)
    assert drift.accumulate(n, np.arange(t + 1)).shape == (t + 1,)
    assert np.all(np.diff(drift.accumulate(n, np.arange(t + 1))) > 0)


def test_accumulating_for_ever() -> None:
    assert 1 - drift.accumulate_limit(5) == pytest.approx(0.70200, abs=5e-6)
    assert 1 - drift.accumulate_limit(10) == pytest.approx(0.84344, abs=5e-6)
    assert 1e6 * drift.accumulate_limit(10**6) == pytest.approx(math.pi**2 / 6, rel=1e-5)
    assert drift.accumulate_limit(7) == pytest.approx(float(drift.accumulate(7, 10**6)), abs=1e-6)


def test_subsampling() -> None:
    kept = [1 - float(drift.subsample(n, 60)) for n in (10, 20)]
    assert kept == pytest.approx([0.7425, 0.8638], abs=5e-5)
    assert [10 * (1 - kept[0]), 20 * (1 - kept[1])] == pytest.approx([2.57, 2.72], abs=6e-3)
    assert [n * drift.subsample_limit(n) for n in (100, 1000)] == pytest.approx([2.90, 2.93], abs=6e-3)
    assert 1e6 * drift.subsample_limit(10**6) == pytest.approx(math.pi**2 / 2 - 2, rel=1e-4)
    for n in (2, 3, 10):
        assert drift.subsample_limit(n) == pytest.approx(float(drift.subsample(n, 10**6)), abs=3e-6)


@pytest.mark.parametrize(("n", "m", "f"), [(100, 0.01, 0.3367), (100, 0.05, 0.0939), (1000, 0.002, 0.2003), (1000, 0.01, 0.0479), (50, 0.1, 0.0970)])  # fmt: skip
def test_fresh_items_by_chance(n: int, m: float, f: float) -> None:
    # Simulated 0.3372, 0.0940, 0.2010, 0.0481, 0.0982.
    assert float(drift.fresh_by_chance(n, m)) == pytest.approx(f, abs=5e-5)
    related = (1 - m) ** 2 / (n - (n - 1) * (1 - m) ** 2)
    assert float(drift.fresh_by_chance(n, m)) == pytest.approx(1 / n + (1 - 1 / n) * related, abs=1e-12)
    assert float(drift.fresh_by_chance(n, m, 10**5)) == pytest.approx(f, abs=5e-5)


@pytest.mark.parametrize(("n", "r", "f"), [(100, 1, 0.3356), (100, 2, 0.2024), (100, 5, 0.0935), (1000, 2, 0.2002)])
def test_an_exact_number_of_fresh_items(n: int, r: int, f: float) -> None:
    # Simulated 0.3361, 0.2028, 0.0938, 0.2009.
    assert float(drift.fresh_exact(n, r)) == pytest.approx(f, abs=5e-5)


def test_edges_of_fresh_items() -> None:
    assert float(drift.fresh_exact(100, 0)) == pytest.approx(1)
    assert float(drift.fresh_exact(100, 100)) == 1 / 100
    assert float(drift.fresh_by_chance(100, 1.0)) == 1 / 100
    assert float(drift.fresh_exact(1, 1)) == 1
    assert drift.fresh_by_chance(100, 0.0, [0, 1, 40]) == pytest.approx(drift.replace(100, [0, 1, 40]), abs=1e-12)
    # The short form, whatever n is.
    assert drift.fresh_short(2) == 0.2
    assert float(drift.fresh_exact(10**6, 2)) == pytest.approx(0.2, abs=1e-5)


def test_a_reserve() -> None:
    assert [drift.reserve(100, 0.1, 20), drift.reserve(100, 0.1, 100)] == pytest.approx([0.0980, 0.0600], abs=5e-5)
    assert drift.reserve(100, 0.02, 50) == pytest.approx(0.2192, abs=5e-5)
    assert drift.reserve(10**6, 1.0, 20) == pytest.approx(1 / 20, abs=1e-5)


def test_rare_types() -> None:
    # Simulated 0.558, 0.079, 0.981, 0.330, 0.581: too low for large m.
    for m, p, presence in ((0.01, 0.01, 0.547), (0.01, 0.001, 0.076), (0.1, 0.01, 0.973), (0.1, 0.001, 0.302), (0.5, 0.001, 0.500)):  # fmt: skip
        assert float(drift.tail_presence(1000, m, p)) == pytest.approx(presence, abs=6e-4)
    from scipy.special import betaln

    a, b = 2 * 1000 * 0.01 * 0.01, 2 * 1000 * 0.01 * 0.99
    assert float(drift.tail_presence(1000, 0.01, 0.01)) == pytest.approx(
        -math.expm1(betaln(a, b + 1000) - betaln(a, b))
    )
    assert drift.tail_presence(1000, 0.01, [0.0, 1.0]).tolist() == [0, 1]


def test_survival_of_types() -> None:
    s = drift.survival_rate(200)
    expected = {
        1: 1,
        2: 0.63212,
        3: 0.46854,
        5: 0.31208,
        10: 0.17225,
        20: 0.09164,
        50: 0.03838,
        100: 0.01954,
        200: 0.00987,
    }
    assert {k: s[k - 1] for k in expected} == pytest.approx(expected, abs=5.1e-6)
    zipf = 1 / np.arange(1, 5001)
    alive = drift.survivors(20_000 * zipf / zipf.sum(), 200)
    # Simulated 3187.6, 2553.0, 1699.9, 1152.9, 382.1, 222.9, 128.9.
    assert alive[[0, 1, 4, 9, 49, 99, 199]] == pytest.approx(
        [3186.4, 2551.4, 1698.7, 1151.3, 380.4, 222.3, 126.8], abs=0.06
    )


def test_fixation() -> None:
    # Simulated 188.8, 136.2, 196.8.
    times = [drift.fixation_time(100, K) for K in (10, 2, 100)]
    assert times == pytest.approx([189.65, 138.6, 199.0], abs=0.05)
    assert drift.fixation_time(100, 1) == 0


def test_golden_weight() -> None:
    assert drift.golden_weight(1) == pytest.approx((math.sqrt(5) - 1) / 2)
    assert [drift.golden_weight(0.5), drift.golden_weight(2)] == pytest.approx([0.5, 0.7321], abs=5e-5)
    for k in (0.5, 1, 2):
        best = drift.golden_weight(k)
        assert drift.weighted_variance(k, best) == pytest.approx(best)
        assert all(drift.weighted_variance(k, best + step) > best for step in (-0.01, 0.01))
    assert drift.weighted_variance(1, 0.5) == pytest.approx(2 / 3)
    assert drift.weighted_variance(1, 1) == 1
