"""Tokens of texts, counted piece by piece: the tokens of a piece are always the same, and pieces repeat.

A text is cut into pieces as its encoding cuts it; the tokens of each piece are looked up in a table by a 64-bit hash
and added. Pieces that are not in the table are counted once by the encoding itself and remembered. Two pieces share a
hash with a probability of 2^-64; then one of them gets the other's count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.hashing import xxhash64
from headwater.text.pieces import Cut, character_kinds, character_kinds_of, piece_end

MOST_PIECES = 1 << 20
"""Pieces that are remembered; 24 MB. Beyond, new ones are counted each time they are met."""
_FIRST_SLOTS = 1 << 14
_LONGEST = 128
"""Bytes of a piece that is remembered; longer ones hardly repeat."""
_WINDOW = 1 << 16
"""Bytes of a text that are looked at together, so that memory does not depend on the length of texts."""
_LOOK_AHEAD = 3
"""Characters behind a piece that its end can depend on: a contraction."""
_SEED = np.uint64(0)

CountPieces = Callable[[list[str]], Sequence[int]]


@dataclass(slots=True, eq=False)
class PieceCounts:
    """Counts tokens with an encoding that is asked about each piece once."""

    cut: Cut
    count_pieces: CountPieces
    """Returns the tokens of each of some pieces."""
    keys: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(_FIRST_SLOTS, dtype=np.uint64))
    """Hashes of the pieces that are remembered, with open addressing; 0 where free."""
    tokens: NDArray[np.int32] = field(default_factory=lambda: np.zeros(_FIRST_SLOTS, dtype=np.int32))
    remembered: int = 0

    def count(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the tokens of each text; -1 where a character is not known, so that its text must be counted whole."""
        totals, firsts, begins, ends, hashes = _count(
            data, offsets, character_kinds(), int(self.cut), self.keys, self.tokens
        )
        if len(begins) == 0:
            return totals
        distinct, first, back = np.unique(hashes, return_index=True, return_inverse=True)
        pieces = [data[begins[i] : ends[i]].tobytes().decode() for i in first.tolist()]
        counts = np.asarray(self.count_pieces(pieces), dtype=np.int32)
        rows = np.repeat(np.arange(len(totals)), np.diff(firsts))
        np.add.at(totals, rows, counts[back])
        self._remember(distinct, counts, (ends - begins)[first] <= _LONGEST)
        return totals

    def _remember(self, hashes: NDArray[np.uint64], counts: NDArray[np.int32], short: NDArray[np.bool_]) -> None:
        room = MOST_PIECES - self.remembered
        hashes, counts = hashes[short][:room], counts[short][:room]
        self.remembered += len(hashes)
        if 2 * self.remembered > len(self.keys):
            size = len(self.keys)
            while size < 4 * self.remembered:
                size *= 2
            old_keys, old_tokens = self.keys, self.tokens
            self.keys, self.tokens = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
            used = old_keys != 0
            _insert(old_keys[used], old_tokens[used], self.keys, self.tokens)
        _insert(hashes, counts, self.keys, self.tokens)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _hash(data, begin, end):  # type: ignore[no-untyped-def]
    """Return a hash of a piece, never 0."""
    return max(xxhash64(data, begin, end, _SEED), np.uint64(1))


@nb.njit(cache=True, nogil=True)
def _slot(keys, key):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(keys) - 1)
    place = key & mask
    while keys[place] != key and keys[place] != 0:
        place = (place + np.uint64(1)) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _insert(hashes, counts, keys, tokens):  # type: ignore[no-untyped-def]
    for i in range(len(hashes)):
        place = _slot(keys, hashes[i])
        keys[place], tokens[place] = hashes[i], counts[i]


@nb.njit(cache=True, nogil=True)
def _count_window(  # type: ignore[no-untyped-def]
    data, kinds, starts, count, ends_here, cut, keys, tokens, unknown, begins, ends, hashes
):  # fmt: skip
    """Count the pieces of a window of a text, as far as they end in it for sure and there is room for unknown ones.

    Returns the tokens of the known pieces, the number of unknown ones, which are written, and the characters done.
    """
    total = at = 0
    while at < count and unknown < len(begins):
        stop = piece_end(data, kinds, starts, at, count, cut)
        if stop + _LOOK_AHEAD > count and not ends_here:
            break
        begin, end = starts[at], starts[stop]
        key = _hash(data, begin, end)
        place = _slot(keys, key)
        if keys[place] == key:
            total += tokens[place]
        else:
            begins[unknown], ends[unknown], hashes[unknown] = begin, end, key
            unknown += 1
        at = stop
    return total, unknown, at


@nb.njit(cache=True, nogil=True)
def _larger(values):  # type: ignore[no-untyped-def]
    out = np.empty(2 * len(values), dtype=values.dtype)
    out[: len(values)] = values
    return out


@nb.njit(cache=True, nogil=True)
def _count(data, offsets, table, cut, keys, tokens):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    window = _WINDOW
    kinds = np.empty(window, dtype=np.uint8)
    starts = np.empty(window + 1, dtype=np.int64)
    totals = np.zeros(texts, dtype=np.int32)
    firsts = np.zeros(texts + 1, dtype=np.int64)  # of each text's unknown pieces
    begins = np.empty(1024, dtype=np.int64)
    ends = np.empty(1024, dtype=np.int64)
    hashes = np.empty(1024, dtype=np.uint64)
    unknown = 0
    for row in range(texts):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            stop = min(at + window, end)
            while stop < end and data[stop] & 0xC0 == 0x80:
                stop -= 1
            count = character_kinds_of(data, at, stop, table, kinds, starts)
            if count < 0:
                totals[row], unknown = -1, firsts[row]
                break
            total, unknown, done = _count_window(
                data, kinds, starts, count, stop == end, cut, keys, tokens, unknown, begins, ends, hashes
            )
            totals[row] += total
            at = starts[done]
            if unknown == len(begins):
                begins, ends, hashes = _larger(begins), _larger(ends), _larger(hashes)
            elif done == 0:  # a piece that is longer than the window
                window *= 2
                kinds, starts = np.empty(window, dtype=np.uint8), np.empty(window + 1, dtype=np.int64)
        firsts[row + 1] = unknown
    return totals, firsts, begins[:unknown].copy(), ends[:unknown].copy(), hashes[:unknown].copy()
