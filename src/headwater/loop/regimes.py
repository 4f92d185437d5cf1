"""Regimes: how a generation's output and the human data become the next training set.

A regime is data: it names the parts of the next training set, and nothing else. From the same parts the loop assembles
the training set (:func:`next_training_set`) and the laboratory draws the family tree whose inbreeding it computes.
Names and definitions follow Kazdan et al. 2024 (arXiv:2410.16713), Alemohammad et al. 2023 (arXiv:2307.01850) and, for
the weights, He et al. 2025 (arXiv:2502.18049).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from headwater.errors import ConfigError, InputError
from headwater.models.samples import Samples

S = TypeVar("S", bound=Samples)


class Source(StrEnum):
    """Where the items of a part come from."""

    HUMAN = "human"
    """The training set of generation 0."""
    RESERVE = "reserve"
    """A fixed set of human items that is used again and again."""
    FRESH = "fresh"
    """Human items that no generation has used."""
    NEWEST = "newest"
    """What the newest model wrote."""
    EVERYTHING = "everything"
    """The human training set and everything any model wrote."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a training set."""

    source: Source
    share: float | None = None
    """Items drawn without replacement, as a share of the budget; None takes all items of the source."""
    weight: float | None = None
    """Total weight of the part in the fit; None: every item weighs 1."""
    by_chance: bool = False
    """Each item of the training set comes from this part with probability ``share``, drawn with replacement, in place
    of an item of the parts before it."""


@dataclass(frozen=True, slots=True)
class History(Generic[S]):
    """What the loop has produced so far."""

    human: S
    """Training set of generation 0."""
    reserve: S
    """The fixed human set that may be used again and again; the human training set where none was set apart."""
    fresh: Callable[[int], S]
    """Returns that many human items that no generation has used yet."""
    newest: S
    """Output of the newest model."""
    everything: S | None = None
    """The human training set and all output so far; only kept where the regime needs it."""

    @property
    def budget(self) -> int:
        """Items of the human training set, which every generation's training set is to have."""
        return self.human.items


class Regime(Protocol):
    """How the next training set is made."""

    @property
    def oversample(self) -> int:
        """Return how many times the budget the model has to generate."""
        ...

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts of every training set after the first."""
        ...


@dataclass(frozen=True, slots=True)
class HumanOnly:
    """Train on the human items, always."""

    oversample: int = field(default=0, init=False)
    parts: tuple[Part, ...] = field(default=(Part(Source.HUMAN),), init=False)


@dataclass(frozen=True, slots=True)
class Replace:
    """Train on the previous generation's output alone."""

    oversample: int = field(default=1, init=False)
    parts: tuple[Part, ...] = field(default=(Part(Source.NEWEST),), init=False)


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Train on everything so far."""

    oversample: int = field(default=1, init=False)
    parts: tuple[Part, ...] = field(default=(Part(Source.EVERYTHING),), init=False)


@dataclass(frozen=True, slots=True)
class Subsample:
    """Train on as much as generation 0 had, drawn without replacement from everything so far."""

    oversample: int = field(default=1, init=False)
    parts: tuple[Part, ...] = field(default=(Part(Source.EVERYTHING, 1.0),), init=False)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Replace, but a share of each training set is human items that no generation has used yet."""

    share: float
    """Share of the training set that is fresh human data, in (0, 1]."""
    extra: bool = False
    """Add the fresh items to a whole generation's output instead of taking its place."""
    oversample: int = field(default=1, init=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return fresh human items of this generation filled up with the newest output."""
        return (Part(Source.FRESH, self.share), Part(Source.NEWEST, 1.0 if self.extra else 1 - self.share))


@dataclass(frozen=True, slots=True)
class Reserve:
    """Replace, but a share of each training set is drawn from a fixed human reserve, again and again."""

    share: float
    """Share of the training set that is human data, in (0, 1]."""
    by_chance: bool = False
    """Each item is from the reserve with probability ``share``, with replacement, instead of an exact share without."""
    oversample: int = field(default=1, init=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return a random part of the reserve filled up with the newest output."""
        if self.by_chance:
            return (Part(Source.NEWEST, 1.0), Part(Source.RESERVE, self.share, by_chance=True))
        return (Part(Source.RESERVE, self.share), Part(Source.NEWEST, 1 - self.share))


@dataclass(frozen=True, slots=True)
class Golden:
    """Fresh human items and the newest output, weighted so that the error of the estimate is smallest.

    The weight of the human part is (sqrt(k^2 + 4k) - k) / 2 with k human items per machine item; 0.618, the golden
    ratio's inverse, for k = 1 (He et al. 2025).
    """

    ratio: float = 1.0
    """Fresh human items per machine item, above 0."""
    weight: float | None = None
    """Weight of the human part instead of the optimal one; ratio / (1 + ratio) is plain pooling."""
    oversample: int = field(default=1, init=False)

    @property
    def human_weight(self) -> float:
        """Return the weight of the human part."""
        k = self.ratio
        return (math.sqrt(k * k + 4 * k) - k) / 2 if self.weight is None else self.weight

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the weighted parts."""
        weight = self.human_weight
        return (Part(Source.FRESH, self.ratio, weight), Part(Source.NEWEST, 1.0, 1 - weight))


@dataclass(frozen=True, slots=True)
class Filtered:
    """Another regime on candidates: the model generates more than is needed and a signal chooses what to keep."""

    choose: Callable[[Any, int, np.random.Generator], Any]
    """Takes candidates, the number of items wanted and a generator; returns the items kept."""
    oversample: int = 4
    base: "Regime" = field(default_factory=Replace)
    """What is done with the items that were kept."""

    def __post_init__(self) -> None:
        if remembers(self.base):
            raise ConfigError(
                ["a filter chooses among the newest items only, and this regime keeps everything"], "the regime"
            )

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the parts of the regime underneath."""
        return self.base.parts


def counts(parts: Sequence[Part], budget: int) -> tuple[int | None, ...]:
    """Return how many items each part takes; None where it takes all of its source, or takes the place of others.

    Shares that add up to 1 fill the budget exactly: the last of them takes what rounding left.
    """
    shared = [part.share for part in parts if part.share is not None and not part.by_chance]
    rounded = [round(share * budget) for share in shared]
    if shared and math.isclose(math.fsum(shared), 1):
        rounded[-1] = budget - sum(rounded[:-1])
    left = iter(rounded)
    return tuple(None if part.share is None or part.by_chance else next(left) for part in parts)


def remembers(regime: Regime) -> bool:
    """Return whether a regime needs everything generated so far."""
    return any(part.source is Source.EVERYTHING for part in regime.parts)


def next_training_set(regime: Regime, history: History[S], rng: np.random.Generator) -> S:
    """Return the training set of the next generation.

    Args:
        regime: how it is made.
        history: what it can be made from.
        rng: decides what is drawn.

    Raises:
        InputError: fresh human items are used up.
    """
    budget = history.budget
    newest = history.newest
    if isinstance(regime, Filtered):
        newest = regime.choose(newest, budget, rng)
    training: S | None = None
    for part, items in zip(regime.parts, counts(regime.parts, budget), strict=True):
        source = _source(part.source, history, newest)
        if part.by_chance:
            assert training is not None
            assert source is not None
            training = training.blend(source, part.share or 0.0, rng)
            continue
        if items == 0:
            continue
        if source is None:
            chosen = history.fresh(items or 0)
        else:
            chosen = source if items is None or (items == budget == source.items) else source.draw(items, rng)
        if part.weight is not None:
            chosen = chosen.weighted(part.weight)
        training = chosen if training is None else training.join(chosen)
    if training is None:
        raise InputError(f"{type(regime).__name__} names no part of a training set.")
    return training


def _source(source: Source, history: History[S], newest: S) -> S | None:
    """Return the items of a source; None for fresh ones, which are asked for by number."""
    known = {
        Source.HUMAN: history.human,
        Source.RESERVE: history.reserve,
        Source.NEWEST: newest,
        Source.EVERYTHING: history.everything,
        Source.FRESH: None,
    }
    return known[source]
