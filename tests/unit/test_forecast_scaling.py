"""The data-constrained scaling law: limits, inversion, and what makes no sense."""

import numpy as np
import pytest

from headwater.forecast import (
    MUENNIGHOFF,
    ScalingLaw,
    effective_parameters,
    effective_tokens,
    epoch_multiplier,
    loss,
    optimal_parameters,
    synthetic_worth,
    tokens_for_loss,
)


def test_one_epoch_is_worth_its_tokens_and_no_more_than_sixteen_ever_are():
    assert epoch_multiplier([0, 0.5, 1]).tolist() == [0, 0.5, 1]
    epochs = np.geomspace(1, 200, 200)
    worth = epoch_multiplier(epochs)
    assert (np.diff(worth) > 0).all()
    assert (worth <= np.minimum(epochs, 1 + MUENNIGHOFF.repeated_tokens)).all()


def test_worth_of_one_more_token_falls_with_the_epoch():
    """Published: 0.82 at epoch 4, 0.38 at 16, 0.08 at 40."""
    step = 1e-6
    slope = (epoch_multiplier(np.array([4, 16, 40]) + step) - epoch_multiplier([4, 16, 40])) / step
    assert slope == pytest.approx([0.82, 0.38, 0.08], abs=0.005)


def test_the_optimal_model_has_one_parameter_for_twenty_tokens():
    assert 25e9 / optimal_parameters(25e9) == pytest.approx(19.61, abs=0.01)
    assert MUENNIGHOFF.g == pytest.approx(0.22580, abs=1e-5)


def test_the_optimum_minimises_the_loss_at_its_compute():
    tokens = 50e9
    best = optimal_parameters(tokens)
    compute = 6 * best * tokens
    grid = best * np.geomspace(0.5, 2, 41)
    losses = (
        MUENNIGHOFF.e
        + MUENNIGHOFF.a / grid**MUENNIGHOFF.alpha
        + MUENNIGHOFF.b / (compute / (6 * grid)) ** MUENNIGHOFF.beta
    )
    assert np.argmin(losses) == 20


def test_parameters_beyond_the_optimum_are_worth_less():
    best = float(optimal_parameters(1e9))
    assert effective_parameters(best / 2, 1e9) == pytest.approx(best / 2)
    assert effective_parameters(best, 1e9) == pytest.approx(best)
    assert best < effective_parameters(10 * best, 1e9) < best * (1 + MUENNIGHOFF.excess_parameters)


def test_a_run_within_its_first_epoch_has_nothing_repeated():
    assert loss(1e8, 2e9, 5e9) == pytest.approx(float(loss(1e8, 2e9, 2e9)))
    assert effective_tokens(2e9, [1, 4]) == pytest.approx([2e9, 2e9 * 3.726], rel=1e-3)


def test_the_loss_inverts_to_its_tokens():
    unique = np.array([1e9, 3e10])
    parameters = optimal_parameters(unique)
    reached = loss(parameters, 4 * unique, unique)
    assert tokens_for_loss(reached, parameters) == pytest.approx(effective_tokens(unique, 4), rel=1e-9)
    assert tokens_for_loss(MUENNIGHOFF.e, 1e9) == np.inf


def test_the_worth_of_synthetic_tokens_is_found_again():
    """Losses made with a known worth give that worth back; none and harm too."""
    human, synthetic, parameters = 1e9, 2e9, 5e7
    for worth in (-0.1, 0.0, 0.3, 1.2):
        d = human + worth * synthetic
        reached = MUENNIGHOFF.e + MUENNIGHOFF.a / parameters**MUENNIGHOFF.alpha + MUENNIGHOFF.b / d**MUENNIGHOFF.beta
        assert synthetic_worth(reached, human, synthetic, parameters) == pytest.approx(worth, abs=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: epoch_multiplier(-1),
        lambda: effective_tokens(-1, 2),
        lambda: loss(1e8, 0, 1e9),
        lambda: loss(0, 1e9, 1e9),
        lambda: ScalingLaw(a=-1),
        lambda: ScalingLaw(repeated_tokens=0),
        lambda: ScalingLaw(beta=float("nan")),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(ValueError, match=r"negative|positive"):
        call()
