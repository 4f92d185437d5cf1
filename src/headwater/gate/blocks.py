"""Documents in blocks of 200 words, the unit in which overlap is judged.

A short passage copied into a long document disappears in the document's average; in its block it does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.text import GramIndex, HashedWords, gram_hashes

BLOCK_WORDS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The 8-word sequences of documents, cut into blocks; sequence i of a document begins at its word i."""

    grams: NDArray[np.uint64]
    """Hashes of all sequences, document after document."""
    starts: NDArray[np.int64]
    """Where each block begins among the sequences, and where the last one ends."""
    owner: NDArray[np.int64]
    """Index of the document each block is part of, ascending."""

    def shares(self, index: GramIndex) -> NDArray[np.float64]:
        """Return the share of each block's sequences that an index holds, in [0, 1]."""
        running = np.concatenate([[0], np.cumsum(index.holds(self.grams))])
        return np.diff(running[self.starts]) / np.maximum(np.diff(self.starts), 1)

    def of_documents(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the blocks of some documents, given by ascending row numbers."""
        first, last = np.searchsorted(self.owner, rows), np.searchsorted(self.owner, rows, side="right")
        counts = last - first
        return np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))

    def worst(self, shares: NDArray[np.float64], documents: int) -> NDArray[np.float64]:
        """Return the largest block value of each document; 0 for a document without words."""
        result = np.zeros(documents)
        np.maximum.at(result, self.owner, shares)
        return result


def blocks_of(words: HashedWords, size: int = BLOCK_WORDS) -> Blocks:
    """Return the blocks of documents; a rest shorter than half a block joins the block before it.

    Args:
        words: the documents' hashed words. In scripts without spaces a character is a word.
        size: words per block.
    """
    grams, offsets = gram_hashes(words)
    lengths = np.diff(offsets)
    blocks = np.where(lengths == 0, 0, np.maximum((lengths + size // 2) // size, 1))
    owner = np.repeat(np.arange(len(lengths)), blocks)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(blocks) - blocks, blocks)
    return Blocks(grams, np.concatenate([offsets[owner] + within * size, offsets[-1:]]), owner)
