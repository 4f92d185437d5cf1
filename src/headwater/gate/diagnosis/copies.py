"""How much of a document stands word for word in the human training text."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import Columns


@dataclass(frozen=True)
class CopyRate:
    """Share of 8-word sequences that occur in the human training text, as the hard checks measured it."""

    shares: NDArray[np.float64]
    """Largest share among the blocks of each document, [0, 1]."""
    name: str = "copied"

    def columns(self, documents: pa.Table) -> Columns:
        """Return ``copied``.

        Raises:
            ValueError: these are not the documents that were checked.
        """
        if len(self.shares) != documents.num_rows:
            raise ValueError(f"copies of {len(self.shares)} documents are known, not of {documents.num_rows}")
        return {"copied": self.shares}
