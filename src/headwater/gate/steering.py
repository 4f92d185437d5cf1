"""What the steering panel says about a batch. These numbers may be shown, steered by and over-fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.decide import Decision, group_means, log_e_value, plain_threshold, prove_harm
from headwater.decide.clip import clip_differences
from headwater.gate.panel import ScoringPanel
from headwater.models.learner import Losses


@dataclass(frozen=True, slots=True)
class SliceEvidence:
    """How a batch affects one slice of the human documents."""

    name: str
    units: int
    gain: float
    """Mean gain in nats per token; negative = hurt."""
    log_e_harm: float
    """ln e-value against "the slice is not hurt"."""
    threshold: float
    """What ``log_e_harm`` must reach to count as proven."""

    @property
    def hurt(self) -> bool:
        """Whether harm to the slice is proven."""
        return self.log_e_harm >= self.threshold and self.gain < 0


@dataclass(frozen=True, slots=True)
class SteeringEvidence:
    """How a batch affects the steering panel."""

    gain: float
    """Mean gain in nats per token over units; positive = it helps."""
    standard_error: float
    """Standard error of the gain over units."""
    effect_sd: float
    """Gain in standard deviations of the units."""
    units: int
    log_e: float
    log_e_harm: float
    harm_threshold: float
    """What ``log_e_harm`` must reach to count as proven."""
    tokens: int
    """Tokens of the batch."""
    slices: tuple[SliceEvidence, ...]

    @property
    def harmful(self) -> bool:
        """Whether harm is proven."""
        return self.log_e_harm >= self.harm_threshold and self.gain < 0

    @property
    def gain_per_1k(self) -> float:
        """Gain in nats per token for a thousand tokens of the batch: what a budget buys."""
        return 1000 * self.gain / max(self.tokens, 1)

    @property
    def upper(self) -> float:
        """Upper bound of the gain: two standard errors above the mean."""
        return self.gain + 2 * self.standard_error

    @property
    def worst_slice(self) -> SliceEvidence | None:
        """The slice with the lowest gain; one that is proven to be hurt comes before any that is not."""
        return min(self.slices, key=lambda part: (not part.hurt, part.gain), default=None)

    @property
    def hurt_slice(self) -> SliceEvidence | None:
        """The slice that is hurt most, or None where no harm to a slice is proven."""
        worst = self.worst_slice
        return worst if worst is not None and worst.hurt else None


def weigh(
    panel: ScoringPanel,
    without: Losses,
    with_: Losses,
    *,
    clip: float,
    test: int,
    delta: float,
    tokens: int,
    slices: Mapping[str, NDArray[np.bool_]],
) -> SteeringEvidence:
    """Return the evidence of the steering panel on one batch.

    Args:
        panel: the steering panel.
        without: losses of the model trained without the batch.
        with_: losses of the model trained with it.
        clip: clip bound.
        test: running number of the test on this panel, from 1.
        delta: chance of ever calling a harmless batch harmful; slices share a second budget of the same size.
        tokens: tokens of the batch.
        slices: documents of each slice.
    """
    decision: Decision = prove_harm(panel.gains(without, with_), clip=clip, k=test, delta=delta)
    difference = without.nats - with_.nats
    parts = []
    for name, mask in slices.items():
        gains, _ = group_means(difference[mask], without.tokens[mask], panel.units[mask])
        log_e_harm = log_e_value(-clip_differences(gains, clip))
        threshold = plain_threshold(test, delta / len(slices))
        parts.append(SliceEvidence(name, len(gains), float(gains.mean()), log_e_harm, threshold))
    gains = panel.gains(without, with_)
    return SteeringEvidence(
        gain=decision.mean,
        standard_error=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        effect_sd=decision.effect_sd,
        units=decision.units,
        log_e=decision.log_e,
        log_e_harm=decision.log_e_harm,
        harm_threshold=decision.threshold,
        tokens=tokens,
        slices=tuple(parts),
    )
