"""From the rows of a file, under the user's column names, to documents."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from headwater.schema import Origin, content_id
from headwater.sources.rejects import SAMPLE_CHARACTERS, Reject, RejectKind
from headwater.sources.stream import DamagedFileError, ExpansionError

DECLARED = "declared for the whole file"
"""Evidence of origin of a document whose row says nothing."""

_MAX_GENERATION = 2**31 - 1


class Row(NamedTuple):
    """One row of a file, before its columns are understood."""

    line: int
    """Line it starts at, from 1; the row number in Parquet."""
    offset: int | None
    """Byte it starts at in the decompressed file; null in Parquet."""
    values: Mapping[str, Any]
    """Column name to value."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The user's names for the columns of a document. Columns that are not named here are kept in ``meta``.

    ``text`` must exist, and so must ``id``, ``group``, ``origin`` and ``recipe`` where they are named. The others are
    taken where they exist.
    """

    text: str = "text"
    """The content."""
    id: str | None = None
    """The user's own ids; without them the id is a hash of the text."""
    group: str | None = None
    """The unit of independence: article, file, author. Without it each document is its own."""
    origin: str | None = None
    """human, machine, mixed or unknown; without it the origin declared for the whole read."""
    recipe: str | None = None
    """What made the document; without it the file's name, for documents that are not human."""
    parents: str | None = "parents"
    """Ids of the documents it was made from: a list, or one id; a JSON list in CSV."""
    generator: str | None = "generator"
    """Program or model that made it."""
    generation: str | None = "generation"
    """Integer from 0; without it 0 for human documents."""
    evidence: str | None = "evidence"
    """What the origin rests on."""
    source: str | None = "source"
    """Where the document comes from; without it the path of the file."""
    created: str | None = "created"
    """Date of creation."""
    author: str | None = "author"
    """Who wrote it."""
    licence: str | None = "licence"
    """Licence."""
    permission: str | None = "permission"
    """Permission signal."""
    meta: str | None = "meta"
    """An object (or JSON text of one) whose keys go to ``meta`` as they are."""
    as_written: bool = False
    """The file holds documents as Headwater writes them: only ``text`` must exist, and nothing is filled in for what is
    missing but id, group and origin."""

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that must occur in a file."""
        named = () if self.as_written else (self.id, self.group, self.origin, self.recipe)
        return (self.text, *(name for name in named if name is not None))

    @property
    def names(self) -> frozenset[str]:
        """Every column that is understood; the others go to ``meta``."""
        values = (getattr(self, field.name) for field in fields(self))
        return frozenset(name for name in values if isinstance(name, str))


OWN_COLUMNS = Columns(id="id", group="group", origin="origin", recipe="recipe", as_written=True)
"""The columns of files that :func:`headwater.sources.write_documents` wrote."""


class RowError(Exception):
    """A row is no document; caught by the reader, which knows where it stands."""

    def __init__(self, kind: RejectKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def sample_of(data: bytes) -> str:
    """Return the first characters of a line, with escapes for bytes that are not UTF-8."""
    return data[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "backslashreplace")[:SAMPLE_CHARACTERS]


def damage(path: Path, error: DamagedFileError) -> Reject:
    """Return the reject that says where a compressed file breaks off."""
    if isinstance(error, ExpansionError):
        kind, detail = RejectKind.EXPANDS_TOO_MUCH, f"the compressed file is given up here: {error}"
    else:
        kind, detail = RejectKind.TRUNCATED_FILE, f"the compressed file is truncated or damaged here: {error}"
    return Reject(str(path), error.line, error.offset, kind, detail)


def document_maker(columns: Columns, *, source: str, recipe: str, origin: Origin) -> Callable[[Row], dict[str, Any]]:
    """Return the function that makes a document (column name to value) of a row of one file.

    Args:
        columns: the user's column names.
        source: path of the file.
        recipe: name of the recipe where no column names it.
        origin: the origin of rows without an origin column.

    The function raises ``RowError`` for a row that is no document.
    """
    understood = columns.names
    fill = not columns.as_written
    declared = DECLARED if fill and origin is not Origin.UNKNOWN else None

    def make(row: Row) -> dict[str, Any]:
        values = row.values
        rest = {key: value for key, value in values.items() if key not in understood}

        def word(name: str | None, *, strict: bool = False) -> str | None:
            """Return a text value; of the wrong type it is refused (``strict``) or moved to ``meta`` as it is."""
            value = values.get(name) if name is not None else None
            if value is None or value == "":
                return None
            if isinstance(value, str):
                return value
            if isinstance(value, int) and not isinstance(value, bool):
                return str(value)
            if isinstance(value, date):
                return value.isoformat()
            if strict:
                raise RowError(RejectKind.WRONG_TYPE, f"column {name!r} holds {_named(value)}, not text or an integer")
            rest[str(name)] = value
            return None

        text = _text(values.get(columns.text), columns.text)
        own_id = word(columns.id, strict=True)
        if columns.id is not None and own_id is None and not columns.as_written:
            raise RowError(RejectKind.WRONG_TYPE, f"column {columns.id!r} holds no id")
        identity = own_id or content_id(text)
        made_by = _origin(word(columns.origin, strict=True), columns.origin) or origin
        human = made_by is Origin.HUMAN
        generation = _generation(values.get(columns.generation) if columns.generation else None, columns.generation)
        named = fill and columns.origin is not None and values.get(columns.origin)
        meta = values.get(columns.meta) if columns.meta else None
        if meta is not None:
            rest = {**_object(meta, str(columns.meta)), **rest}
        document = {
            "id": identity,
            "text": text,
            "origin": made_by.value,
            "evidence": word(columns.evidence) or (f"column {columns.origin!r}" if named else declared),
            "source": word(columns.source) or (source if fill else None),
            "created": word(columns.created),
            "author": word(columns.author),
            "group": word(columns.group, strict=True) or identity,
            "generator": word(columns.generator),
            "recipe": word(columns.recipe, strict=True) or (recipe if fill and not human else None),
            "parents": _parents(values.get(columns.parents) if columns.parents else None, columns.parents),
            "generation": 0 if generation is None and human and fill else generation,
            "licence": word(columns.licence),
            "permission": word(columns.permission),
        }
        document["meta"] = _packed(rest) if rest else None
        _check_characters(document)
        return document

    return make


def _named(value: object) -> str:
    return {"dict": "an object", "list": "a list", "bool": "true or false", "float": "a decimal number"}.get(
        type(value).__name__, f"a value of type {type(value).__name__}"
    )


def _text(value: object, column: str) -> str:
    text = text_value(value, column)
    if not text.strip():
        raise RowError(RejectKind.EMPTY_TEXT, f"column {column!r} is empty")
    return text


def text_value(value: object, column: str) -> str:
    """Return the text a column holds, which may be empty.

    Raises:
        RowError: there is none.
    """
    if value is None:
        raise RowError(RejectKind.MISSING_TEXT, f"no text in column {column!r}")
    if not isinstance(value, str):
        raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds {_named(value)}, not text")
    return value


def _origin(value: str | None, column: str | None) -> Origin | None:
    if value is None:
        return None
    try:
        return Origin(value)
    except ValueError:
        allowed = ", ".join(Origin)
        raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds {value!r}; known origins: {allowed}") from None


def _generation(value: object, column: str | None) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 11:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_GENERATION:
        return value
    raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds {value!r}, not an integer from 0")


def _parents(value: object, column: str | None) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds no valid JSON list of ids") from None
    ids = value if isinstance(value, list) else [value]
    if any(isinstance(parent, bool) or not isinstance(parent, str | int) for parent in ids):
        raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds something other than ids (text or integers)")
    return [str(parent) for parent in ids]


def _object(meta: object, column: str) -> dict[str, Any]:
    """Return an object, or JSON text of one, as it is; anything else under the column's name."""
    if isinstance(meta, str) and meta.startswith("{"):
        try:
            meta = json.loads(meta)
        except ValueError:
            return {column: meta}
    return meta if isinstance(meta, dict) else {column: meta}


def _packed(values: Mapping[str, Any]) -> str:
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:  # NaN is not JSON
        return json.dumps(_without_nan(values), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _without_nan(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case float() if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  (NaN is not itself)
            return None
        case _:
            return value


def _check_characters(document: dict[str, Any]) -> None:
    """Refuse half characters (lone surrogates), which JSON escapes can spell and UTF-8 cannot."""
    for name, value in document.items():
        if isinstance(value, str) and not encodable(value):
            if name == "meta":
                document["meta"] = json.dumps(json.loads(value))
                continue
            raise RowError(RejectKind.INVALID_UTF8, f"{name} holds half a character (a lone surrogate)")
    if not all(encodable(parent) for parent in document["parents"]):
        raise RowError(RejectKind.INVALID_UTF8, "parents holds half a character (a lone surrogate)")


def encodable(text: str) -> bool:
    """Say whether a text can be written as UTF-8: it holds no half characters (lone surrogates)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
