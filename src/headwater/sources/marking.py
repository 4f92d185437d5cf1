"""Generated documents that declare themselves: the IPTC digital source type in their metadata."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from headwater.schema import DOCUMENT, Origin
from headwater.sources.meta import meta_object, meta_text

ORIGIN_SOURCE_TYPES: Mapping[Origin, str] = {
    Origin.MACHINE: "trainedAlgorithmicMedia",
    Origin.MIXED: "compositeWithTrainedAlgorithmicMedia",
}
"""Term of the IPTC vocabulary of digital source types (revision of October 2024) for an origin."""

SOURCE_TYPE_KEY = "digitalSourceType"
"""Key in ``meta``; schema.org, C2PA and IPTC all use this name."""

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def mark_machine(documents: pa.Table) -> pa.Table:
    """Return documents with their digital source type in ``meta``, so that they declare themselves when read again.

    Documents of origin ``machine`` become ``trainedAlgorithmicMedia``, of origin ``mixed``
    ``compositeWithTrainedAlgorithmicMedia``; all others stay as they are. A type that is already declared is kept
    beside ours, and ``meta`` that is no JSON object is kept under the key ``meta``. Marking twice changes nothing.

    Args:
        documents: a table with the columns ``origin`` and ``meta`` of ``DOCUMENT``; further columns are kept.
    """
    origins = [str(one) for one in ORIGIN_SOURCE_TYPES]
    rows = pc.fill_null(pc.is_in(documents["origin"], value_set=pa.array(origins)), False)
    if not pc.any(rows, min_count=0).as_py():
        return documents
    marked = [
        _marked(meta, _VOCABULARY + ORIGIN_SOURCE_TYPES[Origin(origin)])
        for meta, origin in zip(
            documents["meta"].filter(rows).to_pylist(), documents["origin"].filter(rows).to_pylist(), strict=True
        )
    ]
    column = pc.replace_with_mask(
        documents["meta"].combine_chunks(), rows.combine_chunks(), pa.array(marked, pa.string())
    )
    place = documents.schema.get_field_index("meta")
    return documents.set_column(place, DOCUMENT.field("meta"), column)


def _marked(meta: str | None, term: str) -> str | None:
    values = meta_object(meta)
    declared = values.get(SOURCE_TYPE_KEY)
    known = declared if isinstance(declared, list) else [] if declared is None else [declared]
    if term not in known:
        values[SOURCE_TYPE_KEY] = [*known, term] if known else term
    return meta_text(values)
