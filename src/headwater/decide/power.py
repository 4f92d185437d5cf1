"""What a panel can see: the smallest gain it detects, and how many more documents an undecided batch would take."""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from headwater.decide.evalue import LAMBDA_GRID, log_mean_exp

_MOST_UNITS = 10_000_000
_POINTS = 2000  # equal-probability points of the normal; 20,000 change the answer by less than 0.1 %


def detectable_effect(
    units: int, threshold: float, clip_sd: float = 3.0, power: float = 0.8, harm_clip_sd: float | None = None
) -> float:
    """Return the smallest effect, in standard deviations per unit, that is admitted with the stated power.

    Normal differences with standard deviation 1. For each lambda the sum of ln(1 + lambda u_i) is taken as normal, with
    the exact mean and variance of one term, and all sums as moving together (they are nearly monotone functions of
    sum u_i). The (1 - power) quantile of ln E then follows in closed form, and bisection finds the effect where it
    meets the threshold. Within 5 % of simulation for 100 units and more (tested).

    Multiply by the standard deviation of the differences to get nats: "this panel detects gains of >= x nats".

    Args:
        units: independent units of the panel, at least 1.
        threshold: what ln E has to reach; see ``spending``.
        clip_sd: clip bound B in standard deviations.
        power: probability of admission, in (0, 1).
        harm_clip_sd: clip bound L >= B of harm in standard deviations; None means B.

    Returns:
        Effect in standard deviations, 0 or more; infinite if no effect reaches the threshold on so few units.

    Raises:
        ValueError: an argument is out of range.
    """
    lower = clip_sd if harm_clip_sd is None else harm_clip_sd
    if units < 1 or not 0.0 < power < 1.0 or not 0.0 < clip_sd <= lower:
        raise ValueError(
            "units must be positive, power in (0, 1) and 0 < clip_sd <= harm_clip_sd, "
            f"got {units}, {power}, {clip_sd} and {lower}"
        )
    normal = NormalDist()
    noise = _equally_likely()
    unlucky = normal.inv_cdf(1.0 - power)

    def evidence(effect: float) -> float:
        return _log_e_at(np.clip(effect + noise, -lower, clip_sd) / lower, units, unlucky)

    low, high = 0.0, clip_sd + 8.0  # beyond that every document is clipped at B
    if evidence(low) >= threshold:
        return low
    if evidence(high) < threshold:
        return math.inf
    while high - low > 1e-6 * high:
        middle = (low + high) / 2.0
        low, high = (low, middle) if evidence(middle) >= threshold else (middle, high)
    return high


def admits_effect(effect: float, units: int, threshold: float, clip_sd: float = 3.0, power: float = 0.8) -> bool:
    """Return whether an effect is admitted with the stated power; arguments as for :func:`detectable_effect`."""
    normal = NormalDist()
    noise = _equally_likely()
    u = np.clip(effect + noise, -clip_sd, clip_sd) / clip_sd
    return _log_e_at(u, units, normal.inv_cdf(1.0 - power)) >= threshold


def documents_needed(log_e: float, units: int, threshold: float) -> int | None:
    """Return roughly how many independent units would reach the threshold if each brought the same evidence.

    ln E grows about linearly with the number of units. It counts sealed evidence: shown to whoever makes the next
    batch, a figure from the certification panel is a leak, so compute it on the steering panel.

    Args:
        log_e: evidence so far, ln E.
        units: independent units it rests on, at least 1.
        threshold: what ln E has to reach.

    Returns:
        Total number of units, not the missing ones; None if the evidence is not positive.
    """
    return math.ceil(units * threshold / log_e) if log_e > 0.0 else None


def units_for_effect(
    effect: float, threshold: float, clip_sd: float = 3.0, power: float = 0.8, harm_clip_sd: float | None = None
) -> int | None:
    """Return the smallest number of independent units on which an effect is admitted with the stated power.

    The inverse of :func:`detectable_effect`, to the same accuracy.

    Args:
        effect: true mean difference in standard deviations per unit.
        threshold: what ln E has to reach; see ``spending``.
        clip_sd: clip bound B in standard deviations.
        power: probability of admission, in (0, 1).
        harm_clip_sd: clip bound L >= B of harm in standard deviations; None means B.

    Returns:
        Units; None where not even 10 million would do, as for an effect that is not positive.
    """
    if effect <= 0:
        return None
    low, high = 0, 1
    while detectable_effect(high, threshold, clip_sd, power, harm_clip_sd) > effect:
        low, high = high, 2 * high
        if high > _MOST_UNITS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if detectable_effect(middle, threshold, clip_sd, power, harm_clip_sd) > effect:
            low = middle
        else:
            high = middle
    return high


@cache
def _equally_likely() -> NDArray[np.float64]:
    """Return equally likely values of a standard normal."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((point + 0.5) / _POINTS) for point in range(_POINTS)])


def _log_e_at(u: NDArray[np.float64], units: int, z: float) -> float:
    """Return ln E of a panel whose luck is ``z`` standard deviations, for equally likely values ``u`` of one unit."""
    logs = np.log1p(np.outer(LAMBDA_GRID, u))
    return float(log_mean_exp(units * logs.mean(axis=1) + z * np.sqrt(units * logs.var(axis=1))))
