"""Operators applied to a batch, one row's fault at the cost of that row.

An operator that raises for a batch is called again for its halves, and for their halves, down to the rows it cannot
take. Such a row is bad: it has an error and no measured value at all, since a value beside an error would be read as
a check that was passed. What operators give back is checked, so that a fault of theirs is found where it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headwater.engine.attempt import one_sentence
from headwater.engine.operator import Operator
from headwater.errors import EngineError, HeadwaterError, InputError

# Not the row's doing: the machine's (memory, disk, network), or a fault that every row would meet.
_NOT_OF_A_ROW = (HeadwaterError, MemoryError, OSError)
# Everything hangs on these, so they are compared; it costs a thousandth of measuring.
_WATCHED = ("id", "text")


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that an operator cannot take."""

    row: int
    """Its place in the batch."""
    operator: str
    """Name of the operator."""
    message: str
    """What the operator raised, in one sentence."""


def apply_operators(
    operators: Sequence[Operator], batch: pa.RecordBatch
) -> tuple[pa.RecordBatch, tuple[RowError, ...]]:
    """Return the batch with the columns of all operators, and the rows that one of them cannot take, by row.

    The rows are those of the batch, in its order. A bad row keeps what it came with, and is null in every column that
    an operator adds or replaces; operators after the one that failed do not see it.

    Args:
        operators: applied one after the other; each sees the columns of those before it.
        batch: the documents.

    Raises:
        EngineError: an operator does not keep its contract: it returns other rows, or other columns than it announces.
        HeadwaterError, OSError, MemoryError: as an operator raised it; repeating row by row would not help. An
            ``InputError`` is the row's.
    """
    rows = list(range(len(batch)))
    errors: list[RowError] = []
    measured = batch
    for operator in operators:
        measured, failed = _measured(operator, measured)
        errors += [RowError(rows[place], operator.name, message) for place, message in failed]
        gone = {place for place, _ in failed}
        rows = [row for place, row in enumerate(rows) if place not in gone]
    if errors:
        measured = _spread(operators, measured, rows, batch)
    return measured, tuple(sorted(errors, key=lambda error: error.row))


def _measured(operator: Operator, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[tuple[int, str]]]:
    """Return the rows that the operator can take, measured, and place and message of those it cannot."""
    try:
        return _checked(operator, batch, operator(batch)), []
    except Exception as error:  # a fault in the data of a row may come out as any error
        if isinstance(error, _NOT_OF_A_ROW) and not isinstance(error, InputError):
            raise
        if len(batch) <= 1:
            schema = _schema(operator, batch.schema)
            return pa.RecordBatch.from_pylist([], schema=schema), [(0, one_sentence(error))] * len(batch)
    half = len(batch) // 2
    first, first_failed = _measured(operator, batch.slice(0, half))
    second, second_failed = _measured(operator, batch.slice(half))
    failed = first_failed + [(half + place, message) for place, message in second_failed]
    return pa.concat_batches([first, second]), failed


def _schema(operator: Operator, before: pa.Schema) -> pa.Schema:
    """Return the columns of a batch with those of an operator: replaced ones in their places, new ones at the end."""
    adds = operator.adds
    fields = [
        field if field.name not in adds.names else adds.field(field.name).with_type(field.type) for field in before
    ]
    return pa.schema(fields + [field for field in adds if field.name not in before.names], before.metadata)


def _checked(operator: Operator, before: pa.RecordBatch, after: pa.RecordBatch) -> pa.RecordBatch:
    """Return what an operator made of a batch, its columns in the order of ``_schema``.

    Raises:
        EngineError: it does not keep its contract.
    """
    who = f"The operator {operator.name!r}"
    if not isinstance(after, pa.RecordBatch):
        raise EngineError(f"{who} returned a {type(after).__name__}; it must return a RecordBatch.")
    if len(after) != len(before):
        raise EngineError(
            f"{who} returned {len(after)} rows for {len(before)}; it must return the same rows in the same order. Rules"
            " drop documents, operators do not."
        )
    schema = _schema(operator, before.schema)
    found = after.schema
    missing = [name for name in schema.names if name not in found.names]
    if missing:
        raise EngineError(
            f"{who} returned no column {missing[0]!r}; it must keep what there is and add what it announces."
        )
    extra = [name for name in found.names if name not in schema.names]
    if extra:
        raise EngineError(f"{who} added the column {extra[0]!r} without announcing it in `adds`.")
    for field in schema:
        kind = found.field(field.name).type
        if kind != field.type:
            raise EngineError(f"{who} returned {field.name!r} as {kind}; it must be {field.type}.")
    for name in _WATCHED:
        if name in before.schema.names and name not in operator.adds.names and not after[name].equals(before[name]):
            raise EngineError(f"{who} changed {name!r}, or the order of rows, without announcing {name!r} in `adds`.")
    return pa.RecordBatch.from_arrays([after[name] for name in schema.names], schema=schema)


def _spread(
    operators: Sequence[Operator], measured: pa.RecordBatch, rows: list[int], batch: pa.RecordBatch
) -> pa.RecordBatch:
    """Return all rows of a batch: measured ones at their places, the others null in what operators add or replace."""
    places: list[int | None] = [None] * len(batch)
    for place, row in enumerate(rows):
        places[row] = place
    index = pa.array(places, pa.int64())
    theirs = {name for operator in operators for name in operator.adds.names}
    columns = [
        pc.take(measured[name], index) if name in theirs else batch[name]  # null where there is no place
        for name in measured.schema.names
    ]
    fields = [field.with_nullable(True) if field.name in theirs else field for field in measured.schema]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, measured.schema.metadata))
