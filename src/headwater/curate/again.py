"""Deciding again from stored values: other thresholds, without reading or measuring a text.

Copies are looked for anew among the documents that pass now, from their stored signatures, so that the outcome is the
one a new curation with these thresholds would have. What needs the texts stays as it was: operators that rewrite have
rewritten, and tokens are known of the documents that were kept before.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.curate.claim import begin_anew, claimed
from headwater.curate.concluding import Ended, conclude, read_manifest, rules_of
from headwater.curate.finishing import RESERVED, FinishTask, stored_batches, write_decided
from headwater.curate.outputs import Folder, OutputFormat
from headwater.curate.pairs import find_copies, wanted_places
from headwater.curate.result import Counts, CurateResult
from headwater.curate.rules import RuleSet
from headwater.curate.settings import CurateSettings
from headwater.curate.signatures import Signatures
from headwater.curate.steps import COPIED, Steps
from headwater.engine.attempt import peak_bytes
from headwater.errors import InputError, StoreError
from headwater.store import parquet_file, replaced_file

Progress = Callable[[int, int, str], None]

_RESOLVED = ("id", "file", "line", "source", "characters", "priority", "text_hash", "bands", "sketch")


def rethreshold_folder(
    folder: Path,
    thresholds: Mapping[str, float | bool],
    out: Path | None = None,
    progress: Progress = lambda done, total, what: None,
    *,
    output_format: OutputFormat = "parquet",
    page: Callable[[CurateResult], None] | None = None,
) -> CurateResult:
    """Decide again on a finished curation with other thresholds and return what comes of it.

    Args:
        folder: the finished curation.
        thresholds: reason to number; False switches a rule off. Others stay as they were.
        out: an empty folder for the documents as decided now; none: nothing is written, only counted.
        progress: told what is being done.
        output_format: format of the documents in ``out``.
        page: writes the report; the work counts as finished only afterwards.

    Raises:
        InputError: the folder holds no finished curation, or with ``out`` one whose documents are not Parquet.
        ConfigError: a threshold names no rule.
        StoreError: ``out`` is not empty or cannot be written.
    """
    source = Folder(folder)
    manifest = read_manifest(source)
    rules_of(manifest).changed(thresholds, "--set")  # a mistyped rule leaves no folder behind
    if out is None:
        with tempfile.TemporaryDirectory(prefix="headwater-rethreshold-") as temporary:
            return _decided(source, manifest, thresholds, Folder(Path(temporary)), progress, None, page)
    if manifest["format"] != "parquet":
        raise InputError(
            f"the documents in {folder} are {manifest['format']}; deciding on them again needs Parquet. "
            "Leave --out away to see what would change, or curate again with --format parquet."
        )
    target = Folder(out)
    with claimed(target, "rethreshold"):
        begin_anew(target)
        return _decided(source, manifest, thresholds, target, progress, output_format, page)


def counts_before(folder: Path) -> Counts:
    """Return the counts of a finished curation.

    Raises:
        InputError: the folder holds none.
    """
    counts = read_manifest(Folder(folder))["documents"]
    return Counts(counts["in"], counts["kept"], counts["dropped"], counts["bad"])


def _decided(
    source: Folder,
    manifest: Mapping[str, Any],
    thresholds: Mapping[str, float | bool],
    target: Folder,
    progress: Progress,
    output_format: OutputFormat | None,
    page: Callable[[CurateResult], None] | None,
) -> CurateResult:
    begun, cpu = time.monotonic(), time.process_time()
    rules = rules_of(manifest).changed(thresholds, "--set")
    first_rules = rules.of(*(family for family in rules.families if family != COPIED))
    settings = CurateSettings.model_validate(manifest["settings"])
    settings = settings.model_copy(update={"thresholds": {**settings.thresholds, **thresholds}})
    copies_wanted = settings.duplicates.exact or settings.duplicates.near
    shards = [int(number) for number in manifest["shards"]]
    for number in shards:
        progress(number, len(shards), "deciding again")
        _write_passing(source.signals(number), target.measured(number), first_rules, signed=copies_wanted)
    if output_format is not None and shards and source.rejects.exists():
        _copy(source.rejects, target.shard_rejects(shards[0]))
    held = [target.held(number) for number in range(len(manifest["held"]))]
    for name, path in zip(manifest["held"], held, strict=True):
        _copy(source.path / name, path)
    copies = None
    if copies_wanted:
        signals = [target.measured(number) for number in shards]
        copies = find_copies(signals, shards, held, settings.duplicates, target.work / "copies.parquet", target.temp)
    wanted = wanted_places(copies)
    steps = Steps((), rules, Signatures() if copies_wanted else None, rewrites=bool(manifest["rewrites"]))
    finished = {}
    for place, number in enumerate(shards):
        progress(place, len(shards), "writing" if output_format is not None else "counting")
        task = FinishTask(
            number,
            tuple(manifest["files"]),
            target,
            manifest["text"],
            manifest["own_id"],
            steps,
            copies.path if copies is not None else None,
            None,
            place,
            output_format,
            wanted.get(number, ()),
        )
        with ExitStack() as stack:
            batches, schema = _stored(source, number, manifest, stack, documents=output_format is not None)
            finished[number] = write_decided(batches, schema, task)
    return conclude(
        Ended(
            folder=target,
            files=tuple(manifest["files"]),
            held_files=tuple(manifest["held_files"]),
            held=tuple(held),
            size_bytes=int(manifest["bytes"]),
            settings=settings,
            steps=steps,
            own_id=manifest["own_id"],
            output_format=output_format or "parquet",
            copies=copies,
            cuts=None,
            compared=tuple(shards),
            read=int(manifest["documents"]["in"]),
            bad=dict(manifest["bad_by_kind"]),
            finished=finished,
            failed=(),
            warnings=tuple(manifest["warnings"]),
            engine="embedded",
            workers=1,
            seconds=time.monotonic() - begun,
            cpu_seconds=time.process_time() - cpu,
            peak_rss_mb=peak_bytes() / 1e6,
        ),
        page or (lambda result: None),
    )


def _copy(theirs: Path, ours: Path) -> None:
    ours.parent.mkdir(parents=True, exist_ok=True)
    with theirs.open("rb") as file, replaced_file(ours) as copy:
        shutil.copyfileobj(file, copy)


def _write_passing(signals: Path, out: Path, rules: RuleSet, *, signed: bool) -> None:
    """Write what copies are found by, with whether each document passes the rules now."""
    if not signed:
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetFile(signals) as stored:
        schema = pa.schema([*(stored.schema_arrow.field(name) for name in _RESOLVED), pa.field("passing", pa.bool_())])
        with parquet_file(out, schema) as writer:
            for batch in stored_batches(stored, [*_RESOLVED, "measured"]):
                passing = pc.equal(pc.list_value_length(rules.decide(batch["measured"])), 0)
                columns = [passing if field.name == "passing" else batch[field.name] for field in schema]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _stored(
    source: Folder, number: int, manifest: Mapping[str, Any], stack: ExitStack, *, documents: bool
) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
    """Return a shard as the first pass left it, from its signals and its kept and dropped documents.

    Args:
        source: the finished curation.
        number: the shard.
        manifest: its record.
        stack: closes the files.
        documents: with the documents; otherwise only what was measured.
    """
    signals = stack.enter_context(pq.ParquetFile(source.signals(number)))
    known = pa.schema([field for field in signals.schema_arrow if field.name not in {"kept", "reasons"}])
    if not documents:
        return (batch.select(known.names) for batch in stored_batches(signals)), known
    kept = stack.enter_context(pq.ParquetFile(source.kept(number, "parquet")))
    dropped = stack.enter_context(pq.ParquetFile(source.dropped(number, "parquet")))
    own = [
        field
        for field in kept.schema_arrow
        if field.name not in {*RESERVED, *(() if manifest["own_id"] == "id" else ("id",))}
    ]
    fields = [pa.field(_original(field.name, manifest), field.type) for field in own]
    document = pa.field("document", pa.struct(fields))
    text = kept.schema_arrow.field(manifest["text"]).type
    schema = pa.schema([*known, document, pa.field("curated", text)])

    def batches() -> Iterator[pa.RecordBatch]:
        stays, goes = _Rows(kept), _Rows(dropped)
        for batch in stored_batches(signals):
            flags = batch["kept"].to_numpy(zero_copy_only=False)
            rows = [stays.next(int(flags.sum())), goes.next(int((~flags).sum()))]
            # The kept documents come first in what is put together; each row says where its own is.
            place = np.where(flags, np.cumsum(flags) - 1, flags.sum() + np.cumsum(~flags) - 1)
            index = pa.array(place)
            columns = [pa.concat_arrays([_column(part, field) for part in rows]).take(index) for field in own]
            curated = pa.concat_arrays(
                [pa.nulls(rows[0].num_rows, text), _column(rows[1], pa.field("curated_text", text))]
            ).take(index)
            arrays = [
                *(batch[name] for name in known.names),
                pa.StructArray.from_arrays(columns, fields=fields),
                curated,
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return batches(), schema


class _Rows:
    """The rows of a Parquet file, so many at a time."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self._batches = stored_batches(file)
        self._held = pa.Table.from_batches([], file.schema_arrow)

    def next(self, count: int) -> pa.Table:
        """Return the next rows.

        Raises:
            StoreError: there are fewer.
        """
        while self._held.num_rows < count:
            batch = next(self._batches, None)
            if batch is None:
                raise StoreError("the documents of a curation are fewer than its signals. Curate again.")
            self._held = pa.concat_tables([self._held, pa.Table.from_batches([batch])])
        rows, self._held = self._held.slice(0, count), self._held.slice(count)
        return rows


def _column(table: pa.Table, field: pa.Field) -> pa.Array:
    if field.name not in table.schema.names:
        return pa.nulls(table.num_rows, field.type)
    column = table[field.name].combine_chunks()
    return (
        pa.concat_arrays(column.chunks)
        if isinstance(column, pa.ChunkedArray) and column.num_chunks
        else (pa.array([], field.type) if isinstance(column, pa.ChunkedArray) else column)
    )


def _original(name: str, manifest: Mapping[str, Any]) -> str:
    """Return the input's name of a column that was renamed in the output."""
    plain = name.removeprefix("input_")
    return plain if plain in RESERVED or (plain == "id" and manifest["own_id"] != "id") else name
