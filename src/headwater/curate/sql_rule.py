"""Rules of the user's own, written as expressions of SQL."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.curate.columns import check_rule_name, measure_field, with_columns
from headwater.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import duckdb

_BEFORE = "SELECT (\n"
_QUERY = _BEFORE + "{}\n) AS verdict FROM documents"
_Node = dict[str, Any]
_MORE_THAN_A_ROW = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "STAR": "*"}


@dataclass(frozen=True, slots=True)
class SqlRule:
    """Drops documents for which an expression in DuckDB's SQL is true, such as ``words < 30 AND language = 'en'``.

    The expression may use the columns of the batch: ``text``, ``id`` and everything measured before. It is true, false
    or null for each row by itself: aggregates, window functions and subqueries are refused, and so is what gives
    another value each time (``random()``, ``now()``). Null does not drop.

    It runs in a DuckDB in memory that can reach no file, no network and no extension, whatever the expression or the
    text says. A row on which it fails (``CAST(text AS INTEGER)``) is set aside as a bad record; ``TRY_CAST`` gives null
    instead.
    """

    rule: str
    """Name of the rule; the column is ``custom_<rule>``."""
    expression: str
    """A boolean expression."""

    version = 1

    def __post_init__(self) -> None:
        check_rule_name(self.rule, "SqlRule")
        _parsed(self.expression)

    @property
    def name(self) -> str:
        """Name of the operator and of its column."""
        return f"custom_{self.rule}"

    @property
    def adds(self) -> pa.Schema:
        """The decision."""
        return pa.schema([measure_field(self.name, pa.bool_(), f"whether this is true: {self.expression}")])

    def check(self, schema: pa.Schema) -> None:
        """Raise if the expression cannot be used on batches of a schema; does nothing else.

        Raises:
            ConfigError: a column or function is not known, types do not fit, or it is no boolean expression.
        """
        _check_names(self.expression, _parsed(self.expression), schema.names)
        import duckdb

        try:
            kind = _judged(pa.RecordBatch.from_pylist([], schema=schema), self.expression).type
        except duckdb.Error as error:
            raise _fault(self.expression, _first_line(error)) from error
        if not pa.types.is_boolean(kind):
            raise _fault(
                self.expression, f"this is a value of type {kind}, not true or false; compare it with something"
            )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with whether the expression is true for each row.

        Raises:
            ConfigError: as :meth:`check`.
            duckdb.Error: the expression fails on a row.
        """
        import duckdb

        try:
            values = _judged(batch, self.expression)
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            self.check(batch.schema)
            raise
        if not pa.types.is_boolean(values.type):
            self.check(batch.schema)
        return with_columns(batch, self.adds, [pc.fill_null(values, False)])


def _fault(expression: str, fault: str) -> ConfigError:
    return ConfigError([f"{expression!r}: {fault}"], "a rule in SQL")


def _first_line(error: Exception) -> str:
    return next(line for line in str(error).splitlines() if line.strip())


def _connection() -> "duckdb.DuckDBPyConnection":
    return _connection_of(os.getpid())


@cache
def _connection_of(process: int) -> "duckdb.DuckDBPyConnection":  # noqa: ARG001  (a fork has a connection of its own)
    import duckdb

    settings = {"enable_external_access": "false", "threads": "1", "python_enable_replacements": "false"}
    return duckdb.connect(":memory:", config={**settings, "lock_configuration": "true"})


def _judged(batch: pa.RecordBatch, expression: str) -> pa.Array:
    cursor = _connection().cursor()
    try:
        cursor.register("documents", pa.Table.from_batches([batch]))
        found = cursor.sql(_QUERY.format(expression)).to_arrow_table()["verdict"]
        return found.combine_chunks() if found.num_chunks else pa.array([], found.type)
    finally:
        cursor.close()


@cache
def _parsed(expression: str) -> _Node:
    """Return the tree of an expression.

    Raises:
        ConfigError: it cannot be parsed, or needs more than its row.
    """
    if not expression.strip():
        raise _fault(expression, "this is empty")
    query = _QUERY.format(expression)
    row = _connection().cursor().execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    found = json.loads(row[0]) if row else {}
    if found.get("error"):
        place = int(found.get("position") or 0) - len(_BEFORE)
        message = found.get("error_message", "this cannot be parsed")
        at = f" at character {place + 1}" if 0 <= place < len(expression) else " at its end"
        raise _fault(expression, f"{message}{at}")
    tree: _Node = found["statements"][0]["node"]
    if len(found["statements"]) != 1 or len(tree.get("select_list", [])) != 1:
        raise _fault(expression, "this is more than one expression")
    for node in _nodes(tree["select_list"][0]):
        _check_node(expression, node)
    return tree


def _check_node(expression: str, node: _Node) -> None:
    """Raise if a part of an expression needs more than one row, or is not the same each time."""
    kind = str(node.get("class"))
    function = str(node.get("function_name") or "").lower()
    kinds = _functions().get(function, set())
    what = _MORE_THAN_A_ROW.get(kind, f"{function}()")
    if kind in _MORE_THAN_A_ROW or (kinds and kinds <= {"aggregate", "window"}):
        raise _fault(
            expression, f"{what}{_place(node)} needs more than its row; an expression is about one document by itself"
        )
    if kind == "PARAMETER":
        raise _fault(expression, f"a parameter{_place(node)} has no value here")
    if function and (not kinds or kinds <= {"table", "table_macro", "pragma"}):
        raise _fault(
            expression, f"there is no such function: {function}(){_place(node)}.{did_you_mean(function, _functions())}"
        )
    if kinds and not kinds & {"fixed", "macro"}:
        raise _fault(
            expression, f"{function}(){_place(node)} gives another value each time, so a curation could not be repeated"
        )


def _check_names(expression: str, tree: _Node, columns: list[str]) -> None:
    """Raise if an expression names a column that is not there."""
    nodes = list(_nodes(tree["select_list"][0]))
    known = {name.lower() for name in columns} | {"documents"}
    for node in nodes:
        if node.get("class") == "LAMBDA":
            known |= {part.lower() for inner in _nodes(node["lhs"]) for part in inner.get("column_names", ())}
    for node in nodes:
        if node.get("class") == "COLUMN_REF" and (name := node["column_names"][0]).lower() not in known:
            raise _fault(
                expression,
                f"there is no column {name!r}{_place(node)}. Known: {', '.join(columns)}.{did_you_mean(name, columns)}",
            )


def _nodes(tree: object) -> Iterator[_Node]:
    """Yield all parts of a tree that have a class, the whole before its parts."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _place(node: _Node) -> str:
    """Return where in its expression a part stands, in words."""
    place = int(node.get("query_location", -1)) - len(_BEFORE)
    return f" at character {place + 1}" if 0 <= place < 1 << 32 else ""


@cache
def _functions() -> dict[str, set[str]]:
    """Return what each function of DuckDB is: ``fixed`` (the same row, the same value), ``varying``, or its type."""
    found: dict[str, set[str]] = {}
    rows = _connection().cursor().execute("SELECT function_name, function_type, stability FROM duckdb_functions()")
    for name, kind, stability in rows.fetchall():
        scalar = "fixed" if stability == "CONSISTENT" else "varying"
        found.setdefault(name.lower(), set()).add(scalar if kind == "scalar" else kind)
    return found
