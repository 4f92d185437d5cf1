import numpy as np
import pytest

from headwater.decide import design_effect, group_means
from headwater.errors import InputError, NotEnoughData


def test_copies_of_a_unit_count_once():
    # m copies of G values: m (n - 1) G / (n (G - 1)) in closed form.
    values, m = np.array([0.3, -1.0, 0.2, 2.0, 0.7]), 4
    n, g = values.size * m, values.size
    expected = m * (n - 1) / n * g / (g - 1)
    assert design_effect(np.repeat(values, m), np.repeat(np.arange(g), m)) == pytest.approx(expected, rel=1e-12)


def test_blocks_of_articles_show_the_design_effect_of_their_correlation():
    """Kish: 1 + (m - 1) rho for m blocks of correlation rho; 400 articles of 10 blocks, rho = .2 gives 2.8.

    The estimate varies by sqrt(2 / 399) = 7 % of its size; 25 % is 3.5 of that: false alarm .0005.
    """
    rng = np.random.default_rng(21)
    articles, m, rho = 400, 10, 0.2
    shared = rng.standard_normal((articles, 1)) * np.sqrt(rho)
    values = shared + rng.standard_normal((articles, m)) * np.sqrt(1 - rho)
    names = np.repeat([f"article-{i}" for i in range(articles)], m)
    assert design_effect(values.ravel(), names) == pytest.approx(1 + (m - 1) * rho, rel=0.25)
    # The same blocks in the wrong groups look independent.
    assert design_effect(values.ravel(), rng.permutation(names)) == pytest.approx(1.0, rel=0.25)


def test_variance_is_that_of_the_mean_over_resampled_panels():
    """Unequal articles: naive variance times design effect is the variance of the mean seen in 1500 redrawn panels."""
    rng = np.random.default_rng(22)
    sizes = rng.integers(1, 20, size=60)
    groups = np.repeat(np.arange(60), sizes)
    means, estimates = [], []
    for _ in range(1500):
        values = rng.standard_normal(60)[groups] + rng.standard_normal(groups.size)
        means.append(values.mean())
        estimates.append(design_effect(values, groups) * values.var(ddof=1) / values.size)
    # Simulation error 4 %; the estimate is biased down by a few per cent with 60 unequal groups.
    assert np.mean(estimates) == pytest.approx(np.var(means), rel=0.16)


def test_values_without_spread_have_no_dependence():
    assert design_effect(np.full(6, 0.1), [0, 0, 1, 1, 2, 2]) == 1.0


def test_design_effect_needs_groups_to_compare():
    with pytest.raises(NotEnoughData, match="there is only 1"):
        design_effect([1.0, 2.0], ["a", "a"])
    with pytest.raises(InputError, match="one group"):
        design_effect([1.0, 2.0], ["a"])
    with pytest.raises(InputError, match="1 of 2 units have no group"):
        design_effect([1.0, 2.0], np.array(["a", None], dtype=object))
    with pytest.raises(InputError, match="missing or infinite"):
        design_effect([1.0, np.nan], ["a", "b"])


def test_group_means_weigh_every_token_the_same():
    means, labels = group_means([10.0, -2.0, 3.0], [100, 10, 30], ["b", "a", "b"])
    assert labels.tolist() == ["a", "b"]
    np.testing.assert_allclose(means, [-0.2, 0.1])


def test_group_without_tokens_is_no_difference():
    means, _ = group_means([0.0, 5.0], [0, 10], [7, 3])
    np.testing.assert_allclose(means, [0.5, 0.0])


def test_group_means_refuse_what_does_not_line_up():
    with pytest.raises(InputError, match="number of tokens"):
        group_means([1.0, 2.0], [1], ["a", "b"])
    with pytest.raises(InputError, match="number of tokens"):
        group_means([1.0, 2.0], [1, -1], ["a", "b"])
