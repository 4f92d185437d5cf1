"""The column ``meta``: JSON text of one object, whatever a file put there."""

import json
from collections.abc import Mapping
from typing import Any


def meta_object(meta: str | None) -> dict[str, Any]:
    """Return the object ``meta`` stands for; what is no JSON object is kept as it is under the key ``meta``."""
    if not meta:
        return {}
    try:
        values = json.loads(meta)
    except (ValueError, RecursionError):
        return {"meta": meta}
    return values if isinstance(values, dict) else {"meta": values}


def meta_text(values: Mapping[str, Any]) -> str | None:
    """Return an object as the column holds it; None for an empty one."""
    if not values:
        return None
    text = json.dumps(values, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, which JSON escapes can spell and UTF-8 cannot
        return json.dumps(values)
    return text
