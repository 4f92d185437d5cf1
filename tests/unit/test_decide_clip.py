import numpy as np
import pytest

from headwater.decide import clip_bound, clip_differences
from headwater.errors import InputError, NotEnoughData


def test_symmetric_clip_is_relative_to_the_bound():
    np.testing.assert_allclose(clip_differences([-5.0, -1.0, 0.0, 1.0, 5.0], 2.0), [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_harm_bound_keeps_more_of_a_loss_than_of_a_gain():
    u = clip_differences([-50.0, -5.0, 0.0, 2.0, 50.0], 2.0, 10.0)
    np.testing.assert_allclose(u, [-1.0, -0.5, 0.0, 0.2, 0.2])


def test_infinite_differences_are_clipped_and_missing_ones_refused():
    np.testing.assert_allclose(clip_differences([-np.inf, np.inf], 1.0), [-1.0, 1.0])
    with pytest.raises(InputError, match="1 of 2 differences are missing"):
        clip_differences([np.nan, 0.0], 1.0)


@pytest.mark.parametrize(("bound", "harm"), [(0.0, None), (-1.0, None), (2.0, 1.0), (np.inf, None), (np.nan, None)])
def test_impossible_bounds(bound, harm):
    with pytest.raises(ValueError, match="0 < bound <= harm_bound"):
        clip_differences([0.0], bound, harm)


def test_clip_bound_is_three_sample_deviations_whatever_the_mean():
    assert clip_bound([1.0, 2.0, 3.0]) == pytest.approx(3.0)
    assert clip_bound([101.0, 102.0, 103.0], multiple=2.0) == pytest.approx(2.0)


def test_clip_bound_needs_a_scale():
    with pytest.raises(InputError, match="no spread"):
        clip_bound(np.full(10, 0.1))
    with pytest.raises(NotEnoughData):
        clip_bound([1.0])
    with pytest.raises(InputError, match="at position 1"):
        clip_bound([1.0, np.inf, 2.0])
    with pytest.raises(ValueError, match="multiple"):
        clip_bound([1.0, 2.0], multiple=0.0)
