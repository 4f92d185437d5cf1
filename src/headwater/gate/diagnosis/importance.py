"""The importance weight of DSIR: how much commoner a document's word pairs are in human text than in the stream."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.diagnosis.base import Columns, HumanSide
from headwater.gate.selection import DSIR, token_counts


@dataclass(frozen=True)
class Importance:
    """Log importance weight per token (Xie et al. 2023, arXiv:2302.03169).

    Highest for what resembles human text most, which copies and a model's own output do.
    """

    human: HumanSide
    name: str = "dsir"

    def columns(self, documents: pa.Table) -> Columns:
        """Return ``dsir`` (nats per token); the candidates it compares with are the documents of the batch."""
        weights = DSIR().log_weights(documents, self.human.train)
        return {"dsir": weights / np.maximum(token_counts(documents), 1)}
