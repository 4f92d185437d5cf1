"""Hard checks: what a machine document must pass before anything is trained on it.

A check looks at documents one by one and can only reject. A check that cannot be carried out counts as not passed:
an exception in a batch makes the runner go through the batch document by document, so that one document that breaks a
check costs one document.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.schema import Reason, Stage

_log = logging.getLogger(__name__)


class Check(Protocol):
    """One hard check."""

    @property
    def reason(self) -> Reason:
        """Return the reason code of a document that fails it."""
        ...

    @property
    def stage(self) -> Stage:
        """Return the stage the check belongs to."""
        ...

    @property
    def threshold(self) -> float:
        """Return the largest value that still passes."""
        ...

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return one value per document; a value above the threshold fails."""
        ...


@dataclass(frozen=True, slots=True)
class Findings:
    """The first check each document failed, if any."""

    reasons: list[Reason | None]
    stages: list[Stage | None]
    measured: NDArray[np.float64]
    """The value that failed; not a number where the document passed or the check broke."""
    thresholds: NDArray[np.float64]

    @property
    def passed(self) -> NDArray[np.bool_]:
        """One truth value per document."""
        return np.array([reason is None for reason in self.reasons], bool)


def run_checks(documents: pa.Table, checks: Sequence[Check]) -> Findings:
    """Return the first failed check of each document, in the order of the checks."""
    count = documents.num_rows
    reasons: list[Reason | None] = [None] * count
    stages: list[Stage | None] = [None] * count
    measured = np.full(count, np.nan)
    thresholds = np.full(count, np.nan)
    for check in checks:
        values = _measure(check, documents)
        # "not (value <= threshold)" on purpose: a value that is not a number has not passed.
        for i in np.flatnonzero(~(values <= check.threshold)):
            if reasons[i] is None:
                broken = bool(np.isnan(values[i]))
                reasons[i] = Reason.CHECK_FAILED if broken else check.reason
                stages[i] = check.stage
                measured[i] = values[i]
                thresholds[i] = check.threshold
    return Findings(reasons, stages, measured, thresholds)


def _measure(check: Check, documents: pa.Table) -> NDArray[np.float64]:
    try:
        values = np.asarray(check.measure(documents), np.float64)
        if values.shape != (documents.num_rows,):
            raise ValueError(f"a check must return one value per document, got shape {values.shape}")  # noqa: TRY301
    except Exception:  # whatever a check raises, the document has not passed it
        if documents.num_rows == 1:
            _log.exception("check failed", extra={"check": check.reason.value, "id": documents["id"][0].as_py()})
            return np.array([np.nan])
    else:
        return values
    return np.concatenate([_measure(check, documents.slice(i, 1)) for i in range(documents.num_rows)])
