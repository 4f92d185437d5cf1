"""Values of the columns a user groups by: columns of the schema, columns kept in ``meta``, and parts of the date."""

import json
from collections.abc import Iterable

import pyarrow as pa

from headwater.errors import InputError, did_you_mean
from headwater.schema import DOCUMENT

DATE_PARTS = {"year": 4, "month": 7}
"""Grouping by these takes so many characters of the ISO date of a document."""
NO_VALUE = "(none)"
"""Group of the documents that have no value in a column."""

# Columns that hold the document itself name no group.
# Reading fills these columns in where the user named none; a file's own column of that name is then in meta.
_FILLED = frozenset({"group", "recipe", "origin"})
_NO_GROUPS = frozenset({"text", "evidence", "parents", "meta"})
# Names of the schema which the user need not know: the user's own names for them are others.
_NAMED_OTHERWISE = frozenset({"id", "created", "generation"})


def column_values(documents: pa.RecordBatch, name: str) -> list[str | None]:
    """Return the value of a column for each document, as text; None where there is none.

    ``month`` and ``year`` are taken from ``created`` unless the documents have columns of these names.
    """
    if name in _FILLED:
        own = meta_value(documents, name)
        if any(value is not None for value in own):
            return own
    if name in documents.schema.names and name not in _NO_GROUPS:
        return [None if value is None else str(value) for value in documents[name].to_pylist()]
    values = meta_value(documents, name)
    if name in DATE_PARTS and not any(value is not None for value in values):
        return [_date_part(created, DATE_PARTS[name]) for created in documents["created"].to_pylist()]
    return values


def meta_value(documents: pa.RecordBatch, name: str) -> list[str | None]:
    """Return what each document has under a name in ``meta``, as text; None where there is nothing."""
    return [_as_text(_object(meta).get(name)) for meta in documents["meta"].to_pylist()]


def check_columns(names: Iterable[str], found: Iterable[str], documents: pa.RecordBatch) -> None:
    """Refuse a column that no document has.

    Args:
        names: columns the user asked for.
        found: columns in which some document has a value.
        documents: documents whose columns are named in the message.

    Raises:
        InputError: the first column that is nowhere.
    """
    with_values = set(found)
    for name in names:
        if name not in with_values:
            own = {key for meta in documents["meta"].to_pylist() for key in _object(meta)}
            there = {one for one in DOCUMENT.names if documents[one].null_count < len(documents)}
            parts = set(DATE_PARTS) if "created" in there else set()
            known = sorted(own | (there - _NO_GROUPS - _FILLED - _NAMED_OTHERWISE) | parts)
            dated = " month and year need dates: name their column with --date." if name in DATE_PARTS else ""
            raise InputError(
                f"no document has a value in column {name!r}. Columns there: {', '.join(known)}."
                f"{did_you_mean(name, known)}{dated}"
            )


def _object(meta: str | None) -> dict[str, object]:
    if not meta:
        return {}
    try:
        value = json.loads(meta)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _as_text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _date_part(created: str | None, length: int) -> str | None:
    if created is None or len(created) < length:
        return None
    part = created[:length]
    return part if part.replace("-", "").isdigit() and part[4:5] in ("", "-") else None
