"""Plug-in categorical models of many replicates, and the data sets they work on."""

import numpy as np
import pytest

from headwater.errors import ConfigError, NotEnoughData
from headwater.models import CategoricalLearner, CategoricalSource, Counts, Points

RNG = np.random.default_rng(0)


def test_fit_is_the_observed_frequency_of_each_replicate() -> None:
    model = CategoricalLearner(4).fit(Counts(np.array([[2, 1, 0, 1], [0, 0, 4, 0]])), RNG)
    assert model.probabilities.tolist() == [[0.5, 0.25, 0, 0.25], [0, 0, 1, 0]]
    assert model.support.tolist() == [3, 1]
    assert model.heterozygosity.tolist() == pytest.approx([1 - (0.25 + 0.0625 + 0.0625), 0])


def test_loss_is_minus_log_probability_and_infinite_for_a_lost_type() -> None:
    model = CategoricalLearner(3).fit(Counts(np.array([[3, 1, 0]])), RNG)
    losses = model.loss(Counts(np.array([[1, 1, 1]])))
    assert losses.nats.tolist() == [pytest.approx([-np.log(0.75), -np.log(0.25), np.inf])]
    assert losses.tokens.tolist() == [[1, 1, 1]]


def test_samples_are_drawn_from_each_replicate_of_the_model() -> None:
    model = CategoricalLearner(3).fit(Counts(np.array([[1, 3, 0], [0, 2, 2]])), RNG)
    drawn = model.sample(20_000, np.random.default_rng(1)).counts
    assert drawn.sum(axis=1).tolist() == [20_000, 20_000]
    # Standard deviations of the shares 0.0031 and 0.0035. Five of them: probability 6e-7 each.
    assert abs(drawn[0, 0] / 20_000 - 0.25) < 0.0153
    assert abs(drawn[1, 1] / 20_000 - 0.5) < 0.0177
    assert drawn[0, 2] == drawn[1, 0] == 0


def test_statistics_compare_with_the_human_source() -> None:
    human = np.array([0.5, 0.3, 0.1, 0.1])
    model = CategoricalLearner(4, human).fit(Counts(np.array([[6, 4, 0, 0], [5, 3, 1, 1]])), RNG)
    found = model.statistics()
    assert found["tail"].tolist() == pytest.approx([1 / 3, 1.0])  # the rarer half of the mass: 0.3, 0.1 and 0.1
    assert found["risk"].tolist() == pytest.approx([0.2, 0.0])
    assert found["variance"].tolist() == pytest.approx([0.48 / 0.64, 1.0])
    assert found["support"].tolist() == [2, 4]


def test_a_source_gives_new_items_at_each_call() -> None:
    take = CategoricalSource(np.array([0.2, 0.8])).supply(5, np.random.default_rng(2))
    first, second = take(100), take(100)
    assert first.items == 100
    assert first.counts.shape == (5, 2)
    assert (first.counts != second.counts).any()


def test_counts_and_points_draw_alike() -> None:
    """Drawing 10 of 30 items without replacement: the mean count of a type that has 12 of them is 4.

    Standard deviation of a count 1.29 (hypergeometric), of the mean of 4,000 replicates 0.0204; five of them.
    """
    counts = Counts(np.tile([12, 10, 8], (4000, 1)))
    points = Points(np.tile(np.repeat(np.arange(3), [12, 10, 8]), (4000, 1)))
    rng = np.random.default_rng(3)
    of_counts = counts.draw(10, rng).counts
    of_points = np.stack([np.bincount(row, minlength=3) for row in points.draw(10, rng).values])
    for drawn in (of_counts, of_points):
        assert (drawn.sum(axis=1) == 10).all()
        assert abs(drawn[:, 0].mean() - 4) < 0.102
        assert abs(drawn[:, 0].std() - 1.287) < 0.1
    assert counts.draw(30, rng) is counts
    assert points.draw(31, rng) is points


def test_blending_exchanges_the_share_asked_for() -> None:
    """Each of 50 items is exchanged with probability 0.3: 15 on average, sd 3.24; of 4,000 replicates 0.051; five."""
    mine, other = Counts(np.tile([50, 0], (4000, 1))), Counts(np.tile([0, 7], (4000, 1)))
    rng = np.random.default_rng(4)
    assert abs(mine.blend(other, 0.3, rng).counts[:, 1].mean() - 15) < 0.26
    points = Points(np.zeros((4000, 50), int)).blend(Points(np.ones((4000, 7), int)), 0.3, rng)
    assert abs(points.values.sum(axis=1).mean() - 15) < 0.26
    assert (Points(np.zeros((2, 3))).blend(Points(np.ones((2, 3))), 0.0, rng).values == 0).all()


def test_no_items_and_no_types_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="0 items"):
        CategoricalLearner(3).fit(Counts(np.zeros((2, 3), np.int64)), RNG)
    with pytest.raises(ConfigError, match="types = 0"):
        CategoricalLearner(0)
