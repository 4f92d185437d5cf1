"""Reading in columns: what the formats share. A batch is checked, brought into the layout and counted here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.sources.html import PageError, page_text
from headwater.sources.inputs import InputFile
from headwater.sources.layout import Layout, Part, ReadSettings
from headwater.sources.rejects import SAMPLE_CHARACTERS, Reject, RejectKind, RejectLog
from headwater.sources.rows import sample_of
from headwater.sources.schemas import JSON, MIXED, holds, is_nested, plain_type
from headwater.sources.stream import ExpansionError
from headwater.sources.values import json_value

_FREE_BYTES = 1 << 30  # up to here a compressed file may grow as it likes
_MOST_UNFOLDED = 8  # batches that are unfolded from dictionaries at once


@dataclass(slots=True)
class Counts:
    """What became of the rows that were read."""

    accepted: int = 0
    """Documents handed out."""
    empty: int = 0
    """Empty lines."""
    passed_over: int = 0
    """Records that are no documents: of a WARC file all but answers with text."""
    size_bytes: int = 0
    """Bytes of text handed out."""
    rejected: dict[RejectKind, int] = field(default_factory=dict)
    """Rows and files set aside, by kind."""

    @property
    def seen(self) -> int:
        """Lines, rows and records of any kind."""
        return self.accepted + self.empty + self.passed_over + sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """One part of one file while it is read."""

    layout: Layout
    """The columns that are wanted."""
    part: Part
    """What is read."""
    log: RejectLog
    """Where bad rows go."""
    counts: Counts
    """What is counted."""
    batch_rows: int
    """Most rows of a batch."""
    batch_bytes: int
    """About the most bytes of a batch; one document may exceed it."""

    @property
    def file(self) -> InputFile:
        """The file."""
        return self.part.file

    def set_aside(self, reject: Reject) -> None:
        """Count a bad row and write it down."""
        self.log.add(reject)
        self.counts.rejected[reject.kind] = self.counts.rejected.get(reject.kind, 0) + 1

    def reject(
        self, line: int | None, kind: RejectKind, detail: str, sample: str = "", offset: int | None = None
    ) -> None:
        """Count a bad row of this file and write it down."""
        self.set_aside(Reject(self.file.path, line, offset, kind, detail, sample))

    def expanding(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a compressed file as long as it does not grow beyond all measure.

        Raises:
            ExpansionError: it does.
        """
        return expanding(pieces, self.file, self.layout.settings)

    def finish(self, columns: Sequence[pa.Array], rows: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
        """Yield good rows, which are in the layout already, as a batch, and count them."""
        settings, schema = self.layout.settings, self.layout.schema
        place = schema.get_field_index(settings.text)
        if settings.html is not None:
            columns, rows = self._extracted(columns, place, rows)
        count = len(rows)
        if not count:
            return
        files = pa.array(np.full(count, self.part.number, dtype=np.int32))
        batch = pa.RecordBatch.from_arrays(
            [*(_from_zero(column) for column in columns), files, pa.array(rows)], schema=self.layout.batch_schema
        )
        self.counts.accepted += count
        self.counts.size_bytes += text_bytes(batch.column(place))
        yield batch

    def _extracted(
        self, columns: Sequence[pa.Array], place: int, rows: NDArray[np.int64]
    ) -> tuple[list[pa.Array], NDArray[np.int64]]:
        """Replace the pages of a column by their text; pages made to cost ages are set aside."""
        texts: list[str] = []
        good = np.ones(len(rows), dtype=bool)
        for number, page in enumerate(columns[place].to_pylist()):
            try:
                texts.append(page_text(page))
            except PageError as error:
                good[number] = False
                self.reject(int(rows[number]), RejectKind.UNREASONABLE_HTML, str(error), page[:SAMPLE_CHARACTERS])
        kept = columns if good.all() else [column.filter(pa.array(good)) for column in columns]
        text = pa.array(texts, pa.string())
        return [text if number == place else column for number, column in enumerate(kept)], rows[good]

    def conform(self, batch: pa.RecordBatch, rows: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
        """Bring rows of any columns into the layout, set bad ones aside, and yield the others in batches.

        Args:
            batch: the rows.
            rows: the line or row number of each.
        """
        for begin, end in _unfolded_cuts(batch, _MOST_UNFOLDED * self.batch_bytes):
            yield from self._conform(batch.slice(begin, end - begin), rows[begin:end])

    def _conform(self, batch: pa.RecordBatch, rows: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
        columns = {name: batch.column(place) for place, name in enumerate(batch.schema.names)}
        settings = self.layout.settings
        good = np.ones(batch.num_rows, dtype=bool)
        arrays = []
        for wanted in self.layout.schema:
            name = self.layout.source_name(wanted.name)
            found = columns.get(name)
            if found is None:
                arrays.append(pa.nulls(batch.num_rows, wanted.type))
                continue
            array = _converted(found, batch.schema.field(name), wanted)
            self._keep_utf8(array, name, rows, good)
            arrays.append(array)
        place = self.layout.schema.get_field_index(settings.text)
        self._keep_texts(arrays[place], rows, good)
        if settings.id is not None:
            ids = arrays[self.layout.schema.get_field_index(settings.id)]
            for row in np.flatnonzero(good & _nothing(ids)):
                good[row] = False
                self.reject(int(rows[row]), RejectKind.WRONG_TYPE, f"column {settings.id!r} holds no id")
        if not good.all():
            kept = pa.array(good)
            arrays = [array.filter(kept) for array in arrays]
            rows = rows[good]
        for begin, end in self._cuts(arrays[place]):
            chosen = pa.array(np.arange(begin, end)) if end - begin < len(rows) else None
            yield from self.finish(
                [array if chosen is None else array.take(chosen) for array in arrays], rows[begin:end]
            )

    def _keep_texts(self, texts: pa.Array, rows: NDArray[np.int64], good: NDArray[np.bool_]) -> None:
        name, limit = self.layout.settings.needed, self.layout.settings.max_document_bytes
        missing = texts.is_null().to_numpy(zero_copy_only=False)
        for row in np.flatnonzero(good & missing):
            self.reject(int(rows[row]), RejectKind.MISSING_TEXT, f"no text in column {name!r}")
        good &= ~missing
        offsets = _offsets(texts)
        for row in np.flatnonzero(good & (np.diff(offsets) > limit)):
            good[row] = False
            begin = int(offsets[row])
            sample = sample_of(texts.buffers()[2][begin : begin + 1024].to_pybytes())
            self.reject(int(rows[row]), RejectKind.LINE_TOO_LONG, f"longer than {limit:,} bytes", sample)

    def _keep_utf8(self, array: pa.Array, name: str, rows: NDArray[np.int64], good: NDArray[np.bool_]) -> None:
        if not _has_text(array.type) or is_utf8(array):
            return
        for row in range(len(array)):
            if good[row] and not is_utf8(array.take(pa.array([row]))):
                good[row] = False
                self.reject(int(rows[row]), RejectKind.INVALID_UTF8, f"column {name!r} holds bytes that are not UTF-8")

    def _cuts(self, texts: pa.Array) -> Iterator[tuple[int, int]]:
        """Yield where batches begin and end."""
        offsets = _offsets(texts)
        begin = 0
        while begin < len(texts):
            fitting = int(np.searchsorted(offsets, offsets[begin] + self.batch_bytes, side="right")) - 1
            end = min(max(fitting, begin + 1), begin + self.batch_rows, len(texts))
            yield begin, end
            begin = end


def expansion_limit(size_bytes: int, settings: ReadSettings) -> int:
    """Return how many bytes a compressed size may grow to."""
    return max(settings.max_expansion * size_bytes, _FREE_BYTES)


def expanding(pieces: Iterable[bytes], file: InputFile, settings: ReadSettings) -> Iterator[bytes]:
    """Yield the pieces of a compressed file as long as it does not grow beyond all measure.

    Raises:
        ExpansionError: it does.
    """
    if not file.compressed:
        yield from pieces
        return
    limit = expansion_limit(file.size_bytes, settings)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise ExpansionError(
                f"it gives more than {settings.max_expansion} times its size of {file.size_bytes:,} bytes"
            )
        yield piece


def _unfolded_cuts(batch: pa.RecordBatch, most_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of a batch whose dictionaries, once every row has its own copy of a value, stay below a size.

    One long text in a dictionary can stand for millions of rows in a file of a few bytes.
    """
    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
            lengths = pc.fill_null(pc.take(pc.binary_length(column.dictionary), column.indices), 0)
            sizes += lengths.to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(sizes)
    begin = 0
    while begin < len(ends):
        before = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, before + most_bytes, side="right")), begin + 1)
        yield begin, end
        begin = end


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def text_bytes(texts: pa.Array) -> int:
    """Return the size of a text column in bytes."""
    offsets = _offsets(texts)
    return int(offsets[-1] - offsets[0])


def _offsets(texts: pa.Array) -> NDArray[np.int32]:
    if len(texts) == 0:
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]


def _from_zero(array: pa.Array) -> pa.Array:
    """Return an array that starts where its buffers do: kernels need not know of anything else."""
    return array if array.offset == 0 else array.take(pa.array(np.arange(len(array))))


def _nothing(texts: pa.Array) -> NDArray[np.bool_]:
    return pc.fill_null(pc.equal(pc.binary_length(texts), 0), True).to_numpy(zero_copy_only=False)


def _has_text(kind: pa.DataType) -> bool:
    if is_nested(kind):
        return any(_has_text(kind.field(place).type) for place in range(kind.num_fields))
    return pa.types.is_string(kind)


def is_utf8(array: pa.Array) -> bool:
    """Say whether all text of an array, and of its parts, is UTF-8 (and its structure sound)."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def bytes_are_utf8(data: bytes) -> bool:
    """Say whether bytes are UTF-8."""
    ends = pa.py_buffer(np.array([0, len(data)], dtype=np.int64))
    return is_utf8(pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(data)))


def _converted(array: pa.Array, given: pa.Field, wanted: pa.Field) -> pa.Array:
    """Return a column in the type that is wanted, which is wide enough for it."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    plain = plain_type(array.type)
    into, before = holds(wanted), holds(given)
    if into == JSON and before != JSON:
        return pa.array([None if value is None else json_value(value) for value in array.to_pylist()], pa.string())
    if into == MIXED and before != MIXED and not pa.types.is_string(plain) and not pa.types.is_binary(plain):
        return pa.array(
            [None if value is None else json_value(value, bare=True) for value in array.to_pylist()], pa.string()
        )
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_binary(plain) and pa.types.is_string(wanted.type):
        # Looked at as text, checked later: a cast would refuse the whole column for one bad value.
        array = array.cast(pa.binary()).view(pa.string())
    if array.type == wanted.type:
        return array
    try:
        return array.cast(wanted.type, safe=False)
    except pa.ArrowException as error:
        raise InputError(f"column {wanted.name!r} cannot be read as {wanted.type}: {error}") from error
