"""Lance tables in columns, at the version they had when the reading was planned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.errors import InputError
from headwater.sources.columnar import Reading
from headwater.sources.inputs import ChangedFileError, InputFile
from headwater.sources.layout import Found, Part
from headwater.sources.rejects import RejectKind

_UNREADABLE = (pa.ArrowException, OSError, ValueError, RuntimeError)


@contextmanager
def _without_panics() -> Iterator[None]:
    """Make an error of what the library leaves as a panic, which is not even an ``Exception``."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise RuntimeError(str(error)) from error
        raise


def look_at_lance(file: InputFile, number: int, shard_bytes: int) -> Found:
    """Return the columns of a table and the runs of rows it can be read in, fragment by fragment.

    Raises:
        InputError: it is no Lance table.
    """
    try:
        with _without_panics():
            table = _table(file)
            fragments = [
                (fragment.count_rows(), sum(data.file_size_bytes or 0 for data in fragment.metadata.files))
                for fragment in table.get_fragments()
            ]
            schema = table.schema
    except _UNREADABLE as error:
        raise InputError(f"{file.path} cannot be opened as a Lance table: {error}") from error
    parts: list[Part] = []
    begin = row = size = 0
    for rows, size_bytes in fragments:
        pieces = max(1, min(-(-size_bytes // shard_bytes), rows))
        for piece in range(pieces):
            share, many = size_bytes // pieces, rows * (piece + 1) // pieces - rows * piece // pieces
            if size and size + share > shard_bytes:
                parts.append(Part(file, number, begin, row, begin + 1, size))
                begin, size = row, 0
            row += many
            size += share
    parts.append(Part(file, number, begin, row, begin + 1, size))
    return Found(schema, tuple(parts))


def _table(file: InputFile) -> Any:
    import lance

    return lance.dataset(file.path, version=int(file.version))


def read_lance_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield some rows of a table. A fragment that cannot be decoded is one bad row; the others are read."""
    part, layout = reading.part, reading.layout
    try:
        with _without_panics():
            table = _table(part.file)
            fragments = table.get_fragments()
            counts = [fragment.count_rows() for fragment in fragments]
    except _UNREADABLE as error:
        raise ChangedFileError(
            f"version {part.file.version} of the table cannot be opened any more: {error}"
        ) from error
    there = set(table.schema.names)
    wanted = [name for name in map(layout.source_name, layout.schema.names) if name in there]
    # About as many rows as fit, by the size of the part; conform cuts what is still too large.
    fitting = reading.batch_bytes * (part.end - part.begin) // max(part.size_bytes, 1)
    rows = max(1, min(reading.batch_rows, fitting))
    first = 0
    for fragment, count in zip(fragments, counts, strict=True):
        begin, end = max(part.begin, first), min(part.end, first + count)
        if begin < end:
            row = begin
            try:
                for batch in _fragment(fragment, wanted, rows, begin - first, end - begin):
                    yield from reading.conform(batch, np.arange(row + 1, row + 1 + batch.num_rows))
                    row += batch.num_rows
            except _UNREADABLE as error:
                detail = f"a fragment cannot be decoded from here on, {end - row:,} rows: {error}"
                reading.reject(row + 1, RejectKind.TRUNCATED_FILE, detail)
        first += count


def _fragment(fragment: Any, columns: list[str], rows: int, offset: int, limit: int) -> Iterator[pa.RecordBatch]:
    with _without_panics():
        scanner = fragment.scanner(columns=columns, batch_size=rows, offset=offset, limit=limit, batch_readahead=1)
        batches = iter(scanner.to_batches())
    while True:
        with _without_panics():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch
