import math

import pytest

from headwater.decide import admits_effect, detectable_effect, documents_needed, units_for_effect


def test_more_documents_see_smaller_effects_and_higher_thresholds_larger_ones():
    effects = [detectable_effect(units, 12.2) for units in (100, 250, 1000, 4000)]
    assert effects == sorted(effects, reverse=True)
    assert detectable_effect(1000, 4.0) < detectable_effect(1000, 12.2) < detectable_effect(1000, 40.0)


def test_effect_shrinks_with_the_square_root_of_the_panel():
    ratio = detectable_effect(1000, 12.2) / detectable_effect(4000, 12.2)
    assert ratio == pytest.approx(2.0, rel=0.05)


def test_more_power_asks_for_more_effect_and_a_wider_harm_bound_too():
    assert detectable_effect(500, 10.0, power=0.5) < detectable_effect(500, 10.0, power=0.95)
    assert detectable_effect(500, 10.0) < detectable_effect(500, 10.0, harm_clip_sd=10.0)


def test_a_panel_that_is_too_small_sees_nothing():
    # The most that n documents can say is n ln 1.9.
    assert detectable_effect(5, 15.0) == math.inf
    assert detectable_effect(5, 0.0, power=0.4) < 1.0


def test_threshold_that_nothing_meets_is_detected_without_effect():
    assert detectable_effect(100, -50.0) == 0.0


@pytest.mark.parametrize("wrong", [{"units": 0}, {"power": 1.0}, {"clip_sd": 0.0}, {"harm_clip_sd": 2.0}])
def test_impossible_settings(wrong):
    with pytest.raises(ValueError, match="units must be positive"):
        detectable_effect(**({"units": 100, "threshold": 5.0} | wrong))


def test_documents_needed_is_linear_in_the_evidence():
    assert documents_needed(5.0, 500, 10.0) == 1000
    assert documents_needed(3.0, 100, 10.0) == 334
    assert documents_needed(0.0, 500, 10.0) is None
    assert documents_needed(-2.0, 500, 10.0) is None


@pytest.mark.parametrize("effect", [0.1, 0.2, 0.5])
def test_units_for_an_effect_are_the_fewest_that_detect_it(effect: float) -> None:
    units = units_for_effect(effect, 8.0)
    assert units is not None
    assert detectable_effect(units, 8.0) <= effect < detectable_effect(units - 1, 8.0)


def test_no_number_of_units_shows_an_effect_that_is_none() -> None:
    assert units_for_effect(0.0, 4.0) is None
    assert units_for_effect(-0.1, 4.0) is None
    assert units_for_effect(1e-5, 8.0) is None


@pytest.mark.parametrize(("units", "threshold"), [(60, 4.4), (350, 8.4), (1000, 15.1)])
def test_an_effect_is_admitted_exactly_from_the_detectable_one_on(units: int, threshold: float) -> None:
    effect = detectable_effect(units, threshold)
    assert admits_effect(1.001 * effect, units, threshold)
    assert not admits_effect(0.999 * effect, units, threshold)
