"""SynthID-Text watermarks (Dathathri et al., Nature 634, 2024): tournament sampling, read without training.

For each token the hash of the last ``ngram_len`` tokens and one key per depth gives one random bit per depth, a
g-value; the generator prefers tokens whose g-values are 1. Two scores need no training (the paper's section on scoring
functions): the mean of all g-values, and a mean that weights the depths from 10 down to 1, because the first tournament
layers carry the most. A context that occurred before is left out, as the generator leaves it unmarked.

Hash and g-values are those of transformers' ``SynthIDTextWatermarkLogitsProcessor``: a linear congruential generator
over the tokens and the key, and a table of random bits that its result modulo the size of the table points into.

The test is over the keys: without this watermark they are independent of the text. Where the size of the table is a
power of two (65,536 by default) only the low bits of tokens and keys matter, and a key shifts the places of all n-grams
in the table by one amount. So the number of ones at a depth takes, over a key drawn blindly, exactly the values of a
circular correlation of the text's places with the table, and depths are independent. The distribution of both scores
follows without any assumption on the text, repeats included; the tail comes from tilted convolutions (Keich 2005).
Three traps this avoids: a table has not exactly half ones (65,536 bits are off by some 0.2%, which shifts z by 0.5 at
500 tokens and depth 30), different n-grams can share a place, and keys of two depths that agree in the low bits give
the same g-values. For other sizes the ones at a depth count as binomial with the table's own share of ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.origin.marks.keyed import KeySettings, SecretInteger
from headwater.origin.marks.torch_random import random_bits

MOST_TOKENS = 20_000
"""Tokens of a document that are tested; of more, the first so many."""

_MULTIPLIER = 6_364_136_223_846_793_005  # of newlib and musl, as in transformers


class SynthIdKey(KeySettings):
    """The keys of a SynthID-Text watermark, with the settings of the generator."""

    scheme: Literal["synthid-text"]
    keys: Annotated[tuple[SecretInteger, ...], Field(min_length=1, max_length=64)] = Field(
        description="one key per tournament layer"
    )
    ngram_len: int = Field(default=5, ge=2, le=64, description="tokens hashed together, the marked one included")
    sampling_table_size: int = Field(default=2**16, ge=2, le=2**24, description="size of the table of random bits")
    sampling_table_seed: int = Field(default=0, ge=0, lt=2**63, description="seed of the table")
    context_history_size: int = Field(
        default=1024, ge=1, le=2**20, description="contexts the generator remembers; writing only"
    )


@dataclass(frozen=True, slots=True)
class SynthIdTest:
    """One score."""

    score: str
    """``mean`` or ``weighted mean``."""
    value: float
    """The score, 0 to 1; weights are scaled to a mean of 1."""
    expected: float
    """Its expectation without the watermark: the share of ones in the table."""
    tested: int
    """Tokens in contexts that had not occurred before."""
    repeated: int
    """Tokens left out because their context had."""
    z: float
    """Distance from the expectation in standard deviations of independent g-values."""
    p_value: float
    """Chance of such a score or a higher one under keys that were not used, not corrected for other tests."""


SCORES = ("mean", "weighted mean")
"""The scores that are tested for a key."""


def g_values(tokens: NDArray[np.int64], key: SynthIdKey) -> NDArray[np.int64]:
    """Return the g-values of all n-grams, 0 or 1, of shape (tokens - ngram_len + 1, depth)."""
    table = _table(key.sampling_table_size, key.sampling_table_seed, key.device)
    secrets = np.array([part.get_secret_value() for part in key.keys], dtype=np.int64)
    # Sums and products of 64 bits wrap around, as PyTorch's do.
    hashed = (_hash(_windows(tokens, key.ngram_len))[:, None] + secrets) * np.int64(_MULTIPLIER) + 1
    return table[hashed % key.sampling_table_size]


def new_contexts(tokens: NDArray[np.int64], ngram_len: int) -> NDArray[np.bool_]:
    """Return for each n-gram whether its context, all but the last token, occurs for the first time in the text."""
    contexts = _hash(_windows(tokens, ngram_len)[:, :-1])
    new = np.zeros(len(contexts), dtype=np.bool_)
    new[np.unique(contexts, return_index=True)[1]] = True
    return new


def depth_weights(depth: int) -> NDArray[np.float64]:
    """Return the weights of the weighted mean: from 10 for the first layer evenly down to 1 for the last, mean 1."""
    weights = np.linspace(10, 1, depth)
    return weights * depth / weights.sum()


def synthid_tests(
    tokens: NDArray[np.int64], key: SynthIdKey, least_z: float = -np.inf
) -> tuple[SynthIdTest, ...] | None:
    """Return the tests of one document: mean and weighted mean.

    Args:
        tokens: token ids, one-dimensional, not negative.
        key: the keys.
        least_z: below this distance from the expectation the p-value, which takes milliseconds, is not computed and
            given as 1.

    Returns:
        None for a document that is too short to hold one n-gram.
    """
    tokens = tokens[:MOST_TOKENS]
    if len(tokens) < key.ngram_len:
        return None
    new = new_contexts(tokens, key.ngram_len)
    ones = g_values(tokens, key)[new].sum(axis=0)
    tested, depth = int(new.sum()), len(key.keys)
    layers, layer_of = _independent_layers(key)
    share = float(_table(key.sampling_table_size, key.sampling_table_seed, key.device).mean())
    null: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
    tests = []
    # Weights as whole numbers: all 1, or from 10 (depth - 1) down in steps of 9, so that sums are compared exactly.
    whole = 10 * (depth - 1) - 9 * np.arange(depth) if depth > 1 else np.ones(1, dtype=np.int64)
    for name, of_depth in zip(SCORES, (np.ones(depth, dtype=np.int64), whole), strict=True):
        total = int(ones @ of_depth)
        weights = np.bincount(layer_of, of_depth, minlength=layers).astype(np.int64)
        spread = np.sqrt(tested * share * (1 - share) * float(weights @ weights))
        z = (total - tested * share * float(weights.sum())) / spread if spread > 0 else 0.0
        p_value = 1.0
        if z >= least_z:
            null = null or _ones_per_depth(tokens, new, share, key)
            p_value = upper_tail(*null, weights, total)
        value = total / (tested * float(weights.sum()))
        tests.append(SynthIdTest(name, value, share, tested, len(new) - tested, float(z), p_value))
    return tuple(tests)


def upper_tail(
    values: NDArray[np.int64], chances: NDArray[np.float64], weights: NDArray[np.int64], least: int
) -> float:
    """Return P(sum of w_d X_d >= least) for independent X_d of one distribution.

    The distribution is tilted until its mean is ``least``, convolved by Fourier transform and tilted back, so that the
    result keeps its relative precision however small it is (Keich 2005, J. Comput. Biol. 12, 416-430). Steps of the
    sum are whole while the sum has fewer than 20 standard deviations per depth; beyond, each term is rounded up to a
    coarser step of 1/20 standard deviation per depth, which can only make the result larger.

    Args:
        values: whole numbers X can be, not negative.
        chances: their chances, adding up to 1, none 0.
        weights: whole numbers, positive, one per term.
        least: whole number.
    """
    terms, counts = np.unique(weights, return_counts=True)
    products = np.outer(terms, values).astype(np.float64)
    if least > float(counts @ products.max(axis=1)):
        return 0.0

    def moments(theta: float) -> tuple[float, float]:
        tilted = chances * np.exp(theta * (products - products.max(axis=1, keepdims=True)))
        tilted /= tilted.sum(axis=1, keepdims=True)
        means = (tilted * products).sum(axis=1)
        variances = (tilted * (products - means[:, None]) ** 2).sum(axis=1)
        return float(counts @ means), float(counts @ variances)

    mean, variance = moments(0.0)
    if least < mean - 10 * np.sqrt(variance):
        return 1.0  # too large by less than 1e-20
    theta = _solve(lambda at: moments(at)[0], least, (least - mean) / variance) if least > mean else 0.0
    spread = np.sqrt(max(moments(theta)[1], 1.0))
    step = max(1.0, spread / (20 * counts.sum()))
    places = np.ceil(products / step)
    first = int(np.ceil(least / step))
    # The transform is circular: what lies beyond 20 standard deviations on either side falls on wrong places, with a
    # mass that is far below the rounding error.
    reach = int(min(float(counts @ places.max(axis=1)), 20 * spread / step)) + 2
    length = 1 << (2 * reach).bit_length()
    spectrum = np.ones(length // 2 + 1, dtype=np.complex128)
    log_scale = -theta * step * first
    for row, count in zip(places, counts.tolist(), strict=True):
        exponents = theta * step * row + np.log(chances)
        top = exponents.max()
        masses = np.exp(exponents - top)
        log_scale += count * (top + np.log(masses.sum()))
        term = np.bincount((row % length).astype(np.int64), masses / masses.sum(), minlength=length)
        spectrum *= np.fft.rfft(term) ** count
    tilted_sum = np.maximum(np.fft.irfft(spectrum, length), 0.0)
    beyond = np.arange(reach)
    tail = float(tilted_sum[(first + beyond) % length] @ np.exp(-theta * step * beyond))
    return min(1.0, float(np.exp(log_scale) * tail))


def _solve(function: Callable[[float], float], value: float, guess: float) -> float:
    """Return where an increasing function comes close to a value; being near is enough to keep the precision."""
    high = guess
    for _ in range(60):
        if function(high) >= value:
            break
        high *= 2
    low = 0.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < value else (low, middle)
    return high


def _independent_layers(key: SynthIdKey) -> tuple[int, NDArray[np.int64]]:
    """Return how many different keys there are and which of them each depth has."""
    size = key.sampling_table_size
    modulus = 2**63 if size & (size - 1) else size
    different, layer_of = np.unique([part.get_secret_value() % modulus for part in key.keys], return_inverse=True)
    return len(different), layer_of


def _ones_per_depth(
    tokens: NDArray[np.int64], new: NDArray[np.bool_], share: float, key: SynthIdKey
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many ones a depth can have and with which chance, over keys drawn blindly."""
    size = key.sampling_table_size
    if size & (size - 1):
        from scipy.stats import binom

        values = np.arange(int(new.sum()) + 1)
        chances = binom.pmf(values, len(values) - 1, share)
    else:
        hashed = _hash(_windows(tokens, key.ngram_len))[new] % size
        places = np.bincount(hashed, minlength=size).astype(np.float64)
        spectrum = np.conj(np.fft.rfft(places)) * _table_spectrum(size, key.sampling_table_seed, key.device)
        chances = np.bincount(np.rint(np.fft.irfft(spectrum, size)).astype(np.int64)) / size
        values = np.arange(len(chances))
    possible = chances > 0
    return values[possible], chances[possible] / chances.sum()


def _hash(ngrams: NDArray[np.int64]) -> NDArray[np.int64]:
    hashed = np.ones(len(ngrams), dtype=np.int64)
    for column in range(ngrams.shape[1]):
        hashed = (hashed + ngrams[:, column]) * np.int64(_MULTIPLIER) + 1
    return hashed


def _windows(tokens: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    return np.lib.stride_tricks.sliding_window_view(tokens, width)


@lru_cache(maxsize=8)
def _table(size: int, seed: int, device: str) -> NDArray[np.int64]:
    return random_bits(size, seed, device)


@lru_cache(maxsize=8)
def _table_spectrum(size: int, seed: int, device: str) -> NDArray[np.complex128]:
    """Return the transform of the table in the order in which a growing key walks through it."""
    order = (np.arange(size, dtype=np.int64) * np.int64(_MULTIPLIER) + 1) % size
    return np.fft.rfft(_table(size, seed, device)[order])
