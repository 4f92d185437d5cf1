"""Documents a stream holds more than once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.schema import Reason, Stage, content_id
from headwater.text import HashedWords, near_duplicates


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Fails documents that repeat an earlier one of the same stream.

    Which copy is kept depends on the order of the stream, so the check is made for one stream as a whole.
    """

    repeats: frozenset[str]
    """Ids of the documents that repeat an earlier one."""
    reason: Reason
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 1 for a repeated document and 0 otherwise."""
        return np.array([key in self.repeats for key in documents["id"].to_pylist()], np.float64)


def duplicate_checks(stream: pa.Table, words: HashedWords | None = None) -> tuple[Duplicate, Duplicate]:
    """Return the checks for exact and for near copies (Jaccard similarity of 5-word shingles at least 0.8).

    Args:
        stream: all documents of the stream.
        words: the documents' hashed words, where they are at hand.
    """
    ids, texts = stream["id"].to_pylist(), stream["text"].to_pylist()
    exact = _repeats(ids, _first_seen([content_id(text) for text in texts]))
    near = _repeats(ids, near_duplicates(texts, words=words))
    return Duplicate(exact, Reason.EXACT_DUPLICATE), Duplicate(near - exact, Reason.NEAR_DUPLICATE)


def _repeats(ids: Sequence[str], first: NDArray[np.int64]) -> frozenset[str]:
    return frozenset(key for i, key in enumerate(ids) if first[i] != i)


def _first_seen(keys: Sequence[str]) -> NDArray[np.int64]:
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(key, i) for i, key in enumerate(keys)], np.int64)
