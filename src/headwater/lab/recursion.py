"""The generations loop of the laboratory: fit, measure, generate, mix, and again, for all replicates at once.

The training set of each generation is assembled by the regimes of the production loop (:mod:`headwater.loop.regimes`);
what is different here is that a data set holds one sample per replicate, and that there is an oracle to compare with.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from headwater.loop.regimes import Filtered, History, Regime, Source, counts, next_training_set, remembers
from headwater.models.learner import Learner, Model
from headwater.models.samples import Samples

S = TypeVar("S", bound=Samples)
S_co = TypeVar("S_co", bound=Samples, covariant=True)


class Human(Protocol[S_co]):
    """Where human items come from: a law that never runs out, or a real data set that does."""

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], S_co]:
        """Return a function that gives that many human items, new ones at each call, to each replicate.

        Raises:
            InputError: (the function) the data set is used up.
        """
        ...


class Measured(Model[S], Protocol[S]):
    """A model that knows its own measures."""

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return measures by name, each of shape (replicates,)."""
        ...


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One generation of one arm."""

    generation: int
    """0 was trained on human data."""
    training: S
    model: Measured[S]
    test: S | None = None
    """Human items that nothing is trained or decided on; None where none were set apart."""


@dataclass(frozen=True, slots=True)
class Ground(Generic[S]):
    """What a regime that needs a reference is made from: a filter, a gate."""

    human: S
    """Training set of generation 0."""
    take: Callable[[int], S]
    """Gives human items that no generation has used or will use."""
    learner: Learner[S]
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Selecting:
    """A regime that is made from the human items of its replicates: a filter, a gate, a verifier."""

    make: Callable[[Ground[Any]], Regime]
    """Returns the regime of the replicates at hand; what it remembers is theirs alone."""
    neutral: Regime | None = None
    """The regime it would be if it chose at random: its family tree gives the inbreeding that chance alone explains.
    None where there is no such tree."""


class Keep(Protocol):
    """Remembers the expensive parts of a generation, so that an arm that was stopped goes on where it was."""

    def model(self, generation: int, fit: Callable[[], Model[S]]) -> Model[S]:
        """Return the model of a generation, fitted now unless it is kept already."""
        ...

    def output(self, generation: int, sample: Callable[[], S]) -> S:
        """Return what a generation's model wrote, sampled now unless it is kept already."""
        ...


@dataclass(frozen=True, slots=True)
class _KeepNothing:
    def model(self, generation: int, fit: Callable[[], Model[S]]) -> Model[S]:  # noqa: ARG002
        return fit()

    def output(self, generation: int, sample: Callable[[], S]) -> S:  # noqa: ARG002
        return sample()


def recurse(
    learner: Learner[S],
    human: Human[S],
    regime: Regime | Selecting,
    *,
    items: int,
    generations: int,
    replicates: int,
    seed: tuple[int, ...],
    reserve: int = 0,
    test: int = 0,
    keep: Keep | None = None,
) -> Iterator[Step[S]]:
    """Yield the generations of all replicates, one after the other.

    Every generation draws from its own source of randomness, which follows from ``seed`` and its number alone.

    Args:
        learner: what is retrained; its models must offer ``statistics``.
        human: where human items come from.
        regime: how training sets are made.
        items: human items of generation 0, and size of every later training set.
        generations: how often the model is retrained; ``generations + 1`` models are fitted.
        replicates: independent runs carried at once.
        seed: decides every random choice.
        reserve: items of the fixed human reserve, beside the training set; 0: the training set itself is the reserve.
        test: human items set apart for measures.
        keep: remembers models and outputs.

    Raises:
        InputError: the human data are used up.
        Diverged: a model could not be fitted any more.
    """
    kept = keep or _KeepNothing()
    take = human.supply(replicates, np.random.default_rng([*seed, 0]))
    founders = take(items)
    held_out = take(test) if test else None
    set_apart = take(reserve) if reserve else founders
    if isinstance(regime, Selecting):
        regime = regime.make(Ground(founders, take, learner, np.random.default_rng([*seed, 1])))
    wanted = _to_generate(regime, items)
    streams = [_Stream.of(*seed, 2, number) for number in range(3)]
    training = founders
    everything = founders if remembers(regime) else None
    for generation in range(generations + 1):
        fit_rng, sample_rng, mix_rng = (stream.at(generation) for stream in streams)
        model = kept.model(generation, lambda: learner.fit(training, fit_rng))  # noqa: B023
        yield Step(generation, training, cast("Measured[S]", model), held_out)
        if generation == generations:
            return
        newest = founders
        if wanted:
            newest = kept.output(generation, lambda: model.sample(wanted, sample_rng))  # noqa: B023
        if everything is not None:
            everything = everything.join(newest)
        history = History(founders, set_apart, take, newest, everything)
        training = next_training_set(regime, history, mix_rng)


_JUMP = 210306068529402873165736369884012333109
"""The jump of numpy's ``PCG64.jumped``, 2^128 over the golden ratio: streams of neighbouring generations never meet."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """A source of randomness for each generation, a jump apart: thirty times cheaper than seeding one each time."""

    bits: np.random.PCG64
    start: Any

    @classmethod
    def of(cls, *seed: int) -> "_Stream":
        bits = np.random.PCG64(list(seed))
        return cls(bits, bits.state)

    def at(self, generation: int) -> np.random.Generator:
        """Return the generator of a generation; what was returned for another one becomes it too.

        ``spawn`` must not be called on it: its children would depend on how often that was done before.
        """
        self.bits.state = self.start
        self.bits.advance(generation * _JUMP)
        return np.random.Generator(self.bits)


def _to_generate(regime: Regime, items: int) -> int:
    """Return how many items a model has to write for the next training set."""
    if not regime.oversample:
        return 0
    if isinstance(regime, Filtered) or remembers(regime):
        return regime.oversample * items
    taken = zip(regime.parts, counts(regime.parts, items), strict=True)
    newest = [items if count is None else count for part, count in taken if part.source is Source.NEWEST]
    return regime.oversample * max(newest, default=items)
