"""Where the human items of an experiment come from: a law, or the rows of a real data set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.models.samples import Points, Samples

S = TypeVar("S", bound=Samples)


@dataclass(frozen=True, slots=True)
class FromLaw(Generic[S]):
    """Human items drawn from a law; they never run out."""

    draw: Callable[[int, int, np.random.Generator], S]
    """Returns that many items for that many replicates."""

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], S]:
        """Return a function that draws items for each replicate."""
        return lambda items: self.draw(replicates, items, rng)


@dataclass(frozen=True, slots=True, eq=False)
class FromRows:
    """Human items taken from the rows of a data set, each at most once; every replicate has its own random order."""

    rows: NDArray[Any]
    """Shape (rows, ...)."""
    shuffled: bool = True
    """False: every replicate takes the rows as they come."""

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Points]:
        """Return a function that hands out rows no earlier call has handed out.

        Raises:
            InputError: (the function) there are not enough rows left.
        """
        order = np.tile(np.arange(len(self.rows)), (replicates, 1))
        if self.shuffled:
            order = rng.permuted(order, axis=1)
        used = 0

        def take(items: int) -> Points:
            nonlocal used
            if used + items > len(self.rows):
                raise InputError(
                    f"The human data are used up: {items:,} more items are needed and {len(self.rows) - used:,} of "
                    f"{len(self.rows):,} are left. Give more human data, fewer items, or another regime."
                )
            used += items
            return Points(self.rows[order[:, used - items : used]])

        return take
