"""Shared word sequences: stable hashes of word n-grams and an index that says which share of a text is known.

A copied passage shares long word sequences with its source; independent texts hardly share any of 8 words. Words are
lower-cased, punctuation and spaces do not count. Hashes are the same in every process and on every platform.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.words import split_words

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: keeps the order of the words in the hash


def stable_hash(text: str) -> int:
    """Return 64 bits of the text's BLAKE2b hash."""
    packed = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(packed, "little")


class _WordHashes(dict[str, int]):
    """Word to 64-bit hash, computed once per word and process; emptied when it has grown too large."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_WORDS:
            self.clear()
        value = self[word] = stable_hash(word)
        return value


_MOST_WORDS = 1_000_000  # about 130 MB
_hash_of = _WordHashes().__getitem__


@dataclass(frozen=True, slots=True, eq=False)
class HashedWords:
    """Texts as hashes of their words, made once where several measures need them."""

    hashes: NDArray[np.uint64]
    """A hash of every word, all texts one after the other."""
    offsets: NDArray[np.int64]
    """Where each text begins; one entry more than there are texts."""


def word_hashes(texts: Iterable[str | None]) -> HashedWords:
    """Return a hash of every word of the texts; lower-cased, without punctuation."""
    parts = [np.zeros(0, dtype=np.uint64)]
    lengths = [0]
    for text in texts:
        words = split_words(text, punctuation=False) if text else []
        parts.append(np.fromiter(map(_hash_of, words), dtype=np.uint64, count=len(words)))
        lengths.append(len(words))
    return HashedWords(np.concatenate(parts), np.cumsum(lengths, dtype=np.int64))


def gram_hashes(texts: Iterable[str | None] | HashedWords, n: int = 8) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return a hash of every sequence of ``n`` words of the texts, and where each text begins.

    A text of fewer words has one hash, of the whole; a text without words has none. Two different sequences share a
    hash with probability 2^-64.

    Args:
        texts: the texts, or their hashed words; a null counts as empty.
        n: words per sequence, at least 1.
    """
    words = texts if isinstance(texts, HashedWords) else word_hashes(texts)
    lengths = np.diff(words.offsets)
    counts = np.where(lengths == 0, 0, np.maximum(lengths - n + 1, 1))
    gram_offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return _grams(words.hashes, words.offsets, gram_offsets, n, _MULTIPLIER), gram_offsets


@dataclass(frozen=True, slots=True, eq=False)
class GramIndex:
    """The word sequences of a set of texts."""

    hashes: NDArray[np.uint64]
    """Sorted distinct hashes."""
    n: int = 8
    """Words per sequence."""

    @classmethod
    def from_texts(cls, texts: Iterable[str | None] | HashedWords, n: int = 8) -> "GramIndex":
        """Return the index of all sequences of ``n`` words of the texts."""
        return cls(np.unique(gram_hashes(texts, n)[0]), n)

    def __len__(self) -> int:
        return len(self.hashes)

    def holds(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return for each hash of a word sequence whether the index holds it."""
        if not len(self):
            return np.zeros(len(hashes), dtype=np.bool_)
        return self.hashes[np.minimum(np.searchsorted(self.hashes, hashes), len(self) - 1)] == hashes

    def share(self, texts: Sequence[str | None] | HashedWords) -> NDArray[np.float64]:
        """Return the share of each text's word sequences that the index holds, 0 to 1; 0 for a text without words."""
        hashes, offsets = gram_hashes(texts, self.n)
        running = np.concatenate([[0], np.cumsum(self.holds(hashes))])
        return np.diff(running[offsets]) / np.maximum(np.diff(offsets), 1)

    def merge(self, other: "GramIndex") -> "GramIndex":
        """Return the index of the texts of both.

        Raises:
            ValueError: the sequences differ in length.
        """
        if self.n != other.n:
            raise ValueError(f"indexes of {self.n}-word and {other.n}-word sequences cannot be merged")
        return GramIndex(np.union1d(self.hashes, other.hashes), self.n)


# Numba infers the types of the kernel's arguments, so it carries no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _grams(hashes, offsets, gram_offsets, n, multiplier):  # type: ignore[no-untyped-def]
    """Hash every window of ``n`` words: a polynomial in the multiplier, mixed so that all bits depend on all words."""
    out = np.empty(gram_offsets[-1], dtype=np.uint64)
    for row in range(len(offsets) - 1):
        width = min(n, offsets[row + 1] - offsets[row])
        for gram in range(gram_offsets[row], gram_offsets[row + 1]):
            first = offsets[row] + gram - gram_offsets[row]
            value = np.uint64(width)
            for position in range(first, first + width):
                value = value * multiplier + hashes[position]
            # Finaliser of MurmurHash3 (public domain).
            value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
            value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
            out[gram] = value ^ (value >> np.uint64(33))
    return out
