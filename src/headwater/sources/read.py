"""Read documents from the user's files, in every format, in bounded memory, without letting one bad row end the job."""

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from headwater.errors import InputError, did_you_mean
from headwater.schema import DOCUMENT, Origin
from headwater.sources.delimited import read_delimited
from headwater.sources.jsonl import read_jsonl
from headwater.sources.parquet import read_parquet
from headwater.sources.plain import read_plain
from headwater.sources.rejects import HARMLESS, Reject, RejectKind, RejectLog
from headwater.sources.rows import Columns, Row, RowError, document_maker, sample_of

FORMATS = {
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "text": (".txt", ".text", ".md"),
    "parquet": (".parquet",),
}
"""Format to file suffixes. All but Parquet may be compressed: ``.gz`` or ``.zst`` after the suffix."""

_COMPRESSED = (".gz", ".zst")
_KNOWN = ".jsonl .ndjson .json .csv .tsv .txt .text .md (each also with .gz or .zst) and .parquet"
_SHOWN_COLUMNS = 40
_GLOB_SIGNS = frozenset("*?[")
# What is written beside a data file, under its whole name, and holds no documents.
_BESIDE = (".prov.json", ".croissant.json", ".provenance.json", ".verdicts.parquet", ".rejected.jsonl")


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What became of the rows that were read."""

    files: int
    """Files opened."""
    rows: int
    """Lines, records or paragraphs looked at: accepted, empty and rejected together."""
    accepted: int
    """Documents handed out."""
    empty: int
    """Empty lines."""
    rejected: dict[RejectKind, int]
    """Rows and files set aside, by kind, most frequent first."""

    @property
    def bad_rows(self) -> int:
        """Rows that could not be used; repeated texts and empty files are no fault."""
        return sum(count for kind, count in self.rejected.items() if kind not in HARMLESS)

    @property
    def bad_share(self) -> float:
        """Bad rows as a share of all that are not empty, in [0, 1]."""
        return self.bad_rows / max(self.accepted + sum(self.rejected.values()), 1)


def format_of(path: Path) -> str | None:
    """Return the format a file's name says (a key of ``FORMATS``), or None."""
    name = path.name.lower()
    plain = name.removesuffix(".gz").removesuffix(".zst")
    for known, suffixes in FORMATS.items():
        if (name if known == "parquet" else plain).endswith(suffixes):
            return known
    return None


ARRAYS = ".npz"
"""Suffix of files with arrays, which hold images or series and no documents."""


def expand_paths(patterns: Iterable[str | Path], *, arrays: bool = False) -> list[Path]:
    """Return the files that files, folders and glob patterns stand for, without repeats.

    Folders are searched recursively; in folders and patterns hidden files, unknown formats and what Headwater wrote
    beside a data file (records, verdicts) are passed over. The order is that of the patterns, and by name within each.

    Args:
        patterns: files, folders and glob patterns.
        arrays: whether files with arrays (.npz) may be named.

    Raises:
        InputError: something does not exist, holds no readable file or has an unknown suffix.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            matches = [file for file in sorted(path.rglob("*")) if _readable(file, path)]
            if not matches:
                raise InputError(f"no readable file in folder {path}. Known formats: {_KNOWN}.")
        elif path.exists():
            if format_of(path) is None and not (arrays and path.suffix == ARRAYS):
                raise InputError(f"unknown format of {path}. Known: {_KNOWN}. Rename the file if it is one of them.")
            matches = [path]
        elif _GLOB_SIGNS.intersection(str(pattern)):
            named = (Path(name) for name in sorted(glob.glob(str(pattern), recursive=True)))  # noqa: PTH207  (absolute patterns)
            matches = [file for file in named if file.is_file() and format_of(file) is not None and not beside(file)]
            if not matches:
                raise InputError(f"no readable file matches {str(pattern)!r}. Known formats: {_KNOWN}.")
        else:
            siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(f"there is no file or folder {path}.{did_you_mean(path.name, siblings)}")
        found.update(dict.fromkeys(matches))
    return list(found)


def _readable(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and format_of(file) is not None and file.is_file() and not beside(file)


def beside(file: Path) -> bool:
    """Say whether a file is a record or the verdicts of the data file, or folder of such, that it stands beside."""
    ends = (ending for ending in _BESIDE if file.name.endswith(ending))
    return any(file.with_name(file.name.removesuffix(ending)).exists() for ending in ends)


class DocumentStream(Iterator[pa.RecordBatch]):
    """Record batches in the ``DOCUMENT`` schema, read as they are asked for. Made by :func:`read_documents`."""

    def __init__(self, batches: Iterator[pa.RecordBatch], counts: "_Counts") -> None:
        self._batches = batches
        self._counts = counts

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    @property
    def report(self) -> ReadReport:
        """The counts up to here; final once the stream has ended."""
        counts = self._counts
        rejected = dict(sorted(counts.rejected.items(), key=lambda item: (-item[1], item[0])))
        rows = counts.accepted + counts.empty + sum(rejected.values())
        return ReadReport(counts.files, rows, counts.accepted, counts.empty, rejected)


@dataclass(slots=True)
class _Counts:
    files: int = 0
    accepted: int = 0
    empty: int = 0
    rejected: dict[RejectKind, int] = field(default_factory=dict)


def read_documents(
    paths: Iterable[str | Path] | str | Path,
    columns: Columns | None = None,
    rejects: RejectLog | None = None,
    *,
    batch_rows: int = 1024,
    batch_bytes: int = 32 << 20,
    max_line_bytes: int = 64 << 20,
    origin: Origin | Literal["human", "machine", "mixed", "unknown"] = Origin.UNKNOWN,
    bad_rows: Literal["quarantine", "fail"] = "quarantine",
    paragraphs: bool = False,
    every_row: bool = False,
) -> DocumentStream:
    """Return the documents of files, folders and glob patterns as a stream of record batches.

    Memory: one batch, one line, and about 125 bytes for each document read so far, by which repeated ids are found
    (measured: 123 MB for a million). Files are decompressed as streams. The order is that of :func:`expand_paths`.

    Args:
        paths: files, folders, glob patterns.
        columns: the user's column names; plain text files have none and ignore them.
        rejects: where bad rows are counted and written down.
        batch_rows: most documents in a batch.
        batch_bytes: a batch ends once its texts reach this size; one document may exceed it.
        max_line_bytes: longer lines (CSV records, plain text documents) are rejected without being held in memory.
        origin: the origin of rows without an origin column.
        bad_rows: ``quarantine`` sets bad rows aside and goes on, ``fail`` stops at the first.
        paragraphs: cut plain text files into paragraphs, with the file as their group.
        every_row: hand out one document for every row, in order: repeated texts and ids too, and for a row that cannot
            be used one with an empty text, named after its place. It is counted as bad all the same.

    Raises:
        InputError: at once for paths that cannot be used; while reading for a column that is in none of a file's rows,
            for a bad row under ``fail``, and at the end when nothing at all could be read.
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    files = expand_paths(several)
    if not files:
        raise InputError("no files were given to read. Name files, folders or patterns.")
    counts = _Counts()
    reading = _Reading(
        columns=columns or Columns(),
        log=rejects if rejects is not None else RejectLog(),
        batch_rows=batch_rows,
        batch_bytes=batch_bytes,
        max_line_bytes=max_line_bytes,
        origin=Origin(origin),
        fail=bad_rows == "fail",
        paragraphs=paragraphs,
        every_row=every_row,
    )
    return DocumentStream(_batches(files, reading, counts), counts)


def read_table(
    paths: Iterable[str | Path] | str | Path,
    columns: Columns | None = None,
    rejects: RejectLog | None = None,
    **options: Any,
) -> tuple[pa.Table, ReadReport]:
    """Return all documents as one table, with the report; arguments as for :func:`read_documents`."""
    stream = read_documents(paths, columns, rejects, **options)
    table = pa.Table.from_batches(stream, schema=DOCUMENT)
    return table, stream.report


@dataclass(frozen=True, slots=True)
class _Reading:
    columns: Columns
    log: RejectLog
    batch_rows: int
    batch_bytes: int
    max_line_bytes: int
    origin: Origin
    fail: bool
    paragraphs: bool
    every_row: bool


def _batches(files: Sequence[Path], reading: _Reading, counts: _Counts) -> Iterator[pa.RecordBatch]:
    first_bad: Reject | None = None
    held: list[dict[str, Any]] = []
    held_bytes = 0
    for item in _documents(files, reading, counts):
        if isinstance(item, Reject):
            reading.log.add(item)
            counts.rejected[item.kind] = counts.rejected.get(item.kind, 0) + 1
            if item.kind in HARMLESS:
                continue
            if reading.fail:
                raise InputError(
                    f"{item.place}: {item.kind}: {item.detail}. Put it right, or set such rows aside by reading with "
                    "bad rows set to 'quarantine'."
                )
            first_bad = first_bad or item
            if not reading.every_row or item.line is None or item.kind == RejectKind.TRUNCATED_FILE:
                continue
            row = _unusable(item)
        else:
            counts.accepted += 1
            row = item
        held.append(row)
        held_bytes += len(row["text"].encode())
        if len(held) >= reading.batch_rows or held_bytes >= reading.batch_bytes:
            yield _batch(held)
            held, held_bytes = [], 0
    if held:
        yield _batch(held)
    if not counts.accepted:
        where = str(files[0]) if len(files) == 1 else f"{len(files)} files"
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.rejected.items()) or "nothing but empty lines"
        example = f" First: {first_bad.place}: {first_bad.detail}." if first_bad else ""
        raise InputError(f"no document could be read from {where}: {kinds}.{example}")


def _unusable(reject: Reject) -> dict[str, Any]:
    """Return the document that stands for a row without one."""
    known = {"id": reject.place, "text": "", "origin": Origin.UNKNOWN.value, "source": reject.file, "parents": []}
    return dict.fromkeys(DOCUMENT.names) | known


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    arrays = [pa.array([row[field.name] for row in rows], field.type) for field in DOCUMENT]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)


def _documents(files: Sequence[Path], reading: _Reading, counts: _Counts) -> Iterator[dict[str, Any] | Reject]:
    """Yield each row of each file as a document or a reject."""
    seen: dict[bytes, int] = {}  # 128-bit hash of an id -> number of the file << 40 | line
    for number, file in enumerate(files):
        counts.files += 1
        name, kind = str(file), format_of(file)
        columns = Columns(group="group") if kind == "text" else reading.columns
        make = document_maker(
            columns,
            source=name,
            recipe=file.resolve().parent.name if kind == "text" else _stem(file),
            origin=reading.origin,
        )
        missing = set(columns.required)
        keys: set[str] = set()
        rows = 0
        nothing = True
        for row in _rows(file, kind, reading):
            nothing = False
            if row is None:
                counts.empty += 1
                continue
            if isinstance(row, Reject):
                yield row
                continue
            rows += 1
            missing.difference_update(row.values)
            if len(keys) < _SHOWN_COLUMNS:
                keys.update(row.values)
            if missing and kind != "jsonl":  # a header holds for every row
                raise _no_column(missing, keys, name)
            try:
                document = make(row)
            except RowError as error:
                sample = sample_of(str(row.values.get(columns.text, row.values)).encode("utf-8", "backslashreplace"))
                yield Reject(name, row.line, row.offset, error.kind, str(error), sample)
                continue
            if reading.every_row:
                yield document
                continue
            key = blake2b(document["id"].encode(), digest_size=16).digest()
            earlier = seen.setdefault(key, number << 40 | row.line)
            if earlier == number << 40 | row.line:
                yield document
                continue
            place = f"{files[earlier >> 40]}:{earlier & (1 << 40) - 1}"
            sample = sample_of(document["text"][:1000].encode())
            if columns.id is None:
                again, detail = RejectKind.DUPLICATE_TEXT, f"the same text as {place}"
            else:
                again, detail = RejectKind.DUPLICATE_ID, f"id {document['id']!r} was used before, at {place}"
            yield Reject(name, row.line, row.offset, again, detail, sample)
        if rows and missing:
            raise _no_column(missing, keys, name)
        if nothing:
            yield Reject(name, None, None, RejectKind.EMPTY_FILE, "the file holds no rows")


def _rows(file: Path, kind: str | None, reading: _Reading) -> Iterator[Row | Reject | None]:
    readers: dict[str | None, Callable[[], Iterator[Row | Reject | None]]] = {
        "jsonl": lambda: read_jsonl(file, reading.max_line_bytes),
        "csv": lambda: read_delimited(file, ",", reading.max_line_bytes),
        "tsv": lambda: read_delimited(file, "\t", reading.max_line_bytes),
        "text": lambda: read_plain(file, reading.max_line_bytes, paragraphs=reading.paragraphs),
        "parquet": lambda: read_parquet(file, reading.batch_rows, reading.batch_bytes),
    }
    return readers[kind]()


def _no_column(missing: Iterable[str], there: Iterable[str], file: str) -> InputError:
    name, known = min(missing), sorted(there)
    shown = ", ".join(known[:_SHOWN_COLUMNS])
    return InputError(f"no row of {file} has a column {name!r}. Columns there: {shown}.{did_you_mean(name, known)}")


def _stem(file: Path) -> str:
    """Return a file's name without the suffixes that say its format."""
    stem = file.name
    for suffix in _COMPRESSED:
        stem = stem.removesuffix(suffix)
    return Path(stem).stem


def check_outputs(inputs: Sequence[str], outputs: Mapping[Path, tuple[str, ...]]) -> None:
    """Find what would go wrong with the outputs of a job before any work is done.

    Args:
        inputs: files, folders or globs that are read.
        outputs: files that are to be written, with the suffixes each may have.

    Raises:
        InputError: an input is nowhere, a suffix is unknown, a folder is missing, or an output would replace an input.
    """
    read = {path.resolve() for path in expand_paths(inputs, arrays=True)}  # a mistyped path leaves no failed run behind
    for path, suffixes in outputs.items():
        if not path.name.endswith(suffixes):
            raise InputError(f"unknown format of {path}. Known here: {', '.join(suffixes)}.")
        if not path.resolve().parent.is_dir():
            raise InputError(f"there is no folder {path.resolve().parent} to write {path.name} into. Make it first.")
        if path.resolve() in read:
            raise InputError(f"{path} is read as input and would be replaced. Write to another file.")
