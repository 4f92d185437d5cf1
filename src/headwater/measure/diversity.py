"""How much of a vocabulary a text still uses. Tokens are integer ids of a closed vocabulary of known size."""

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.integer]


def support(tokens: Tokens, size: int, *, first: int = 0) -> int:
    """Return how many types with an id of at least ``first`` occur. Range 0 to ``size - first``."""
    return int(np.count_nonzero(np.bincount(tokens, minlength=size)[first:]))


def rare_types(tokens: Tokens, size: int, *, most: int = 3, first: int = 0) -> NDArray[np.int64]:
    """Return the types that occur at least once and at most ``most`` times.

    Three is the default because a type seen c times lives about 2c generations of retraining on own output
    (Suresh et al. 2025, arXiv:2412.17646): these are the ones a loop of six generations loses first.
    """
    counts = np.bincount(tokens, minlength=size)
    rare = np.flatnonzero((counts > 0) & (counts <= most))
    return rare[rare >= first].astype(np.int64)


def rare_recall(tokens: Tokens, rare: NDArray[np.int64], size: int) -> float:
    """Return the share of the rare types that occur in the tokens, in [0, 1]; 1 where there are none to find."""
    if not len(rare):
        return 1.0
    return float(np.mean(np.bincount(tokens, minlength=size)[rare] > 0))


def distinct_n(tokens: Tokens, offsets: NDArray[np.int64], n: int = 2) -> float:
    """Return distinct n-grams divided by all n-grams within documents, in (0, 1]; 0 where there are none.

    Li et al. 2016 (arXiv:1510.03055). It falls with the length of the text, so compare only texts of the same size.

    Args:
        tokens: ids of all documents one after another, shape (tokens,).
        offsets: where each document starts and the last one ends, shape (documents + 1,).
        n: length of the n-grams.
    """
    if len(tokens) < n:
        return 0.0
    keys = tokens[: len(tokens) - n + 1].astype(np.uint64)
    base = np.uint64(int(tokens.max()) + 1)
    for i in range(1, n):
        if i > 1:  # renumbered, so that the product never exceeds 64 bits
            keys = np.unique(keys, return_inverse=True)[1].astype(np.uint64)
        keys = keys * base + tokens[i : len(tokens) - n + 1 + i].astype(np.uint64)
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    inside = owner[: len(keys)] == owner[n - 1 :]
    count = int(np.count_nonzero(inside))
    return len(np.unique(keys[inside])) / count if count else 0.0
