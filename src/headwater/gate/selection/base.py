"""The interface of a selection method."""

from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Selection(Protocol):
    """A rule that chooses documents to train on."""

    @property
    def name(self) -> str:
        """Return the name shown in tables."""
        ...

    def choose(self, candidates: pa.Table, human: pa.Table, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return about ``n_tokens`` tokens of the candidates; both tables carry the column ``tokens``."""
        ...


def token_counts(table: pa.Table) -> NDArray[np.int64]:
    """Return the number of tokens of each document; 1 for documents that have none, such as rows of a table."""
    if "tokens" not in table.column_names:
        return np.ones(table.num_rows, np.int64)
    return pc.list_value_length(table["tokens"]).to_numpy().astype(np.int64)


def take_tokens(table: pa.Table, order: NDArray[np.int64], n_tokens: int) -> pa.Table:
    """Return documents in the given order until ``n_tokens`` are reached (the last one may exceed it)."""
    total = np.cumsum(token_counts(table)[order])
    count = int(np.searchsorted(total, n_tokens)) + 1 if n_tokens > 0 else 0
    return table.take(pa.array(order[:count]))
