"""Evidence reader: a column in which somebody says who made each document."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from headwater.origin.evidence import Evidence
from headwater.origin.marks.page import candidates
from headwater.schema import EvidenceKind, Origin

_STATED = (Origin.HUMAN, Origin.MACHINE, Origin.MIXED)


@dataclass(frozen=True, slots=True)
class OriginColumnReader:
    """Reads the column ``origin``. Use it only where the user named such a column: of others the reader fills it in."""

    attested_by: str = "the origin column"
    """Who vouches for the column; named with every piece of evidence."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``attestation``; see :class:`headwater.origin.evidence.EvidenceReader`.

        ``unknown`` says nothing.
        """
        stated = {
            origin.value: Evidence(EvidenceKind.ATTESTATION, origin, f"{origin}, says {self.attested_by}")
            for origin in _STATED
        }
        for row, value in candidates(documents, "origin", f"^(?:{'|'.join(stated)})$"):
            yield row, stated[value]
