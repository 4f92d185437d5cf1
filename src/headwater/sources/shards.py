"""Reading in shards: a plan that depends on files and settings only, and each of its shards as record batches.

    plan = plan_shards(["crawl/"], text="text")
    for shard in plan.shards:                          # in any order, in any process
        for batch in read_shard(shard, plan, rejects): # rows in order, in the plan's columns
            ...

Every line, record or row that is not empty is either a row of a batch or one reject: documents in = accepted + bad.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from headwater.errors import InputError, did_you_mean
from headwater.schema import digest
from headwater.sources.columnar import Counts, Reading
from headwater.sources.columnar_arrow import look_at_arrow, read_arrow_columns
from headwater.sources.columnar_delimited import look_at_delimited, read_delimited_columns
from headwater.sources.columnar_jsonl import look_at_jsonl, read_jsonl_columns
from headwater.sources.columnar_lance import look_at_lance, read_lance_columns
from headwater.sources.columnar_parquet import look_at_parquet, read_parquet_columns
from headwater.sources.columnar_rows import look_at_text, read_text_columns
from headwater.sources.columnar_web import look_at_html, look_at_warc, read_html_columns, read_warc_columns
from headwater.sources.inputs import LANCE, ChangedFileError, InputFile, check_unchanged, find_inputs, passed_over
from headwater.sources.layout import FILE, ROW, Found, Layout, Part, ReadSettings, Shard
from headwater.sources.rejects import HARMLESS, RejectKind, RejectLog
from headwater.sources.rows import damage
from headwater.sources.schemas import TypeConflict, is_nested, json_field, unify
from headwater.sources.stream import DamagedFileError

SHARD_BYTES = 128 << 20
"""About the size of a shard: seconds to minutes of work, and little enough to do again after a failure."""

_SHOWN_COLUMNS = 40
_SHOWN_FILES = 3
_REST_NAMES = ("meta", "more_meta", "_meta")

_READERS: Mapping[str, Callable[[Reading], Iterator[pa.RecordBatch]]] = {
    "jsonl": read_jsonl_columns,
    "csv": read_delimited_columns,
    "tsv": read_delimited_columns,
    "text": read_text_columns,
    "parquet": read_parquet_columns,
    "arrow": read_arrow_columns,
    "html": read_html_columns,
    "warc": read_warc_columns,
    LANCE: read_lance_columns,
}

_WITHOUT_COLUMNS = frozenset({"text", "html", "warc"})


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What is read in which pieces, and the columns that come out. Made by :func:`plan_shards`."""

    files: tuple[InputFile, ...]
    """The files in the order in which they are read; the column ``FILE`` of a batch counts them from 0."""
    shards: tuple[Shard, ...]
    """The units of work in order."""
    layout: Layout
    """The columns and settings; all that reading a shard needs besides the shard."""
    conflicts: tuple[TypeConflict, ...]
    """Columns whose types differ between files, and what they are read as."""
    left_out: tuple[str, ...]
    """Columns of the input that have a name which is needed otherwise, and are not read."""
    passed_over: tuple[str, ...] = ()
    """Files beside those that are read, whose names say no known format."""

    @property
    def schema(self) -> pa.Schema:
        """The input's columns; batches have the columns ``FILE`` and ``ROW`` besides."""
        return self.layout.schema

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing before the files are read, in sentences."""
        found = [str(conflict) for conflict in self.conflicts]
        if self.left_out:
            found.append(f"columns with names that are needed otherwise were not read: {', '.join(self.left_out)}")
        if self.passed_over:
            shown, more = self.passed_over[:_SHOWN_FILES], len(self.passed_over) - _SHOWN_FILES
            many = "1 file is" if len(self.passed_over) == 1 else f"{len(self.passed_over):,} files are"
            names = ", ".join(os.fsencode(name).decode("utf-8", "backslashreplace") for name in shown)
            others = f" and {more:,} more" if more > 0 else ""
            found.append(f"{many} not read, because the name says no known format: {names}{others}")
        return tuple(found)

    @property
    def size_bytes(self) -> int:
        """Size of all files on disk."""
        return sum(file.size_bytes for file in self.files)

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name what is read: the files as they are, the settings and the shards."""
        files = [[file.path, file.format, file.size_bytes, file.modified_ns, file.version] for file in self.files]
        cuts = [[[part.number, part.begin, part.end] for part in shard.parts] for shard in self.shards]
        return digest([files, asdict(self.layout.settings), cuts, str(self.layout.schema)])


@dataclass(frozen=True, slots=True)
class ShardReport:
    """What became of the rows of a shard."""

    accepted: int
    """Documents handed out."""
    empty: int
    """Empty lines."""
    passed_over: int
    """Records that are no documents."""
    size_bytes: int
    """Bytes of text handed out."""
    rejected: dict[RejectKind, int]
    """Rows and files set aside, by kind, most frequent first."""

    @property
    def bad(self) -> int:
        """Rows and files that could not be used."""
        return sum(count for kind, count in self.rejected.items() if kind not in HARMLESS)

    @property
    def documents(self) -> int:
        """Documents that went in: accepted and bad."""
        return self.accepted + self.bad


def plan_shards(
    paths: Iterable[str | Path] | str | Path,
    *,
    text: str = "text",
    id: str | None = None,  # noqa: A002  (the users' word)
    html: str | None = None,
    paragraphs: bool = False,
    shard_bytes: int = SHARD_BYTES,
    max_document_bytes: int = 64 << 20,
) -> ShardPlan:
    """Look at files and return the plan by which they are read.

    The plan depends on nothing but the files, their order and the settings. Of each file the first rows are read, or
    what it says of itself; of uncompressed JSON lines larger than a shard the line ends are counted, so that every row
    knows its line.

    Args:
        paths: files, folders, glob patterns.
        text: column that holds the text. Files of plain text have none and need none.
        id: column that holds ids; without one documents have none.
        html: column that holds HTML, whose text becomes the column ``text``; the HTML itself is not handed on.
        paragraphs: cut files of plain text into paragraphs.
        shard_bytes: about the size of a shard. What can be cut is cut (uncompressed JSON lines, Parquet), smaller files
            are read together.
        max_document_bytes: longer lines, records and texts are set aside.

    Raises:
        InputError: paths that cannot be used, a column that is in none of a file's rows, nothing to read at all.
    """
    settings = ReadSettings(text=text, id=id, html=html, paragraphs=paragraphs, max_document_bytes=max_document_bytes)
    if shard_bytes < 1 or max_document_bytes < 1:
        raise InputError(
            f"sizes of shards and documents are at least 1 byte, not {min(shard_bytes, max_document_bytes)}."
        )
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = find_inputs(given)
    if not files:
        raise InputError("no files were given to read. Name files, folders or patterns.")
    bare = next((file.path for file in files if html is not None and file.format in _WITHOUT_COLUMNS), None)
    if bare is not None:
        raise InputError(
            f"{bare} has no columns, and so none that holds HTML ({html!r}). Read such files by themselves."
        )
    found = [_look(file, number, settings, shard_bytes) for number, file in enumerate(files)]
    if all(each.problem for each in found):
        others = f" Nor can one from {len(files) - 1} more." if len(files) > 1 else ""
        raise InputError(f"no document can be read from {files[0].path}: {found[0].problem}.{others}")
    for file, each in zip(files, found, strict=True):
        if not each.problem:
            _check_columns(file, each.schema, settings)
    schema, conflicts = unify([(file.path, each.schema) for file, each in zip(files, found, strict=True)])
    left_out = [name for name in (FILE, ROW) if name in schema.names]
    if html is not None and text != html and text in schema.names:
        raise InputError(f"the input has a column {text!r} besides {html!r}. Give the text another name.")
    layout = _layout(schema, settings, left_out, open_ended=any(each.open_ended for each in found))
    parts = [part for each in found for part in each.parts]
    shards = tuple(_packed(parts, shard_bytes))
    return ShardPlan(tuple(files), shards, layout, conflicts, tuple(left_out), tuple(passed_over(given)))


def _look(file: InputFile, number: int, settings: ReadSettings, shard_bytes: int) -> Found:
    looks: dict[str, Callable[[], Found]] = {
        "jsonl": partial(look_at_jsonl, file, number, settings, shard_bytes),
        "csv": partial(look_at_delimited, file, number, settings),
        "tsv": partial(look_at_delimited, file, number, settings),
        "text": partial(look_at_text, file, number, settings),
        "parquet": partial(look_at_parquet, file, number, shard_bytes),
        "arrow": partial(look_at_arrow, file, number),
        "html": partial(look_at_html, file, number, settings),
        "warc": partial(look_at_warc, file, number, settings),
        LANCE: partial(look_at_lance, file, number, shard_bytes),
    }
    return looks[file.format]()


def _check_columns(file: InputFile, schema: pa.Schema, settings: ReadSettings) -> None:
    there = schema.names
    double = next((name for name in there if there.count(name) > 1), None) if len(set(there)) < len(there) else None
    if double is not None:
        raise InputError(f"{file.path} has several columns {double!r}. Give each a name of its own.")
    for name in filter(None, (settings.needed, settings.id)):
        if name not in there:
            shown = ", ".join(there[:_SHOWN_COLUMNS])
            hint = did_you_mean(name, there)
            what, option = {settings.text: ("text", "--text"), settings.id: ("ids", "--id")}.get(
                name, ("pages", "--html")
            )
            raise InputError(
                f"{file.path} has no column {name!r}. Columns there: {shown}.{hint} Name the one with the {what} "
                f"({option}), or read such files by themselves."
            )
        if is_nested(kind := schema.field(name).type):  # JSON holds anything anywhere; there it is a bad row
            raise InputError(f"column {name!r} of {file.path} holds {kind}; text is needed. Name another column.")


def _layout(schema: pa.Schema, settings: ReadSettings, left_out: list[str], *, open_ended: bool) -> Layout:
    fields = []
    for field in schema:
        if field.name in left_out:
            continue
        if field.name == settings.needed:
            # Whatever it holds: a text or nothing. What is no text is a bad row.
            fields.append(pa.field(settings.text, pa.string()))
        elif field.name == settings.id:
            fields.append(pa.field(field.name, pa.string()))
        else:
            fields.append(field)
    rest = None
    if open_ended:
        names = {field.name for field in fields}
        rest = next((name for name in _REST_NAMES if name not in names), None)
        if rest is None:
            raise InputError(
                f"the input has columns {', '.join(_REST_NAMES)}; one of these names is needed. Rename one."
            )
        fields.append(json_field(rest))
    return Layout(pa.schema(fields), settings, rest)


def _packed(parts: Iterable[Part], shard_bytes: int) -> Iterator[Shard]:
    """Yield shards of parts in order, as many as fit."""
    held: list[Part] = []
    size = number = 0
    for part in parts:
        if held and size + part.size_bytes > shard_bytes:
            yield Shard(number, tuple(held))
            number, held, size = number + 1, [], 0
        held.append(part)
        size += part.size_bytes
    if held:
        yield Shard(number, tuple(held))


class ShardStream(Iterator[pa.RecordBatch]):
    """Record batches of a shard, read as they are asked for. Made by :func:`read_shard`."""

    def __init__(self, batches: Iterator[pa.RecordBatch], counts: Counts) -> None:
        self._batches = batches
        self._counts = counts

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)

    @property
    def report(self) -> ShardReport:
        """The counts up to here; final once the stream has ended."""
        counts = self._counts
        rejected = dict(sorted(counts.rejected.items(), key=lambda item: (-item[1], item[0])))
        return ShardReport(counts.accepted, counts.empty, counts.passed_over, counts.size_bytes, rejected)


def read_shard(
    shard: Shard,
    plan: ShardPlan | Layout,
    rejects: RejectLog | None = None,
    *,
    batch_bytes: int = 8 << 20,
    batch_rows: int = 4096,
) -> ShardStream:
    """Return the documents of a shard as record batches in the plan's columns, with ``FILE`` and ``ROW``.

    The text is never null; it may be empty. Bad rows are set aside one by one: see :class:`RejectKind`. A file that
    vanished, changed or breaks off costs one reject; its rows up to there are kept. Memory: a few batches and one
    document.

    Args:
        shard: one of the plan's.
        plan: the plan, or only its layout, which is small to send.
        rejects: where bad rows are counted and written down.
        batch_bytes: about the size of a batch; one document may exceed it.
        batch_rows: most documents in a batch.

    Raises:
        InputError: a file is there but cannot be read (permission, input and output); trying again may help.
    """
    layout = plan.layout if isinstance(plan, ShardPlan) else plan
    counts = Counts()
    log = rejects if rejects is not None else RejectLog()
    return ShardStream(_batches(shard, layout, log, counts, batch_bytes, batch_rows), counts)


def _batches(
    shard: Shard, layout: Layout, log: RejectLog, counts: Counts, batch_bytes: int, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    for part in shard.parts:
        reading = Reading(layout, part, log, counts, batch_rows, batch_bytes)
        before = counts.seen
        try:
            check_unchanged(part.file)
            yield from _READERS[part.file.format](reading)
            check_unchanged(part.file)
        except ChangedFileError as error:
            reading.reject(None, RejectKind.CHANGED_FILE, f"{error}. Rows after the change are not read.")
        except DamagedFileError as error:
            reading.set_aside(damage(Path(part.file.path), error))
        if counts.seen == before and part.begin == 0:
            reading.reject(None, RejectKind.EMPTY_FILE, "the file holds no rows")
