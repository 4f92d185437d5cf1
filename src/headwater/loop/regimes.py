"""Regimes: how a generation's output and the human text become the next training set.

A regime is data. The loop asks it for the next training set and needs to know nothing else. Names and definitions
follow Kazdan et al. 2024 (arXiv:2410.16713) and Alemohammad et al. 2023 (arXiv:2307.01850).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

Size = Callable[[pa.Table], "np.typing.NDArray[np.int64]"]


@dataclass(frozen=True, slots=True)
class History:
    """What the loop has produced so far."""

    human: pa.Table
    """Training documents of generation 0."""
    fresh: pa.Table
    """Human documents that no generation has used yet; empty where there are none."""
    generated: tuple[pa.Table, ...]
    """Output of each generation so far, the newest last."""
    size: Size
    """Size of each document in the unit the regime counts in (tokens for text, 1 for a row of numbers)."""

    @property
    def budget(self) -> int:
        """Size of the human training set, which every generation's training set is to have."""
        return int(self.size(self.human).sum())


class Regime(Protocol):
    """How the next training set is made."""

    @property
    def oversample(self) -> int:
        """Return how many times the budget the model has to generate."""
        ...

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:
        """Return the training set of the next generation."""
        ...


@dataclass(frozen=True, slots=True)
class HumanOnly:
    """Train on the human documents, always."""

    oversample: int = field(default=0, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:  # noqa: ARG002
        """Return the human training set."""
        return history.human


@dataclass(frozen=True, slots=True)
class Replace:
    """Train on the previous generation's output alone."""

    oversample: int = field(default=1, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:  # noqa: ARG002
        """Return the newest output."""
        return history.generated[-1]


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Train on everything so far."""

    oversample: int = field(default=1, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:  # noqa: ARG002
        """Return the human documents and all output so far."""
        return pa.concat_tables([history.human, *history.generated])


@dataclass(frozen=True, slots=True)
class Subsample:
    """Train on as much as generation 0 had, drawn without replacement from everything so far."""

    oversample: int = field(default=1, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:
        """Return a random part of the human documents and all output so far."""
        everything = pa.concat_tables([history.human, *history.generated])
        return draw(everything, history.budget, history.size, rng)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Replace, but a share of each training set is human text that no generation has used yet."""

    share: float
    """Share of the training set that is fresh human text, in (0, 1]."""
    oversample: int = field(default=1, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:
        """Return fresh human documents of this generation filled up with the newest output.

        Raises:
            ValueError: there is less fresh human text than the share asks for.
        """
        wanted = round(self.share * history.budget)
        sizes = history.size(history.fresh)
        first = last = 0
        for _ in history.generated:  # every generation before took whole documents, and none of them is taken again
            first, ends = last, np.cumsum(sizes[last:])
            if wanted > (int(ends[-1]) if len(ends) else 0):
                raise ValueError(
                    f"fresh human text is used up: generation {len(history.generated)} needs {wanted} and finds "
                    f"{int(ends[-1]) if len(ends) else 0} of {int(sizes.sum())} unused"
                )
            last = first + (int(np.searchsorted(ends, wanted)) + 1 if wanted else 0)
        human = history.fresh.slice(first, last - first)
        return pa.concat_tables([human, draw(history.generated[-1], history.budget - wanted, history.size, rng)])


@dataclass(frozen=True, slots=True)
class Reserve:
    """Replace, but a share of each training set is drawn from the human documents of generation 0, again and again."""

    share: float
    """Share of the training set that is human text, in (0, 1]."""
    oversample: int = field(default=1, init=False)

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:
        """Return a random part of the human documents filled up with the newest output."""
        wanted = round(self.share * history.budget)
        return pa.concat_tables(
            [
                draw(history.human, wanted, history.size, rng),
                draw(history.generated[-1], history.budget - wanted, history.size, rng),
            ]
        )


@dataclass(frozen=True, slots=True)
class Filtered:
    """Replace, but the model generates more than is needed and a signal chooses what to keep."""

    choose: Callable[[pa.Table, int, np.random.Generator], pa.Table]
    """Takes candidates, the size wanted and a generator; returns the documents kept."""
    oversample: int = 4

    def next_training_set(self, history: History, rng: np.random.Generator) -> pa.Table:
        """Return the chosen part of the newest output."""
        return self.choose(history.generated[-1], history.budget, rng)


def draw(table: pa.Table, wanted: int, size: Size, rng: np.random.Generator) -> pa.Table:
    """Return documents in random order until their sizes add up to ``wanted`` (the last one may exceed it)."""
    if wanted <= 0 or not table.num_rows:
        return table.slice(0, 0)
    order = rng.permutation(table.num_rows)
    ends = np.cumsum(size(table)[order])
    return table.take(pa.array(order[: int(np.searchsorted(ends, wanted)) + 1]))
