"""Lowest perplexity under a model of human text: the commonest quality filter."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.selection.base import take_tokens
from headwater.models.learner import Learner, Model


@dataclass(frozen=True, slots=True)
class LowestPerplexity:
    """Train on the candidates that a model of the human text finds most probable."""

    learner: Learner[pa.Table]
    """Fitted to the human text to score the candidates."""
    name: str = "lowest-perplexity"

    def choose(self, candidates: pa.Table, human: pa.Table, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return the candidates of lowest mean loss per token until the budget is reached."""
        return lowest_loss(self.learner.fit(human, rng), candidates, n_tokens)


def lowest_loss(model: Model[pa.Table], candidates: pa.Table, n_tokens: int) -> pa.Table:
    """Return the candidates of lowest mean loss per token under the model until the budget is reached."""
    return take_tokens(candidates, np.argsort(model.loss(candidates).per_token, kind="stable"), n_tokens)
