"""Tables of documents as data sets a regime can mix; they are counted in tokens, and drawn whole."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import InputError

Size = Callable[[pa.Table], NDArray[np.int64]]
"""Returns the size of each row in the unit a regime counts in: tokens for text, 1 for a row of numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Documents:
    """A table whose rows have sizes."""

    table: pa.Table
    size: Size

    @property
    def items(self) -> int:
        """Total size."""
        return int(self.size(self.table).sum())

    def join(self, other: "Documents") -> "Documents":
        """Return both tables, one after the other."""
        return Documents(pa.concat_tables([self.table, other.table]), self.size)

    def draw(self, items: int, rng: np.random.Generator) -> "Documents":
        """Return rows in random order until their sizes add up to ``items``; the last one may exceed it."""
        return Documents(draw(self.table, items, self.size, rng), self.size)

    def blend(self, other: "Documents", share: float, rng: np.random.Generator) -> "Documents":
        """Return the table with each row exchanged, with probability ``share``, for a random row of ``other``."""
        kept = np.flatnonzero(rng.random(self.table.num_rows) >= share)
        taken = rng.integers(other.table.num_rows, size=self.table.num_rows - len(kept))
        parts = [self.table.take(pa.array(kept)), other.table.take(pa.array(taken))]
        return Documents(pa.concat_tables(parts), self.size)

    def weighted(self, weight: float) -> "Documents":
        """Documents carry no weights.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("documents carry no weights")


def draw(table: pa.Table, wanted: int, size: Size, rng: np.random.Generator) -> pa.Table:
    """Return rows in random order until their sizes add up to ``wanted`` (the last one may exceed it)."""
    if wanted <= 0 or not table.num_rows:
        return table.slice(0, 0)
    order = rng.permutation(table.num_rows)
    ends = np.cumsum(size(table)[order])
    return table.take(pa.array(order[: int(np.searchsorted(ends, wanted)) + 1]))


def unused(table: pa.Table, size: Size, wanted: int, generation: int) -> pa.Table:
    """Return the rows of generation ``generation`` (from 1) when each generation takes whole rows worth ``wanted``.

    Raises:
        InputError: the rows are used up.
    """
    sizes = size(table)
    first = last = 0
    for _ in range(generation):  # every generation before took whole rows, and none of them is taken again
        first, ends = last, np.cumsum(sizes[last:])
        if wanted > (int(ends[-1]) if len(ends) else 0):
            raise InputError(
                f"Fresh human text is used up: generation {generation} needs {wanted} and finds "
                f"{int(ends[-1]) if len(ends) else 0} of {int(sizes.sum())} unused. Give more, or a smaller share."
            )
        last = first + (int(np.searchsorted(ends, wanted)) + 1 if wanted else 0)
    return table.slice(first, last - first)
