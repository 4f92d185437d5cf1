"""Paired proxies: the same learner, the same seed, the same base, without and with a batch."""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from headwater.gate.panel import ScoringPanel
from headwater.models.learner import Learner, Losses, averaged, fitted
from headwater.schema import digest


@dataclass(frozen=True, slots=True)
class PairedLosses:
    """Losses without and with a batch."""

    steering: tuple[Losses, Losses] | None
    certification: tuple[Losses, Losses]


class Pair:
    """Trains proxies without and with a batch, same seed.

    Where models of a learner differ from seed to seed, both are trained with as many seeds as it says, the same for
    both, and the losses are averaged document by document: the noise of a seed adds to the variance of the
    differences, and averaging n pairs divides that part of it by n.

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
            models = fitted(self._learner, self._mix(admitted), self._seed)
            self._trained += len(models)
            steering = None
            if self._steering is not None:
                steering = averaged([model.loss(self._steering.documents) for model in models])
            self._known[key] = steering, averaged([model.loss(self._certification.documents) for model in models])
        return self._known[key]
