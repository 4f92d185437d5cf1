"""Settings as TOML. The standard library reads TOML and does not write it."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import PurePath

from headwater.errors import StoreError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(settings: Mapping[str, object]) -> str:
    """Return settings as a TOML document that ``tomllib`` reads back as the same values.

    Nested mappings become tables, mappings within lists inline tables, paths their text. TOML has no null: a key whose
    value is None is left out.

    Raises:
        StoreError: a value has no form in TOML.
    """
    return "\n".join(_lines(settings, ())).lstrip("\n") + "\n"


def _lines(table: Mapping[str, object], place: tuple[str, ...]) -> list[str]:
    entries = {key: value for key, value in table.items() if value is not None}
    tables = {key: value for key, value in entries.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(value, (*place, key))}" for key, value in entries.items() if key not in tables]
    if place and (lines or not tables):
        lines = ["", f"[{'.'.join(map(_key, place))}]", *lines]
    for key, value in tables.items():
        lines += _lines(value, (*place, key))
    return lines


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def _value(value: object, place: tuple[str, ...]) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | PurePath():
            return _string(str(value))
        case int():
            return str(int(value))
        case float():
            return repr(float(value))  # NumPy's float64 is a float that prints its type
        case datetime() | date() | time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(_value(item, place) for item in value)}]"
        case Mapping():
            pairs = [f"{_key(key)} = {_value(item, (*place, key))}" for key, item in value.items() if item is not None]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
        case _:
            raise StoreError(
                f"Setting {'.'.join(place)} cannot be written as TOML: {value!r} is a {type(value).__name__}."
            )


def _string(text: str) -> str:
    # JSON's escapes are TOML's, except that TOML escapes DEL too and knows no lone surrogates (undecodable file names).
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return quoted.encode("utf-8", "replace").decode("utf-8")
