"""Area under the curve, recall at a false-positive rate, calibration error."""

import numpy as np
import pytest

from headwater.errors import NotEnoughData
from headwater.measure.detection import auroc, calibration_error, threshold_at_fpr, tpr_at_fpr


def test_auroc_counts_pairs_and_halves_ties() -> None:
    human, machine = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.4, 0.9, 0.2])
    pairs = [1.0 if m > h else 0.5 if m == h else 0.0 for m in machine for h in human]
    assert auroc(human, machine) == pytest.approx(np.mean(pairs), abs=1e-15)
    assert auroc(machine, human) == pytest.approx(1 - np.mean(pairs), abs=1e-15)


def test_auroc_is_that_of_two_normal_distributions() -> None:
    # Phi(1.5 / sqrt 2) = 0.8556; the standard error with 20,000 each is 0.002, so 5 of them fail with p < 1e-6.
    rng = np.random.default_rng(0)
    assert auroc(rng.normal(0, 1, 20_000), rng.normal(1.5, 1, 20_000)) == pytest.approx(0.8556, abs=0.01)


def test_equal_scores_say_nothing_and_find_nothing() -> None:
    assert auroc(np.ones(5), np.ones(7)) == 0.5
    assert tpr_at_fpr(np.ones(5), np.ones(7), 0.05) == 0.0


@pytest.mark.parametrize(("fpr", "allowed"), [(0.0, 0), (0.01, 1), (0.07, 7), (0.29, 29), (0.055, 5)])
def test_threshold_lets_no_more_than_its_share_pass(fpr: float, allowed: int) -> None:
    human = np.random.default_rng(1).permutation(np.arange(100.0))
    assert (human > threshold_at_fpr(human, fpr)).sum() == allowed


def test_recall_is_counted_strictly_above_the_threshold() -> None:
    human = np.arange(100.0)
    assert tpr_at_fpr(human, [98.0, 98.5, 99.0, 200.0], 0.01) == 0.75
    assert tpr_at_fpr(human, [98.0, 98.5, 99.0, 200.0], 0.001) == 0.25


def test_ties_at_the_threshold_do_not_help_the_detector() -> None:
    human = np.repeat([0.0, 1.0], [90, 10])
    assert threshold_at_fpr(human, 0.05) == 1.0
    assert tpr_at_fpr(human, [1.0, 1.0], 0.05) == 0.0


def test_missing_scores_are_left_out_and_none_is_refused() -> None:
    assert auroc([0.0, np.nan], [1.0, np.nan]) == 1.0
    with pytest.raises(NotEnoughData, match="no score of machine text"):
        auroc([0.0], [np.nan])
    with pytest.raises(ValueError, match="below 1"):
        threshold_at_fpr([0.0], 1.0)


def test_calibration_error_of_known_cases() -> None:
    assert calibration_error([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]) == 0.0
    assert calibration_error([0.9] * 10, [1] * 5 + [0] * 5) == pytest.approx(0.4)
    # Three quarters of the weight on what was stated rightly.
    assert calibration_error([1.0, 1.0], [1, 0], weights=[3, 1]) == pytest.approx(0.25)
    with pytest.raises(NotEnoughData):
        calibration_error([], [])
