"""What a reader of evidence needs of a page: its tags, its JSON-LD, and the rows worth looking at. Nothing is executed.

Texts come from anywhere, so every step is linear in the length of the text and bounded: tags are matched piece by
piece, JSON is walked without recursion, and what is malformed is passed over.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MOST_TAGS = 5_000
"""Tags looked at in one document."""
LONGEST_JSON = 2_000_000
"""Characters of one JSON text."""
MOST_NODES = 20_000
"""Values looked at in one JSON text."""

_VALUE = r"""(?:"[^"<]*+"|'[^'<]*+'|[^<>"'])*+"""
# A tag cannot contain "<", so no two attempts look at the same characters: linear, whatever the text.
_TAGS: dict[tuple[str, ...], re.Pattern[str]] = {
    names: re.compile(rf"<({'|'.join(names)})\b({_VALUE})>", re.IGNORECASE)
    for names in (("meta",), ("link",), ("meta", "link"), ("script",), ("script", "link"))
}
_ATTRIBUTE = re.compile(r"""([a-zA-Z][\w:.-]{0,60})\s{0,20}=\s{0,20}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_END_OF_SCRIPT = re.compile(r"</script", re.IGNORECASE)


def candidates(documents: pa.RecordBatch, column: str, pattern: str) -> Iterator[tuple[int, str]]:
    """Yield (row, value) where a column matches a pattern; nulls never do.

    The pattern is RE2's (linear time); put ``(?i)`` first to ignore case. It runs over the whole column at once,
    which is what makes readers fast on documents without marks. Bytes that are no UTF-8 are replaced.
    """
    values = documents.column(column)
    if values.null_count == len(values):
        return
    hits = pc.indices_nonzero(pc.match_substring_regex(values, pattern).fill_null(False))
    binary = pa.large_binary() if pa.types.is_large_string(values.type) else pa.binary()
    for row, value in zip(hits.to_pylist(), values.take(hits).cast(binary), strict=True):
        yield row, value.as_py().decode("utf-8", "replace")


def tags(text: str, names: Sequence[str]) -> Iterator[tuple[int, int, str, str]]:
    """Yield (start, end, name in lower case, what stands between name and ``>``) of the tags of some names."""
    for count, hit in enumerate(_TAGS[tuple(names)].finditer(text)):
        if count == MOST_TAGS:
            return
        yield hit.start(), hit.end(), hit.group(1).lower(), hit.group(2)


def attributes(inside: str) -> dict[str, str]:
    """Return the attributes of a tag: names in lower case, references such as ``&amp;`` resolved, of two the first."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(inside):
        found.setdefault(name.lower(), html.unescape(double or single or bare).strip())
    return found


def scripts(text: str, kind: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, content) of the script elements of a type; the end is that of the content."""
    at = 0
    for _ in range(MOST_TAGS):
        opening = _TAGS["script",].search(text, at)
        if opening is None:
            return
        closing = _END_OF_SCRIPT.search(text, opening.end())
        if closing is None:
            return
        if attributes(opening.group(2)).get("type", "").lower() == kind:
            yield opening.start(), closing.start(), text[opening.end() : closing.start()]
        at = closing.end()


def json_scripts(text: str) -> Iterator[Any]:
    """Yield the values of the JSON-LD scripts of a page; malformed ones are passed over."""
    for _, _, content in scripts(text, "application/ld+json"):
        value = metadata(content)
        if value is not None:
            yield value


def metadata(text: str) -> Any:
    """Return the value of a JSON text, or None where it is malformed, too long or nested too deep."""
    if len(text) > LONGEST_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def subjects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects a JSON-LD text is about: the outermost ones and the members of their ``@graph``.

    What is nested deeper is a part, a picture or a reference of them.
    """
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one
            graph = one.get("@graph")
            yield from (
                part for part in (graph if isinstance(graph, list) else [])[:MOST_NODES] if isinstance(part, dict)
            )


def kinds_of(node: Mapping[str, Any]) -> str:
    """Return the types a JSON-LD object states, in lower case, separated by blanks."""
    kinds = node.get("@type")
    return " ".join(one.lower() for one in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(one, str))


def json_nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON value, outermost first, at most ``MOST_NODES`` values deep into it."""
    waiting = [value]
    for _ in range(MOST_NODES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(reversed(list(one.values())))
        elif isinstance(one, list):
            waiting.extend(reversed(one))
