"""What is known about a data set, once, for every record format that is written from it."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.schema import Origin
from headwater.sources.marking import ORIGIN_SOURCE_TYPES

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    ".jsonl": ("application/jsonlines",),
    ".jsonl.gz": ("application/jsonlines", "application/gzip"),
    ".jsonl.zst": ("application/jsonlines", "application/zstd"),
    ".parquet": ("application/x-parquet",),
}
"""Media types of the files documents are written to: the format, then its compression."""


@dataclass(frozen=True, slots=True)
class Party:
    """A legal entity or a person."""

    name: str
    """Legal name."""
    addresses: tuple[str, ...] = ()
    """Postal or electronic addresses."""
    person: bool = False
    """Whether it is a person; otherwise an organisation."""


@dataclass(frozen=True, slots=True)
class Place:
    """A country or a part of one."""

    country: str
    """ISO 3166-1 code."""
    state: str = ""
    """ISO 3166-2 code of the subdivision, or empty."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of the data set."""

    path: str
    """Its path, relative to the record, with forward slashes."""
    sha256: str
    """SHA-256 of its bytes, 64 hexadecimal digits."""
    size_bytes: int
    """Its size."""
    rows: int
    """Documents in it."""

    @property
    def media_types(self) -> tuple[str, ...]:
        """Its media types: the format, then its compression."""
        ends = (types for suffix, types in MEDIA_TYPES.items() if self.path.endswith(suffix))
        return next(ends, ("application/octet-stream",))


@dataclass(frozen=True, slots=True)
class ColumnMeaning:
    """One column of the files."""

    name: str
    """Its name."""
    kind: str
    """What it holds: ``text``, ``integer``, ``float``, ``boolean`` or ``date``."""
    meaning: str
    """What it means."""
    repeated: bool = False
    """Whether a value is a list."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One recipe that contributed generated documents."""

    name: str
    """Generator, prompt and decoding: the unit that is admitted."""
    generator: str
    """Program or model."""
    documents: int
    """Documents of it in the data set."""
    description: str = ""
    """How it generates, in words."""


@dataclass(frozen=True, slots=True)
class Input:
    """A data set this one was made from."""

    name: str
    """Its name."""
    identifier: str = ""
    """Its URI, where it has one."""
    sha256: str = ""
    """SHA-256 of its content, where it is one file."""
    record: str = ""
    """Address of its own record."""
    issuer: Party | None = None
    """Who issued it, if somebody else."""
    licence: str = ""
    """Its licence."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a part of the data was collected, generated or compiled."""

    description: str
    """In words."""
    category: str = "Other"
    """Category of the vocabulary of the Data Provenance Standards, such as ``Web scraping/Crawling``."""
    kind: str = ""
    """Its subdivision, such as ``Textual``."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """A use the data set is meant for."""

    description: str
    """In words."""
    code: str = "ai-other"
    """Code of the Data Provenance Standards: ``ai-pre-training``, ``ai-alignment``, ``ai-evaluation``,
    ``ai-synthetic``, ``ai-other``, ``non-ai-staging``, ``non-ai-production``, ``non-ai-quality``, ``non-ai-other``."""


@dataclass(frozen=True, slots=True)
class PrivacyTool:
    """A technique that was applied to protect personal information."""

    technique: str
    """Such as ``Pseudonymization`` or ``Differential Privacy``."""
    tool: str
    """Program that applied it."""
    parameters: tuple[str, ...] = ()
    """Its settings."""
    result: tuple[str, ...] = ()
    """What it reported."""


@dataclass(frozen=True, slots=True)
class DataSetRecord:
    """Everything known about a data set. What is empty is not known, and is not claimed in any format."""

    name: str
    """Its name."""
    description: str
    """What it contains, how it came about, what it is good for."""
    identifier: str
    """URI of it; :func:`identifier_of` gives one that follows from its files."""
    creator: Party
    """Who made and issues it."""
    created: str
    """When it was made, ISO 8601 with time zone."""
    tool: str
    """Program that made it, with its version, such as ``headwater 0.1.0``."""
    files: tuple[DataFile, ...]
    """Its files."""
    columns: tuple[ColumnMeaning, ...]
    """Columns of the files."""
    origins: Mapping[str, int]
    """Origin to number of documents."""
    version: str = "1.0.0"
    """Version of the data, MAJOR.MINOR.PATCH."""
    location: str = ""
    """Address where it is published."""
    licence: str = ""
    """Licence: SPDX name or address of the text."""
    languages: tuple[str, ...] = ()
    """BCP 47 codes."""
    keywords: tuple[str, ...] = ()
    """Words to find it by."""
    evidence: Mapping[str, int] | None = None
    """Kind of evidence of origin to number of documents that have it."""
    permissions: Mapping[str, int] | None = None
    """Permission signal to number of documents."""
    recipes: tuple[Recipe, ...] = ()
    """What generated documents came from."""
    sources: tuple[str, ...] = ()
    """Files, packages or addresses documents were read from."""
    inputs: tuple[Input, ...] = ()
    """Data sets it was made from."""
    methods: tuple[Method, ...] = ()
    """How the part that was not generated here was collected; generation follows from the recipes."""
    processing: tuple[str, ...] = ()
    """Steps it went through, in order, such as filters and gates with their thresholds."""
    run: str = ""
    """Id of the run that made it."""
    started: str = ""
    """When the run began, ISO 8601."""
    ended: str = ""
    """When it ended, ISO 8601."""
    oldest: str = ""
    """Date of the oldest document, ISO 8601."""
    youngest: str = ""
    """Date of the youngest document, ISO 8601."""
    previous: str = ""
    """When the previous version was issued, ISO 8601."""
    origin_places: tuple[Place, ...] = ()
    """Where the data were collected."""
    purposes: tuple[Purpose, ...] = ()
    """What it is meant for."""
    limitations: tuple[str, ...] = ()
    """What it must not be taken for, and known gaps."""
    biases: tuple[str, ...] = ()
    """Known biases."""
    personal_information: tuple[str, ...] = ()
    """Personal or sensitive information in it, in words."""
    assessed: Mapping[str, str] | None = None
    """Confidentiality classification (PI, PCI, PFI, PII, PHI, SPI, or another) to the tool that looked for it."""
    consents: tuple[str, ...] = ()
    """Addresses of consent documents."""
    privacy_tools: tuple[PrivacyTool, ...] = ()
    """Techniques applied to protect personal information."""
    processing_included: tuple[Place, ...] = ()
    """Where it may be processed; empty: anywhere."""
    processing_excluded: tuple[Place, ...] = ()
    """Where it may not be processed."""
    storage_allowed: tuple[Place, ...] = ()
    """Where it may be stored; empty: anywhere."""
    storage_forbidden: tuple[Place, ...] = ()
    """Where it may not be stored."""
    copyrights: tuple[str, ...] = ()
    """Copyrights in it and their terms; ``no`` states that there is none."""
    patents: tuple[str, ...] = ()
    """Patents on it; ``no`` states that there is none."""
    trademarks: tuple[str, ...] = ()
    """Trademarks in it; ``no`` states that there is none."""

    @property
    def synthetic(self) -> bool | None:
        """Whether machine-made documents are in it; None where none is known to be and some origin is unknown."""
        if self.origins.get(Origin.MACHINE, 0) or self.origins.get(Origin.MIXED, 0) or self.recipes:
            return True
        return None if self.origins.get(Origin.UNKNOWN, 0) else False

    @property
    def source_type(self) -> str | None:
        """IPTC term for the whole: None unless machine-made documents are in it."""
        if not self.synthetic:
            return None
        documents = sum(self.origins.values())
        whole = documents > 0 and self.origins.get(Origin.MACHINE, 0) == documents
        return ORIGIN_SOURCE_TYPES[Origin.MACHINE if whole else Origin.MIXED]


def identifier_of(files: Iterable[DataFile]) -> str:
    """Return a URN that follows from the content of files: the same files in any order have the same one."""
    return uuid.uuid5(uuid.NAMESPACE_OID, "\n".join(sorted(one.sha256 for one in files))).urn


def canonical_json(record: Mapping[str, Any]) -> bytes:
    """Return a record as JSON in UTF-8: sorted keys, two spaces, one line break at the end. Same record, same bytes."""
    return (json.dumps(record, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
