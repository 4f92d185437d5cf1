"""Files of Arrow record batches: what ``datasets.save_to_disk`` and the cache of ``datasets`` hold, and others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from headwater.sources.columnar import Reading
from headwater.sources.inputs import InputFile, open_input
from headwater.sources.layout import Found, Part
from headwater.sources.rejects import RejectKind
from headwater.sources.schemas import check_names

_UNREADABLE = (pa.ArrowException, OSError, ValueError, MemoryError)
_FILE_MAGIC = b"ARROW1"


@contextmanager
def _opened(opened: BinaryIO) -> Iterator[pa.RecordBatchReader | pa.RecordBatchFileReader]:
    """Open either of the two forms: a stream of batches, or a file with a table of contents at its end."""
    start = opened.read(len(_FILE_MAGIC))
    opened.seek(0)
    reader = pa.ipc.open_file(opened) if start == _FILE_MAGIC else pa.ipc.open_stream(opened)
    with reader:
        yield reader


def look_at_arrow(file: InputFile, number: int) -> Found:
    """Return the columns of a file; it is read in one go."""
    part = Part(file, number, 0, file.size_bytes, 1, file.size_bytes)
    try:
        with open_input(file) as opened, _opened(opened) as reader:
            check_names(reader.schema)
            return Found(reader.schema, (part,))
    except _UNREADABLE as error:
        return Found(pa.schema([]), (part,), problem=f"no readable Arrow file: {error}")


def read_arrow_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file. A batch that is damaged is one bad row; where it breaks off the file is left."""
    row = 1
    try:
        with open_input(reading.file) as opened, _opened(opened) as reader:
            for batch in _batches(reader):
                # Offsets that point outside of the data would be followed by every kernel: all are looked at first.
                safe = _checked(batch)
                if safe is None:
                    detail = f"a batch of {batch.num_rows:,} rows that does not hold what it says"
                    reading.reject(row, RejectKind.UNREADABLE_ROW, detail)
                else:
                    yield from reading.conform(safe, np.arange(row, row + batch.num_rows))
                row += batch.num_rows
    except _UNREADABLE as error:
        reading.reject(row, RejectKind.TRUNCATED_FILE, f"no readable Arrow file from here on: {error}")


def _batches(reader: pa.RecordBatchReader | pa.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
    else:
        yield from reader


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch | None:
    """Return a batch whose structure is sound; bytes that are no UTF-8 may remain in its text columns."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        pass
    else:
        return batch
    as_bytes = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    try:
        columns = [column.view(as_bytes.get(column.type, column.type)) for column in batch.columns]
        pa.RecordBatch.from_arrays(columns, names=batch.schema.names).validate(full=True)
    except pa.ArrowException:
        return None
    return batch
