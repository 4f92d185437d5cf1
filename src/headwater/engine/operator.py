"""What is run: pure functions from record batch to record batch, with a name for what they compute."""

from dataclasses import asdict, is_dataclass
from typing import Protocol, runtime_checkable

import pyarrow as pa

from headwater.schema import digest


@runtime_checkable
class Operator(Protocol):
    """A pure function of a batch of documents: same rows, same order, columns added or ``text`` replaced.

    Nothing may depend on where a corpus is cut into batches. Operators are small frozen dataclasses that can be
    pickled; what is costly to build (models, tables) is built on first use in each process.
    """

    @property
    def name(self) -> str:
        """Name of the operator; constant, unique among the operators of a job."""

    @property
    def version(self) -> int:
        """Changes whenever the same text and settings can give other values."""

    @property
    def adds(self) -> pa.Schema:
        """The columns it adds or replaces, each field with its ``meaning``; all others stay as they are."""

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the operator's columns."""


def operator_key(operator: Operator) -> str:
    """Return 16 hexadecimal digits that name what an operator computes: its name, version and settings."""
    settings = asdict(operator) if is_dataclass(operator) and not isinstance(operator, type) else repr(operator)
    return digest([operator.name, operator.version, settings])
