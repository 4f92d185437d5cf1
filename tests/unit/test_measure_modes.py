"""Whether the modes of the human law are still apart in a model."""

import numpy as np
from scipy.stats import norm

from headwater.measure import separate_modes

WAY = np.linspace(-2, 2, 41)


def _between(*sds: float) -> np.ndarray:
    return np.stack([(norm.pdf(WAY, -2, sd) + norm.pdf(WAY, 2, sd)) / 2 for sd in sds])


def test_two_gaussians_merge_where_they_have_become_wide() -> None:
    # two equal Gaussians 4 apart have one mode from a standard deviation of 2 on
    assert separate_modes(_between(0.5, 1.0)) == 1.0
    assert separate_modes(_between(2.2, 3.0)) == 0.0
    assert separate_modes(_between(1.0, 3.0)) == 0.5


def test_a_lost_mode_is_not_apart() -> None:
    assert separate_modes(norm.pdf(WAY, -2, 0.5)[None]) == 0.0


def test_replicates_are_judged_one_by_one() -> None:
    assert separate_modes(np.stack([_between(1.0), _between(3.0)])).tolist() == [1.0, 0.0]
