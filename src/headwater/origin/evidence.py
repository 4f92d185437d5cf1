"""Evidence of origin: what each reader found on a document, and which of it decides.

Evidence is read from the text as it came, before any normalisation: a cleaner that strips invisible characters destroys
marks. Everything found is kept; the strongest usable piece decides, in the order of
:class:`headwater.schema.EvidenceKind`. Absence of evidence says nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from headwater.schema import EvidenceKind, Origin

_PRECEDENCE = {kind: place for place, kind in enumerate(EvidenceKind)}


class Status(StrEnum):
    """How far a piece of evidence can be relied on."""

    VERIFIED = "verified"
    """Its signature, key or record was checked."""
    READ = "read"
    """It is there as stated; nothing proves that it was put there by whom it names."""
    DAMAGED = "damaged"
    """A mark is there but cannot be read whole."""
    INVALID = "invalid"
    """A mark is there and its check failed: wrong key, broken signature, another content."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence about one document."""

    kind: EvidenceKind
    """What it is."""
    origin: Origin
    """The origin it speaks for; ``unknown`` where it says nothing about authorship."""
    detail: str
    """What was found, in words, with names and numbers."""
    status: Status = Status.READ
    """How far it can be relied on."""
    p_value: float | None = None
    """Where it is a test: chance of a value as extreme without the mark, corrected for the keys tried."""

    @property
    def usable(self) -> bool:
        """Whether it may decide: intact, and it says something."""
        return self.status in {Status.VERIFIED, Status.READ} and self.origin != Origin.UNKNOWN

    @property
    def rank(self) -> int:
        """Its place in the precedence, 0 = strongest. A credential nobody verified is no more than metadata."""
        unsigned = self.kind == EvidenceKind.CONTENT_CREDENTIAL and self.status != Status.VERIFIED
        return _PRECEDENCE[EvidenceKind.SOURCE_TYPE if unsigned else self.kind]


class EvidenceReader(Protocol):
    """Looks for one family of evidence."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) for what is found on a batch in the ``DOCUMENT`` schema; most rows have none.

        Damage in a document is evidence with status ``damaged``; a reader never raises for data.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the evidence on one document amounts to."""

    origin: Origin
    """The origin the strongest usable piece speaks for; ``unknown`` without one."""
    decided_by: Evidence | None
    """That piece."""
    contradicted_by: tuple[Evidence, ...]
    """Usable pieces that speak for another origin, strongest first. They are shown and do not decide."""


def rule(evidence: Iterable[Evidence]) -> Ruling:
    """Return the ruling on one document: the strongest usable piece of evidence decides.

    Pieces of one rank are taken in their order, except that machine comes before human: of two equal claims the one
    that would keep a document out of the human reserve holds.
    """
    usable = sorted((one for one in evidence if one.usable), key=lambda one: (one.rank, one.origin == Origin.HUMAN))
    if not usable:
        return Ruling(Origin.UNKNOWN, None, ())
    first = usable[0]
    return Ruling(first.origin, first, tuple(one for one in usable[1:] if one.origin != first.origin))
