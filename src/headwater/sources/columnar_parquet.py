"""Parquet files in columns, by row group."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headwater.sources.columnar import Reading, expansion_limit
from headwater.sources.inputs import InputFile, open_input
from headwater.sources.layout import Found, Part
from headwater.sources.rejects import RejectKind
from headwater.sources.schemas import check_names

_MOST_UNFOLDED_BYTES = 1 << 28
# Damage comes out as any of these. The metadata of single columns are not asked for: where they are damaged, pyarrow
# (25.0) lets an exception of C++ pass through C, which ends the process.
_UNREADABLE = (pa.ArrowException, OSError, ValueError, RuntimeError, MemoryError)


def look_at_parquet(file: InputFile, number: int, shard_bytes: int) -> Found:
    """Return the columns of a file and the runs of row groups it can be read in.

    A file without a readable footer is one part; what is wrong is told when it is read.
    """
    try:
        return _look(file, number, shard_bytes)
    except _UNREADABLE as error:
        problem = f"no readable Parquet file: {error}"
        return Found(pa.schema([]), (Part(file, number, 0, 1, 1, file.size_bytes),), problem=problem)


def _look(file: InputFile, number: int, shard_bytes: int) -> Found:
    parts: list[Part] = []
    with open_input(file) as opened, pq.ParquetFile(opened) as parquet:
        schema = parquet.schema_arrow
        check_names(schema)
        begin, first, row, size = 0, 1, 1, 0
        for group in range(parquet.num_row_groups):
            found = parquet.metadata.row_group(group)
            if size and size + found.total_byte_size > shard_bytes:
                parts.append(Part(file, number, begin, group, first, size))
                begin, first, size = group, row, 0
            row += found.num_rows
            size += found.total_byte_size
        parts.append(Part(file, number, begin, parquet.num_row_groups, first, size))
    return Found(schema, tuple(parts))


def read_parquet_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some row groups.

    A row group that cannot be decoded is one bad row; those read of it before the damage are kept, and the next row
    group is read as if nothing had been.
    """
    part = reading.part
    row = part.first_row
    try:
        with open_input(part.file) as opened, _folded(opened, reading) as parquet:
            wanted = _wanted(parquet, reading)
            for group in range(part.begin, part.end):
                found = parquet.metadata.row_group(group)
                behind = row + found.num_rows
                # A row group says how large it is, so that long documents come in smaller batches.
                fitting = reading.batch_bytes * found.num_rows // max(found.total_byte_size, 1)
                rows = max(1, min(reading.batch_rows, fitting))
                if found.total_byte_size > expansion_limit(part.file.size_bytes, reading.layout.settings):
                    detail = (
                        f"row group {group}, {found.num_rows:,} rows, would unpack to {found.total_byte_size:,} bytes"
                    )
                    reading.reject(row, RejectKind.EXPANDS_TOO_MUCH, detail)
                    row = behind
                    continue
                try:
                    for batch in parquet.iter_batches(rows, row_groups=[group], columns=wanted, use_threads=False):
                        yield from reading.conform(batch, np.arange(row, row + batch.num_rows))
                        row += batch.num_rows
                except _UNREADABLE as error:
                    detail = f"row group {group} cannot be decoded from here on, {behind - row:,} rows: {error}"
                    reading.reject(row, RejectKind.TRUNCATED_FILE, detail)
                row = behind
    except _UNREADABLE as error:
        reading.reject(row, RejectKind.TRUNCATED_FILE, f"no readable Parquet file: {error}")


@contextmanager
def _folded(opened: BinaryIO, reading: Reading) -> Iterator[pq.ParquetFile]:
    """Open a file so that large columns of text come with their dictionaries.

    Unfolded, thousands of rows may share one text of megabytes; what is unfolded is bounded when a batch is brought
    into the layout. Reading such columns costs half as much again, which is little beside anything done with them.
    """
    with pq.ParquetFile(opened, pre_buffer=False) as parquet:
        groups = range(reading.part.begin, min(reading.part.end, parquet.num_row_groups))
        largest = max((parquet.metadata.row_group(group).total_byte_size for group in groups), default=0)
        large = largest * reading.batch_rows > _MOST_UNFOLDED_BYTES
        texts = [field.name for field in parquet.schema_arrow if large and _is_text(field.type)]
    opened.seek(0)
    with pq.ParquetFile(opened, pre_buffer=False, read_dictionary=texts) as parquet:
        yield parquet


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)


def _wanted(parquet: pq.ParquetFile, reading: Reading) -> list[str]:
    layout = reading.layout
    there = set(parquet.schema_arrow.names)
    return [name for name in map(layout.source_name, layout.schema.names) if name in there]
