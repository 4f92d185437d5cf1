"""Plug-in categorical models: the simplest learner that shows drift, and the one with exact closed forms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, NotEnoughData
from headwater.models.learner import Losses
from headwater.models.samples import Counts


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalModel:
    """A distribution over the types 0 .. types - 1, one per replicate."""

    probabilities: NDArray[np.float64]
    """Probability of each type, shape (replicates, types); rows sum to 1."""
    human: NDArray[np.float64] | None = None
    """Probabilities of the human source, shape (types,), for the measures that compare with it."""

    @property
    def support(self) -> NDArray[np.float64]:
        """Number of types with positive probability, shape (replicates,)."""
        return np.count_nonzero(self.probabilities, axis=1).astype(np.float64)

    @property
    def heterozygosity(self) -> NDArray[np.float64]:
        """Probability that two independent draws differ, 1 - sum p^2 (Gini-Simpson), shape (replicates,)."""
        return 1 - np.einsum("rk,rk->r", self.probabilities, self.probabilities)

    def sample(self, n: int, rng: np.random.Generator) -> Counts:
        """Return how often each type occurs among ``n`` independent draws, for each replicate."""
        return Counts(rng.multinomial(n, self.probabilities))

    def loss(self, samples: Counts) -> Losses:
        """Return -ln p of each item, items ordered by type; infinite for a type the model has lost."""
        with np.errstate(divide="ignore"):
            nats = -np.log(self.probabilities)
        rows = [np.repeat(nats[r], counts) for r, counts in enumerate(samples.counts)]
        return Losses(np.stack(rows), np.ones((len(rows), samples.items), dtype=np.int64))

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return support, heterozygosity and, beside a human source, risk and tail survival.

        ``risk`` is the total variation distance to the human source (finite where types are lost, unlike the
        cross-entropy); ``tail`` is the surviving share of the types of the rarer half of the human probability mass;
        ``variance`` is the heterozygosity relative to the human one.
        """
        found = {"support": self.support, "heterozygosity": self.heterozygosity}
        if self.human is not None:
            order = np.argsort(self.human, kind="stable")
            rare = order[np.cumsum(self.human[order]) <= 0.5]  # half of the mass
            if len(rare):
                found["tail"] = np.count_nonzero(self.probabilities[:, rare], axis=1) / len(rare)
            found["risk"] = 0.5 * np.abs(self.probabilities - self.human).sum(axis=1)
            found["variance"] = found["heterozygosity"] / (1 - np.square(self.human).sum())
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalLearner:
    """Fits the observed frequencies (maximum likelihood).

    Raises:
        ConfigError: there is no type.
    """

    types: int
    """Number of types."""
    human: NDArray[np.float64] | None = None
    """Probabilities of the human source, handed on to the models."""

    def __post_init__(self) -> None:
        if self.types < 1:
            raise ConfigError([f"types = {self.types}: allowed are 1 and more"], "the categorical learner")

    def fit(self, samples: Counts, rng: np.random.Generator) -> CategoricalModel:  # noqa: ARG002  (nothing is random)
        """Return the plug-in distribution of each replicate.

        Raises:
            NotEnoughData: there is no item.
        """
        items = samples.items
        if not items:
            raise NotEnoughData("A categorical model cannot be fitted to 0 items. Give at least one.")
        return CategoricalModel(samples.counts / items, self.human)


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalSource:
    """A human source with known probabilities; it never runs out."""

    probabilities: NDArray[np.float64]
    """Shape (types,)."""

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Counts]:
        """Return a function that draws items for each replicate."""
        return lambda items: Counts(rng.multinomial(items, self.probabilities, size=replicates))
