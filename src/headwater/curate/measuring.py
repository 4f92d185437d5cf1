"""The first pass over a shard: read, measure, decide by the document alone, and keep both for the second pass."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.curate.steps import Steps, section_of
from headwater.engine import RowError, advance, apply_operators
from headwater.errors import EngineError, InputError, did_you_mean
from headwater.schema import Origin
from headwater.sources import (
    FILE,
    HARMLESS,
    ROW,
    SAMPLE_CHARACTERS,
    Layout,
    Reject,
    RejectKind,
    RejectLog,
    Shard,
    read_shard,
)
from headwater.store import parquet_file, write_json
from headwater.text.utf8 import utf8_bytes

_LONGEST_MESSAGE = 200  # characters
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Fault:
    """An operator that failed on documents, which are set aside."""

    documents: int
    asked: int
    """Documents it was asked about: those that no operator before it failed on."""
    message: str
    """What it raised for the first of them."""

    def __add__(self, other: "Fault") -> "Fault":
        """Return both together; the message is that of the first."""
        return Fault(self.documents + other.documents, self.asked + other.asked, self.message)


FEWEST_REFUSED = 20
"""Documents of a shard from which an operator that fails on all of them ends the curation: it is wrong, not they."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A shard after the first pass."""

    shard: int
    read: int
    documents: int
    bad: Mapping[str, int]
    """Records that could not be used, by kind."""
    faults: Mapping[str, Fault] = field(default_factory=dict)
    """Operators that failed on documents, by their place in the rules."""
    rest: bool = False
    """Whether a document has fields that have no column of their own."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the input say what, once the input is known."""

    text: str
    id: str | None
    source: str | None
    url: str | None
    """Column with addresses, whose host is the source where nothing else is."""
    origin: str | None

    @classmethod
    def of(cls, schema: pa.Schema, text: str, own_id: str | None, source: str | None) -> "Columns":
        """Return the columns of an input.

        Raises:
            InputError: a column that was named is not there, or holds lists or objects.
        """
        for name in (own_id, source):
            if name is not None and name not in schema.names:
                raise InputError(
                    f"no file has a column {name!r}. The columns are: {', '.join(schema.names)}."
                    f"{did_you_mean(name, schema.names)}"
                )
            if name is not None and pa.types.is_nested(kind := schema.field(name).type):
                raise InputError(f"column {name!r} holds {kind}; text or numbers are needed. Name another column.")

        def present(name: str) -> str | None:
            kind = schema.field(name).type if name in schema.names else None
            scalar = kind is not None and (
                pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
            )
            return name if scalar else None

        url = present("url")
        return cls(text, own_id or present("id"), source or present("source"), url, present("origin"))


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """The first pass over one shard."""

    shard: Shard
    files: tuple[str, ...]
    """Names of all files of the plan, by number."""
    layout: Layout
    steps: Steps
    columns: Columns
    out: Path
    """The Parquet file to write."""
    note: Path
    """The note to write when the file is complete."""
    rejects: Path


def measured_schema(layout: Layout, steps: Steps) -> pa.Schema:
    """Return the columns of a shard after the first pass."""
    text = layout.schema.field(layout.settings.text).type
    return pa.schema(
        [
            pa.field("document", pa.struct(list(layout.schema))),
            pa.field("file", pa.int32()),
            pa.field("line", pa.int64()),
            pa.field("id", pa.string()),
            pa.field("source", pa.string()),
            pa.field("origin", pa.string()),
            pa.field("language", pa.string()),
            pa.field("curated", text),
            pa.field("characters", pa.int64()),
            pa.field("priority", pa.int64()),
            pa.field("passing", pa.bool_()),
            pa.field("measured", pa.struct(list(steps.measured))),
            *steps.signs,
        ]
    )


def context_schema(schema: pa.Schema, columns: Columns, steps: Steps) -> pa.Schema:
    """Return what operators see of documents: id, text, source, origin and the user's own columns of other names.

    Columns that an operator adds are its own, whatever the input calls so.
    """
    own = [("id", pa.string()), ("text", schema.field(columns.text).type), ("source", pa.string())]
    fields = [*(pa.field(*one) for one in own), pa.field("origin", pa.string())]
    taken = {*(field.name for field in fields), *steps.names}
    return pa.schema([*fields, *(field for field in schema if field.name not in taken)])


def measure_shard(task: MeasureTask) -> Measured:
    """Carry out the first pass over a shard and return what it came to.

    The same shard and steps give the same bytes, whichever process does it.
    """
    schema = measured_schema(task.layout, task.steps)
    for path in (task.out, task.rejects, task.note):
        path.parent.mkdir(parents=True, exist_ok=True)
    task.rejects.unlink(missing_ok=True)
    failed = documents = 0
    name, rest = task.layout.rest, False
    faults = Faults(task.steps)
    with RejectLog(task.rejects) as log, parquet_file(task.out, schema) as writer:
        stream = read_shard(task.shard, task.layout, log)
        for read in stream:
            batch = _measured_batch(read, task, schema, log, faults)
            failed += read.num_rows - batch.num_rows
            documents += batch.num_rows
            advance(read[task.columns.text].nbytes)
            rest = rest or (name is not None and read[name].null_count < read.num_rows)
            if batch.num_rows:
                writer.write_batch(batch)
    faults.refuse(_files(task))
    report = stream.report
    bad = {kind.value: count for kind, count in report.rejected.items() if kind not in HARMLESS}
    if failed:
        bad[RejectKind.OPERATOR_FAILED.value] = failed
    result = Measured(task.shard.number, report.documents, documents, bad, faults.found, rest)
    write_json(task.note, asdict(result))
    return result


def read_note(note: Path) -> Measured | None:
    """Return what the first pass over a shard came to, or None where it is not finished."""
    if not note.exists():
        return None
    found = json.loads(note.read_bytes())
    return Measured(**{**found, "faults": {name: Fault(**one) for name, one in found.get("faults", {}).items()}})


class Faults:
    """Counts what operators fail on."""

    def __init__(self, steps: Steps) -> None:
        self._sections = {operator.name: section_of(operator) for operator in steps.operators}
        self._rows = 0
        self._first: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def section(self, operator: str) -> str:
        """Return the place of an operator in the rules."""
        return self._sections.get(operator, operator)

    def add(self, rows: int, errors: Sequence[RowError]) -> None:
        """Count a batch."""
        self._rows += rows
        for error in errors:
            self._counts[error.operator] += 1
            self._first.setdefault(error.operator, error.message)

    @property
    def found(self) -> dict[str, Fault]:
        """The operators that failed, in their order."""
        left, found = self._rows, {}
        for operator, section in self._sections.items():
            if count := self._counts[operator]:
                found[section] = Fault(count, left, shortened(self._first[operator]))
            left -= count
        return found

    def refuse(self, file: str) -> None:
        """Raise where an operator failed on every document of a shard.

        Raises:
            EngineError: it did, and there were enough for it to be no chance.
        """
        for section, fault in self.found.items():
            if fault.documents == fault.asked >= FEWEST_REFUSED:
                raise EngineError(
                    f"{section} fails on every one of {fault.asked:,} documents of {file}, so it is wrong, not they: "
                    f"{fault.message}. Mend it, then give the command again with --restart."
                )


def shortened(message: str) -> str:
    """Return the beginning of what an operator raised: some quote the whole text."""
    words = " ".join(message.split())
    return words if len(words) <= _LONGEST_MESSAGE else f"{words[:_LONGEST_MESSAGE]}…"


def _files(task: MeasureTask) -> str:
    numbers = {part.number for part in task.shard.parts}
    return task.files[min(numbers)] + (f" and {len(numbers) - 1} more" if len(numbers) > 1 else "")


def _measured_batch(
    read: pa.RecordBatch, task: MeasureTask, schema: pa.Schema, log: RejectLog, faults: Faults
) -> pa.RecordBatch:
    """Return a batch of documents with everything measured of them; what cannot be measured is set aside."""
    steps, names = task.steps, task.layout.schema.names
    text = read[task.layout.settings.text]
    context = {
        "id": ids(read, task.columns.text, task.columns.id),
        "text": text,
        "source": sources(read, task.columns, task.files),
        "origin": origins(read, task.columns),
    }
    seen = context_schema(task.layout.schema, task.columns, steps).names
    columns_seen = [context[name] if name in context else read[name] for name in seen]
    batch, errors = apply_operators(steps.operators, pa.RecordBatch.from_arrays(columns_seen, names=seen))
    faults.add(batch.num_rows, errors)
    characters = pc.cast(pc.utf8_length(text), pa.int64())
    columns: dict[str, Any] = {
        "document": pa.StructArray.from_arrays([read[name] for name in names], fields=list(task.layout.schema)),
        "file": read[FILE],
        "line": read[ROW],
        **{name: context[name] for name in ("id", "source", "origin")},
        "language": batch["language"] if "language" in batch.schema.names else pa.nulls(batch.num_rows, pa.string()),
        "curated": _curated(batch["text"], text) if steps.rewrites else pa.nulls(batch.num_rows, text.type),
        "characters": characters,
        "priority": pc.cast(pc.equal(context["origin"], steps.prefer), pa.int64()),
        "passing": pc.equal(pc.list_value_length(steps.first_rules.decide(batch)), 0),
        "measured": pa.StructArray.from_arrays(
            [
                (batch[field.name] if field.name in batch.schema.names else characters).cast(field.type)
                for field in steps.measured
            ],
            fields=list(steps.measured),
        ),
        **{name: batch[name] for name in steps.signs.names},
    }
    result = pa.RecordBatch.from_arrays([columns[field.name] for field in schema], schema=schema)
    if not errors:
        return result
    good = np.ones(batch.num_rows, dtype=bool)
    for error in errors:
        good[error.row] = False
        file = task.files[read[FILE][error.row].as_py()]
        detail = f"{faults.section(error.operator)}: {shortened(error.message)}"
        sample = text[error.row].as_py()[:SAMPLE_CHARACTERS]
        log.add(Reject(file, read[ROW][error.row].as_py(), None, RejectKind.OPERATOR_FAILED, detail, sample))
    return result.filter(pa.array(good))


def _curated(now: pa.Array, before: pa.Array) -> pa.Array:
    """Return the text where an operator changed it, else null."""
    return pc.if_else(pc.not_equal(now, before), now, pa.scalar(None, before.type))


def ids(batch: pa.RecordBatch, text: str, own_id: str | None) -> pa.Array:
    """Return the user's own ids where there are some, else hashes of the texts (``headwater.schema.content_id``)."""
    own = batch[own_id].cast(pa.string()) if own_id is not None else None
    if own is not None and not own.null_count:
        return own
    hashes = text_hashes(batch[text])
    return hashes if own is None else pc.coalesce(own, hashes)


def text_hashes(text: pa.Array) -> pa.StringArray:
    """Return 32 hexadecimal digits of each text's BLAKE2b hash, straight from the Arrow buffers."""
    data, offsets = utf8_bytes(text)
    view = data.data
    digests = b"".join(
        blake2b(view[begin:end], digest_size=16).digest()
        for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    )
    nibbles = np.frombuffer(digests, dtype=np.uint8)
    written = np.empty(2 * len(nibbles), dtype=np.uint8)
    written[0::2], written[1::2] = _HEX[nibbles >> 4], _HEX[nibbles & 15]
    places = np.arange(0, 32 * len(text) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(text), pa.py_buffer(places), pa.py_buffer(written))


def sources(batch: pa.RecordBatch, columns: Columns, files: Sequence[str]) -> pa.Array:
    """Return what losses are counted by: the column, else the host of the address, else the file."""
    whole = pc.take(pa.array(files, pa.string()), batch[FILE])
    if columns.source is not None:
        return pc.coalesce(batch[columns.source].cast(pa.string()), whole)
    if columns.url is not None:
        host = pc.struct_field(
            pc.extract_regex(batch[columns.url].cast(pa.string()), r"^[a-z+]+://(?P<host>[^/:?#]+)"), "host"
        )
        return pc.coalesce(host, whole)
    return whole


def origins(batch: pa.RecordBatch, columns: Columns) -> pa.Array:
    """Return each document's origin; what is none of the four is unknown."""
    unknown = pa.scalar(Origin.UNKNOWN.value, pa.string())
    if columns.origin is None:
        return pa.repeat(unknown, batch.num_rows)
    given = batch[columns.origin].cast(pa.string())
    known = pc.is_in(given, pa.array([one.value for one in Origin]))
    return pc.if_else(known, given, unknown)
