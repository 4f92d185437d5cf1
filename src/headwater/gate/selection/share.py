"""Everything, or a random share."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.selection.base import take_tokens


@dataclass(frozen=True, slots=True)
class AdmitAll:
    """Train on every candidate, whatever the budget."""

    name: str = "admit-all"

    def choose(
        self,
        candidates: pa.Table,
        human: pa.Table,  # noqa: ARG002
        n_tokens: int,  # noqa: ARG002
        rng: np.random.Generator,  # noqa: ARG002
    ) -> pa.Table:
        """Return all candidates."""
        return candidates


@dataclass(frozen=True, slots=True)
class RandomShare:
    """Train on candidates drawn at random."""

    name: str = "random"

    def choose(
        self,
        candidates: pa.Table,
        human: pa.Table,  # noqa: ARG002
        n_tokens: int,
        rng: np.random.Generator,
    ) -> pa.Table:
        """Return candidates in random order until the budget is reached."""
        return take_tokens(candidates, rng.permutation(candidates.num_rows), n_tokens)
