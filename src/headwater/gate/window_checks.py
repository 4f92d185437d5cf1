"""What a window of a series must be: values, motion and labels that a recording of the world can have.

Limits come from the human windows, with a margin, or are the user's own. A channel that stands still is suspect only
where human channels hardly ever do.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.models.windows import Floats, WindowForm
from headwater.schema import Reason, Stage

_RANGE_MARGIN = 0.1  # of the human range
_MOTION_MARGIN = 1.2  # times the largest human step and jerk
_OFTEN_STILL = 0.01  # share of human windows in which a channel may stand still before standing still proves nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """What values and motion of each channel are possible; arrays of one value per channel, in the channel's unit."""

    low: Floats
    high: Floats
    step: Floats
    """Largest change from one step to the next."""
    jerk: Floats
    """Largest change of that change."""
    may_stand_still: NDArray[np.bool_]

    @classmethod
    def of(cls, form: WindowForm, human: pa.Table) -> "Limits":
        """Return the limits of human windows with a margin: a tenth of the range, a fifth of the largest motion."""
        steps = form.steps(human)
        low, high = steps.min(axis=(0, 1)), steps.max(axis=(0, 1))
        margin = _RANGE_MARGIN * (high - low)
        return cls(
            low - margin,
            high + margin,
            _MOTION_MARGIN * _largest(steps, 1).max(axis=0),
            _MOTION_MARGIN * _largest(steps, 2).max(axis=0),
            (np.ptp(steps, axis=1) == 0).mean(axis=0) > _OFTEN_STILL,
        )

    def within(self, **limits: Floats) -> "Limits":
        """Return limits some of which are the user's own, by name; NaN leaves a channel's as it is."""
        own = {name: np.where(np.isnan(value), getattr(self, name), value) for name, value in limits.items()}
        return replace(self, **own)


@dataclass(frozen=True, slots=True)
class InvalidWindow:
    """Fails windows of the wrong size, with values missing or out of range, and those with an unknown label."""

    form: WindowForm
    limits: Limits
    reason: Reason = Reason.INVALID_VALUE
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> Floats:
        """Return how many values of each window are invalid, plus one for an unknown label."""
        steps = self.form.steps(documents)
        bad = ~((steps >= self.limits.low) & (steps <= self.limits.high))
        return bad.sum(axis=(1, 2)) + (self.form.codes(documents) < 0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class ImpossibleMotion:
    """Fails windows that change faster, or more abruptly, than anything that was recorded."""

    form: WindowForm
    limits: Limits
    reason: Reason = Reason.IMPOSSIBLE_MOTION
    stage: Stage = Stage.CHECKS
    threshold: float = 1.0

    def measure(self, documents: pa.Table) -> Floats:
        """Return the largest step or jerk of each window, as a multiple of what is possible."""
        steps = self.form.steps(documents)
        found = np.zeros(len(steps))
        for order, limit in ((1, self.limits.step), (2, self.limits.jerk)):
            share = _largest(steps, order) / np.maximum(limit, np.finfo(float).tiny)
            found = np.maximum(found, share.max(axis=1))
        return found


@dataclass(frozen=True, slots=True)
class FrozenChannel:
    """Fails windows in which a channel stands still that hardly ever does: a stuck sensor or a dead simulator."""

    form: WindowForm
    limits: Limits
    reason: Reason = Reason.FROZEN_CHANNEL
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> Floats:
        """Return how many channels of each window stand still and may not."""
        still = np.ptp(self.form.steps(documents), axis=1) == 0
        return (still & ~self.limits.may_stand_still).sum(axis=1).astype(np.float64)


def _largest(steps: Floats, order: int) -> Floats:
    """Return the largest difference of an order in each window and channel; 0 for windows too short to have one."""
    if steps.shape[1] <= order:
        return np.zeros((steps.shape[0], steps.shape[2]))
    return np.asarray(np.abs(np.diff(steps, order, axis=1)).max(axis=1))
