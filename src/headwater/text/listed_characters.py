"""Characters of a list, counted in texts."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.folding import code_point


def count_characters(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], characters: str
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return per text how many of its characters are among ``characters``, and how many it has."""
    listed = np.zeros(0x110000, dtype=np.bool_)
    listed[[ord(one) for one in characters]] = True
    return _count(data, offsets, listed)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _count(data, offsets, listed):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    found = np.zeros(texts, dtype=np.int32)
    characters = np.zeros(texts, dtype=np.int64)
    for row in range(texts):
        at, end = offsets[row], offsets[row + 1]
        count = total = 0
        while at < end:
            if data[at] < 0x80:
                count += listed[data[at]]
                at += 1
            else:
                code, at = code_point(data, at, end)
                count += listed[code]
            total += 1
        found[row], characters[row] = count, total
    return found, characters
