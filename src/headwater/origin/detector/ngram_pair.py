"""Two n-gram language models, one of human and one of machine text, and the log ratio of their probabilities.

The models read sentence shapes: function words and marks as they are, every other word as its kind and ending. Models
of the words themselves mostly tell topics apart (left-out domains of the development files: area under the curve 0.80
at best, 0.84 with shapes).

Probabilities are interpolated with Dirichlet priors (MacKay and Peto 1995): that of a token after the one before it is
(count of the pair + k p') / (count of the first + k), where p' is its probability on its own, in turn drawn to that in
both classes together. Adding texts is adding counts, so the pair is adapted exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

BITS = 18
"""Columns of pairs of tokens are ``2**BITS``; those of single tokens are as many."""
PRIOR = 1000.0
"""k, in tokens, for collections of about a million: the strongest sign is the frequent pair. Chosen by leaving each
development domain out in turn, among 20 to 10,000."""


@dataclass(frozen=True, slots=True, eq=False)
class NgramPair:
    """Counts of human (0) and machine (1) text."""

    singles: NDArray[np.float32]
    """Tokens, shape (2, 2**BITS)."""
    pairs: NDArray[np.float32]
    """Tokens with the one before, shape (2, 2**BITS)."""

    def score(self, shapes: NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return, per text, the mean over its tokens of log p(machine) - log p(human), natural logarithm; 0 if empty.

        Args:
            shapes: hashes of the tokens' shapes, all texts one after the other.
            offsets: where each text begins, and the end.
        """
        totals = self.singles.sum(axis=1, dtype=np.float64)
        # Both classes are brought to one size, or rare tokens would speak for the larger.
        level = np.min(totals) / np.maximum(totals, 1.0) if np.min(totals) > 0 else np.ones(2)
        return _ratios(shapes, offsets, self.singles, self.pairs, level, totals * level, PRIOR)

    def with_texts(
        self,
        shapes: NDArray[np.uint64],
        offsets: NDArray[np.int64],
        is_machine: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> "NgramPair":
        """Return the pair with texts added, each counted ``weights`` times; weight 0 leaves a text out."""
        singles, pairs = self.singles.copy(), self.pairs.copy()
        _add(shapes, offsets, is_machine, weights.astype(np.float32), singles, pairs)
        return NgramPair(singles, pairs)


def empty_pair() -> NgramPair:
    """Return a pair that has seen nothing."""
    empty = np.zeros((2, 1 << BITS), dtype=np.float32)
    return NgramPair(empty, empty)


def mean_pair(counted: Sequence[NgramPair]) -> NgramPair:
    """Return the pair of mean counts: each text counts as often as it does in the pairs on average."""
    return NgramPair(
        np.stack([one.singles for one in counted]).mean(axis=0, dtype=np.float64).astype(np.float32),
        np.stack([one.pairs for one in counted]).mean(axis=0, dtype=np.float64).astype(np.float32),
    )


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - BITS)
_SINGLE_PRIOR = 20  # times as strong for single tokens, of which there are more
_UNSEEN = 1e5  # added to the total of both classes: a token seen in neither is as unlikely under both


@nb.njit(cache=True, nogil=True)
def _column(value):  # type: ignore[no-untyped-def]
    """Return the column of a hash: finaliser of MurmurHash3 (public domain), highest bits."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64((value ^ (value >> np.uint64(33))) >> _SHIFT)


@nb.njit(cache=True, nogil=True)
def _add(shapes, offsets, is_machine, weights, singles, pairs):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        if weights[row] == 0:
            continue
        side = 1 if is_machine[row] else 0
        for t in range(offsets[row], offsets[row + 1]):
            singles[side, _column(shapes[t])] += weights[row]
            if t > offsets[row]:
                pairs[side, _column(shapes[t] * _ODD + shapes[t - 1])] += weights[row]


@nb.njit(cache=True, nogil=True)
def _ratios(shapes, offsets, singles, pairs, level, totals, prior):  # type: ignore[no-untyped-def]
    rows = len(offsets) - 1
    out = np.zeros(rows, dtype=np.float64)
    for row in range(rows):
        first, last = offsets[row], offsets[row + 1]
        total = 0.0
        before = np.int64(0)
        for t in range(first, last):
            column = _column(shapes[t])
            human, machine = singles[0, column] * level[0], singles[1, column] * level[1]
            both = (human + machine + 1) / (totals[0] + totals[1] + _UNSEEN)
            human = (human + _SINGLE_PRIOR * prior * both) / (totals[0] + _SINGLE_PRIOR * prior)
            machine = (machine + _SINGLE_PRIOR * prior * both) / (totals[1] + _SINGLE_PRIOR * prior)
            if t > first:
                pair = _column(shapes[t] * _ODD + shapes[t - 1])
                human = (pairs[0, pair] * level[0] + prior * human) / (singles[0, before] * level[0] + prior)
                machine = (pairs[1, pair] * level[1] + prior * machine) / (singles[1, before] * level[1] + prior)
            total += np.log(machine / human)
            before = column
        if last > first:
            out[row] = total / (last - first)
    return out
