"""Near duplicates by MinHash and locality-sensitive hashing, every candidate verified exactly.

The similarity of two texts is the Jaccard index of their sets of word sequences (shingles). Two texts agree in one
MinHash value with probability equal to it (Broder 1997), so with b bands of r values a pair of similarity s becomes a
candidate with probability 1 - (1 - s^r)^b: 0.92 at s = 0.8 and 0.9996 at s = 0.9 for the default 14 bands of 8.
Verification leaves no false positives.
"""

from collections.abc import Sequence

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.overlap import HashedWords, gram_hashes, stable_hash, word_hashes


def near_duplicates(
    texts: Sequence[str | None],
    threshold: float = 0.8,
    *,
    shingle: int = 5,
    bands: int = 14,
    rows: int = 8,
    seed: int = 0,
    words: HashedWords | None = None,
) -> NDArray[np.int64]:
    """Return, for each text, the index of the earliest kept text it is a near copy of: its own where it is kept.

    Texts are taken in order. A text is kept unless a kept text before it is a candidate (same values in one band) and
    the two have a Jaccard similarity of at least ``threshold``. So every text that is not kept is a near copy of the
    very text named, never of a chain of copies, and a second pass over the kept texts keeps them all.

    Exact duplicates are always found. Texts without words (punctuation only, empty, null) are compared as they stand.

    Args:
        texts: the texts.
        threshold: similarity from which on two texts count as near copies, above 0 and up to 1.
        shingle: words per sequence.
        bands: bands of values; more find more pairs below the threshold.
        rows: values per band; more make candidates rarer.
        seed: chooses the hash functions.
        words: the texts' hashed words, where they are at hand.

    Returns:
        Shape (len(texts),), int64; ``result[i] <= i`` and ``result[result[i]] == result[i]``.
    """
    shingles, offsets = _shingle_sets(texts, words or word_hashes(texts), shingle)
    rng = np.random.default_rng(seed)
    count = bands * rows
    multipliers = rng.integers(0, 2**64, count, dtype=np.uint64) | np.uint64(1)
    increments = rng.integers(0, 2**64, count, dtype=np.uint64)
    keys = _band_keys(shingles, offsets, multipliers, increments, bands)
    buckets = np.empty(keys.shape, dtype=np.int64)
    n_buckets = 0
    for band in range(bands):
        distinct, buckets[:, band] = np.unique(keys[:, band], return_inverse=True)
        buckets[:, band] += n_buckets
        n_buckets += len(distinct)
    return _keep_earliest(shingles, offsets, buckets, n_buckets, threshold)


def _shingle_sets(
    texts: Sequence[str | None], words: HashedWords, shingle: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the sorted distinct shingle hashes of every text; a text without words has one, of its characters."""
    hashes, offsets = gram_hashes(words, shingle)
    lengths = np.diff(offsets)
    wordless = np.flatnonzero(lengths == 0)
    whole = [stable_hash(texts[row] or "") for row in wordless.tolist()]
    hashes = np.insert(hashes, offsets[wordless], np.array(whole, dtype=np.uint64))
    lengths[wordless] = 1
    return _sorted_sets(hashes, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]))


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _sorted_sets(hashes, offsets):  # type: ignore[no-untyped-def]
    """Return each text's hashes sorted and without repetition."""
    out = np.empty_like(hashes)
    out_offsets = np.zeros_like(offsets)
    at = 0
    for row in range(len(offsets) - 1):
        ordered = np.sort(hashes[offsets[row] : offsets[row + 1]])
        for i in range(len(ordered)):
            if i == 0 or ordered[i] != ordered[i - 1]:
                out[at] = ordered[i]
                at += 1
        out_offsets[row + 1] = at
    return out[:at].copy(), out_offsets


@nb.njit(cache=True, nogil=True)
def _band_keys(shingles, offsets, multipliers, increments, bands):  # type: ignore[no-untyped-def]
    """Return one key per text and band: a hash of the band's MinHash values."""
    count = len(multipliers)
    rows = count // bands
    keys = np.empty((len(offsets) - 1, bands), dtype=np.uint64)
    lowest = np.empty(count, dtype=np.uint64)
    for row in range(len(offsets) - 1):
        lowest[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for i in range(offsets[row], offsets[row + 1]):
            for function in range(count):
                lowest[function] = min(lowest[function], shingles[i] * multipliers[function] + increments[function])
        for band in range(bands):
            key = np.uint64(0)
            for function in range(band * rows, (band + 1) * rows):
                key = (key ^ lowest[function]) * np.uint64(0xFF51AFD7ED558CCD)
                key ^= key >> np.uint64(33)
            keys[row, band] = key
    return keys


@nb.njit(cache=True, nogil=True)
def _similar(shingles, offsets, a, b, threshold):  # type: ignore[no-untyped-def]
    """Return whether the Jaccard index of two sorted sets reaches the threshold."""
    i, end_i = offsets[a], offsets[a + 1]
    j, end_j = offsets[b], offsets[b + 1]
    total = (end_i - i) + (end_j - j)
    common = 0
    while i < end_i and j < end_j:
        if shingles[i] == shingles[j]:
            common += 1
            i += 1
            j += 1
        elif shingles[i] < shingles[j]:
            i += 1
        else:
            j += 1
    return common >= threshold * (total - common)


@nb.njit(cache=True, nogil=True)
def _keep_earliest(shingles, offsets, buckets, n_buckets, threshold):  # type: ignore[no-untyped-def]
    """Go through the texts in order; each is compared with the kept texts that share a bucket with it."""
    count, bands = buckets.shape
    original = np.arange(count)
    newest = np.full(n_buckets, -1, dtype=np.int64)  # latest kept text of each bucket
    earlier = np.full((count, bands), -1, dtype=np.int64)  # the kept text before it in the same bucket
    compared_with = np.full(count, -1, dtype=np.int64)
    for text in range(count):
        for band in range(bands):
            candidate = newest[buckets[text, band]]
            while candidate >= 0:
                # Only a candidate earlier than the one found so far can change the answer.
                if compared_with[candidate] != text and candidate < original[text]:
                    compared_with[candidate] = text
                    if _similar(shingles, offsets, candidate, text, threshold):
                        original[text] = candidate
                candidate = earlier[candidate, band]
        if original[text] == text:
            for band in range(bands):
                bucket = buckets[text, band]
                earlier[text, band] = newest[bucket]
                newest[bucket] = text
    return original
