"""Reading the signals that duplicates are found by, shard by shard in bounded batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.curate.duplicate_choice import Members
from headwater.curate.duplicate_links import Keys
from headwater.errors import InputError
from headwater.text.signatures import text_hashes

Kind = TypeVar("Kind", bound=np.generic)

_BATCH = 1 << 16
_MOST = (1 << 32) - 1  # documents, as their numbers have 32 bits
_CONTEXT = ("id", "row", "passing", "held", "priority", "characters", "source")

_MEMBER = pa.schema(
    [
        ("number", pa.uint32()),
        ("cluster", pa.uint32()),
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("id", pa.string()),
        ("held", pa.bool_()),
        ("priority", pa.int64()),
        ("length", pa.int64()),
        ("source", pa.uint64()),
        ("text_hash", pa.binary(16)),
    ]
)


@dataclass(frozen=True, slots=True)
class Shard:
    """The signals of one shard."""

    place: Path | pa.Table
    number: int
    """Of the shard, from 0."""
    begin: int
    """Number of its first document, counted over all shards."""
    end: int
    """Number after that of its last."""
    held: bool
    """Whether all of its documents are held already."""
    bands: int
    """Bytes of the keys of a document's bands; 0 where only equal texts are looked for."""
    sketch: int
    """Bytes of a sketch; likewise."""

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield the columns that are there, and the number of each batch's first document."""
        begin = self.begin
        if isinstance(self.place, pa.Table):
            there = [name for name in columns if name in self.place.column_names]
            batches = self.place.select(there).to_batches(max_chunksize=_BATCH)
        else:
            file = pq.ParquetFile(self.place)
            there = [name for name in columns if name in file.schema_arrow.names]
            batches = file.iter_batches(batch_size=_BATCH, columns=there, use_threads=False)
        for batch in batches:
            yield begin, batch
            begin += batch.num_rows


def open_shards(
    signals: Sequence[Path | str | pa.Table], held: Sequence[Path | str | pa.Table], near: bool
) -> list[Shard]:
    """Return the shards, checked.

    Args:
        signals: files or tables.
        held: likewise, of what is held already.
        near: whether bands and sketches are needed.

    Raises:
        InputError: a column is missing or of the wrong kind, shards differ in bands, or there are too many documents.
    """
    shards: list[Shard] = []
    for number, source in enumerate([*signals, *held]):
        place = source if isinstance(source, pa.Table) else Path(source)
        name = f"shard {number}" if isinstance(place, pa.Table) else str(place)
        schema, rows = _header(place)
        widths = [
            _width(schema, column, name) for column in (("text_hash", "bands", "sketch") if near else ("text_hash",))
        ]
        if widths[0] != 16:
            raise InputError(f"Column text_hash of {name} has {widths[0]} bytes. Allowed are 16: use Signatures.")
        bands, sketch = widths[1:] if near else (0, 0)
        if shards and (bands, sketch) != (shards[0].bands, shards[0].sketch):
            raise InputError(
                f"{name} has bands of {bands} and sketches of {sketch} bytes, the shards before it {shards[0].bands} "
                f"and {shards[0].sketch}. Signatures have to be made with the same settings: make them again."
            )
        begin = shards[-1].end if shards else 0
        shards.append(Shard(place, number, begin, begin + rows, number >= len(signals), bands, sketch))
    if shards and shards[-1].end > _MOST:
        raise InputError(
            f"There are {shards[-1].end:,} documents. Allowed are {_MOST:,}: resolve parts, then what they keep."
        )
    return shards


def _header(place: Path | pa.Table) -> tuple[pa.Schema, int]:
    if isinstance(place, pa.Table):
        return place.schema, place.num_rows
    try:
        file = pq.ParquetFile(place)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"The signals {place} cannot be read: {error}. Make them again.") from error
    return file.schema_arrow, file.metadata.num_rows


def _width(schema: pa.Schema, column: str, name: str) -> int:
    place = schema.get_field_index(column)
    if place < 0:
        raise InputError(
            f"{name} has no column {column}. Signals need text_hash, and bands and sketch for near copies: "
            "add them with the operator Signatures."
        )
    kind = schema.field(place).type
    if not pa.types.is_fixed_size_binary(kind):
        raise InputError(f"Column {column} of {name} is {kind}. Allowed is fixed_size_binary, as Signatures makes it.")
    return int(kind.byte_width)


def keys(shards: Sequence[Shard]) -> Iterator[Keys]:
    """Yield the keys of the documents that take part."""
    for shard in shards:
        for begin, batch in shard.batches(("passing", "text_hash", "bands")):
            numbers = np.arange(begin, begin + batch.num_rows, dtype=np.uint32)
            part = _flags(batch, "passing", default=True)
            hashes = _matrix(batch["text_hash"], np.uint32, 16)
            if batch["text_hash"].null_count:
                raise InputError(f"Column text_hash of shard {shard.number} has nulls. Make its signals again.")
            if shard.bands:
                near = part & batch["bands"].is_valid().to_numpy(zero_copy_only=False)
                bands = _matrix(batch["bands"], np.uint32, shard.bands)
            else:
                near, bands = np.zeros(0, dtype=np.bool_), np.zeros((0, 0), dtype=np.uint32)
            yield Keys(
                np.arange(begin, begin + batch.num_rows, dtype=np.uint32)[part],
                hashes[part],
                numbers[near] if shard.bands else numbers[:0],
                bands[near],
            )


def member_batches(
    shards: Sequence[Shard], clusters: NDArray[np.uint32], chosen: NDArray[np.bool_]
) -> Iterator[pa.RecordBatch]:
    """Yield what has to be known of chosen documents.

    Args:
        shards: the shards.
        clusters: name of each document's cluster.
        chosen: whether it is asked for.
    """
    for shard in shards:
        columns = [*_CONTEXT, "text_hash", *(("bands", "sketch") if shard.bands else ())]
        for begin, whole in shard.batches(columns):
            there = np.flatnonzero(chosen[begin : begin + whole.num_rows])
            if len(there) == 0:
                continue
            batch = whole.take(pa.array(there))
            numbers = (there + begin).astype(np.uint32)
            arrays = [
                pa.array(numbers),
                pa.array(clusters[numbers]),
                pa.array(np.full(len(there), shard.number, dtype=np.int32)),
                batch["row"].cast(pa.int64())
                if "row" in whole.schema.names
                else pa.array(numbers - shard.begin, pa.int64()),
                batch["id"].cast(pa.string()) if "id" in whole.schema.names else pa.nulls(len(there), pa.string()),
                pa.array(_flags(batch, "held", default=False) | shard.held),
                pa.array(_integers(batch, "priority")),
                pa.array(_integers(batch, "characters")),
                pa.array(_sources(batch)),
                batch["text_hash"],
            ]
            fields = list(_MEMBER)
            if shard.bands:
                fields += [pa.field(name, batch.schema.field(name).type) for name in ("bands", "sketch")]
                arrays += [batch["bands"], batch["sketch"]]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def members(table: pa.Table) -> Members:
    """Return the documents of a table of ``member_batches`` as arrays."""
    near = "bands" in table.column_names
    empty = np.zeros((table.num_rows, 0), dtype=np.uint8)
    columns = {name: table[name].combine_chunks() for name in table.column_names}

    def matrix(name: str, kind: type[Kind]) -> NDArray[Kind]:
        return _matrix(columns[name], kind, columns[name].type.byte_width)

    return Members(
        columns["number"].to_numpy(),
        columns["cluster"].to_numpy(),
        columns["held"].to_numpy(zero_copy_only=False),
        columns["priority"].to_numpy(),
        columns["length"].to_numpy(),
        columns["source"].to_numpy(),
        matrix("text_hash", np.uint64),
        matrix("sketch", np.uint8) if near else empty,
        matrix("bands", np.uint64) if near else empty.astype(np.uint64),
    )


def _matrix(column: pa.Array, kind: type[Kind], width: int) -> NDArray[Kind]:
    """Return the bytes of a column of binary values of one width as a matrix; what stands at nulls means nothing."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    data = column.buffers()[1]
    flat = np.frombuffer(data or b"", dtype=np.uint8)[column.offset * width : (column.offset + len(column)) * width]
    return flat.view(kind).reshape(len(column), -1)


def _flags(batch: pa.RecordBatch, name: str, default: bool) -> NDArray[np.bool_]:
    if name not in batch.schema.names:
        return np.full(batch.num_rows, default, dtype=np.bool_)
    return batch[name].fill_null(False).to_numpy(zero_copy_only=False).astype(np.bool_)


def _integers(batch: pa.RecordBatch, name: str) -> NDArray[np.int64]:
    if name not in batch.schema.names:
        return np.zeros(batch.num_rows, dtype=np.int64)
    return batch[name].cast(pa.int64()).fill_null(0).to_numpy()


def _sources(batch: pa.RecordBatch) -> NDArray[np.uint64]:
    if "source" not in batch.schema.names:
        return np.zeros(batch.num_rows, dtype=np.uint64)
    return np.ascontiguousarray(text_hashes(batch["source"].cast(pa.string()))[:, 0])
