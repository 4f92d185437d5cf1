"""Word sequences of texts nobody may read: a set of hashes under a secret key, and how much other texts share with it.

Without the key nobody can tell which words a hash stands for, nor whether a guessed sequence is in the set. What a word
is, ``folding.py`` says; a text of fewer words than a sequence counts as one sequence.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.fingerprints import siphash
from headwater.text.folding import fold_words, folding, mixed
from headwater.text.gram_kernels import (
    MULTIPLIER,
    ONE,
    bucket_starts,
    fill_filter,
    log2,
    maybe,
    multiplier_power,
    window_hash,
)
from headwater.text.utf8 import utf8_bytes

BLOCK_WORDS = 200
"""Sequences of a text that are judged together: a short passage copied into a long text shows in its block."""

_BATCH = 8192  # words at a time
_KEYS_PER_BUCKET = 8
_KEYS_PER_BLOCK = 4


@dataclass(frozen=True, slots=True, eq=False)
class KeyedGrams:
    """A set of word sequences under a key. All arrays can be memory-mapped."""

    n: int
    """Words of a sequence."""
    keys: NDArray[np.uint64]
    """SipHash-2-4 of each, ascending, each once."""
    buckets: NDArray[np.int64]
    """Where the keys of each prefix begin, and their number at the end."""
    filter: NDArray[np.uint64]
    """Blocked Bloom filter of the keys."""

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, texts: pa.Array | pa.ChunkedArray, key: bytes) -> "KeyedShare":
        """Return how much of each text is in the set.

        Two different sequences share a hash with probability 2^-64: in a corpus of a trillion words, one of a set of a
        million may be found by accident once in twenty such corpora.
        """
        data, offsets = utf8_bytes(texts)
        low, high = _halves(key)
        arrays = (self.keys, self.buckets, self.filter)
        return KeyedShare(*_share(data, offsets, *folding(), *arrays, self.n, low, high, BLOCK_WORDS))


@dataclass(frozen=True, slots=True, eq=False)
class KeyedShare:
    """How much of texts is in a set; an entry per text."""

    words: NDArray[np.int32]
    """Words of the text."""
    sequences: NDArray[np.int32]
    """Its sequences that the set holds."""
    worst: NDArray[np.float64]
    """The largest share of them in a block of ``BLOCK_WORDS``, 0 to 1. A rest of less than half a block is part of the
    block before it."""


def build_keyed_grams(texts: Iterable[pa.Array | pa.ChunkedArray], key: bytes, n: int = 8) -> KeyedGrams:
    """Return the set of the word sequences of texts. Memory: 16 bytes per word.

    Args:
        texts: columns of text.
        key: 16 bytes.
        n: words of a sequence.

    Raises:
        ValueError: the key has another length.
    """
    low, high = _halves(key)
    parts = [_hashes(*utf8_bytes(column), *folding(), n, low, high) for column in texts]
    keys = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *parts]))
    buckets = bucket_starts(keys, _bits_for(len(keys) // _KEYS_PER_BUCKET))
    blocks = fill_filter(keys, _bits_for(len(keys) // _KEYS_PER_BLOCK))
    for array in (keys, buckets, blocks):
        array.flags.writeable = False  # one type for the kernels, whether it is mapped from a file or not
    return KeyedGrams(n, keys, buckets, blocks)


def _bits_for(buckets: int) -> int:
    return max(1, buckets.bit_length())


def _halves(key: bytes) -> tuple[np.uint64, np.uint64]:
    if len(key) != 16:
        raise ValueError(f"the key of word sequences has 16 bytes, not {len(key)}")
    low, high = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    return low, high


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _hashes(data, offsets, entries, several, n, low, high):  # type: ignore[no-untyped-def]
    out = np.empty(1024, dtype=np.uint64)
    size = 0
    room = _BATCH + n + 2
    hashes, starts = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    ends, halves = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8)
    for row in range(len(offsets) - 1):
        rest, end = offsets[row], offsets[row + 1]
        carried = 0
        before = size
        while rest < end:
            got, rest = fold_words(
                data, rest, end, entries, several, _BATCH,
                hashes[carried:], starts[carried:], ends[carried:], halves[carried:],
            )  # fmt: skip
            count = carried + got
            stop = max(count - n + 1, 0)
            if rest >= end and stop == 0 and size == before and count:
                stop = 1
            if size + stop > len(out):
                out, old = np.empty(2 * len(out) + stop, dtype=np.uint64), out
                for i in range(size):
                    out[i] = old[i]
            for first in range(stop):
                out[size] = siphash(mixed(window_hash(hashes, first, min(n, count))), low, high)
                size += 1
            carried = count - stop
            for i in range(carried):
                hashes[i] = hashes[stop + i]
    return out[:size].copy()


@nb.njit(cache=True, nogil=True)
def _share(data, offsets, entries, several, keys, buckets, blocks, n, low, high, block_words):  # type: ignore[no-untyped-def]
    rows = len(offsets) - 1
    words, sequences = np.zeros(rows, dtype=np.int32), np.zeros(rows, dtype=np.int32)
    worst = np.zeros(rows, dtype=np.float64)
    room = _BATCH + n + 2
    hashes, starts = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    ends, halves = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8)
    bucket_shift = np.uint64(64 - log2(len(buckets) - 1))
    block_shift = np.uint64(64 - log2(len(blocks)))
    power = multiplier_power(n - 1)
    for row in range(rows):
        rest, end = offsets[row], offsets[row + 1]
        carried = total = done = 0
        held = size = 0  # sequences of the block that are in the set, and all of them
        held_before = size_before = 0  # the same of the block before, which may have to take the rest
        while rest < end:
            got, rest = fold_words(
                data, rest, end, entries, several, _BATCH,
                hashes[carried:], starts[carried:], ends[carried:], halves[carried:],
            )  # fmt: skip
            count = carried + got
            total += got
            width = n
            stop = max(count - n + 1, 0)
            if rest >= end and stop == 0 and done == 0 and count:
                stop, width = 1, count
            value = window_hash(hashes, 0, width) if stop else np.uint64(0)
            for first in range(stop):
                key = siphash(mixed(value), low, high)
                value = (value - hashes[first] * power) * MULTIPLIER + hashes[first + n]
                if maybe(blocks, block_shift, key):
                    bucket = key >> bucket_shift
                    for i in range(buckets[bucket], buckets[bucket + ONE]):
                        if keys[i] == key:
                            held += 1
                            sequences[row] += 1
                            break
                size += 1
                if size == block_words:
                    if size_before:
                        worst[row] = max(worst[row], held_before / size_before)
                    held_before, size_before, held, size = held, size, 0, 0
            done += stop
            carried = count - stop
            for i in range(carried):
                hashes[i] = hashes[stop + i]
        words[row] = total
        if size_before and 2 * size < block_words:
            held, size = held + held_before, size + size_before
        elif size_before:
            worst[row] = max(worst[row], held_before / size_before)
        if size:
            worst[row] = max(worst[row], held / size)
    return words, sequences, worst
