"""One schema for the columns of many files: what JSON values are, and the narrowest type that holds two types.

Where two types have nothing in common the column becomes text: a string as it is, anything else as JSON. A column that
holds objects of different kinds becomes JSON text throughout, so that nothing is lost and everything can be read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

HOLDS = b"holds"
"""Key of a field's metadata that says what a text column holds where it is not plain text."""

JSON = b"json"
"""The column holds JSON text of any value, strings with their quotation marks."""

MIXED = b"mixed"
"""The column holds strings as they are and other values as JSON text."""

_MOST_KEYS = 64  # an object with more is a table of its own: its keys are data
_MOST_DEPTH = 12
_INT64 = 1 << 63

# The type of a JSON value: a word for what has no parts, a list's element, an object's members.
JsonType = str | tuple[str, Any]

_ODD = ("json", "mixed")  # parts of no one type: the whole is JSON text then


@dataclass(frozen=True, slots=True)
class TypeConflict:
    """A column that has one type in one file and another in another."""

    column: str
    """The column."""
    file: str
    """The first file that has it."""
    type: str
    """Its type there."""
    other_file: str
    """The first file where the type does not fit."""
    other_type: str
    """Its type there."""
    became: str
    """The type it is read as."""

    def __str__(self) -> str:
        return (
            f"column {self.column!r} holds {self.type} in {self.file} and {self.other_type} in {self.other_file}; "
            f"it is read as {self.became}"
        )


def json_field(name: str) -> pa.Field:
    """Return the field of a column of JSON text."""
    return pa.field(name, pa.string(), metadata={HOLDS: JSON})


def holds(field: pa.Field) -> bytes | None:
    """Return ``JSON`` or ``MIXED`` for a text column that holds such, else None."""
    return (field.metadata or {}).get(HOLDS)


def json_schema(rows: Iterable[Mapping[str, Any]]) -> pa.Schema:
    """Return the schema of the columns of parsed JSON objects, in the order in which they first occur.

    A column that only held nulls has Arrow's null type: any other type may take its place.
    """
    found: dict[str, JsonType] = {}
    for row in rows:
        for name, value in row.items():
            here = _json_type(value)
            found[name] = _either(found[name], here) if name in found else here
    return pa.schema([_json_column(name, kind) for name, kind in found.items() if _encodable(name)])


def _encodable(name: str) -> bool:
    return name.isascii() or not any(0xD800 <= ord(character) < 0xE000 for character in name)


def _json_type(value: Any, depth: int = 0) -> JsonType:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int" if -_INT64 <= value < _INT64 else "mixed"
        case float():
            return "float"
        case str():
            return "text"
    if depth >= _MOST_DEPTH or not value:
        return "json"
    if isinstance(value, list):
        element: JsonType = "null"
        for item in value:
            element = _either(element, _json_type(item, depth + 1))
        return "json" if element in _ODD else ("list", element)
    members = {key: _json_type(item, depth + 1) for key, item in value.items()}
    return _object(members)


def _object(members: dict[str, JsonType]) -> JsonType:
    """Return the type of an object; parts that are not of one type make the whole of it JSON text."""
    odd = any(kind in _ODD for kind in members.values())
    if odd or len(members) > _MOST_KEYS or not all(key and _encodable(key) for key in members):
        return "json"
    return ("object", members)


def _either(one: JsonType, other: JsonType) -> JsonType:
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    if isinstance(one, str) and isinstance(other, str):
        pair = {one, other}
        return "json" if "json" in pair else "float" if pair == {"int", "float"} else "mixed"
    if isinstance(one, str) or isinstance(other, str) or one[0] != other[0]:
        return "json"
    if one[0] == "list":
        element = _either(one[1], other[1])
        return "json" if element in _ODD else ("list", element)
    return _object(one[1] | {k: _either(one[1][k], v) if k in one[1] else v for k, v in other[1].items()})


def _json_column(name: str, kind: JsonType) -> pa.Field:
    if kind == "json":
        return json_field(name)
    if kind == "mixed":
        return pa.field(name, pa.string(), metadata={HOLDS: MIXED})
    return pa.field(name, _arrow_type(kind))


def _arrow_type(kind: JsonType) -> pa.DataType:
    if isinstance(kind, str):
        return {
            "null": pa.null(),
            "bool": pa.bool_(),
            "int": pa.int64(),
            "float": pa.float64(),
            "text": pa.string(),
        }[kind]
    if kind[0] == "list":
        return pa.list_(_arrow_type(kind[1]))
    return pa.struct([pa.field(key, _arrow_type(part)) for key, part in kind[1].items()])


def check_names(schema: pa.Schema) -> None:
    """Look at the names of all columns and of their parts: Arrow hands out any bytes.

    Raises:
        UnicodeDecodeError: one is not UTF-8.
    """
    waiting = list(schema)
    while waiting:
        field = waiting.pop()
        _ = field.name
        waiting.extend(field.type.field(place) for place in range(field.type.num_fields) if is_nested(field.type))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type a column is read as: no dictionaries, views or large variants, no nulls without a type."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_list_view(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        # A struct without members cannot be written to Parquet.
        members = [pa.field(member.name, plain_type(member.type)) for member in kind]
        return pa.struct(members) if members else pa.string()
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    return kind


def _is_list_view(kind: pa.DataType) -> bool:
    return pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)


def is_nested(kind: pa.DataType) -> bool:
    """Say whether values of a type have parts."""
    return pa.types.is_nested(kind)


def widened(one: pa.Field, other: pa.Field) -> pa.Field:
    """Return the field whose type holds the values of two columns of the same name."""
    first, second = holds(one), holds(other)
    if JSON in {first, second}:
        return json_field(one.name)
    if MIXED in {first, second}:
        nested = is_nested(one.type) or is_nested(other.type)
        return json_field(one.name) if nested else one if first == MIXED else other.with_name(one.name)
    a, b = _loosest(one.type), _loosest(other.type)
    if a == b or pa.types.is_null(b):
        return pa.field(one.name, a)
    if pa.types.is_null(a):
        return pa.field(one.name, b)
    try:
        schemas = [pa.schema([pa.field("x", kind)]) for kind in (a, b)]
        kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        if pa.types.is_binary(kind) and not (pa.types.is_binary(a) and pa.types.is_binary(b)):
            kind = pa.string()
        return pa.field(one.name, _loosest(kind))
    except pa.ArrowException:
        if is_nested(a) or is_nested(b):
            return json_field(one.name)
        return pa.field(one.name, pa.string(), metadata={HOLDS: MIXED})


def _loosest(kind: pa.DataType) -> pa.DataType:
    return kind if pa.types.is_null(kind) else plain_type(kind)


def unify(schemas: Iterable[tuple[str, pa.Schema]]) -> tuple[pa.Schema, tuple[TypeConflict, ...]]:
    """Return the schema that holds the columns of all files, and where their types differ.

    Args:
        schemas: a file's name and its schema, in the order of the files.
    """
    fields: dict[str, pa.Field] = {}
    first: dict[str, tuple[str, pa.Field]] = {}
    conflicts: dict[str, tuple[str, pa.Field]] = {}
    for file, schema in schemas:
        for found in schema:
            kept = holds(found)
            field = pa.field(found.name, _loosest(found.type), metadata={HOLDS: kept} if kept else None)
            name = field.name
            if name not in fields:
                fields[name] = field
                first[name] = (file, field)
                continue
            if pa.types.is_null(first[name][1].type):
                first[name] = (file, field)
            elif name not in conflicts and _conflict(first[name][1], field):
                conflicts[name] = (file, field)
            fields[name] = widened(fields[name], field)
    unknown = [name for name, field in fields.items() if pa.types.is_null(field.type)]
    fields |= {name: pa.field(name, pa.string()) for name in unknown}
    told = tuple(
        TypeConflict(name, first[name][0], _shown(first[name][1]), file, _shown(field), _became(fields[name]))
        for name, (file, field) in conflicts.items()
    )
    return pa.schema(list(fields.values())), told


def _conflict(one: pa.Field, other: pa.Field) -> bool:
    """Say whether two columns differ in more than what a part of them holds or lacks."""
    if pa.types.is_null(other.type) or _shown(one) == _shown(other):
        return False
    return not (is_nested(one.type) and is_nested(other.type)) or holds(widened(one, other)) is not None


def _shown(field: pa.Field) -> str:
    kept = holds(field)
    return "JSON of several kinds" if kept == JSON else "values of several types" if kept == MIXED else str(field.type)


def _became(field: pa.Field) -> str:
    kept = holds(field)
    return "JSON" if kept == JSON else "text" if kept == MIXED or pa.types.is_string(field.type) else str(field.type)
