"""Plug-in Markov chains over tokens: the n-gram model that a recursive loop can follow exactly.

The next token after a context has the frequency it has in the training text: maximum likelihood, no smoothing, no
back-off. The text is read as a circle, so every context has a successor. Such a model needs no table of probabilities:
the next token is the one behind a random occurrence of the context, so that fitting is sorting and a token costs the
same whatever the order. (The n-gram model of Suresh et al. 2025, arXiv:2412.17646, section 4, and, for order 2, of
Seddik et al. 2024, arXiv:2404.05090.)

What recursion does to it is known in closed form: within a context that occurs n times the expected heterozygosity
shrinks by 1 - 1/n per generation, and a type of count c is alive after k generations with probability close to
1 - exp(-c s_k), s_1 = 1, s_{k+1} = 1 - exp(-s_k). The latter needs a chain that mixes: with three and more tokens of
context most contexts occur once, whole stretches are copied or lost together, and fewer types survive (measured on
56,000 words of WikiText-2 after 10 generations: 0.1% fewer at order 2, 0.5% at 3, 2.6% at 4, 20% at 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.learner import Losses

PASSAGE = 64
"""Tokens that stay together when text is drawn from or blended: the block of Shumailov et al. 2024 (Nature 631)."""

RARE = 3
"""Most occurrences in the human text of a type of its tail; a type seen c times lives about 2c generations."""

FREQUENCY_CLASSES: Mapping[str, tuple[int, int | None]] = {
    "alive_1": (1, 1),
    "alive_2_to_3": (2, 3),
    "alive_4_to_9": (4, 9),
    "alive_10_and_more": (10, None),
}
"""Measure to the counts, least and most, that its types have in the human text."""

_MOST_ITEMS = 2**31 - 2  # positions are 32-bit numbers


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Running text, a row of tokens per replicate; unlike points, tokens mean something in their order only.

    So what is drawn or blended are passages, not tokens.
    """

    values: NDArray[np.int32]
    """Token ids, shape (replicates, items)."""

    @property
    def items(self) -> int:
        """Tokens of each replicate."""
        return int(self.values.shape[1])

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return int(self.values.shape[0])

    def join(self, other: "Text") -> "Text":
        """Return both texts, ``self`` first."""
        return Text(np.concatenate([self.values, other.values], axis=1))

    def draw(self, items: int, rng: np.random.Generator) -> "Text":
        """Return passages that make up ``items`` tokens, drawn without replacement and left in their order.

        The circle of the text is cut, at a random point, into passages of ``PASSAGE`` tokens, or less where so much of
        the text is wanted that whole passages would not do. The last one is cut to length. All of the text, as it is,
        where there are not more tokens.
        """
        if items >= self.items:
            return self
        length = next(size for size in range(PASSAGE, 0, -1) if -(-items // size) <= self.items // size)
        available, wanted = self.items // length, -(-items // length)
        keys = rng.random((self.replicates, available))
        chosen = np.argpartition(keys, wanted - 1, axis=1)[:, :wanted]
        chosen.sort(axis=1)
        begins = rng.integers(self.items, size=(self.replicates, 1)) + chosen * length
        return Text(_passages(self.values, begins, length, items))

    def blend(self, other: "Text", share: float, rng: np.random.Generator) -> "Text":
        """Return ``self`` with each passage exchanged, with probability ``share``, for a random one of ``other``."""
        passages = -(-self.items // PASSAGE)
        exchanged = np.repeat(rng.random((self.replicates, passages)) < share, PASSAGE, axis=1)[:, : self.items]
        begins = rng.integers(other.items, size=(self.replicates, passages))
        return Text(np.where(exchanged, _passages(other.values, begins, PASSAGE, self.items), self.values))

    def weighted(self, weight: float) -> "Text":
        """Text carries no weights.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"A text cannot be given the weight {weight:g}: its tokens count once each. Choose a regime without "
            "weights, such as fresh or reserve with a share."
        )


def _passages(values: NDArray[np.int32], begins: NDArray[np.int64], length: int, items: int) -> NDArray[np.int32]:
    """Return passages of ``length`` tokens one after the other, cut to ``items`` tokens together.

    Args:
        values: texts, shape (replicates, items); each is a circle.
        begins: where each passage begins, shape (replicates, passages).
        length: tokens of a passage.
        items: tokens to return of each replicate.
    """
    places = (begins[:, :, None] + np.arange(length)).reshape(len(begins), -1)[:, :items]
    return np.take_along_axis(values, places % values.shape[1], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class ChainLearner:
    """Fits plug-in Markov chains, one per replicate.

    Decoding other than by the fitted probabilities is part of the learner, because in a loop it is what selects:
    temperature first, then the nucleus.

    Raises:
        ConfigError: a setting is out of range.
    """

    order: int
    """Length of the n-grams: the next token depends on the ``order`` - 1 before it. 1 ignores them, 2 is a bigram."""
    types: int
    """Number of types; tokens are 0 .. types - 1."""
    temperature: float = 1.0
    """Texts are sampled from p^(1/temperature), normalised; above 0. 1 leaves the probabilities as they are."""
    top_p: float = 1.0
    """Texts are sampled from the likeliest tokens that together reach this probability, in (0, 1]; 1: from all
    (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751)."""
    human: NDArray[np.int64] | None = None
    """How often each type occurs in the human text, shape (types,): what survival is measured against."""
    rare: int = RARE
    """Types with at most this count in the human text are its tail."""

    def __post_init__(self) -> None:
        faults = []
        if self.order < 1:
            faults.append(f"order = {self.order}: allowed are 1 and more")
        if self.types < 1:
            faults.append(f"types = {self.types}: allowed are 1 and more")
        if not self.temperature > 0:
            faults.append(f"temperature = {self.temperature}: allowed are numbers above 0; 1 does not change anything")
        if not 0 < self.top_p <= 1:
            faults.append(f"top_p = {self.top_p}: allowed are numbers above 0 and up to 1, which keeps all tokens")
        if self.human is not None and (self.human.shape != (self.types,) or not self.human.any()):
            faults.append(
                f"human has shape {self.human.shape}: give the count of each of {self.types} types, not all 0"
            )
        if self.rare < 1:
            faults.append(f"rare = {self.rare}: allowed are counts from 1")
        if faults:
            raise ConfigError(faults, "the chain learner")

    def fit(self, samples: Text, rng: np.random.Generator) -> "ChainModel":  # noqa: ARG002  (nothing is random here)
        """Return the chains of all replicates.

        Cost: linear in order times tokens; 12 bytes per token of each replicate beside the text.

        Args:
            samples: the training texts.
            rng: not used; the text is the model.

        Raises:
            InputError: the tokens are no types of this learner.
            NotEnoughData: there are no tokens.
        """
        from headwater.models import chain_kernels

        values = _tokens(samples, self.types)
        if values.size == 0:
            raise NotEnoughData(f"A chain cannot be fitted to tokens of shape {values.shape}. Give at least one token.")
        return ChainModel(self, values, *chain_kernels.fit(values, self.order, self.types))


@dataclass(frozen=True, slots=True, eq=False)
class ChainModel:
    """The plug-in chains of all replicates. Made by :class:`ChainLearner`."""

    learner: ChainLearner
    values: NDArray[np.int32]
    """The training texts, shape (replicates, items)."""
    context: NDArray[np.int32]
    """Number of the context (the last order - 1 tokens) that ends at each position, shape (replicates, items)."""
    followers: NDArray[np.int32]
    """Positions sorted by the context before them, then by token, shape (replicates, items)."""
    starts: NDArray[np.int32]
    """Where the followers of each context begin, shape (replicates, items + 1); the end closes the last one in use."""
    contexts: NDArray[np.int64]
    """Number of distinct contexts, shape (replicates,)."""

    def sample(self, n: int, rng: np.random.Generator) -> Text:
        """Return one chain of ``n`` tokens per replicate, which begins after a random position of the training text.

        The same state of the generator gives the same texts.
        """
        from headwater.models import chain_kernels

        out = np.empty((len(self.values), n), dtype=np.int32)
        learner = self.learner
        if learner.temperature == 1 and learner.top_p == 1:
            chain_kernels.sample(rng, self.values, self.context, self.followers, self.starts, out)
        else:
            chain_kernels.sample_decoded(
                rng, self.values, self.context, self.followers, self.starts, self.contexts,
                1 / learner.temperature, float(learner.top_p), out,
            )  # fmt: skip
        return Text(out)

    def loss(self, samples: Text) -> Losses:
        """Return -ln p of every token after its context, both of shape (replicates, items of ``samples``).

        Infinite where the training text does not hold the n-gram. ``samples`` is read as a circle too; the first
        order - 1 tokens follow its last. The probabilities are the fitted ones, whatever the decoding.

        Args:
            samples: texts to score, one per replicate, or one for all.

        Raises:
            InputError: the tokens are no types, or the replicates do not fit.
        """
        from headwater.models import chain_kernels

        others = _tokens(samples, self.learner.types)
        if len(others) not in {1, len(self.values)}:
            raise InputError(
                f"{len(others)} texts cannot be scored by {len(self.values)} models. Give one for each, or one for all."
            )
        nats = chain_kernels.score(self.values, others, self.learner.order, self.learner.types)
        return Losses(nats, np.ones(nats.shape, dtype=np.int64))

    def following(self, context: Sequence[int]) -> NDArray[np.int64]:
        """Return how often each type follows a context in the training text, shape (replicates, types).

        Args:
            context: tokens, oldest first; any number of them.
        """
        matches = np.ones(self.values.shape, dtype=np.bool_)
        for back, token in enumerate(reversed(context), 1):
            matches &= np.roll(self.values, back, axis=1) == token
        rows = zip(self.values, matches, strict=True)
        return np.stack([np.bincount(row[match], minlength=self.learner.types) for row, match in rows])

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return measures of the chains, each of shape (replicates,).

        ``support`` (types with positive probability), ``heterozygosity`` (1 - sum p^2 of the tokens) and
        ``context_heterozygosity`` (the same of the next token given its context, averaged over the text), both in
        [0, 1). With the learner's human counts also ``risk``, the total variation distance to the human frequencies,
        in [0, 1] (the cross-entropy of human text is infinite as soon as one of its n-grams is lost); ``variance``, the
        heterozygosity relative to the human one; and the share still alive of the human's rare types (``tail``) and of
        its types by frequency (``FREQUENCY_CLASSES``), in [0, 1], 1 = intact; a class without types is left out.
        """
        from headwater.models import chain_kernels

        types, human = self.learner.types, self.learner.human
        groups = {} if human is None else _frequency_groups(human, self.learner.rare)
        found = {name: np.empty(len(self.values)) for name in ("support", "heterozygosity", *groups)}
        found["context_heterozygosity"] = chain_kernels.heterozygosity_in_context(
            self.values, self.followers, self.starts, self.contexts
        )
        if human is not None:
            law = human / human.sum()
            found["risk"] = np.empty(len(self.values))
        for replicate, row in enumerate(self.values):
            counts = np.bincount(row, minlength=types)
            found["support"][replicate] = np.count_nonzero(counts)
            found["heterozygosity"][replicate] = 1 - np.square(counts / len(row)).sum()
            for name, members in groups.items():
                found[name][replicate] = np.mean(counts[members] > 0)
            if human is not None:
                found["risk"][replicate] = 0.5 * np.abs(counts / len(row) - law).sum()
        if human is not None and (diversity := 1 - np.square(law).sum()) > 0:
            found["variance"] = found["heterozygosity"] / diversity
        return found


def _frequency_groups(human: NDArray[np.int64], rare: int) -> dict[str, NDArray[np.bool_]]:
    """Return the types of the tail and of each frequency class that has any, as masks of shape (types,)."""
    bounds = {"tail": (1, rare), **FREQUENCY_CLASSES}
    masks = {
        name: (human >= least) & (human <= (np.inf if most is None else most)) for name, (least, most) in bounds.items()
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def _tokens(samples: Text, types: int) -> NDArray[np.int32]:
    """Return the tokens as the kernels take them, which trust every id.

    Raises:
        InputError: the array has the wrong shape or type, or holds an id outside 0 .. types - 1.
    """
    values = samples.values
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise InputError(
            f"Tokens have shape {values.shape} and type {values.dtype}. They must be whole numbers of shape "
            "(replicates, items)."
        )
    if values.shape[1] > _MOST_ITEMS:
        raise InputError(f"A text has {values.shape[1]:,} tokens; allowed are {_MOST_ITEMS:,}. Take a part of it.")
    if values.size and (values.min() < 0 or values.max() >= types):
        raise InputError(
            f"Tokens range from {values.min()} to {values.max()}; allowed are 0 to {types - 1}. "
            "Give the learner the size of the vocabulary."
        )
    return np.ascontiguousarray(values, dtype=np.int32)
