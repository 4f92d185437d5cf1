"""Documents a stream holds more than once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.schema import Reason, Stage, content_id
from headwater.text import HashedWords, near_duplicates


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Fails documents that repeat an earlier one of the same stream.

    Which copy is kept depends on the order of the stream, so the check is made for one stream as a whole, and by
    position: where ids are made from texts, the copies of a document share its id.
    """

    repeats: NDArray[np.bool_]
    """For each document of the stream, in order, whether it repeats an earlier one."""
    reason: Reason
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:  # noqa: ARG002
        """Return 1 for a repeated document and 0 otherwise; the documents are those the check was made for."""
        return self.repeats.astype(np.float64)


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """Fails documents whose text was in an earlier batch: for streams too large to be checked as a whole.

    Memory: about 100 bytes for each document seen.
    """

    seen: set[bytes] = field(default_factory=set)
    reason: Reason = Reason.EXACT_DUPLICATE
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 1 for a text seen before and 0 otherwise, and remember all of them."""
        keys = [bytes.fromhex(content_id(text)) for text in documents["text"].to_pylist()]
        values = np.array([key in self.seen for key in keys], np.float64)
        self.seen.update(keys)
        return values


def duplicate_checks(stream: pa.Table, words: HashedWords | None = None) -> tuple[Duplicate, Duplicate]:
    """Return the checks for exact and for near copies (Jaccard similarity of 5-word shingles at least 0.8).

    Args:
        stream: all documents of the stream.
        words: the documents' hashed words, where they are at hand.
    """
    texts = stream["text"].to_pylist()
    exact = _repeats(_first_seen(texts))
    near = _repeats(near_duplicates(texts, words=words))
    return Duplicate(exact, Reason.EXACT_DUPLICATE), Duplicate(near & ~exact, Reason.NEAR_DUPLICATE)


def _repeats(first: NDArray[np.int64]) -> NDArray[np.bool_]:
    return first != np.arange(len(first))


def _first_seen(texts: Sequence[Hashable]) -> NDArray[np.int64]:
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(text, i) for i, text in enumerate(texts)], np.int64)
