"""The second pass over a shard: with what is known of copies, decide, and write what stays and what does not."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.curate.copies import Copies, read_copies, with_copies
from headwater.curate.examples import CHARACTERS, Ranked, merged_samples, samples_of
from headwater.curate.outputs import Folder, OutputFormat
from headwater.curate.pairs import Shown
from headwater.curate.result import Sample
from headwater.curate.sentences import LEFT, cut_copies, read_cuts
from headwater.curate.steps import Steps
from headwater.sources import document_writer
from headwater.store import parquet_file, write_json

BATCH = 2048
"""Documents that are decided on together."""

RESERVED = ("reasons", "measured", "duplicate_of", "curated_text")
"""Columns of the output; the input's own of these names are called ``input_<name>`` there."""


@dataclass(frozen=True, slots=True)
class FinishTask:
    """The second pass over one shard."""

    shard: int
    files: tuple[str, ...]
    """Names of all files of the plan, by number."""
    folder: Folder
    text: str
    """Name of the text column."""
    own_id: str | None
    """Name of the column with the user's ids."""
    steps: Steps
    copies: Path | None
    """Parquet file of all copies; none where copies are not looked for."""
    cuts: Path | None
    """Folder of what is cut out of the documents; none where nothing is."""
    place_among: int
    """Number of the shard among those in which copies were looked for."""
    output_format: OutputFormat | None
    """None: documents are only counted, not written."""
    wanted: tuple[int, ...] = ()
    """Places of documents whose text is shown as an example of a pair."""
    left_out: str | None = None
    """A column that is null in all documents of all shards, and so not written."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A shard after the second pass."""

    shard: int
    kept: int
    dropped: int
    samples: Mapping[str, list[Ranked]]
    shown: Mapping[int, Shown]
    """The documents that were wanted, by place."""


def finish_shard(task: FinishTask) -> Finished:
    """Carry out the second pass over a shard and return what it came to.

    The same shard, rules and copies give the same bytes, whichever process does it.
    """
    with pq.ParquetFile(task.folder.measured(task.shard)) as stored:
        return write_decided(stored_batches(stored), stored.schema_arrow, task)


def stored_batches(file: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield what is stored of a shard in batches within its row groups, which are as large as a batch that was read.

    Without that a batch is so many documents, however long they are.
    """
    for group in range(file.num_row_groups):
        yield from file.iter_batches(BATCH, row_groups=[group], columns=columns)


def write_decided(batches: Iterable[pa.RecordBatch], schema: pa.Schema, task: FinishTask) -> Finished:
    """Decide on measured documents; write them, their signals, and what is shown of them.

    Args:
        batches: a shard as the first pass leaves it (:func:`headwater.curate.measuring.measured_schema`).
        schema: its schema.
        task: what to decide by and where to write to.
    """
    steps, folder = task.steps, task.folder
    copies = read_copies(task.copies, task.place_among)
    measures = {str(rule.reason): rule.measure for rule in steps.rules.rules}
    cuts = read_cuts(task.cuts, task.place_among) if task.cuts is not None else None
    fields = _measured_fields(schema, steps, cut=cuts is not None)
    samples: list[Mapping[str, list[Ranked]]] = []
    shown: dict[int, Shown] = {}
    place = kept = 0
    for path in (folder.signals(task.shard), folder.kept(task.shard, "parquet"), folder.dropped(task.shard, "parquet")):
        if path.parent.name == "signals" or task.output_format is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        documents = _Documents(schema, fields, task, stack) if task.output_format is not None else None
        signals = stack.enter_context(parquet_file(folder.signals(task.shard), signals_schema(schema, fields)))
        for batch in batches:
            if cuts is not None and steps.spans is not None:
                batch = _without_copies(batch, cuts, steps.spans.length, place, task.text)  # noqa: PLW2901
            inside = copies.within(place, place + batch.num_rows)
            reasons = with_copies(steps.rules.decide(batch["measured"]), inside)
            stays = pc.equal(pc.list_value_length(reasons), 0)
            measured = _measured(batch, stays, task, fields)
            signals.write_batch(_signals(batch, reasons, stays, measured, signals.schema))
            if documents is not None:
                documents.write(batch, reasons, stays, measured, inside)
                samples.append(samples_of(batch, reasons, task.text, task.files, measures))
                for wanted in task.wanted:
                    if place <= wanted < place + batch.num_rows:
                        shown[wanted] = _shown(batch, wanted - place, task)
            place += batch.num_rows
            kept += int(pc.sum(stays).as_py() or 0)
    result = Finished(task.shard, kept, place - kept, merged_samples(samples), shown)
    write_json(folder.done("finished", task.shard), _note(result, task))
    return result


def signals_schema(measured: pa.Schema, measures: pa.Schema) -> pa.Schema:
    """Return the columns of the signals: all that is known of a document but its text.

    Args:
        measured: the columns of a shard after the first pass.
        measures: the fields of ``measured``.
    """
    left_out = {"document", "curated", "passing", "measured", "span_hashes", "span_places"}
    return pa.schema(
        [
            *(field for field in measured if field.name not in left_out),
            pa.field("kept", pa.bool_()),
            pa.field("reasons", pa.list_(pa.string())),
            pa.field("measured", pa.struct(list(measures))),
        ]
    )


def _measured_fields(schema: pa.Schema, steps: Steps, *, cut: bool) -> pa.Schema:
    """Return the fields of ``measured`` in the output: of the first pass, what cuts leave, tokens of what is kept."""
    more = [*(LEFT if cut else ()), *(steps.tokens.adds if steps.tokens is not None else ())]
    names = {field.name for field in more}
    return pa.schema([*(field for field in schema.field("measured").type if field.name not in names), *more])


def _without_copies(batch: pa.RecordBatch, cuts: pa.Table, span: int, place: int, text: str) -> pa.RecordBatch:
    """Return the batch with what earlier documents have cut out of its curated texts, and what that leaves."""
    now = pc.coalesce(batch["curated"], batch["document"].field(text))
    cut = cut_copies(pa.RecordBatch.from_pydict({"text": now, "span_places": batch["span_places"]}), cuts, span, place)
    changed = pc.greater(cut["copied_runs"], 0)
    curated = pc.if_else(changed, cut["text"].cast(now.type), batch["curated"])
    values = pa.RecordBatch.from_struct_array(batch["measured"])
    fields = [*values.schema, *LEFT]
    measured = pa.StructArray.from_arrays([*values.columns, *(cut[field.name] for field in LEFT)], fields=fields)
    known = {"curated": curated, "measured": measured}
    return pa.RecordBatch.from_pydict({name: known.get(name, batch[name]) for name in batch.schema.names})


def _measured(batch: pa.RecordBatch, stays: pa.Array, task: FinishTask, fields: pa.Schema) -> pa.StructArray:
    """Return what was measured, with the tokens of the kept documents: the others are not worth the time."""
    tokens = task.steps.tokens
    if tokens is None:
        return batch["measured"]
    text = pc.coalesce(batch["curated"], batch["document"].field(task.text))
    rows = np.flatnonzero(stays.to_numpy(zero_copy_only=False))
    counted = tokens(pa.RecordBatch.from_pydict({"text": text.take(pa.array(rows))}))
    index = np.full(batch.num_rows, -1)
    index[rows] = np.arange(len(rows))
    places = pa.array(index, mask=index < 0)
    values = pa.RecordBatch.from_struct_array(batch["measured"])
    added = {name: counted[name].take(places) for name in tokens.adds.names}
    return pa.StructArray.from_arrays(
        [added.get(field.name) if field.name in added else values[field.name] for field in fields],
        fields=list(fields),
    )


def _signals(
    batch: pa.RecordBatch, reasons: pa.Array, stays: pa.Array, measured: pa.Array, schema: pa.Schema
) -> pa.RecordBatch:
    known = {"kept": stays, "reasons": reasons, "measured": measured}
    return pa.RecordBatch.from_arrays(
        [known[field.name] if field.name in known else batch[field.name] for field in schema], schema=schema
    )


class _Documents:
    """Writes the kept and the dropped documents of a shard."""

    def __init__(self, schema: pa.Schema, measures: pa.Schema, task: FinishTask, stack: ExitStack) -> None:
        assert task.output_format is not None
        self._text = task.text
        own = [field for field in schema.field("document").type if field.name != task.left_out]
        taken = {*RESERVED, *(() if task.own_id == "id" else ("id",))}
        self._names = {f"input_{field.name}" if field.name in taken else field.name: field.name for field in own}
        kinds = {field.name: field.type for field in own}
        common = [
            *(pa.field(name, kinds[original]) for name, original in self._names.items() if name != "id"),
            pa.field("id", pa.string()),
            pa.field("reasons", pa.list_(pa.string())),
            pa.field("measured", pa.struct(list(measures))),
        ]
        rewritten = [pa.field("curated_text", kinds[task.text])] if task.steps.rewrites else []
        self._kept = pa.schema(common)
        self._dropped = pa.schema([*common, pa.field("duplicate_of", pa.string()), *rewritten])
        folder, form = task.folder, task.output_format
        self._write_kept = stack.enter_context(document_writer(folder.kept(task.shard, form), self._kept))
        self._write_dropped = stack.enter_context(document_writer(folder.dropped(task.shard, form), self._dropped))

    def write(
        self, batch: pa.RecordBatch, reasons: pa.Array, stays: pa.Array, measured: pa.Array, copies: Copies
    ) -> None:
        """Write a batch: kept documents with the text as curated, dropped ones with the text as it was read."""
        text = batch["document"].field(self._text)
        known = {
            "id": batch["id"],
            "reasons": reasons,
            "measured": measured,
            "duplicate_of": copies.kept_id_by_row(batch.num_rows),
            "curated_text": batch["curated"],
        }
        kept = self._made(batch, self._kept, known, pc.coalesce(batch["curated"], text)).filter(stays)
        dropped = self._made(batch, self._dropped, known, text).filter(pc.invert(stays))
        for write, part in ((self._write_kept, kept), (self._write_dropped, dropped)):
            if part.num_rows:  # a row group without rows is one that some readers choke on
                write(part)

    def _made(
        self, batch: pa.RecordBatch, schema: pa.Schema, known: Mapping[str, pa.Array], text: pa.Array
    ) -> pa.RecordBatch:
        columns = []
        for field in schema:
            original = self._names.get(field.name, "")
            if original == self._text:
                columns.append(text)
            elif field.name in known:
                columns.append(known[field.name])
            else:
                columns.append(batch["document"].field(original))
        return pa.RecordBatch.from_arrays(columns, schema=schema)


def _shown(batch: pa.RecordBatch, row: int, task: FinishTask) -> Shown:
    place = f"{task.files[batch['file'][row].as_py()]}:{batch['line'][row].as_py()}"
    return Shown(batch["document"].field(task.text)[row].as_py()[:CHARACTERS], place, batch["source"][row].as_py())


def _compared_with(task: FinishTask) -> str:
    """Return hexadecimal digits that name what a shard depends on besides itself: the other shards."""
    copies = read_copies(task.copies, task.place_among)
    known = pa.table({"place": copies.places, "reason": copies.reasons, "kept_id": copies.kept_ids})
    parts = [known] if task.cuts is None else [known, read_cuts(task.cuts, task.place_among).select(["row", "runs"])]
    hashed = blake2b(repr((task.wanted, task.left_out)).encode(), digest_size=8)
    for part in parts:
        with pa.ipc.new_stream(sink := pa.BufferOutputStream(), part.schema) as stream:
            stream.write_table(part.combine_chunks())
        hashed.update(sink.getvalue())
    return hashed.hexdigest()


def _note(result: Finished, task: FinishTask) -> dict[str, object]:
    return {
        "shard": result.shard,
        "compared_with": _compared_with(task),
        "kept": result.kept,
        "dropped": result.dropped,
        "samples": {
            reason: [[rank, asdict(sample)] for rank, sample in ranked] for reason, ranked in result.samples.items()
        },
        "shown": [[place, asdict(one)] for place, one in result.shown.items()],
    }


def read_finished(task: FinishTask) -> Finished | None:
    """Return what the second pass over a shard came to, or None where it is not finished.

    Nor is it where other copies were known of then, because shards failed that are there now.
    """
    folder, note = task.folder, task.folder.done("finished", task.shard)
    outputs = [folder.signals(task.shard)]
    if task.output_format is not None:
        outputs += [folder.kept(task.shard, task.output_format), folder.dropped(task.shard, task.output_format)]
    if not note.exists() or not all(path.exists() for path in outputs):
        return None
    found = json.loads(note.read_bytes())
    if found["compared_with"] != _compared_with(task):
        return None
    samples = {
        reason: [(rank, Sample(**sample)) for rank, sample in ranked] for reason, ranked in found["samples"].items()
    }
    shown = {place: Shown(**one) for place, one in found["shown"]}
    return Finished(found["shard"], found["kept"], found["dropped"], samples, shown)
