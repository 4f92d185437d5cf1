"""The form of a table: which columns are numbers, which are categories, and how rows become numbers and back.

A row is a document. Its values stand in columns named ``value.<column>``, so that a table may have columns of any name
beside those of the document schema: numbers as float64, categories as text, null where a value is missing.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.errors import InputError, did_you_mean

VALUE = "value."
"""What stands before the name of a column of the user's table."""

_MOST_CLASSES = 50  # more values of a whole-number target than this are a quantity
_CLASSES_OF_NUMBERS = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    categories: tuple[str, ...] | None
    """Every value of the human table, sorted; None for numbers."""
    whole: bool = False
    """Whether all numbers are whole."""
    low: float = -np.inf
    high: float = np.inf
    """Range of the human values."""
    missing: bool = False
    """Whether human rows lack it."""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.categories is None


@dataclass(frozen=True, slots=True)
class TableForm:
    """The columns of a human table and what is to be predicted."""

    columns: tuple[Column, ...]
    target: str

    @classmethod
    def of(cls, table: pa.Table, target: str) -> "TableForm":
        """Return the form of a table of plain columns.

        Text, truth values and dictionaries are categories; a target of at most ten different whole numbers is one too.

        Args:
            table: the human rows.
            target: column to predict.

        Raises:
            InputError: the target is missing or constant, has too many classes, or a column is of a type that is
                neither number nor category.
        """
        if target not in table.column_names:
            raise InputError(
                f"the table has no column {target!r} to predict. Columns: {', '.join(table.column_names)}."
                f"{did_you_mean(target, table.column_names)}"
            )
        columns = tuple(_column(name, table[name], is_target=name == target) for name in table.column_names)
        form = cls(columns, target)
        categories = form.target_column.categories
        if categories is not None and len(categories) < 2:
            raise InputError(
                f"the target {target!r} has one value only, so that nothing can be learnt. Choose another."
            )
        if categories is not None and len(categories) > _MOST_CLASSES:
            raise InputError(
                f"the target {target!r} has {len(categories):,} different values; a classifier takes up to "
                f"{_MOST_CLASSES}. Choose another target, or give it as numbers."
            )
        if form.target_column.missing:
            raise InputError(f"the target {target!r} is missing in some human rows. Take these rows out.")
        if len(columns) < 2:
            raise InputError(f"the table has no column but the target {target!r} to predict it from.")
        return form

    @property
    def target_column(self) -> Column:
        """The column to predict."""
        return next(column for column in self.columns if column.name == self.target)

    @property
    def features(self) -> tuple[Column, ...]:
        """All columns but the target."""
        return tuple(column for column in self.columns if column.name != self.target)

    def conform(self, table: pa.Table) -> pa.Table:
        """Return the user's columns of a table as ``value.<column>``, converted to the form.

        A column that is missing is null throughout; text where a number belongs becomes null, and a value that no human
        row has stays what it is, so that a check finds both.
        """
        arrays = []
        for column in self.columns:
            if column.name not in table.column_names:
                kind = pa.float64() if column.numeric else pa.string()
                arrays.append(pa.nulls(table.num_rows, kind))
            else:
                arrays.append(_numbers(table[column.name]) if column.numeric else _texts(table[column.name]))
        return pa.table(arrays, names=[VALUE + column.name for column in self.columns])

    def codes(self, table: pa.Table, names: Iterable[str] | None = None) -> NDArray[np.float64]:
        """Return rows as numbers, shape (rows, columns): categories by their place, NaN for missing or unknown ones."""
        chosen = [column for column in self.columns if names is None or column.name in set(names)]
        found = np.empty((table.num_rows, len(chosen)))
        for i, column in enumerate(chosen):
            values = table[VALUE + column.name]
            if column.categories is not None:
                values = pc.index_in(values, value_set=pa.array(column.categories, pa.string()))
            found[:, i] = pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy()
        return found

    def values(self, codes: NDArray[np.float64]) -> pa.Table:
        """Return numbers as :meth:`codes` makes them as columns ``value.<column>``."""
        arrays: list[pa.Array] = []
        for i, column in enumerate(self.columns):
            absent = np.isnan(codes[:, i])
            if column.categories is None:
                numbers = np.where(absent, 0.0, codes[:, i])
                arrays.append(pa.array(np.round(numbers) if column.whole else numbers, pa.float64(), mask=absent))
                continue
            places = pa.array(np.where(absent, 0, codes[:, i]).astype(np.int64), mask=absent)
            arrays.append(pa.array(column.categories, pa.string()).take(places))
        return pa.table(arrays, names=[VALUE + column.name for column in self.columns])


def row_texts(table: pa.Table) -> list[str]:
    """Return each row's values as one line of JSON: what its id is made of, and what a person reads."""
    names = [name for name in table.column_names if name.startswith(VALUE)]
    lists = [table[name].to_pylist() for name in names]
    plain = [name.removeprefix(VALUE) for name in names]
    return [json.dumps(dict(zip(plain, map(_short, row), strict=True)), ensure_ascii=False) for row in _rows(lists)]


def value_columns(table: pa.Table) -> pa.Table:
    """Return the user's columns of a table of documents under their own names."""
    names = [name for name in table.column_names if name.startswith(VALUE)]
    return table.select(names).rename_columns([name.removeprefix(VALUE) for name in names])


def _rows(lists: Sequence[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    return zip(*lists, strict=True)


def _short(value: Any) -> Any:
    """Return whole numbers without a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _column(name: str, values: pa.ChunkedArray, *, is_target: bool) -> Column:
    kind = values.type
    missing = values.null_count > 0
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        numbers = _numbers(values)
        missing = numbers.null_count > 0  # NaN is missing too
        there = pc.drop_null(numbers).to_numpy()
        if not len(there):
            raise InputError(f"column {name!r} holds no value in any row. Leave it out.")
        whole = bool(np.all(there == np.round(there)))
        if not (is_target and whole and len(np.unique(there)) <= _CLASSES_OF_NUMBERS):
            return Column(name, None, whole, float(there.min()), float(there.max()), missing)
    elif not _is_category(kind):
        raise InputError(
            f"column {name!r} holds {kind}; a table may have numbers, text and truth values. Convert it or leave it "
            "out."
        )
    texts = _texts(values)
    return Column(name, tuple(sorted(map(str, pc.unique(pc.drop_null(texts)).to_pylist()))), missing=missing)


def _is_category(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def _numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as float64; what is no finite number is null."""
    try:
        numbers = values.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        numbers = pa.chunked_array([[_number(value) for value in values.to_pylist()]], pa.float64())
    finite = pc.fill_null(pc.is_finite(numbers), False)
    return pc.if_else(finite, numbers, pa.scalar(None, pa.float64()))


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text; whole numbers without a fraction, empty text as missing."""
    if pa.types.is_floating(values.type):
        there = pc.drop_null(values).to_numpy()
        if np.all(there == np.round(there)):
            values = values.cast(pa.int64(), safe=False)
    texts = values.cast(pa.string())
    stripped = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.string()), stripped)


def mapping_of(form: TableForm) -> Mapping[str, Any]:
    """Return the form as plain values, for JSON."""
    return {
        column.name: {"numeric": column.numeric, "values": len(column.categories or ()), "missing": column.missing}
        for column in form.columns
    }
