"""Where each token of a text stands: the index that n-gram models are built from."""

import numba as nb
import numpy as np
from numpy.typing import NDArray


@nb.njit(cache=True, nogil=True)
def positions_by_token(tokens: NDArray[np.integer], types: int) -> NDArray[np.int32]:
    """Return the positions in the order of their tokens (counting sort, stable)."""
    ends = np.zeros(types + 1, dtype=np.int32)
    for token in tokens:
        ends[token + 1] += 1
    for token in range(types):
        ends[token + 1] += ends[token]
    order = np.empty(len(tokens), dtype=np.int32)
    for position in range(len(tokens)):
        token = tokens[position]
        order[ends[token]] = position
        ends[token] += 1
    return order
