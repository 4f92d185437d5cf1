"""Feedback: how the next generation's budget is shared among the recipes.

Only steering scores come in here. A softmax over a moving average of each recipe's marginal gain, with a tenth of the
budget spread evenly, gained 1.2 to 1.5 times as much as an even spread at the same budget (8 recipes, half the supply
self-generated or collapsed). Cumulated scores would lock on to a recipe long after it is exhausted.
"""

import math
from collections.abc import Mapping

HALF_LIFE = 2.0
"""Tests after which an observation counts half."""
_TEMPERATURE = 0.5  # of gains scaled by the largest: the best recipe then gets up to e^4 times the worst's share


def moving_average(average: float | None, observed: float, half_life: float = HALF_LIFE) -> float:
    """Return the exponentially weighted average after one more observation."""
    if average is None:
        return observed
    keep = 0.5 ** (1 / half_life)
    return keep * average + (1 - keep) * observed


def adapted_share(share: float, gain: float, rate: float, cap: float) -> float:
    """Return the machine-made share of the next training mix.

    Args:
        share: the share now, in [0, 1].
        gain: gain on the steering panel of what is in the mix, nats per token; negative = hurt.
        rate: how strongly the share follows the gain, at least 0, per nat.
        cap: the largest share.

    Returns:
        ``share`` multiplied by ``exp(rate * gain)``, at most ``cap``.
    """
    if share <= 0:
        return 0.0
    return math.exp(min(math.log(share) + rate * gain, math.log(cap))) if cap > 0 else 0.0


def budgets(
    total: int, gains: Mapping[str, float | None], supply: Mapping[str, int], exploration: float
) -> dict[str, int]:
    """Return how many tokens to take of each recipe.

    Args:
        total: tokens to be shared.
        gains: moving average of marginal gain per recipe, in any unit; None for a recipe never tested, which is
            treated like the best one, so that it is tested soon.
        supply: tokens each recipe can still deliver. What a recipe cannot deliver goes to the others.
        exploration: share of the total that is spread evenly, in [0, 1].

    Returns:
        Tokens per recipe, none above its supply, adding up to the total or to the whole supply.
    """
    left = {name: amount for name, amount in supply.items() if amount > 0 and name in gains}
    weights = _weights({name: gains[name] for name in left}, exploration)
    shares = dict.fromkeys(left, 0)
    rest = min(total, sum(left.values()))
    while rest > 0:
        hungry = [name for name in sorted(left) if shares[name] < left[name]]
        sum_of_weights = sum(weights[name] for name in hungry)
        given = {
            name: min(left[name] - shares[name], math.ceil(rest * weights[name] / sum_of_weights)) for name in hungry
        }
        for name, amount in given.items():
            step = min(amount, rest)
            shares[name] += step
            rest -= step
    return shares


def _weights(gains: Mapping[str, float | None], exploration: float) -> dict[str, float]:
    known = [gain for gain in gains.values() if gain is not None]
    best = max(known, default=0.0)
    scale = max((abs(gain) for gain in known), default=0.0) or 1.0
    raw = {
        name: math.exp(((best if gain is None else gain) - best) / scale / _TEMPERATURE) for name, gain in gains.items()
    }
    total = sum(raw.values())
    return {name: (1 - exploration) * weight / total + exploration / len(raw) + 1e-12 for name, weight in raw.items()}
