"""A team's own supply: what its stock and intake come to, and how many tokens of training they are worth.

Everything is arrays in, arrays out. Time runs along the first axis where there is one; draws along the last.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.forecast.scaling import MUENNIGHOFF, ScalingLaw, epoch_multiplier


@dataclass(frozen=True, slots=True)
class Admitted:
    """Tokens that get in, by who wrote them."""

    human: NDArray[np.float64]
    machine: NDArray[np.float64]


def admitted(
    raw: ArrayLike,
    quality: ArrayLike,
    permission: ArrayLike,
    machine_share: ArrayLike,
    recall: ArrayLike = 0.0,
    false_positive_rate: ArrayLike = 0.0,
) -> Admitted:
    """Return what is admitted of raw intake: raw q p (1 - c)(1 - phi) human and raw q p c (1 - rho) machine tokens.

    Assumes that quality filter, permission and gate are independent of each other and of who wrote the text.

    Args:
        raw: tokens taken in, not negative; any shape.
        quality: share q that the quality filter keeps, 0 to 1; broadcast, as all that follow.
        permission: share p that may be used, 0 to 1.
        machine_share: machine share c of the intake, 0 to 1.
        recall: share rho of the machine text that the gate recognises; 0 without a gate.
        false_positive_rate: share phi of the human text that the gate turns away; 0 without a gate.
    """
    usable = np.asarray(raw, float) * np.asarray(quality, float) * np.asarray(permission, float)
    return through_gate(by_author(usable, machine_share), recall, false_positive_rate)


def by_author(tokens: ArrayLike, machine_share: ArrayLike) -> Admitted:
    """Return tokens by who wrote them: what is admitted without a gate.

    Args:
        tokens: tokens, not negative; any shape.
        machine_share: machine share c of them, 0 to 1; broadcast.
    """
    machine = np.asarray(tokens, float) * np.asarray(machine_share, float)
    return Admitted(np.asarray(tokens - machine), machine)


def through_gate(offered: Admitted, recall: ArrayLike, false_positive_rate: ArrayLike) -> Admitted:
    """Return what a gate admits: (1 - phi) of the human and (1 - rho) of the machine tokens.

    Args:
        offered: tokens by who wrote them.
        recall: share rho of the machine text that it recognises, 0 to 1; broadcast.
        false_positive_rate: share phi of the human text that it turns away, 0 to 1; broadcast.
    """
    human = offered.human * (1 - np.asarray(false_positive_rate, float))
    return Admitted(human, offered.machine * (1 - np.asarray(recall, float)))


def stock_over_time(initial: ArrayLike, monthly: ArrayLike) -> NDArray[np.float64]:
    """Return the stock at the start and after each month, shape (months + 1, ...).

    Args:
        initial: tokens at the start that may be trained on, shape (...).
        monthly: tokens admitted in each month, shape (months, ...).
    """
    added = np.asarray(monthly, float)
    first = np.broadcast_to(np.asarray(initial, float), added.shape[1:])
    return np.concatenate([first[None], first + np.cumsum(added, axis=0)])


def synthetic_limit(unique: ArrayLike, epochs: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Return the most synthetic tokens a training mix takes: s / (1 - s) U e, so that they are a share s of it.

    Args:
        unique: unique human tokens U; any shape.
        epochs: passes e over them; broadcast.
        share: largest synthetic share s of the mix, from 0 to below 1; broadcast.
    """
    s = np.asarray(share, float)
    return s / (1 - s) * np.asarray(unique, float) * np.asarray(epochs, float)


def capacity(
    unique: ArrayLike,
    epochs: ArrayLike,
    synthetic: ArrayLike = 0.0,
    worth: ArrayLike = 0.0,
    law: ScalingLaw = MUENNIGHOFF,
) -> NDArray[np.float64]:
    """Return the effective tokens a stock is worth: m(e) U + v S, never below 0.

    Args:
        unique: unique human tokens U, not negative; any shape.
        epochs: most passes e over them; broadcast, as all that follow.
        synthetic: accepted synthetic tokens S; see :func:`synthetic_limit`.
        worth: human tokens v that one of them is worth; negative where they do harm.
        law: constants of the worth of repetition.
    """
    return np.maximum(np.asarray(unique, float) * epoch_multiplier(epochs, law) + np.multiply(worth, synthetic), 0.0)


def dates_of_use(years: ArrayLike, need: ArrayLike, supply: ArrayLike) -> NDArray[np.float64]:
    """Return when the need first reaches the supply on each path, shape (draws,); infinite where it does not.

    Between two dates both are taken to grow exponentially. Where the need is met at the first date that date is
    returned: what happened earlier is not looked at.

    Args:
        years: ascending calendar years, shape (dates,).
        need: tokens needed, positive, shape (dates, draws).
        supply: effective tokens there are, not negative, shape (dates, draws).
    """
    t, n, s = np.asarray(years, float), np.asarray(need, float), np.asarray(supply, float)
    passage = Passing(s.shape[1])
    for year, needed, there in zip(t, n, s, strict=True):
        passage.at(float(year), needed, there)
    return passage.dates


class Passing:
    """First dates at which a need reaches a supply, found while time goes on, so that no path has to be kept."""

    def __init__(self, draws: int) -> None:
        self.dates = np.full(draws, np.inf)
        self._before: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None

    def at(self, year: float, need: NDArray[np.float64], supply: NDArray[np.float64]) -> None:
        """Take in need and supply at the next date, each of shape (draws,)."""
        new = np.flatnonzero((need >= supply) & np.isinf(self.dates))
        if len(new):
            if self._before is None:
                self.dates[new] = year
            else:
                last, old_need, old_supply = self._before
                ahead = _log_ratio(old_supply[new], old_need[new])
                behind = _log_ratio(need[new], supply[new])
                apart = ahead + behind  # 0 where they met within rounding
                self.dates[new] = last + (year - last) * np.where(apart > 0, ahead / np.where(apart > 0, apart, 1), 1)
        self._before = year, need, supply


def _log_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(a / b), with nothing counted as very little."""
    least = 1e-300
    return np.log(np.maximum(a, least)) - np.log(np.maximum(b, least))
