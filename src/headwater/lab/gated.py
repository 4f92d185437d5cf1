"""The gate inside the loop: a generation's output is trained on when it measurably lowers the loss on human items.

It is the decision of the production gate (:mod:`headwater.decide`) on any learner that has a loss: paired models with
and without the newest output, differences on a sealed panel, an e-value, the strict threshold over all generations.
The human training set is always part of the mix, and machine items are at most ``MACHINE_SHARE`` of it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.decide import Rule, Transcript, clip_bound, decide
from headwater.errors import InputError
from headwater.lab.recursion import Ground, Selecting
from headwater.lab.selection import units
from headwater.loop.regimes import Filtered

DELTA = 0.05
"""Chance of ever admitting an output that does not help."""
MACHINE_SHARE = 1 / 3
"""Largest machine-made share of a gated training set."""
PANELS = 1.5
"""Human items a gate needs beside the training set, in training sets: panel, and half of it for the clip."""


def gated(panel: int = 0) -> Selecting:
    """Return the regime that trains on the human items and on outputs that help; one replicate at a time.

    Args:
        panel: human items of the certification panel; 0: as many as the training set has. Half as many again set the
            clip bound and are never used for a decision.
    """

    def prepare(ground: Ground[Any]) -> Filtered:
        size = panel or ground.human.items
        certification = ground.take(size)
        clip = _clip(ground, ground.take(max(size // 2, 2)))
        without = _losses(ground.learner.fit(ground.human, ground.rng), certification)
        return Filtered(_Gate(ground, certification, without, clip).choose, 1)

    return Selecting(prepare)


@dataclass
class _Gate:
    """One panel, the human-only model's losses on it, and what has left it so far."""

    ground: Ground[Any]
    panel: Any
    without: NDArray[np.float64]
    clip: float
    transcript: Transcript = field(default_factory=Transcript)

    def choose(self, newest: Any, items: int, rng: np.random.Generator) -> Any:
        """Return the next training set: the human items, and the newest output where it is admitted."""
        human = self.ground.human
        mixed = human.join(newest.draw(round(items * MACHINE_SHARE / (1 - MACHINE_SHARE)), rng))
        with_it = _losses(self.ground.learner.fit(mixed, rng), self.panel)
        decision = decide(
            self.without - with_it, clip=self.clip, transcript=self.transcript, rule=Rule.STRICT, delta=DELTA
        )
        self.transcript = self.transcript.next(decision.admitted)
        return mixed if decision.admitted else human


def _clip(ground: Ground[Any], steering: Any) -> float:
    """Return the clip bound from models of two random halves of the human items."""
    half = max(ground.human.items // 2, 1)
    first, second = (
        _losses(ground.learner.fit(ground.human.draw(half, ground.rng), ground.rng), steering) for _ in range(2)
    )
    return clip_bound(first - second)


def _losses(model: Any, panel: Any) -> NDArray[np.float64]:
    losses = units(model.loss(panel).nats, panel)
    if len(losses) != 1:
        raise InputError(f"A gate decides for one replicate at a time and was given {len(losses)}. Set together=1.")
    return losses[0]
