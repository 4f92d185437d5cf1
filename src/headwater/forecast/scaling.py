"""Data-constrained scaling laws: what repeated tokens are worth, and the loss a model reaches on them.

Muennighoff et al., "Scaling Data-Constrained Language Models" (NeurIPS 2023, arXiv 2305.16264), equations 5 and 6 and
appendix A; the constants are those of their public fit. Beyond some tens of epochs the form saturates, whereas real
losses rise again (Lovelace et al. 2026, arXiv 2605.01640): nothing here says that 100 epochs do no harm.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """Constants of L = E + A / N'^alpha + B / D'^beta with saturating worth of repetition."""

    a: float = math.exp(6.255414)
    """Scale of the term of parameters, nats."""
    b: float = math.exp(7.3049974)
    """Scale of the term of tokens, nats."""
    e: float = math.exp(0.6254804)
    """Loss that no model undercuts, nats per token."""
    alpha: float = 0.3526596
    """Exponent of the parameters."""
    beta: float = 0.3526596
    """Exponent of the tokens."""
    repeated_tokens: float = 15.387756
    """Epochs after which repetition has lost 1 - 1/e of its worth (R_D* of the paper)."""
    excess_parameters: float = 5.309743
    """The same for parameters beyond the optimum of the unique tokens (R_N*)."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value > 0 for value in (self.a, self.b, self.alpha, self.beta)):
            raise ValueError(f"constants of a scaling law are positive numbers, got {self}")
        if not (self.repeated_tokens > 0 and self.excess_parameters > 0 and self.e >= 0):
            raise ValueError(f"R_D*, R_N* must be positive and E not negative, got {self}")

    @property
    def g(self) -> float:
        """Ratio G of the optimal allocation, (alpha A / (beta B))^(1 / (alpha + beta))."""
        return (self.alpha * self.a / (self.beta * self.b)) ** (1 / (self.alpha + self.beta))


MUENNIGHOFF = ScalingLaw()
"""The published fit on C4."""


def epoch_multiplier(epochs: ArrayLike, law: ScalingLaw = MUENNIGHOFF) -> NDArray[np.float64]:
    """Return how many unique tokens a token is worth that is seen ``epochs`` times.

    m(e) = 1 + R (1 - exp(-(e - 1) / R)), R = 15.39: 3.73 for 4 epochs, 10.6 for 16, at most 16.4. Below one epoch it is
    the part that is seen.

    Args:
        epochs: passes over the data, not negative, any shape.
        law: constants.
    """
    e = np.asarray(epochs, float)
    if (e < 0).any():
        raise ValueError("epochs cannot be negative")
    r = law.repeated_tokens
    return np.where(e < 1, e, 1 - r * np.expm1(-(np.maximum(e, 1) - 1) / r))


def effective_tokens(unique: ArrayLike, epochs: ArrayLike, law: ScalingLaw = MUENNIGHOFF) -> NDArray[np.float64]:
    """Return the unique tokens that ``unique`` tokens seen ``epochs`` times are worth (D' of the paper).

    Args:
        unique: unique tokens, not negative; broadcast against ``epochs``.
        epochs: passes over them.
        law: constants.
    """
    u = np.asarray(unique, float)
    if (u < 0).any():
        raise ValueError("token counts cannot be negative")
    return u * epoch_multiplier(epochs, law)


def optimal_parameters(tokens: ArrayLike, law: ScalingLaw = MUENNIGHOFF) -> NDArray[np.float64]:
    """Return the parameters that ``tokens`` unique tokens deserve: the optimum of L where compute is 6 N D.

    N = (D G)^(beta/alpha) G, which for alpha = beta is D G^2: one parameter for 19.6 tokens.
    """
    d = np.asarray(tokens, float)
    return (d * law.g) ** (law.beta / law.alpha) * law.g


def effective_parameters(
    parameters: ArrayLike, unique: ArrayLike, law: ScalingLaw = MUENNIGHOFF
) -> NDArray[np.float64]:
    """Return the parameters worth having on ``unique`` tokens (N' of the paper)."""
    n, u = np.asarray(parameters, float), np.asarray(unique, float)
    base = np.minimum(n, optimal_parameters(u, law))
    r = law.excess_parameters
    return base - base * r * np.expm1(-(n / base - 1) / r)


def loss(
    parameters: ArrayLike, tokens: ArrayLike, unique: ArrayLike, law: ScalingLaw = MUENNIGHOFF
) -> NDArray[np.float64]:
    """Return the loss in nats per token of a model trained on repeated data.

    Args:
        parameters: parameters of the model, positive.
        tokens: tokens seen in training, repetition counted, at least a part of ``unique``.
        unique: unique tokens among them, positive.
        law: constants.
    """
    d, u = np.asarray(tokens, float), np.asarray(unique, float)
    if (u <= 0).any() or (d <= 0).any() or (np.asarray(parameters, float) <= 0).any():
        raise ValueError("parameters and token counts must be positive")
    seen = np.minimum(d, u)  # a run that stops within the first epoch has seen fewer unique tokens
    n = effective_parameters(parameters, seen, law)
    return law.e + law.a / n**law.alpha + law.b / effective_tokens(seen, d / seen, law) ** law.beta


def tokens_for_loss(target: ArrayLike, parameters: ArrayLike, law: ScalingLaw = MUENNIGHOFF) -> NDArray[np.float64]:
    """Return the unique tokens D' with which a model reaches a loss; infinite where no number of tokens does.

    Args:
        target: loss in nats per token.
        parameters: parameters of the model (N', none in excess).
        law: constants.
    """
    left = np.asarray(target, float) - law.e - law.a / np.asarray(parameters, float) ** law.alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(left > 0, (law.b / np.where(left > 0, left, 1.0)) ** (1 / law.beta), np.inf)


def synthetic_worth(
    loss_with: ArrayLike,
    human_effective: ArrayLike,
    synthetic: ArrayLike,
    parameters: ArrayLike,
    law: ScalingLaw = MUENNIGHOFF,
) -> NDArray[np.float64]:
    """Return the human tokens that one synthetic token was worth, measured by training with and without.

    v = (D' needed for the loss reached - D' of the human tokens) / synthetic tokens: the fitted law inverted at the
    loss that training with the synthetic tokens reached. Negative where they did harm.

    Args:
        loss_with: loss reached with the synthetic tokens, nats per token, on held-out human text.
        human_effective: effective human tokens in the same training; see :func:`effective_tokens`.
        synthetic: accepted synthetic tokens, positive.
        parameters: parameters of the model.
        law: constants, fitted to runs on human text alone.
    """
    needed = tokens_for_loss(loss_with, parameters, law)
    return (needed - np.asarray(human_effective, float)) / np.asarray(synthetic, float)
