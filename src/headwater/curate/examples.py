"""Examples of what a curation did, chosen so that they do not depend on how the work was shared out.

Of each reason the documents with the lowest checksum of their id are shown: a random choice that is the same on one
worker or many, and that can be put together from the choices of the shards.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.curate.reasons import Reason
from headwater.curate.result import Sample

PER_REASON = 5
CHARACTERS = 400
"""Characters of an example's text."""

Ranked = tuple[int, Sample]
"""An example with the checksum it was chosen by."""


def ranks(ids: pa.Array) -> NDArray[np.int64]:
    """Return a number for each id by which examples are drawn: a checksum, the same everywhere."""
    return np.fromiter((crc32(one.encode()) for one in ids.to_pylist()), dtype=np.int64, count=len(ids))


def samples_of(
    batch: pa.RecordBatch, reasons: pa.ListArray, text: str, files: Sequence[str], measures: Mapping[str, str]
) -> dict[str, list[Ranked]]:
    """Return the examples of a batch by reason.

    Args:
        batch: measured documents (:func:`headwater.curate.measuring.measured_schema`).
        reasons: why each document was dropped; an empty list for the kept ones.
        text: name of the text column.
        files: names of the files by number.
        measures: reason to the field of ``measured`` it rests on.
    """
    codes = reasons.flatten().dictionary_encode()
    if not len(codes):
        return {}
    rows = pc.list_parent_indices(reasons).to_numpy()
    dropped, places = np.unique(rows, return_inverse=True)
    rank = ranks(batch["id"].take(pa.array(dropped)))[places]
    indices = codes.indices.to_numpy()
    found: dict[str, list[Ranked]] = {}
    for code, reason in enumerate(codes.dictionary.to_pylist()):
        those = np.flatnonzero(indices == code)
        lowest = those[np.argsort(rank[those], kind="stable")[:PER_REASON]]
        field = measures.get(reason, "")
        found[reason] = [(int(rank[one]), _sample(batch, int(rows[one]), reason, text, files, field)) for one in lowest]
    return found


def _sample(batch: pa.RecordBatch, row: int, reason: str, text: str, files: Sequence[str], field: str) -> Sample:
    value = batch["measured"][row].as_py().get(field) if field else None
    return Sample(
        reason=reason,
        id=batch["id"][row].as_py(),
        place=f"{files[batch['file'][row].as_py()]}:{batch['line'][row].as_py()}",
        measured=float(value) if isinstance(value, int | float) else value if isinstance(value, str) else None,
        text=_shown(batch, row, reason, text),
        source=batch["source"][row].as_py(),
    )


def _shown(batch: pa.RecordBatch, row: int, reason: str, text: str) -> str:
    """Return what is shown of a document: its beginning, or of a leak the passage it shares and with what."""
    if reason == Reason.EVALUATION_OVERLAP:
        found = batch["measured"][row].as_py()
        return f"[{found['evaluation_set']}: {found['evaluation_id']}] {found['evaluation_match']}"
    return str(batch["document"].field(text)[row].as_py())[:CHARACTERS]


def merged_samples(parts: Iterable[Mapping[str, Sequence[Ranked]]]) -> dict[str, list[Ranked]]:
    """Return the examples of several parts together; the order of the parts does not matter."""
    together: dict[str, list[Ranked]] = {}
    for part in parts:
        for reason, ranked in part.items():
            together.setdefault(reason, []).extend(ranked)
    return {
        reason: heapq.nsmallest(PER_REASON, ranked, key=lambda one: (one[0], one[1].place))
        for reason, ranked in together.items()
    }
