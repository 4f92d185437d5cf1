"""Evidence reader: the digital source type that a page, an XMP packet or a row's metadata declares. Unsigned.

The vocabulary is the IPTC's (https://cv.iptc.org/newscodes/digitalsourcetype/), which schema.org mirrors with the
suffix ``DigitalSource`` and C2PA extends. It was made for pictures: only values that state who made the content speak
for an origin, all others are reported and say nothing. A page often declares the type of its pictures; that is no
statement about its text: only what the outermost JSON-LD objects of a page state about themselves counts.
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

SOURCE_TYPES: dict[str, Origin] = {
    # "created using generative AI" and "pure algorithmic media": nobody wrote it
    "trainedalgorithmicmedia": Origin.MACHINE,
    "trainedalgorithmicdata": Origin.MACHINE,
    "algorithmicmedia": Origin.MACHINE,
    # "edited using generative AI" and "composite including generative AI elements"
    "compositewithtrainedalgorithmicmedia": Origin.MIXED,
    "compositesynthetic": Origin.MIXED,
    # "created by a human using non-generative tools", "augmented or corrected by one or more humans"; with the two
    # retired names they replaced
    "digitalcreation": Origin.HUMAN,
    "digitalart": Origin.HUMAN,
    "humanedits": Origin.HUMAN,
    "minorhumanedits": Origin.HUMAN,
    # how something was recorded or arranged, not who made it
    "algorithmicallyenhanced": Origin.UNKNOWN,
    "composite": Origin.UNKNOWN,
    "compositecapture": Origin.UNKNOWN,
    "computationalcapture": Origin.UNKNOWN,
    "datadrivenmedia": Origin.UNKNOWN,
    "digitalcapture": Origin.UNKNOWN,
    "empty": Origin.UNKNOWN,
    "multiframecomputationalcapture": Origin.UNKNOWN,
    "negativefilm": Origin.UNKNOWN,
    "positivefilm": Origin.UNKNOWN,
    "print": Origin.UNKNOWN,
    "screencapture": Origin.UNKNOWN,
    "softwareimage": Origin.UNKNOWN,
    "virtualrecording": Origin.UNKNOWN,
}
"""Terms of the vocabulary (lower case, as of its revision of October 2024) and the origin they state."""

_KEY = "digitalsourcetype"
_HINT = "(?i)digital_?-?source_?-?type"
_PACKET = re.compile(r"<(?:x:xmpmeta|rdf:RDF)\b", re.IGNORECASE)
_XMP = re.compile(
    r"\bIptc4xmpExt:DigitalSourceType(?:\s{0,9}=\s{0,9}[\"']|>|\s{1,9}rdf:resource\s{0,9}=\s{0,9}[\"'])\s{0,9}"
    r"([^\s<>\"']{1,200})",
    re.IGNORECASE,
)
_PICTURES = ("image", "video", "audio", "media", "photo", "3dmodel", "clip")


def term_of(value: str) -> str:
    """Return the term a value of the vocabulary names, in lower case: last part of an address, without prefix.

    ``http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia``, ``digsrctype:trainedAlgorithmicMedia``
    and ``https://schema.org/TrainedAlgorithmicMediaDigitalSource`` all name ``trainedalgorithmicmedia``.
    """
    last = re.split(r"[/:#]", value.strip().rstrip("/"))[-1]
    return last.lower().replace("_", "").replace("-", "").removesuffix("digitalsource")


def origin_of_term(value: str) -> Origin:
    """Return the origin a value of the vocabulary states; unknown for terms that state none, or no known term."""
    return SOURCE_TYPES.get(term_of(value), Origin.UNKNOWN)


@dataclass(frozen=True, slots=True)
class SourceTypeReader:
    """Reads declared digital source types from HTML (JSON-LD, meta and link tags), XMP and the ``meta`` column."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``source_type``; see :class:`headwater.origin.evidence.EvidenceReader`."""
        for row, text in candidates(documents, "text", _HINT):
            yield from ((row, one) for one in _once(_in_page(text)))
        for row, text in candidates(documents, "meta", _HINT):
            found = (
                ("the metadata of the row", value, False)
                for node in json_nodes(metadata(text))
                for value in declared_types(node)
            )
            yield from ((row, one) for one in _once(found))


def _in_page(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (place, value, whether it is about a part only) of the types a page or an XMP packet declares."""
    for script in json_scripts(text):
        about = {id(node) for node in subjects(script)}
        for node in json_nodes(script):
            part = id(node) not in about or any(word in kinds_of(node) for word in _PICTURES)
            for value in declared_types(node):
                yield "JSON-LD", value, part
    for _, _, name, inside in tags(text, ("meta", "link")):
        found = attributes(inside)
        key = found.get("name") or found.get("property") or found.get("itemprop") or ""
        if _folded(key).endswith(_KEY):
            yield f"a {name} tag", found.get("content") or found.get("href") or "", False
    packet = _PACKET.search(text)
    if packet:
        for hit in _XMP.finditer(text, packet.start()):
            yield "an XMP packet", hit.group(1), False


def declared_types(node: Mapping[Any, Any]) -> Iterator[str]:
    """Yield the digital source types one JSON object declares itself, as they stand there."""
    for key, value in node.items():
        if _folded(str(key)).endswith(_KEY):
            for one in value if isinstance(value, list) else [value]:
                named = one.get("@id") if isinstance(one, dict) else one
                if isinstance(named, str):
                    yield named


def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _once(found: Iterator[tuple[str, str, bool]]) -> Iterator[Evidence]:
    seen: set[tuple[str, str, bool]] = set()
    for place, value, part in found:
        term = term_of(value)
        if not term or (place, term, part) in seen:
            continue
        seen.add((place, term, part))
        origin = Origin.UNKNOWN if part else origin_of_term(value)
        known = "" if term in SOURCE_TYPES else ", which is no term of the IPTC vocabulary"
        of = " of a picture or another part of the page" if part else ""
        yield Evidence(
            EvidenceKind.SOURCE_TYPE, origin, f"{place} declares the digital source type{of}: {value[:120]!r}{known}"
        )
