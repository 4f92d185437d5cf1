"""Paired proxies: the same learner, the same seed, the same base, without and with a batch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.panel import ScoringPanel
from headwater.models.learner import Learner, Losses
from headwater.schema import digest


@dataclass(frozen=True, slots=True)
class PairedLosses:
    """Losses without and with a batch."""

    steering: tuple[Losses, Losses] | None
    certification: tuple[Losses, Losses]


class Pair:
    """Trains proxies without and with a batch, same seed.

    Scores are kept by the documents they belong to: while nothing is admitted the proxy without is the one of the test
    before, and after an admission it is the proxy that was trained with the admitted batch.
    """

    def __init__(
        self,
        learner: Learner[pa.Table],
        mix: Callable[[pa.Table], pa.Table],
        steering: ScoringPanel | None,
        certification: ScoringPanel,
        seed: tuple[int, ...],
    ) -> None:
        self._learner = learner
        self._mix = mix
        self._steering = steering
        self._certification = certification
        self._seed = seed
        self._known: dict[str, tuple[Losses | None, Losses]] = {}
        self._trained = 0

    def losses(self, admitted: pa.Table, pool: pa.Table) -> PairedLosses:
        """Return the losses on both panels without and with a batch.

        Args:
            admitted: machine documents both are trained on.
            pool: the batch.
        """
        without = self._score(admitted)
        with_ = self._score(pa.concat_tables([admitted, pool]))
        steering = (without[0], with_[0]) if without[0] is not None and with_[0] is not None else None
        return PairedLosses(steering, (without[1], with_[1]))

    def taken(self) -> int:
        """Return the number of trainings since the last call."""
        count, self._trained = self._trained, 0
        return count

    def _score(self, admitted: pa.Table) -> tuple[Losses | None, Losses]:
        key = digest(admitted["id"].to_pylist())
        if key not in self._known:
            model = self._learner.fit(self._mix(admitted), np.random.default_rng(self._seed))
            self._trained += 1
            steering = model.loss(self._steering.documents) if self._steering is not None else None
            self._known[key] = steering, model.loss(self._certification.documents)
        return self._known[key]
