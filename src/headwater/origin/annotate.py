"""An audited corpus written again, each document with its origin and what that rests on.

The corpus is read a second time, in step with the rows of the audit, so nothing but a batch is held. What the rows
carried stays; what the detector said goes to ``meta`` under ``audit``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.config import AuditSettings
from headwater.errors import InputError
from headwater.origin.exported import Described, inputs_of, record_of, write_described
from headwater.origin.records import DataSetRecord
from headwater.schema import DOCUMENT, Origin
from headwater.sources import Columns, read_documents
from headwater.sources.meta import meta_object, meta_text
from headwater.store.runs import utc_now

AUDIT_KEY = "audit"
"""Key in ``meta`` of what the audit says of a document beside its origin: ``score``, ``p_value``, ``verdict``, why it
was ``not_judged``, by what its origin is ``contradicted_by``, and the ``evidence_before``; only what there is."""

_MEASURED = ("score", "p_value", "verdict", "not_judged", "contradicted_by")
_COLUMNS = ("id", "origin", "evidence", "permission", *_MEASURED)
_FROM_COLUMN = "column "  # how evidence begins that reading the file filled in


def annotate(settings: AuditSettings, audited: Path, out: Path) -> int:
    """Write an audited corpus again with origin and evidence of each document, and return the number of documents.

    ``permission`` is filled in where it was empty. Columns the audit did not name keep their values, ``recipe`` and
    ``group`` too. Machine-made documents are not marked: an audit finds, it does not declare. Records are written
    beside the file.

    Args:
        settings: settings of the audit.
        audited: ``documents.parquet`` of the audit, in the folder of its run.
        out: the file to write: ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``.

    Raises:
        InputError: the files are not those that were audited, or the suffix of ``out`` is unknown.
        StoreError: a file cannot be written.
    """

    def record(found: Described) -> DataSetRecord:
        return record_of(
            found,
            name=out.name,
            description="Documents with the origin an audit found, and what it rests on.",
            created=utc_now().isoformat(timespec="seconds"),
            run=audited.parent.name,
            inputs=inputs_of(settings.paths),
            processing=(
                "audit: the strongest usable evidence of origin decides",
                f"machine-like by the detector {settings.detector or 'that is shipped'}, false discovery rate "
                f"{settings.fdr}",
            ),
            limitations=("Without evidence the origin is unknown. That a document is unknown does not make it human.",),
        )

    return write_described(_in_step(settings, audited), out, record)


def _in_step(settings: AuditSettings, audited: Path) -> Iterator[pa.RecordBatch]:
    """Yield the documents with the rows of the audit applied.

    Raises:
        InputError: documents and rows are not the same.
    """
    columns = Columns(text=settings.text, id=settings.id, created=settings.date, origin=settings.origin)
    with pq.ParquetFile(audited) as file:
        parts = file.iter_batches(batch_size=1024, columns=list(_COLUMNS))
        held = pa.Table.from_batches([], file.schema_arrow).select(_COLUMNS)
        for documents in read_documents(settings.paths, columns):
            while held.num_rows < documents.num_rows:
                part = next(parts, None)
                if part is None:
                    raise _changed(settings)
                held = pa.concat_tables([held, pa.Table.from_batches([part]).select(_COLUMNS)])
            rows, held = held.slice(0, documents.num_rows), held.slice(documents.num_rows)
            if rows["id"].to_pylist() != documents["id"].to_pylist():
                raise _changed(settings)
            yield _annotated(documents, rows)
        if held.num_rows or next(parts, None) is not None:
            raise _changed(settings)


def _changed(settings: AuditSettings) -> InputError:
    return InputError(
        f"the documents of {', '.join(settings.paths)} are not those that were audited: the files have changed. "
        "Repeat the audit."
    )


def _annotated(documents: pa.RecordBatch, rows: pa.Table) -> pa.RecordBatch:
    metas = [meta_object(meta) for meta in documents["meta"].to_pylist()]
    recipes = [_own(values, "recipe") for values in metas]
    groups = [_own(values, "group") or key for values, key in zip(metas, documents["id"].to_pylist(), strict=True)]
    measured = rows.select(_MEASURED).to_pylist()
    before = zip(documents["evidence"].to_pylist(), rows["evidence"].to_pylist(), strict=True)
    for values, found, (old, new) in zip(metas, measured, before, strict=True):
        values[AUDIT_KEY] = _told(found, old if old != new else None)
    origins = rows["origin"].combine_chunks()
    # Reading takes documents that a column calls human for generation 0; the audit may have found otherwise.
    human = pc.is_in(origins, value_set=pa.array([Origin.HUMAN.value, Origin.UNKNOWN.value]))
    first = pc.fill_null(pc.equal(documents["generation"], 0), False)
    generations = pc.if_else(pc.and_(first, pc.invert(human)), pa.scalar(None, pa.int32()), documents["generation"])
    replaced = {
        "origin": origins,
        "evidence": rows["evidence"].combine_chunks(),
        "permission": pc.coalesce(documents["permission"], rows["permission"].combine_chunks()),
        "generation": generations,
        "recipe": pa.array(recipes, pa.string()),
        "group": pa.array(groups, pa.string()),
        "meta": pa.array([meta_text(values) for values in metas], pa.string()),
    }
    return pa.RecordBatch.from_arrays([replaced.get(name, documents[name]) for name in DOCUMENT.names], schema=DOCUMENT)


def _own(values: dict[str, Any], name: str) -> str | None:
    """Take a column that the audit did not read by name, and that reading filled in, back out of ``meta``."""
    return values.pop(name) if isinstance(values.get(name), str) and values[name] else None


def _told(found: Mapping[str, Any], before: str | None) -> dict[str, Any]:
    told = {name: value for name, value in found.items() if value is not None}
    if before is not None and not before.startswith(_FROM_COLUMN):
        told["evidence_before"] = before
    return told
