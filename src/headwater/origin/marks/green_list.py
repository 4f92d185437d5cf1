"""Green-list watermarks (Kirchenbauer et al. 2023): were too many tokens taken from the secret half of the vocabulary?

Before each token the generator seeds a random number generator with its key and the tokens before it (*lefthash*,
*minhash*), or these and the token itself (*selfhash*), shuffles the vocabulary and favours the first share gamma of it.
Whoever has the key repeats the shuffles and counts.

The test is over the key: without this watermark, the key is independent of the text, so each distinct pair of seed and
token is green with chance gamma. Pairs that occur again say nothing new and are left out (counted again they would make
any repetitive text significant). Of pairs with different seeds the outcomes are independent; of pairs with one seed
they are drawn without replacement, which makes the binomial tail an upper bound for every count of at least one above
its expectation (Hoeffding 1956, theorem 4). There the p-value is exact or too large, never too small.

It speaks of one text and a key that was drawn blindly. Texts that share common pairs share their luck under one key:
over a corpus of one kind p-values of unmarked texts are uniform over keys, not over texts. Measured on 882 human texts
of 190 tokens (median) with lefthash and six keys: mean z from -0.1 to 0.3 with standard deviation 1.0, so that
p <= 0.01 came out in 0.3% to 1.7% of the texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.origin.marks.keyed import KeySettings, SecretInteger
from headwater.origin.marks.torch_random import LOW_32_BITS, permutation, places

COMMON_GAMMAS = (0.25, 0.5)
"""Shares that serving engines and detectors use by default. They are tried beside the share of the key file, because a
generator set to another share is a common mistake: it weakens the test without a word (green lists of one seed contain
each other, so it does not blind it)."""
MOST_PAIRS = 10_000
"""Pairs of seed and token tested in one document; of more, so many spread evenly over the seeds."""

_TABLE_SIZE = 1_000_003  # of both reference implementations
_LM_WATERMARKING_TABLE_SEED = 2_971_215_073  # alternative_prf_schemes.py of lm-watermarking


class GreenListKey(KeySettings):
    """A key of a green-list watermark, with the settings of the generator."""

    scheme: Literal["green-list"]
    key: SecretInteger = Field(description="hashing key (hash_key) of the generator")
    seeding: Literal["lefthash", "selfhash", "lm-selfhash", "lm-minhash"] = Field(
        default="lefthash",
        description=(
            "lefthash: the token before (transformers, lm-watermarking's simple_1, text-generation-inference); "
            "selfhash: transformers; lm-selfhash, lm-minhash: anchored_minhash_prf and minhash_prf of lm-watermarking"
        ),
    )
    gamma: float = Field(default=0.25, gt=0, lt=1, description="share of the vocabulary that is green")
    context_width: int = Field(default=1, ge=1, le=64, description="tokens that are hashed; lefthash uses the last one")
    vocabulary: int = Field(ge=2, lt=2**31, description="size of the model's vocabulary (vocab_size of its config)")
    bias: float = Field(default=2.0, gt=0, description="what is added to the logits of green tokens; writing only")


@dataclass(frozen=True, slots=True)
class GreenListTest:
    """One count of green tokens."""

    gamma: float
    """Share of the vocabulary that is green, as asked for."""
    green: int
    """Distinct pairs of seed and token that are green."""
    tested: int
    """Distinct pairs of seed and token."""
    repeated: int
    """Pairs left out because they had occurred before."""
    z: float
    """(green - gamma T) / sqrt(T gamma (1 - gamma)), Kirchenbauer et al. 2023, equation 3."""
    p_value: float
    """Chance of so many green pairs or more under a key that was not used, not corrected for other tests."""


def tried_gammas(key: GreenListKey) -> tuple[float, ...]:
    """Return the shares that are tested for a key, its own first."""
    return tuple(dict.fromkeys((key.gamma, *COMMON_GAMMAS)))


def green_list_tests(
    documents: Sequence[NDArray[np.int64]], key: GreenListKey
) -> list[tuple[GreenListTest, ...] | None]:
    """Return for each document the tests at all shares of :func:`tried_gammas`.

    Documents are tested together because shuffling is the cost and they share seeds: about 0.1 to 0.3 ms per distinct
    seed at a vocabulary of 50,000.

    Args:
        documents: token ids of each, one-dimensional, 0 <= id < ``key.vocabulary``.
        key: the key.

    Returns:
        None for a document that is too short to hold one pair.
    """
    if not documents:
        return []
    pairs = [_pairs(tokens, key) for tokens in documents]
    seeds, numbers = np.unique(np.concatenate([found[0] for found in pairs]), return_inverse=True)
    targets = np.concatenate([found[1] for found in pairs])
    codes = (numbers.astype(np.uint64) << np.uint64(32)) | targets.astype(np.uint64)
    distinct, inverse = np.unique(codes, return_inverse=True)
    sizes = [int(key.vocabulary * gamma) for gamma in tried_gammas(key)]
    offsets = np.searchsorted(distinct, np.arange(len(seeds) + 1, dtype=np.uint64) << np.uint64(32))
    found = places(
        seeds,
        offsets,
        (distinct & np.uint64(LOW_32_BITS)).astype(np.int64),
        key.vocabulary,
        max(sizes),
        key.device,
    )
    results: list[tuple[GreenListTest, ...] | None] = []
    begin = 0
    for _, own, repeated in pairs:
        end = begin + len(own)
        here = found[inverse[begin:end]]
        begin = end
        results.append(
            tuple(
                _test(here, size, key.vocabulary, gamma, repeated)
                for gamma, size in zip(tried_gammas(key), sizes, strict=True)
            )
            if len(here)
            else None
        )
    return results


def green_list_p_value(green: int, tested: int, gamma: float) -> float:
    """Return P(X >= green) for X binomial with ``tested`` trials of chance ``gamma``: exact, however small."""
    from scipy.special import betainc

    return 1.0 if green <= 0 else float(betainc(green, tested - green + 1, gamma))


def _test(found: NDArray[np.int64], size: int, vocabulary: int, gamma: float, repeated: int) -> GreenListTest:
    tested, green = len(found), int((found < size).sum())
    share = size / vocabulary  # the share there is: gamma of the vocabulary is rounded down
    spread = np.sqrt(tested * share * (1 - share))
    z = float((green - share * tested) / spread) if spread > 0 else 0.0
    return GreenListTest(gamma, green, tested, repeated, z, green_list_p_value(green, tested, share))


def _pairs(tokens: NDArray[np.int64], key: GreenListKey) -> tuple[NDArray[np.uint64], NDArray[np.int64], int]:
    """Return the distinct pairs of a document as seeds and tokens, and how many pairs were repeats."""
    seeds, targets = _SEEDS[key.seeding](tokens, key)
    if key.device == "cpu":
        seeds &= np.uint64(LOW_32_BITS)
    order = np.lexsort((targets, seeds))
    seeds, targets = seeds[order], targets[order]
    new = np.ones(len(seeds), dtype=np.bool_)
    new[1:] = (seeds[1:] != seeds[:-1]) | (targets[1:] != targets[:-1])
    kept = np.flatnonzero(new)
    repeated = len(seeds) - len(kept)
    if len(kept) > MOST_PAIRS:
        kept = kept[np.linspace(0, len(kept) - 1, MOST_PAIRS).astype(np.int64)]
    return seeds[kept], targets[kept], repeated


def _lefthash(tokens: NDArray[np.int64], key: GreenListKey) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    before, inverse = np.unique(tokens[:-1], return_inverse=True)
    secret = key.key.get_secret_value()
    seeds = np.array([secret * token % (2**64 - 1) for token in before.tolist()], dtype=np.uint64)
    return seeds[inverse], tokens[1:]


def _selfhash(tokens: NDArray[np.int64], key: GreenListKey) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    secret = key.key.get_secret_value()
    table = _table(secret if key.seeding == "selfhash" else _LM_WATERMARKING_TABLE_SEED, key.device)
    windows = _windows(tokens, key.context_width)
    hashed = table[windows % _TABLE_SIZE] + 1
    # Products of 64 bits wrap around, as PyTorch's do; the least is taken of signed numbers.
    products = (np.int64(secret) * hashed * hashed[:, -1:]).min(axis=1)
    return _modulus(products), windows[:, -1]


def _minhash(tokens: NDArray[np.int64], key: GreenListKey) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    table = _table(_LM_WATERMARKING_TABLE_SEED, key.device)
    windows = _windows(tokens[:-1], key.context_width)
    hashed = table[np.int64(key.key.get_secret_value()) * windows % _TABLE_SIZE] + 1
    return _modulus(hashed.min(axis=1)), tokens[key.context_width :]


_SEEDS = {"lefthash": _lefthash, "selfhash": _selfhash, "lm-selfhash": _selfhash, "lm-minhash": _minhash}


def _windows(tokens: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    if len(tokens) < width:
        return np.empty((0, width), dtype=np.int64)
    return np.lib.stride_tricks.sliding_window_view(tokens, width)


def _modulus(seeds: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return seeds modulo 2^64 - 1, as both implementations pass them on."""
    return seeds.astype(np.uint64) - (seeds < 0)


@lru_cache(maxsize=8)
def _table(seed: int, device: str) -> NDArray[np.int64]:
    # lm-watermarking keeps its table on the CPU whatever the model runs on.
    return permutation(_TABLE_SIZE, seed, "cpu" if seed == _LM_WATERMARKING_TABLE_SEED else device)
