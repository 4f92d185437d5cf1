"""Plug-in categorical models: the simplest learner that shows drift, and the one with exact closed forms."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.learner import Losses


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalModel:
    """A distribution over the types 0 .. size - 1."""

    probabilities: NDArray[np.float64]
    """Probability of each type, shape (size,); sums to 1."""

    @property
    def support(self) -> int:
        """Number of types with positive probability."""
        return int(np.count_nonzero(self.probabilities))

    @property
    def heterozygosity(self) -> float:
        """Probability that two independent draws differ, 1 - sum p^2 (Gini-Simpson)."""
        return float(1 - np.square(self.probabilities).sum())

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return a table with ``n`` independent draws in the int64 column ``item``."""
        items = np.repeat(np.arange(len(self.probabilities)), rng.multinomial(n, self.probabilities))
        rng.shuffle(items)
        return pa.table({"item": items})

    def loss(self, samples: pa.Table) -> Losses:
        """Return -ln p of each row's item, one item per row; infinite for a type the model has lost."""
        items = _items(samples, len(self.probabilities))
        with np.errstate(divide="ignore"):
            return Losses(-np.log(self.probabilities[items]), np.ones(len(items), dtype=np.int64))


@dataclass(frozen=True, slots=True)
class CategoricalLearner:
    """Fits the observed frequencies (maximum likelihood) of the column ``item``.

    Raises:
        ConfigError: the size is below 1.
    """

    size: int
    """Number of types; items are 0 .. size - 1."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError([f"size = {self.size}: allowed are 1 and more"], "the categorical learner")

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> CategoricalModel:  # noqa: ARG002  (nothing is random)
        """Return the plug-in distribution of the items.

        Args:
            samples: a table with an integer column ``item``.
            rng: not used.

        Raises:
            InputError: the column is missing, or an item is null or no type.
            NotEnoughData: the table has no rows.
        """
        counts = np.bincount(_items(samples, self.size), minlength=self.size)
        if counts.sum() == 0:
            raise NotEnoughData("A categorical model cannot be fitted to 0 rows. Give at least one.")
        return CategoricalModel(counts / counts.sum())


def _items(samples: pa.Table, size: int) -> NDArray[np.int64]:
    if "item" not in samples.column_names:
        raise InputError(
            f"The table has no column 'item'. Its columns are: {', '.join(samples.column_names) or 'none'}. "
            "Rename the integer column that holds the types."
        )
    column = samples["item"]
    if column.null_count or not pa.types.is_integer(column.type):
        raise InputError(
            f"Column 'item' has type {column.type} and {column.null_count} nulls. It must hold integers and no nulls."
        )
    items: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    if len(items) and (items.min() < 0 or items.max() >= size):
        raise InputError(
            f"Column 'item' holds values from {items.min()} to {items.max()}; allowed are 0 to {size - 1}. "
            "Give the learner the size of the largest type plus 1."
        )
    return items
