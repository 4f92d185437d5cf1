"""Counts over the tokens of texts, as the quality rules of Gopher need them (Rae et al. 2021, table A1)."""

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.chunk_kernels import ALPHABETIC_TOKENS, COUNT, MARKS, WORD_CHARACTERS, WORDS
from headwater.text.chunks import ChunkedTexts


class WordCounts(NamedTuple):
    """Whole numbers, one per text, int64."""

    tokens: NDArray[np.int64]
    """All tokens of the word rules."""
    words: NDArray[np.int64]
    """Tokens that are not symbols: not of punctuation only."""
    word_characters: NDArray[np.int64]
    """Characters of these words."""
    alphabetic: NDArray[np.int64]
    """Tokens with at least one letter."""
    stop_words: NDArray[np.int64]
    """Different stop words among the tokens, 0 to 8."""


def word_counts(texts: ChunkedTexts) -> WordCounts:
    """Return the counts over the tokens of each text."""
    counts = np.zeros((len(WordCounts._fields), len(texts.begins)), dtype=np.int64)
    _count(texts.chunks, texts.offsets, texts.facts, counts)
    return WordCounts(*counts)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _count(chunks, offsets, facts, counts):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        tokens = words = characters = alphabetic = marks = 0
        for i in range(offsets[row], offsets[row + 1]):
            chunk = chunks[i]
            tokens += facts[chunk, COUNT]
            words += facts[chunk, WORDS]
            characters += facts[chunk, WORD_CHARACTERS]
            alphabetic += facts[chunk, ALPHABETIC_TOKENS]
            marks |= facts[chunk, MARKS]
        stop_words = 0
        for bit in range(8):
            stop_words += (marks >> bit) & 1
        counts[0, row], counts[1, row], counts[2, row], counts[3, row] = tokens, words, characters, alphabetic
        counts[4, row] = stop_words
