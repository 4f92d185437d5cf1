"""What verifiers find in a text: a fenced block, an answer, a value of its meta data."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([\w+-]*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_MARKED = re.compile(r"(?:####|\\boxed\{|\b(?:final answer|answer)\s*(?:is|[:=])\s*)", re.IGNORECASE)
_END = re.compile(r"[\n}]")


def fenced(text: str, *languages: str) -> list[str]:
    """Return the content of the fenced blocks of a text that name one of the languages, or name none."""
    found = ((language.lower(), body) for _, language, body in _FENCE.findall(text))
    return [body for language, body in found if not language or language in languages]


def answer_in(text: str) -> str:
    r"""Return a text's answer: what stands after the last ``####``, ``\boxed{`` or "answer:", else its last line."""
    marks = list(_MARKED.finditer(text))
    if marks:
        return _END.split(text[marks[-1].end() :].strip(), maxsplit=1)[0].strip()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[-1] if lines else ""


def meta_values(documents: pa.Table, name: str) -> Iterator[Any]:
    """Yield a value of each document's meta data; None where it has none."""
    for meta in documents["meta"].to_pylist():
        values = json.loads(meta) if meta else {}
        yield values.get(name) if isinstance(values, dict) else None
