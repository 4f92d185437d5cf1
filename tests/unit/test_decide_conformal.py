"""Conformal p-values and the false discovery rate."""

import numpy as np
import pytest

from headwater.decide.conformal import bh_threshold, conformal_p_values
from headwater.errors import InputError, NotEnoughData


def test_the_highest_score_against_99_references_has_p_one_percent():
    p = conformal_p_values([10.0, 5.0, -1.0], np.linspace(0.0, 9.8, 99))
    assert p[0] == 0.01
    assert p[2] == 1.0
    assert p[1] == pytest.approx((1 + np.sum(np.linspace(0.0, 9.8, 99) >= 5.0)) / 100)


def test_a_tie_counts_as_at_least_as_high():
    assert conformal_p_values([1.0], [1.0, 1.0, 0.0])[0] == 0.75


def test_p_values_of_exchangeable_scores_are_valid():
    """P(p <= t) <= t, and within 1 / (n + 1) of it without ties. 40,000 p-values; error .0013: false alarm < 1e-4."""
    rng = np.random.default_rng(0)
    p = np.concatenate([conformal_p_values(*np.split(rng.normal(size=59), [40])) for _ in range(1000)])
    for level in (0.05, 0.1, 0.3):
        assert level - 1 / 20 < np.mean(p <= level) < level + 0.016  # scores of a run share references: error .004


def test_a_score_that_is_missing_has_no_p_value():
    assert np.isnan(conformal_p_values([np.nan, 1.0], [0.0])).tolist() == [True, False]


def test_equal_weights_change_nothing_and_weights_move_towards_the_heavy():
    scores, known = np.array([0.5, 2.5]), np.arange(4.0)
    assert conformal_p_values(scores, known, np.full(4, 3.0)) == pytest.approx(conformal_p_values(scores, known))
    heavy = conformal_p_values(scores, known, [1.0, 1.0, 1.0, 5.0])
    assert heavy == pytest.approx([(5 + 7) / 13, (5 + 5) / 13])


@pytest.mark.parametrize(
    ("known", "weights", "error"),
    [
        ([], None, NotEnoughData),
        ([np.nan], None, InputError),
        ([1.0], [-1.0], InputError),
        ([1.0], [1.0, 1.0], InputError),
        ([1.0], [0.0], NotEnoughData),
    ],
)
def test_references_that_cannot_be_used_are_refused(known, weights, error):
    with pytest.raises(error):
        conformal_p_values([0.0], known, weights)


def test_benjamini_hochberg_is_the_step_up_rule():
    """The worked example of Benjamini and Hochberg (1995), section 3.2: 15 tests, four discoveries at .05."""
    p = [.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, .3240, .4262, .5719, .6528, .7590, 1.0]  # fmt: skip
    assert bh_threshold(p, 0.05) == 0.0095
    assert bh_threshold(p[::-1], 0.05) == 0.0095
    assert bh_threshold([0.5, 0.9], 0.05) == 0.0
    assert bh_threshold([], 0.05) == 0.0


def test_counts_say_what_the_list_says():
    rng = np.random.default_rng(1)
    p = np.concatenate([rng.integers(1, 101, 5000) / 100, np.full(400, 0.01)])
    values, counts = np.unique(p, return_counts=True)
    table = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert bh_threshold(table, 0.2) == bh_threshold(p, 0.2) == 0.01
    assert bh_threshold(table | {0.005: 0}, 0.2) == 0.01
    assert bh_threshold(table, 0.2, total=5400) == 0.01
    assert bh_threshold(table, 0.2, total=50_000) == 0.0
    assert bh_threshold([*p, np.nan], 0.2) == 0.01


def test_the_false_discovery_rate_is_kept():
    """500 corpora of 900 human and 100 machine scores 3 sd higher, 999 references each, rate .1.

    The mean false discovery proportion is .09 (.1 times the human share) with error .002: above .1 with chance < 1e-5.
    """
    rng = np.random.default_rng(2)
    false, found = [], []
    for _ in range(500):
        scores = np.r_[rng.normal(size=900), rng.normal(3.0, 1.0, 100)]
        p = conformal_p_values(scores, rng.normal(size=999))
        discovered = p <= bh_threshold(p, 0.1)
        false.append(discovered[:900].sum() / max(1, discovered.sum()))
        found.append(discovered[900:].mean())
    assert np.mean(false) < 0.1
    assert np.mean(found) > 0.5


@pytest.mark.parametrize(("p", "total"), [([1.5], None), ([-0.1], None), ({0.5: -1}, None), ([0.5, 0.5], 1)])
def test_impossible_p_values_are_refused(p, total):
    with pytest.raises(InputError):
        bh_threshold(p, 0.1, total)
