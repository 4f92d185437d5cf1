"""Coverage, hallucination and selection: by hand, and against their expectations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headwater.errors import InputError, NotEnoughData
from headwater.measure import (
    curated,
    fisher_gain,
    hallucinated_share,
    likeness,
    sample_coverage,
    tail_survival,
)


def test_sample_coverage_by_hand() -> None:
    counts = np.array([[3, 1, 1, 0], [1, 1, 1, 1], [2, 2, 0, 0], [0, 0, 0, 0]])
    assert sample_coverage(counts).tolist() == [1 - 2 / 5, 0.0, 1.0, 0.0]


def test_sample_coverage_is_right_on_average() -> None:
    """E[1 - coverage] of n draws is exactly the mass that n - 1 draws leave unseen, sum p (1 - p)^(n - 1).

    20,000 replicates; beyond 4 s.e. with probability 6e-5.
    """
    p = 1.0 / np.arange(1, 201)
    p /= p.sum()
    coverage = sample_coverage(np.random.default_rng(5).multinomial(100, p, size=20_000))
    expected = 1 - (p * (1 - p) ** 99).sum()
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / np.sqrt(20_000)


def test_tail_survival_counts_rare_human_types_only() -> None:
    human = np.array([10, 3, 2, 1, 0])
    mass = np.array([[0.0, 0.5, 0.0, 0.5, 0.0], [0.2, 0.2, 0.2, 0.2, 0.2], [1.0, 0.0, 0.0, 0.0, 0.0]])
    assert tail_survival(mass, human, 3).tolist() == [2 / 3, 1.0, 0.0]
    assert tail_survival(mass[0], human, 1) == 1.0
    assert tail_survival(mass, np.array([10, 9, 8, 7, 0]), 3).tolist() == [1.0, 1.0, 1.0]


# Neighbourhoods.

LINE = np.arange(5.0)[:, None]  # every neighbourhood of one neighbour has radius 1


def test_neighbourhoods_on_a_line_by_hand() -> None:
    """Points at 0 .. 4 with k = 1: closed balls of radius 1, and each point lies in those of its neighbours.

    Human points lie in at least one ball beside their own, so they reach a density of 1. Of the generated points .5
    and 6 the first lies in the balls of 0 and 1, the second in none.
    """
    found = likeness(np.array([[0.5], [6.0]]), LINE, k=1)
    assert found.coverage.tolist() == [2 / 5]
    assert found.precision.tolist() == [1 / 2]
    assert found.clipped_density.tolist() == [1 / 2]


def test_an_outlier_forgives_imprecision_but_not_clipped_density() -> None:
    """Its ball of radius 96 holds the generated points; clipped at the median radius 1 it holds none."""
    human = np.vstack([LINE, [[100.0]]])
    found = likeness(np.full((3, 1), 50.0), human, k=1)
    assert found.precision.tolist() == [1.0]
    assert found.clipped_density.tolist() == [0.0]
    assert found.coverage.tolist() == [1 / 6]


def test_expected_coverage_of_a_perfect_model() -> None:
    """E = 1 - prod_{i=1..k} (N - i) / (M + N - i) for N human and M generated points (Naeem et al. 2020, lemma 2).

    200 replicates; beyond 4.5 s.e. with probability 7e-6, over two sizes.
    """
    rng = np.random.default_rng(6)
    for humans, models in ((60, 60), (80, 30)):
        i = np.arange(1, 4)
        expected = 1 - np.prod((humans - i) / (models + humans - i))
        coverage = likeness(rng.normal(size=(200, models, 2)), rng.normal(size=(200, humans, 2)), k=3).coverage
        assert coverage.shape == (200,)
        assert abs(coverage.mean() - expected) < 4.5 * coverage.std() / np.sqrt(200)


def test_clipped_density_falls_in_proportion_to_bad_points_and_precision_ignores_lost_modes() -> None:
    """Standard error of a share of 2000 points at most .011, tolerance .05 (the level of the good ones varies too)."""
    rng = np.random.default_rng(7)
    human = rng.normal(size=(2000, 3))
    good, bad = rng.normal(size=(2000, 3)), np.full((2000, 3), 40.0)
    shares = np.array([0.0, 0.25, 0.5, 1.0])
    models = np.stack([np.vstack([bad[: int(2000 * share)], good[int(2000 * share) :]]) for share in shares])
    found = likeness(models, human)
    np.testing.assert_allclose(found.clipped_density, 1 - shares, atol=0.05)
    collapsed = likeness(0.1 * good, human)
    assert collapsed.precision[0] > 0.99
    assert collapsed.coverage[0] < 0.1
    assert found.coverage[0] > 0.9


def test_a_collapsed_model_needs_no_more_memory_than_its_balls() -> None:
    human = np.random.default_rng(8).normal(size=(700, 2))
    found = likeness(np.repeat(human[:1], 5000, axis=0), human)
    assert found.precision[0] == 1.0
    assert found.coverage[0] < 0.05


def test_hallucinated_share_of_a_right_model_is_one_minus_the_quantile() -> None:
    """The share and the quantile have a standard error of about .005 each at 4000 points; the seed is fixed."""
    rng = np.random.default_rng(9)
    human = rng.random((4000, 2))
    models = rng.random((2, 4000, 2))
    models[1, :, 0] += 0.5
    found = hallucinated_share(models, human, 0.9)
    assert found[0] == pytest.approx(0.1, abs=0.03)
    assert found[1] == pytest.approx(0.5 + 0.05, abs=0.04)  # half of it lies outside the square
    assert hallucinated_share(human, human).tolist() == [0.0]


def test_hallucinated_share_by_hand() -> None:
    assert hallucinated_share(np.array([[0.5], [5.5], [9.0], [-1.0]]), LINE, 0.5).tolist() == [2 / 4]


def test_replicates_have_their_own_humans_or_share_them() -> None:
    rng = np.random.default_rng(10)
    models, humans = rng.normal(size=(3, 40, 2)), rng.normal(size=(3, 50, 2))
    own = likeness(models, humans, k=2)
    singly = [likeness(model, human, k=2) for model, human in zip(models, humans, strict=True)]
    assert own.clipped_density.tolist() == [one.clipped_density[0] for one in singly]
    shared = hallucinated_share(models, humans[0])
    assert shared.tolist() == [hallucinated_share(model, humans[0])[0] for model in models]


def test_points_that_cannot_be_compared_are_refused() -> None:
    points = np.zeros((6, 2))
    with pytest.raises(InputError, match=r"shape \(6, 2\) and human ones \(6, 3\)"):
        likeness(points, np.zeros((6, 3)))
    with pytest.raises(InputError, match="same replicates"):
        likeness(np.zeros((3, 6, 2)), np.zeros((2, 6, 2)))
    with pytest.raises(InputError, match="shape"):
        hallucinated_share(np.zeros(6), points)
    with pytest.raises(NotEnoughData, match="more than 6 human"):
        likeness(points, points, k=6)
    with pytest.raises(NotEnoughData, match="0 generated"):
        hallucinated_share(points[:0], points)
    with pytest.raises(InputError, match="missing or infinite"):
        hallucinated_share(np.full((1, 2), np.nan), points)
    with pytest.raises(ValueError, match="k = 0"):
        likeness(points, points, k=0)
    with pytest.raises(ValueError, match=r"got 1\.0"):
        hallucinated_share(points, points, 1.0)


# Selection.

rewards = arrays(np.float64, (3, 6), elements=st.floats(-4, 4))
masses = arrays(np.float64, (3, 6), elements=st.floats(0.01, 1))


@given(masses, rewards)
def test_fisher_identity(mass: np.ndarray, reward: np.ndarray) -> None:
    """The mean of e^r grows by Var(e^r) / E[e^r] per generation, for any distribution and reward, to 1e-12."""
    p = mass / mass.sum(axis=-1, keepdims=True)
    fitness = np.exp(reward)
    after = curated(p, reward)
    gain = (after * fitness).sum(axis=-1) - (p * fitness).sum(axis=-1)
    np.testing.assert_allclose(gain, fisher_gain(p, reward), rtol=1e-12, atol=1e-12 * fitness.max())
    np.testing.assert_allclose(after.sum(axis=-1), 1.0, rtol=1e-14)


def test_curation_by_hand_and_with_rewards_beyond_the_range_of_exp() -> None:
    p, r = np.array([0.5, 0.5]), np.log([1.0, 3.0])
    assert curated(p, r) == pytest.approx([0.25, 0.75])
    assert fisher_gain(p, r) == pytest.approx(1.0 / 2.0)  # variance 1, mean 2
    assert curated(p, r + 2000.0) == pytest.approx([0.25, 0.75])
    assert curated(np.array([0.5, 0.5]), np.array([0.0, -3000.0])).tolist() == [1.0, 0.0]
    assert fisher_gain(np.array([1.0, 0.0]), r) == 0.0  # nothing left to choose from
