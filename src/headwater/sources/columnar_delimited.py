"""Delimited text into columns: by a compiled scan as long as every record is plainly good, row by row from there on."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from headwater.sources.columnar import Reading, bytes_are_utf8, expanding
from headwater.sources.columnar_rows import batches_of_rows
from headwater.sources.delimited import read_delimited
from headwater.sources.inputs import InputFile, input_pieces
from headwater.sources.layout import Found, Part, ReadSettings
from headwater.sources.rows import Row
from headwater.sources.stream import BOM, DamagedFileError

DELIMITERS = {"csv": ",", "tsv": "\t"}
_FIRST_ROWS = 100
_MOST_COLUMNS = 4096


def look_at_delimited(file: InputFile, number: int, settings: ReadSettings) -> Found:
    """Return the columns of a file with a header line; it is read in one go, as quoted line ends may be anywhere."""
    pieces = expanding(input_pieces(file), file, settings)
    rows = read_delimited(Path(file.path), DELIMITERS[file.format], settings.max_document_bytes, pieces)
    names: list[str] = []
    for row in islice(rows, _FIRST_ROWS):
        if isinstance(row, Row):
            names = list(row.values)
            break
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    problem = None if names else "it has no row below its header"
    return Found(schema, (Part(file, number, 0, file.size_bytes, 1, file.size_bytes),), problem=problem)


def read_delimited_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file with a header line; all values are strings, and an empty one is an empty string."""
    pieces = reading.expanding(input_pieces(reading.file))
    scan = _Scan(reading)
    yield from scan.batches(pieces)
    # What is left begins at the first record that is not plainly good; nothing is left where there is none.
    rest = chain([scan.held], () if scan.ended else pieces)
    path, limit = Path(reading.file.path), reading.layout.settings.max_document_bytes
    rows = read_delimited(
        path, scan.delimiter, limit, _damaged(rest, scan.damage), header=scan.names, line=scan.line, offset=scan.offset
    )
    yield from batches_of_rows(reading, rows)


def _damaged(pieces: Iterable[bytes], damage: DamagedFileError | None) -> Iterator[bytes]:
    """Yield pieces, and raise the damage that was met behind them."""
    yield from pieces
    if damage is not None:
        raise damage


class _Scan:
    """Reads a file up to the first record that is not plainly good."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.delimiter = DELIMITERS[reading.file.format]
        self.names: list[str] | None = None
        self.held = b""
        self.line, self.offset = 1, 0
        self.ended = False
        self.damage: DamagedFileError | None = None

    def batches(self, pieces: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
        """Yield batches; afterwards ``held``, ``line`` and ``offset`` say what is left."""
        limit = max(self.reading.layout.settings.max_document_bytes, self.reading.batch_bytes)
        odd = False
        while not odd and not self.ended and len(self.held) <= limit:
            self._fill(pieces)
            whole = self.held if self.ended else self.held[: self.held.rfind(b"\n") + 1]  # not half a character
            if not bytes_are_utf8(whole):
                return
            while not odd:
                batch, rows, odd = self._next()
                if batch is not None:
                    yield from self.reading.conform(batch, rows)
                elif not len(rows):
                    break

    def _fill(self, pieces: Iterator[bytes]) -> None:
        """Hold another block of whole lines, and what was held before."""
        parts, size, wanted = [self.held], 0, self.reading.batch_bytes
        try:
            while size < wanted and not self.ended:
                piece = next(pieces, None)
                if piece is None:
                    self.ended = True
                else:
                    parts.append(piece)
                    size += len(piece)
        except DamagedFileError as error:
            self.ended, self.damage = True, error
        self.held = b"".join(parts)
        if self.offset == 0 and self.held.startswith(BOM):
            self.held, self.offset = self.held[len(BOM) :], len(BOM)

    def _next(self) -> tuple[pa.RecordBatch | None, np.ndarray, bool]:
        """Return some records as a batch, the lines they start at, and whether an odd one stopped the scan."""
        from headwater.text import delimited_lines, json_columns

        columns = _MOST_COLUMNS if self.names is None else len(self.names)
        room = 1 if self.names is None else self.reading.batch_rows
        kinds = np.empty((columns, room), dtype=np.uint8)
        starts, stops = np.empty((columns, room), dtype=np.int64), np.empty((columns, room), dtype=np.int64)
        lines = np.empty(room, dtype=np.int64)
        data = np.frombuffer(self.held, dtype=np.uint8)
        # Of what is cut off by damage the last line may be half of one.
        end = len(data) if self.damage is None else self.held.rfind(b"\n") + 1
        rows, empty, self.line, at, state, fields = delimited_lines.scan_delimited(
            data,
            0,
            end,
            ord(self.delimiter),
            0 if self.names is None else columns,
            self.ended,
            self.line,
            self.reading.layout.settings.max_document_bytes,
            kinds,
            starts,
            stops,
            lines,
        )
        self.reading.counts.empty += empty
        self.held, self.offset = self.held[at:], self.offset + at
        arrays = []
        for place in range(fields if self.names is None and rows else columns if rows else 0):
            size = int((stops[place, :rows] - starts[place, :rows]).sum())
            out, offsets = np.empty(size + json_columns.SPARE, dtype=np.uint8), np.empty(rows + 1, dtype=np.int32)
            used = delimited_lines.fill_fields(
                data, kinds[place, :rows], starts[place, :rows], stops[place, :rows], out, offsets
            )
            arrays.append(pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(out[:used])))
        odd = state == delimited_lines.ODD
        if self.names is None:
            self.names = [array[0].as_py() for array in arrays] or None
            return None, lines[:rows], odd
        if not rows:
            return None, lines[:0], odd
        # Of columns of the same name the last counts, as it does row by row.
        named = dict(zip(self.names, arrays, strict=True))
        return pa.RecordBatch.from_arrays(list(named.values()), names=list(named)), lines[:rows], odd
