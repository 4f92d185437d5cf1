"""Operators inside pipelines of other libraries: a function of Arrow tables, and one of Daft's columns.

A pipeline of the user's own has no place for documents that are set aside, so a row that an operator cannot take stops
it, unless a column is named that takes the error. The examples in ``examples/`` show each library.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.engine.apply import RowError, apply_operators
from headwater.engine.operator import Operator
from headwater.errors import ConfigError, InputError

_TEXT = "text"
_TEXT_TYPES = (pa.string(), pa.large_string())
# A batch: what a kernel needs beside the texts is a few times their size.
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class TableFunction:
    """A function of a table: the same rows with the columns of operators. Made by ``as_table_function``."""

    operators: tuple[Operator, ...]
    """Applied one after the other."""
    text: str
    """Name of the column with the texts."""
    errors: str | None
    """Name of the column that takes the error of each row; none where an error is raised."""

    def __call__(self, table: Any) -> pa.Table:
        """Return the rows of anything that is an Arrow table or gives one, with the operators' columns.

        Raises:
            InputError: there is no such column of texts, names clash, or a row cannot be measured and no column for
                errors was named.
            EngineError: an operator does not keep its contract.
        """
        whole = self._prepared(table if isinstance(table, pa.Table) else pa.table(table))
        done = []
        first = 0
        for batch in whole.to_batches(max_chunksize=_BATCH_ROWS) or [_no_rows(whole.schema)]:
            measured, errors = _applied(self.operators, batch)
            if errors and self.errors is None:
                raise _bad_row(errors, batch, first)
            if self.errors is not None:
                measured = measured.append_column(self.errors, _sentences(errors, len(batch)))
            done.append(measured)
            first += len(batch)
        return _renamed(pa.Table.from_batches(done), _TEXT, self.text)

    def _prepared(self, table: pa.Table) -> pa.Table:
        """Return the table with the texts where operators look for them."""
        names = table.schema.names
        if self.text not in names:
            raise InputError(
                f"The table has no column {self.text!r}. It has: {', '.join(names)}. Name the column of the texts:"
                ' as_table_function(..., text="NAME").'
            )
        new = {name for operator in self.operators for name in operator.adds.names} - {_TEXT}
        taken = [name for name in names if name in new or name == self.errors]
        if self.text != _TEXT and _TEXT in names:
            taken.append(_TEXT)
        if taken:
            raise InputError(f"The table has a column {taken[0]!r} already. Rename it, or leave it out.")
        kind = table.schema.field(self.text).type
        if kind not in _TEXT_TYPES:
            if not (pa.types.is_string_view(kind) or pa.types.is_dictionary(kind)):
                raise InputError(f"The column {self.text!r} is {kind}; operators take texts (string).")
            place = names.index(self.text)
            table = table.set_column(place, self.text, table[self.text].cast(pa.large_string()))
        return _renamed(table, self.text, _TEXT)


def as_table_function(*operators: Operator, text: str = _TEXT, errors: str | None = None) -> TableFunction:
    """Return operators as one function from table to table, which can be pickled.

    With Ray Data: ``dataset.map_batches(function, batch_format="pyarrow")``. With Hugging Face ``datasets``:
    ``dataset.with_format("arrow").map(function, batched=True)``. With polars, pandas or DuckDB: call it with a frame
    or relation; what it returns is read by ``polars.from_arrow``, ``to_pandas`` or DuckDB.

    Args:
        operators: applied one after the other.
        text: the column with the texts; operators find it as ``text``.
        errors: name of a column that takes, for each row that an operator cannot take or that has no text, the error,
            and null for all others. Bad rows have no measured values. Without it the first bad row is an error.

    Raises:
        ConfigError: there are no operators, or two of them add the same column.
    """
    if not operators:
        raise ConfigError(["no operators are given; give one or more, such as TextStatistics()"])
    names = [name for operator in operators for name in operator.adds.names if name != _TEXT]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or errors in names:
        raise ConfigError([f"the column {name!r} would be added twice" for name in twice or [errors]])
    return TableFunction(operators, text, errors)


def as_daft_function(*operators: Operator, errors: str | None = None) -> Callable[..., Any]:
    """Return operators as a batch function of a Daft column of texts: ``frame.select("*", function(frame["text"]))``.

    The new columns stand beside the others. Of the frame operators see the texts alone. An operator that replaces
    texts gives a column ``text``, so select the others by name.

    Args:
        operators: applied one after the other.
        errors: as of ``as_table_function``. Without it the first bad row ends the query, with Daft's own error.

    Raises:
        ConfigError: there are no operators, or two of them add the same column.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Daft reports its import and each query unless told not to
    import daft

    function = as_table_function(*operators, errors=errors)
    fields = {field.name: field.type for operator in operators for field in operator.adds}
    if _TEXT in fields:
        fields[_TEXT] = pa.large_string()  # Daft's texts
    if errors is not None:
        fields[errors] = pa.string()
    kind = daft.DataType.struct({name: daft.DataType.from_arrow_type(kind) for name, kind in fields.items()})

    @daft.func.batch(return_dtype=kind, unnest=True)
    def measured(text: Any) -> Any:
        table = function(pa.table({_TEXT: text.to_arrow()}))
        return pa.StructArray.from_arrays([table[name].combine_chunks() for name in fields], names=list(fields))

    return measured


def _applied(operators: tuple[Operator, ...], batch: pa.RecordBatch) -> tuple[pa.RecordBatch, tuple[RowError, ...]]:
    """Return the batch measured, and its bad rows; operators do not see rows without text."""
    if not batch[_TEXT].null_count:
        return apply_operators(operators, batch)
    return apply_operators((_Texts(), *operators), batch)


@dataclass(frozen=True, slots=True)
class _Texts:
    """Takes rows that have a text, and adds nothing."""

    name: str = "text"
    version: int = 1

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch[_TEXT].null_count:
            raise InputError("there is no text")
        return batch


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def _renamed(table: pa.Table, old: str, new: str) -> pa.Table:
    return table.rename_columns([new if name == old else name for name in table.schema.names])


def _sentences(errors: tuple[RowError, ...], rows: int) -> pa.Array:
    by_row = {error.row: f"{error.operator}: {error.message}" for error in errors}
    return pa.array([by_row.get(row) for row in range(rows)], pa.string())


def _bad_row(errors: tuple[RowError, ...], batch: pa.RecordBatch, first: int) -> InputError:
    """Return the error for the first bad row of a batch that begins at a row of its table."""
    error = errors[0]
    known = f", id {batch['id'][error.row]}" if "id" in batch.schema.names else ""
    return InputError(
        f"Row {first + error.row} of the table{known} cannot be measured: {error.operator}: {error.message}. Leave"
        f' it out ({len(errors)} of these {len(batch)} rows), or go on with the error in a column: errors="error".'
    )
