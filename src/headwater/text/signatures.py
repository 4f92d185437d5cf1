"""Signatures of texts: an exact hash, and the MinHash values by which near copies are found.

The similarity of two texts is the Jaccard index of their sets of word sequences (shingles; five words by default), the
words those of ``normal_words``. Two texts agree in one MinHash value with probability equal to it (Broder 1997). The
values are cut into bands of ``rows`` each; with b bands of r a pair of similarity s shares a band with probability
1 - (1 - s^r)^b, for 14 x 8: 0.05 at 0.5, 0.57 at 0.7, 0.92 at 0.8, 0.9996 at 0.9. A byte of every value is kept as a
sketch, from which the similarity of any two documents can be estimated with standard error sqrt(s (1 - s) / 112).

A shingle is a 64-bit polynomial hash of its words; permutation i maps its halves (l, h) to l a_i + h c_i modulo 2^32,
all odd numbers. Two different shingles so share all of their values with a probability far below 2^-64, and the loop
takes half the time of one with 64-bit products.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.hashing import mixed, xxhash64
from headwater.text.normal_words import begin_text, more_room, tables, words_written, write_words
from headwater.text.utf8 import utf8_bytes

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: keeps the order of the words in a shingle's hash
_CHANCE = 1 / 256  # two different values share a byte with this probability


@dataclass(frozen=True, slots=True, eq=False)
class Minima:
    """The MinHash values of texts."""

    values: NDArray[np.uint32] | NDArray[np.uint64]
    """The lowest value of every permutation, shape (texts, permutations); the highest there is where no shingle is."""
    shingles: NDArray[np.int64]
    """Word sequences of each text, repeated ones counted again; 0 where it has fewer words than one takes."""
    words: NDArray[np.int64]
    """Words of each text."""
    words_hash: NDArray[np.uint64]
    """A hash of the whole sequence of words of each text, shape (texts, 2): equal for texts of equal words."""


def minhash(texts: pa.Array, *, shingle: int = 5, permutations: int = 112, seed: int = 1) -> Minima:
    """Return the MinHash values of texts.

    Args:
        texts: an Arrow array of strings; a null counts as empty.
        shingle: words of a sequence.
        permutations: values per text.
        seed: chooses the permutations; those of another seed have nothing in common with these.
    """
    data, offsets = utf8_bytes(texts)
    # NumPy never changes the stream of its legacy generator, so that signatures can be kept.
    draw = np.random.RandomState(seed)
    low, high = draw.randint(0, 1 << 32, (2, permutations), dtype=np.uint32) | np.uint32(1)
    return Minima(*_minima(data, offsets, *tables(), shingle, low, high))


def text_hashes(texts: pa.Array) -> NDArray[np.uint64]:
    """Return 128 bits per text, shape (texts, 2): XXH64 of its UTF-8 bytes under the seeds 0 and 1."""
    return _text_hashes(*utf8_bytes(texts))


def band_keys(minima: Minima, bands: int) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each text's values per band, shape (texts, bands)."""
    return _band_keys(minima.values.astype(np.uint64, copy=False), bands)


def sketches(minima: Minima) -> NDArray[np.uint8]:
    """Return one byte for each value, shape (texts, permutations)."""
    return (_mixed_values(minima.values.astype(np.uint64, copy=False)) >> np.uint64(56)).astype(np.uint8)


def sketch_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the estimated Jaccard index of pairs of texts from their sketches, along the last axis; from 0 to 1.

    The share of equal bytes, less what chance makes equal: two different values share a byte once in 256 times.
    """
    equal = np.mean(a == b, axis=-1)
    return np.maximum((equal - _CHANCE) / (1 - _CHANCE), 0.0)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _shingles(hashes, count, shingle):  # type: ignore[no-untyped-def]
    """Replace hashes of words by those of the sequences that begin with them; return the number of sequences."""
    last = np.uint64(1)
    for _ in range(shingle - 1):
        last *= _BASE
    value = np.uint64(0)
    for i in range(min(shingle - 1, count)):
        value = value * _BASE + hashes[i]
    for i in range(count - shingle + 1):
        first = hashes[i]
        value = value * _BASE + hashes[i + shingle - 1]
        hashes[i] = mixed(value)
        value -= first * last
    return max(count - shingle + 1, 0)


@nb.njit(cache=True, nogil=True)
def _lowest(shingles, count, low, high, lowest):  # type: ignore[no-untyped-def]
    """Lower each permutation's value to its minimum over the shingles, two of them at a time."""
    for i in range(0, count, 2):
        j = min(i + 1, count - 1)
        a, b = np.uint32(shingles[i]), np.uint32(shingles[i] >> np.uint64(32))
        c, d = np.uint32(shingles[j]), np.uint32(shingles[j] >> np.uint64(32))
        for k in range(len(low)):
            one = np.uint32(a * low[k] + b * high[k])
            two = np.uint32(c * low[k] + d * high[k])
            lowest[k] = min(lowest[k], min(one, two))  # noqa: PLW3301  (compiles to vector instructions)


@nb.njit(cache=True, nogil=True)
def _minima(data, offsets, fold, pieces, keys, cuts, shingle, low, high):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    values = np.full((texts, len(low)), np.uint32(0xFFFFFFFF), dtype=np.uint32)
    counts = np.zeros(texts, dtype=np.int64)
    words = np.zeros(texts, dtype=np.int64)
    sequences = np.empty((texts, 2), dtype=np.uint64)
    longest = np.int64(0)
    for row in range(texts):
        longest = max(longest, offsets[row + 1] - offsets[row])
    out = np.empty(longest + 256, dtype=np.uint8)
    starts = np.empty(longest // 4 + 64, dtype=np.int64)
    hashes = np.empty(len(starts), dtype=np.uint64)
    for row in range(texts):
        end = offsets[row + 1]
        state = begin_text(offsets[row])
        while not write_words(data, end, fold, pieces, keys, cuts, out, starts, hashes, state):
            out, starts, hashes = more_room(out, starts, hashes, state, end)
        count = words_written(state)
        words[row] = count
        one, two = np.uint64(count), np.uint64(0)
        for i in range(count):
            one = one * _BASE + hashes[i]
            two = mixed(two ^ hashes[i])
        sequences[row, 0], sequences[row, 1] = mixed(one), two
        counts[row] = _shingles(hashes, count, shingle)
        _lowest(hashes, counts[row], low, high, values[row])
    return values, counts, words, sequences


@nb.njit(cache=True, nogil=True)
def _text_hashes(data, offsets):  # type: ignore[no-untyped-def]
    out = np.empty((len(offsets) - 1, 2), dtype=np.uint64)
    for row in range(len(out)):
        for seed in range(2):
            out[row, seed] = xxhash64(data, offsets[row], offsets[row + 1], np.uint64(seed))
    return out


@nb.njit(cache=True, nogil=True)
def _band_keys(values, bands):  # type: ignore[no-untyped-def]
    rows = values.shape[1] // bands
    keys = np.empty((len(values), bands), dtype=np.uint64)
    for row in range(len(values)):
        for band in range(bands):
            key = np.uint64(band)
            for i in range(band * rows, (band + 1) * rows):
                key = mixed(key) ^ values[row, i]
            keys[row, band] = mixed(key)
    return keys


@nb.njit(cache=True, nogil=True)
def _mixed_values(values):  # type: ignore[no-untyped-def]
    out = np.empty_like(values)
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            out[row, i] = mixed(values[row, i] + np.uint64(1))
    return out
