"""One decision on one panel: a bit, and the numbers it came from.

``decide`` works on the certification panel. Only ``Decision.admitted`` may reach whatever makes or picks the next
batch; everything else in a ``Decision`` stays sealed in the ledger until the panel is rotated out, because a score
that leaks is climbed (``benchmarks/error_rates.py``, score-climbing generator). ``prove_harm`` works on the steering
panel, whose scores may be shown.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.decide.clip import clip_differences, one_panel
from headwater.decide.evalue import log_e_value
from headwater.decide.spending import Rule, Transcript, plain_threshold
from headwater.schema import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided and everything needed to check it."""

    verdict: Verdict
    """``decide``: admitted or quarantined. ``prove_harm``: rejected or quarantined."""
    k: int
    """Running number of the decision on its panel, from 1."""
    admissions_before: int
    """Admissions on its panel before it; always 0 from ``prove_harm``."""
    rule: Rule
    """Which threshold was used."""
    delta: float
    """Chance of ever being wrong that the threshold spends from."""
    threshold: float
    """What ``log_e`` (``decide``) or ``log_e_harm`` (``prove_harm``) had to reach."""
    log_e: float
    """ln e-value against "it does not help"."""
    log_e_harm: float
    """ln e-value against "it does not harm"."""
    mean: float
    """Mean difference over units, not clipped, in the unit of the differences (nats per token); positive = helps."""
    effect_sd: float
    """Mean difference in standard deviations of the units; infinite where all units agree exactly on a gain or loss."""
    units: int
    """Independent units (documents or groups) that were counted."""
    clip: float
    """Clip bound B, in the unit of the differences."""
    harm_clip: float
    """Clip bound L of harm, at least B."""

    @property
    def admitted(self) -> bool:
        """The one bit that may leave a certification panel."""
        return self.verdict is Verdict.ADMITTED


def decide(
    d_per_group: ArrayLike,
    *,
    clip: float,
    transcript: Transcript,
    rule: Rule,
    delta: float,
    harm_clip: float | None = None,
) -> Decision:
    """Return whether a batch may enter the mix, judged on the certification panel.

    Admitted iff ln E reaches the threshold and the raw mean is positive; otherwise quarantined. The second condition
    can only make admission rarer; it refuses batches whose gain exists after clipping alone. There is no third
    outcome: "proven harmful" would be one more symbol leaving the panel and would have to be paid for.

    Assumes that units are independent and that ``clip``, ``rule`` and ``delta`` were fixed before the first decision
    on this panel. Testing the same batch again, with whatever setting, is a new decision.

    Args:
        d_per_group: loss without - loss with, mean nats per token of each independent unit, shape (units,).
        clip: clip bound B > 0; see ``clip_bound``.
        transcript: what has left this panel so far; continue with ``transcript.next(decision.admitted)``.
        rule: plain for a fixed stream judged once, strict where later batches depend on earlier bits.
        delta: chance of ever admitting a useless batch on this panel, in (0, 1); see ``generation_delta``.
        harm_clip: clip bound L >= B of harm; None means B.

    Raises:
        NotEnoughData: fewer than two units.
        InputError: a difference is missing or infinite.
        ValueError: a bound or ``delta`` is out of range.
    """
    differences = one_panel(d_per_group)
    u = clip_differences(differences, clip, harm_clip)
    mean = float(differences.mean())
    log_e = log_e_value(u)
    threshold = transcript.threshold(rule, delta)
    return Decision(
        verdict=Verdict.ADMITTED if log_e >= threshold and mean > 0.0 else Verdict.QUARANTINED,
        k=transcript.decisions + 1,
        admissions_before=transcript.admissions,
        rule=rule,
        delta=delta,
        threshold=threshold,
        log_e=log_e,
        log_e_harm=log_e_value(-u),
        mean=mean,
        effect_sd=_effect_sd(differences),
        units=differences.size,
        clip=clip,
        harm_clip=clip if harm_clip is None else harm_clip,
    )


def prove_harm(d_steering: ArrayLike, *, clip: float, k: int, delta: float) -> Decision:
    """Return whether a batch is proven harmful, judged on the steering panel.

    Rejected iff the mirrored e-value reaches the plain threshold of test ``k`` and the raw mean is negative; otherwise
    quarantined. The probability statement covers batches that do not depend on the steering panel. A generator that
    climbs its scores makes harm look smaller, so a false rejection gets rarer, at the price of missed harm; and
    nothing is ever admitted here.

    Args:
        d_steering: loss without - loss with, mean nats per token of each independent unit, shape (units,).
        clip: clip bound B > 0, symmetric.
        k: running number of the test on this panel, from 1.
        delta: chance of ever rejecting a batch that does no harm, in (0, 1).

    Raises:
        NotEnoughData: fewer than two units.
        InputError: a difference is missing or infinite.
        ValueError: ``clip``, ``k`` or ``delta`` is out of range.
    """
    differences = one_panel(d_steering)
    u = clip_differences(differences, clip)
    mean = float(differences.mean())
    log_e_harm = log_e_value(-u)
    threshold = plain_threshold(k, delta)
    return Decision(
        verdict=Verdict.REJECTED if log_e_harm >= threshold and mean < 0.0 else Verdict.QUARANTINED,
        k=k,
        admissions_before=0,
        rule=Rule.PLAIN,
        delta=delta,
        threshold=threshold,
        log_e=log_e_value(u),
        log_e_harm=log_e_harm,
        mean=mean,
        effect_sd=_effect_sd(differences),
        units=differences.size,
        clip=clip,
        harm_clip=clip,
    )


def _effect_sd(differences: NDArray[np.float64]) -> float:
    mean = float(differences.mean())
    # Where all units agree, the computed standard deviation can be a rounding error instead of 0.
    deviation = float(differences.std(ddof=1)) if np.ptp(differences) > 0.0 else 0.0
    if deviation == 0.0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / deviation
