"""Evidence reader: pages that name a writing machine as their generator or author, or declare how far one was used.

A content management system (WordPress, Hugo, a site builder) is no evidence: it says how a page is served, not who
wrote it. Nor is a company: staff of such a company write, too. So only products count, and product names that are also
names of people or things (Claude, Gemini, Jasper, Copilot) only with what makes them the product's.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headwater.origin.evidence import Evidence
from headwater.origin.marks.page import (
    attributes,
    candidates,
    json_nodes,
    json_scripts,
    kinds_of,
    metadata,
    subjects,
    tags,
)
from headwater.schema import EvidenceKind, Origin

_TOOL = re.compile(
    r"(?<![\w.])(?:chat-?gpt|gpt-?[2-5](?:\.\d|o)?(?:-(?:turbo|mini|nano))?|o[134](?:-mini|-pro)"
    r"|claude(?=[ -](?:\d|ai\b|opus|sonnet|haiku|instant))"
    r"|anthropic(?:'s|:)? claude|claude(?= \(anthropic| by anthropic)"
    r"|google (?:gemini|bard)|gemini(?=[ -](?:\d|ai\b|pro\b|flash|ultra|advanced))"
    r"|(?:microsoft|bing|github)(?: 365)? copilot|bing chat"
    r"|(?:meta )?llama[ -]?\d|mi[sx]tral[ -](?:\d|7b|8x|large|small|medium|ai)|deepseek|qwen[ -]?\d|grok[ -]?\d"
    r"|perplexity(?= ai\b|\.ai)|jasper(?=[ .]ai\b)|copy\.ai|writesonic|rytr|article ?forge|koala ?writer|wordai"
    r"|content at scale|byword\.ai|autoblogging\.ai|zimmwriter|frase\.io|hypotenuse ai|longshot ai)(?![\w])",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[\w.:()+/' -]{0,24}", re.ASCII)
_JOINED = re.compile(r",|;|&|\+| and | with | und | et | y ", re.IGNORECASE)
# Software that says of itself that it is a language model, under whatever name.
_MODEL = re.compile(r"\b(?:large language model|language model|generative ai|ai writer|ai assistant)\b", re.IGNORECASE)
_TEXTS = ("article", "posting", "webpage", "creativework", "report", "book", "chapter", "document", "recipe", "howto")
_MODES = {
    # draft-abaris-aicdh: HTTP field AI-Disclosure; and the values of the W3C AI Content Disclosure group
    "ai-modified": Origin.MIXED,
    "ai-assisted": Origin.MIXED,
    "ai-originated": Origin.MACHINE,
    "ai-generated": Origin.MACHINE,
    "machine-generated": Origin.MACHINE,
    "autonomous": Origin.MACHINE,
    "none": Origin.UNKNOWN,
}
_MODE = re.compile(r"(?:^|[;,\s])(?:mode\s?=\s?)?[\"']?([a-z-]{4,20})[\"']?(?=$|[;,\s])", re.IGNORECASE)
_PAGE_HINT = r"(?i)<meta\s[^>]*(?:generator|author|creator|ai-disclosure|ai-generated)|application/ld\+json"
_META_HINT = r"(?i)ai[-_]disclosure"


@dataclass(frozen=True, slots=True)
class GeneratorTagReader:
    """Reads generator and author tags, JSON-LD and disclosure fields that name a writing machine."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``generator_tag``; see :class:`headwater.origin.evidence.EvidenceReader`."""
        for row, text in candidates(documents, "text", _PAGE_HINT):
            for detail, origin in dict(_in_page(text)).items():
                yield row, Evidence(EvidenceKind.GENERATOR_TAG, origin, detail)
        for row, text in candidates(documents, "meta", _META_HINT):
            for node in json_nodes(metadata(text)):
                for key, value in node.items():
                    if key.lower().replace("_", "-") == "ai-disclosure" and isinstance(value, str):
                        for detail, origin in _disclosed("the field AI-Disclosure", value):
                            yield row, Evidence(EvidenceKind.GENERATOR_TAG, origin, detail)


def _in_page(text: str) -> Iterator[tuple[str, Origin]]:
    for _, _, _, inside in tags(text, ("meta",)):
        found = attributes(inside)
        key = (found.get("name") or found.get("property") or found.get("http-equiv") or "").lower()
        content = found.get("content", "")
        if key == "generator":
            yield from _generated("the meta tag 'generator'", content)
        elif key in {"author", "article:author", "dc.creator", "dcterms.creator", "citation_author"}:
            yield from _written(f"the meta tag {key!r}", content)
        elif key in {"ai-disclosure", "ai-generated"}:
            yield from _disclosed(f"the meta tag {key!r}", content)
    for script in json_scripts(text):
        for node in subjects(script):
            if any(word in kinds_of(node) for word in _TEXTS):
                yield from _stated(node)


def _stated(node: Mapping[str, Any]) -> Iterator[tuple[str, Origin]]:
    machines: list[str] = []
    others = 0
    for key in ("author", "creator", "contributor"):
        value = node.get(key)
        for one in value if isinstance(value, list) else [value]:
            name, software = _who(one)
            if not name:
                continue
            if (software and (_TOOL.search(name) or _MODEL.search(name))) or _is_tool(name):
                machines.append(name)
            elif key != "contributor":
                others += 1
    if machines:
        origin = Origin.MIXED if others else Origin.MACHINE
        yield f"JSON-LD names {', '.join(machines[:3])[:120]!r} as author", origin
    name, _ = _who(node.get("generator"))
    yield from _generated("JSON-LD, as generator,", name)


def _who(value: Any) -> tuple[str, bool]:
    """Return (name, whether it is software) of a JSON-LD person, organisation, program or plain name."""
    if isinstance(value, str):
        return value.strip()[:200], False
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return value["name"].strip()[:200], "software" in kinds_of(value)
    return "", False


def _is_tool(name: str) -> bool:
    """Return whether a name is a product's and nothing else but a version, a maker or a remark in brackets."""
    hit = _TOOL.search(name)
    return bool(
        hit
        and not _JOINED.search(name)
        and _ALONE.fullmatch(name[: hit.start()])
        and _ALONE.fullmatch(name[hit.end() :])
        and len(name[: hit.start()].split()) <= 1
        and len(name[hit.end() :].split()) <= 3
    )


def _generated(place: str, value: str) -> Iterator[tuple[str, Origin]]:
    if _TOOL.search(value[:500]) or _MODEL.search(value[:500]):
        yield f"{place} names {value[:120]!r}", Origin.MACHINE


def _written(place: str, value: str) -> Iterator[tuple[str, Origin]]:
    value = value[:500]
    if _is_tool(value):
        yield f"{place} names {value[:120]!r}", Origin.MACHINE
    elif any(_is_tool(part.strip()) for part in _JOINED.split(value)):
        yield f"{place} names {value[:120]!r}", Origin.MIXED


def _disclosed(place: str, value: str) -> Iterator[tuple[str, Origin]]:
    stated = "ai-generated" if value.strip().lower() in {"true", "yes", "1"} else value.strip().lower()
    for word in _MODE.findall(stated[:500]):
        if word in _MODES:
            yield f"{place} states {value[:120]!r}", _MODES[word]
            return
