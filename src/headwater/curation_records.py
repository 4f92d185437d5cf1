"""The records of what a curation keeps: where it comes from, what was done with it, and what it must not be taken for.

``kept.prov.json``, ``kept.croissant.json`` and ``kept.provenance.json`` stand beside the folder ``kept``, as other
commands write them beside a file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.curate import CurateResult, Reason
from headwater.curate.outputs import Folder
from headwater.origin.exported import Described, inputs_named, record_of, write_folder_records
from headwater.origin.records import ColumnMeaning, DataSetRecord, PrivacyTool
from headwater.schema import DOCUMENT

# Columns of documents that say where they come from; the origin and the sources are counted by the curation itself.
_CARRIED = ("evidence", "recipe", "generator", "licence", "permission", "created")
_KINDS = ((pa.types.is_boolean, "boolean"), (pa.types.is_integer, "integer"), (pa.types.is_floating, "float"))
_OWN = {
    "id": "id of the document",
    "reasons": "why it was dropped; empty, since it was kept",
}


def write_curation_records(folder: Path, result: CurateResult) -> list[Path]:
    """Write the records of the kept documents of a curation and return their paths; none while parts are missing.

    Args:
        folder: the folder of the curation.
        result: what was found.

    Raises:
        StoreError: a file cannot be written.
    """
    if result.failed:
        return []
    place = Folder(folder)
    kept = sorted(path for path in (folder / "kept").iterdir() if path.name.startswith("part-"))
    signals = (place.path / "signals" / f"{path.name.partition('.')[0]}.parquet" for path in kept)
    rows = {path: _kept_rows(one) for path, one in zip(kept, signals, strict=True)}
    return write_folder_records(folder / "kept", rows, _record(kept, result))


def _kept_rows(signals: Path) -> int:
    return int(pc.sum(pq.read_table(signals, columns=["kept"])["kept"]).as_py() or 0)


def _record(kept: list[Path], result: CurateResult) -> DataSetRecord:
    """Return what is known of the kept documents; their files are not known yet."""
    found = _described(kept)
    found.rows = result.documents.kept
    found.origins = Counter({one.name: one.kept for one in result.origins if one.kept})
    found.sources.counts.clear()
    found.sources.add({one.name: one.kept for one in result.sources if one.kept})
    found.sources.others = max(found.rows - found.sources.counts.total(), 0)
    settings = result.settings
    record = record_of(
        found,
        name="kept",
        description=f"What a curation kept of {result.documents.read:,} documents.",
        created=result.created,
        inputs=inputs_named(result.inputs),
        processing=_processing(result),
        limitations=(
            "Kept documents passed rules on their form and on copies. That says nothing of whether they are true, made "
            "by humans, or free to use.",
        ),
        columns=tuple(_columns(kept, settings)),
    )
    said, tools = _personal(result)
    return replace(record, languages=_languages(result), personal_information=said, privacy_tools=tools)


def _processing(result: CurateResult) -> tuple[str, ...]:
    rules = (
        f"dropped {one.dropped:,} documents for {one.rule}"
        + (f", {one.measure} against {_limit(one.threshold)}" if one.threshold is not None else "")
        for one in result.rules
        if one.dropped
    )
    return (f"headwater curate, rules {result.settings.get('extends')}", *rules)


def _limit(threshold: float | tuple[str, ...]) -> str:
    return ", ".join(threshold) if isinstance(threshold, tuple) else f"{threshold:g}"


def _section(settings: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = settings.get(name)
    return found if isinstance(found, Mapping) else {}


def _languages(result: CurateResult) -> tuple[str, ...]:
    named = (one.threshold for one in result.rules if one.rule == Reason.OTHER_LANGUAGE)
    return next((codes for codes in named if isinstance(codes, tuple)), ())


def _personal(result: CurateResult) -> tuple[tuple[str, ...], tuple[PrivacyTool, ...]]:
    """Return what is said of personal data, and of what was done with them; nothing where they were not looked for."""
    found = result.personal_data
    if found is None:
        return (), ()
    masked = _section(result.settings, "personal_data").get("action") == "mask"
    kinds = ", ".join(found.finds)
    said = f"{found.kept:,} of these documents {'held' if masked else 'hold'} personal data of these kinds: {kinds}"
    done = (f"masked in {found.kept:,} documents",)
    tools = (PrivacyTool("Masking", "headwater curate", (f"kinds: {kinds}",), done),) if masked else ()
    return (f"{said}. Others, such as names, were not looked for.",), tools


def _columns(kept: list[Path], settings: Mapping[str, object]) -> Iterator[ColumnMeaning]:
    """Yield the columns of the files that are single values or lists of them."""
    text = str(_section(settings, "columns").get("text", "text"))
    if not kept or kept[0].suffix != ".parquet":
        yield ColumnMeaning(text, "text", "text of the document, as curated")
        for name, meaning in _OWN.items():
            yield ColumnMeaning(name, "text", meaning, repeated=name == "reasons")
        return
    for field in pq.read_schema(kept[0]):
        repeated = pa.types.is_list(field.type)
        value = field.type.value_type if repeated else field.type
        kind = next((kind for fits, kind in _KINDS if fits(value)), "text" if pa.types.is_string(value) else None)
        if kind is not None:
            meaning = (
                "text of the document, as curated" if field.name == text else _OWN.get(field.name, "as in the input")
            )
            yield ColumnMeaning(field.name, kind, meaning, repeated)


def _described(kept: list[Path]) -> Described:
    """Return what documents in Parquet say themselves of where they come from; JSON lines are not read again."""
    found = Described()
    for path in kept if kept and kept[0].suffix == ".parquet" else ():
        with pq.ParquetFile(path) as file:
            there = [name for name in _CARRIED if _is_text(file.schema_arrow, name)]
            if not there:
                return found
            origin = ["origin"] if _is_text(file.schema_arrow, "origin") else []
            for batch in file.iter_batches(columns=[*there, *origin]):
                columns = [
                    batch[one.name] if one.name in batch.schema.names else pa.nulls(batch.num_rows, one.type)
                    for one in DOCUMENT
                ]
                found.add(pa.RecordBatch.from_arrays(columns, names=DOCUMENT.names))
    return found


def _is_text(schema: pa.Schema, name: str) -> bool:
    return name in schema.names and pa.types.is_string(schema.field(name).type)
