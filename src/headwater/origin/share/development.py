"""Scores of texts of known origin from many domains and generators: what is known about separation before a user comes.

Each text was scored by a detector that had seen nothing of its domain, so that a domain here stands to the rest as a
user's material stands to the shipped detector.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class DevelopmentScores:
    """Scores with labels, all arrays of shape (texts,): of texts of at least 50 words, as those of a corpus."""

    scores: NDArray[np.float64]
    """Score of each text, log-odds."""
    machine: NDArray[np.bool_]
    """Whether it is machine-made."""
    domain: NDArray[np.str_]
    """Its domain."""
    generator: NDArray[np.str_]
    """What wrote it; anything for human texts."""

    @property
    def human_scores(self) -> NDArray[np.float64]:
        """Scores of all human texts."""
        return self.scores[~self.machine]

    @property
    def machine_scores(self) -> NDArray[np.float64]:
        """Scores of all machine-made texts."""
        return self.scores[self.machine]

    def of(self, chosen: NDArray[np.bool_]) -> "DevelopmentScores":
        """Return some of the texts."""
        return DevelopmentScores(self.scores[chosen], self.machine[chosen], self.domain[chosen], self.generator[chosen])

    def clusters(self, least: int = 20) -> tuple[NDArray[np.float64], ...]:
        """Return, per domain and generator, the machine scores less the median score of the domain's human texts.

        Args:
            least: machine-made and human texts a cluster needs at least.
        """
        found = []
        for domain in np.unique(self.domain):
            here = self.domain == domain
            human = self.scores[here & ~self.machine]
            if human.size < least:
                continue
            for generator in np.unique(self.generator[here & self.machine]):
                machine = self.scores[here & self.machine & (self.generator == generator)]
                if machine.size >= least:
                    found.append(machine - np.median(human))
        return tuple(found)
