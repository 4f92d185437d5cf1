"""How probable a document is to a proxy of the human text, and where that lies among unseen human documents."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.diagnosis.base import Columns, HumanSide


@dataclass(frozen=True)
class Perplexity:
    """Loss per token under the proxy of the human base.

    Low is not good: the most probable text is the dullest, and keeping it is what loses rare words first.
    """

    human: HumanSide
    name: str = "perplexity"

    @cached_property
    def reference(self) -> NDArray[np.float64]:
        """Losses of the human reference documents, nats per token, ascending."""
        return np.sort(self.human.model.loss(self.human.reference).per_token)

    def columns(self, documents: pa.Table) -> Columns:
        """Return ``loss_nats`` (nats per token) and ``loss_rank`` (share of unseen human documents below, [0, 1])."""
        loss = self.human.model.loss(documents).per_token
        low = np.searchsorted(self.reference, loss, "left")
        high = np.searchsorted(self.reference, loss, "right")
        rank = (low + high) / 2 / max(len(self.reference), 1)
        return {"loss_nats": loss, "loss_rank": rank if len(self.reference) else np.full(len(loss), np.nan)}
