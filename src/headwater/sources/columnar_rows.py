"""Rows brought into columns: those of plain text, and those of delimited text that have to be read one by one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from headwater.sources.columnar import Reading
from headwater.sources.inputs import InputFile, input_pieces
from headwater.sources.layout import Found, Part, ReadSettings
from headwater.sources.plain import read_plain
from headwater.sources.rejects import Reject
from headwater.sources.rows import Row


def look_at_text(file: InputFile, number: int, settings: ReadSettings) -> Found:
    """Return the only column of a text file."""
    names = [settings.needed] if settings.id is None else [settings.needed, settings.id]
    return Found(pa.schema([pa.field(name, pa.string()) for name in names]), (_whole(file, number),))


def _whole(file: InputFile, number: int) -> Part:
    return Part(file, number, 0, file.size_bytes, 1, file.size_bytes)


def read_text_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the document of a text file, or its paragraphs; the id of each is its place."""
    file, settings = reading.file, reading.layout.settings
    pieces = reading.expanding(input_pieces(file))
    found = read_plain(Path(file.path), settings.max_document_bytes, paragraphs=settings.paragraphs, source=pieces)
    yield from batches_of_rows(reading, (_document(row, reading) if isinstance(row, Row) else row for row in found))


def _document(row: Row, reading: Reading) -> Row:
    settings = reading.layout.settings
    values = {settings.needed: row.values["text"]}
    if settings.id is not None:
        values[settings.id] = f"{reading.file.path}:{row.line}" if settings.paragraphs else reading.file.path
    return Row(row.line, row.offset, values)


def batches_of_rows(reading: Reading, rows: Iterator[Row | Reject | None]) -> Iterator[pa.RecordBatch]:
    """Collect rows of strings into batches; what is no row is counted."""
    held: list[Row] = []
    size = 0
    for row in rows:
        if row is None:
            reading.counts.empty += 1
        elif isinstance(row, Reject):
            reading.set_aside(row)
        else:
            held.append(row)
            size += sum(map(len, row.values.values()))
            if len(held) >= reading.batch_rows or size >= reading.batch_bytes:
                yield from _batch(reading, held)
                held, size = [], 0
    if held:
        yield from _batch(reading, held)


def _batch(reading: Reading, rows: list[Row]) -> Iterator[pa.RecordBatch]:
    names = list(rows[0].values)
    columns = [pa.array([row.values.get(name) for row in rows], pa.string()) for name in names]
    numbers = np.array([row.line for row in rows], dtype=np.int64)
    yield from reading.conform(pa.RecordBatch.from_arrays(columns, names=names), numbers)
