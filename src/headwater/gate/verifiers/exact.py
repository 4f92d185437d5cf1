"""The answer of a document against the one that is known to be right."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.verifiers.numbers import number_of
from headwater.gate.verifiers.texts import answer_in, meta_values
from headwater.schema import Reason, Stage


@dataclass(frozen=True, slots=True)
class ExactAnswer:
    """Fails documents whose answer is not the expected one.

    Numbers are compared as numbers, exactly unless a tolerance is given; words without regard to case, spaces and a
    final full stop. A document without an expected answer has not passed.
    """

    expected: str = "answer"
    """Column of the stream with the right answer (it is kept in the document's meta data)."""
    tolerance: float = 0.0
    """Largest relative difference of numbers."""
    reason: Reason = Reason.WRONG_ANSWER
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 0 for a right answer, 1 for a wrong one, and NaN where none is expected."""
        pairs = zip(documents["text"].to_pylist(), meta_values(documents, self.expected), strict=True)
        return np.array([self._wrong(text, right) for text, right in pairs], np.float64)

    def _wrong(self, text: str, right: Any) -> float:
        if right is None:
            return float("nan")
        given = answer_in(text)
        wanted = number_of(str(right))
        if wanted is None:
            return float(_plain(given) != _plain(str(right)))
        found = number_of(given)
        return float(found is None or abs(found - wanted) > Fraction(self.tolerance) * abs(wanted))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")
