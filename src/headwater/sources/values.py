"""Single values of any kind as JSON, where whole columns at once are not worth a kernel."""

import json
from datetime import date, datetime, time
from typing import Any


def json_value(value: Any, *, bare: bool = False) -> str:
    """Return a value as JSON; with ``bare`` dates and whatever else JSON writes as strings come without quotes."""
    if bare and not isinstance(value, bool | int | float | list | dict):
        return value if isinstance(value, str) else _plain(value)
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case _:
            return str(value)
