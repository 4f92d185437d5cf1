"""Overlap with human text: leaked panel documents and copies of training text.

Measured per block of 200 words, as the share of its 8-word sequences that occur in the panel or the training text. A
flat bar on the mean share rejects honest rewrites wherever documents share boilerplate; blocks above 30% (panel) or
50% (training text) tell leaks and copies from honest rewrites (embedded corpus, all recipes and seeds tried).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.blocks import blocks_of
from headwater.schema import Reason, Stage
from headwater.text import GramIndex, word_hashes

PANEL_SHARE = 0.30
TRAINING_SHARE = 0.50
RECIPE_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Overlap:
    """Fails documents one of whose blocks overlaps too much with a set of human texts."""

    index: GramIndex
    """8-word sequences of the human texts."""
    reason: Reason
    """``panel_contamination`` or ``training_copy``."""
    threshold: float
    """Largest share of a block's 8-word sequences that may occur in the index, in [0, 1]."""
    stage: Stage = Stage.CHECKS

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return the largest share among the blocks of each document, in [0, 1]."""
        blocks = blocks_of(word_hashes(documents["text"].to_pylist()))
        return blocks.worst(blocks.shares(self.index), documents.num_rows)


def panel_overlap(index: GramIndex) -> Overlap:
    """Return the check against the sealed panels."""
    return Overlap(index, Reason.PANEL_CONTAMINATION, PANEL_SHARE)


def training_overlap(index: GramIndex) -> Overlap:
    """Return the check against the human training text."""
    return Overlap(index, Reason.TRAINING_COPY, TRAINING_SHARE)
