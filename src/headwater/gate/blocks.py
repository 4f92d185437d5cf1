"""Cutting documents into blocks of about 200 words, the unit in which overlap is judged.

A short passage copied into a long document disappears in the document's average; in its block it does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_WORDS = 200


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of a list of documents."""

    texts: list[str]
    """Text of each block."""
    owner: NDArray[np.int64]
    """Index of the document each block is part of, ascending."""

    def worst(self, values: NDArray[np.float64], documents: int) -> NDArray[np.float64]:
        """Return the largest block value of each document (0 for a document without blocks)."""
        result = np.zeros(documents)
        np.maximum.at(result, self.owner, values)
        return result


def blocks_of(texts: Sequence[str], words: int = BLOCK_WORDS) -> Blocks:
    """Return blocks of at most ``words`` white-space separated words.

    A rest shorter than half a block joins the block before it. Text without spaces is cut by characters, six for a
    word, so that it cannot hide in one endless block.
    """
    pieces: list[str] = []
    owner: list[int] = []
    for index, text in enumerate(texts):
        parts = text.split()
        unspaced = len(parts) * 40 < len(text)
        if unspaced:
            size, whole, joint = words * 6, list(text), ""
        else:
            size, whole, joint = words, parts, " "
        if len(whole) <= size * 3 // 2:
            pieces.append(text)
            owner.append(index)
            continue
        cuts = list(range(0, len(whole) - size // 2, size)) + [len(whole)]
        for start, stop in zip(cuts, cuts[1:], strict=False):
            pieces.append(joint.join(whole[start:stop]))
            owner.append(index)
    return Blocks(pieces, np.asarray(owner, np.int64))
