"""JSON lines into columns, without a step of Python per good line.

A block of lines is walked over once by a compiled kernel, which notes where the values stand; then each column is
written in one go. What the kernel does not take for a plainly good line is looked at again by the reader that reads
row by row, so that both refuse the same lines with the same words.
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.sources.blocks import Block, line_blocks
from headwater.sources.columnar import Reading, bytes_are_utf8, expanding
from headwater.sources.inputs import InputFile, input_pieces, open_input
from headwater.sources.jsonl import json_row
from headwater.sources.layout import Found, Part, ReadSettings
from headwater.sources.rejects import Reject, RejectKind
from headwater.sources.rows import RowError, encodable, sample_of, text_value
from headwater.sources.scanned import ScannedLines, Scanner, columns_of
from headwater.sources.schemas import json_schema
from headwater.sources.stream import DamagedFileError, Line

_ADVICE = {
    RejectKind.INVALID_UTF8: "; they are not UTF-8. Convert the file first: iconv -f latin1 -t utf-8 (or -f utf-16)",
    RejectKind.NOT_AN_OBJECT: "; a JSON array is no JSON lines: write an object a line, as jq -c '.[]' does",
}
_FIRST_BYTES = 1 << 20
_FIRST_BLOCKS = 16
_COUNTED_BYTES = 4 << 20
_HALVES = re.compile("[\ud800-\udfff]")
_ESCAPED_IN_NAMES = re.compile(r'[\x00-\x1f"\\]')


def look_at_jsonl(file: InputFile, number: int, settings: ReadSettings, shard_bytes: int) -> Found:
    """Return the columns of the first rows of a file and the parts it can be read in."""
    rows: list[dict[str, Any]] = []
    problem, odd = "none of its first lines is a JSON object", ""
    pieces = expanding(input_pieces(file), file, settings)
    longest = max(settings.max_document_bytes, _FIRST_BYTES)
    blocks = line_blocks(pieces, block_bytes=_FIRST_BYTES, max_line_bytes=longest)
    try:
        for seen, block in enumerate(blocks):
            if isinstance(block, Block):
                for text in block.data.split(b"\n"):
                    row = json_row(file.path, Line(1, 0, text), settings.max_document_bytes)
                    if isinstance(row, Reject):
                        odd = odd or _ADVICE.get(row.kind, f"; the first: {row.detail}")
                    elif row is not None:
                        rows.append(dict(row.values))
            if rows or seen >= _FIRST_BLOCKS:
                break
    except DamagedFileError as error:
        problem, odd = f"the compressed file is damaged: {error}", ""
    schema = json_schema(rows)
    plain = [field for field in schema if not _ESCAPED_IN_NAMES.search(field.name)]
    return Found(
        pa.schema(plain),
        tuple(_parts(file, number, shard_bytes)),
        open_ended=True,
        problem=None if rows else problem + odd,
    )


def _parts(file: InputFile, number: int, shard_bytes: int) -> Iterator[Part]:
    """Yield ranges of whole lines, about equally long; lines are counted on the way, for their numbers."""
    count = -(-file.size_bytes // shard_bytes)
    if file.compressed or file.remote or count <= 1:
        yield Part(file, number, 0, file.size_bytes, 1, file.size_bytes)
        return
    wanted = [file.size_bytes * cut // count for cut in range(1, count)]
    begin = at = 0
    line = first = 1
    with open_input(file) as opened:
        while wanted and (data := opened.read(_COUNTED_BYTES)):
            counted = 0
            while wanted and wanted[0] <= at + len(data):
                # A part ends with the first line end behind the place that is wanted.
                end = data.find(b"\n", max(wanted[0] - 1 - at, 0)) + 1
                if end == 0:
                    break
                line += data.count(b"\n", counted, end)
                counted = end
                if at + end < file.size_bytes:
                    yield Part(file, number, begin, at + end, first, at + end - begin)
                    begin, first = at + end, line
                wanted = [place for place in wanted if place > at + end]
            line += data.count(b"\n", counted)
            at += len(data)
    yield Part(file, number, begin, file.size_bytes, first, file.size_bytes - begin)


def read_jsonl_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a part of a file of JSON lines."""
    part, limit = reading.part, reading.layout.settings.max_document_bytes
    pieces = reading.expanding(input_pieces(part.file, part.begin, part.end))
    blocks = line_blocks(
        pieces,
        block_bytes=reading.batch_bytes,
        max_line_bytes=limit,
        line=part.first_row,
        offset=part.begin,
    )
    table = _Table(reading)
    for block in blocks:
        if isinstance(block, Line):
            bad = json_row(part.file.path, block, limit)
            assert isinstance(bad, Reject)
            reading.set_aside(bad)
        else:
            yield from table.batches(block)


class _Table:
    """Makes batches of blocks of lines; and looks again at odd lines."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        layout = reading.layout
        self.fields = [field for field in layout.schema if field.name != layout.rest]
        self.names = [layout.source_name(field.name) for field in self.fields]
        self.needed = self.names.index(layout.settings.needed)
        self.id = None if layout.settings.id is None else self.names.index(layout.settings.id)
        self.scanner = Scanner(self.names, rows=reading.batch_rows, size_bytes=reading.batch_bytes)

    def batches(self, block: Block) -> Iterator[pa.RecordBatch]:
        from headwater.text import json_lines

        utf8 = bytes_are_utf8(block.data)
        first = block.line
        for lines in self.scanner.lines(block.data, escaped_names=False):
            states = lines.states
            if not utf8:
                invalid = np.empty(len(states), dtype=np.uint8)
                json_lines.invalid_lines(lines.data, lines.line_starts, lines.line_stops, invalid)
                states[invalid != 0] = json_lines.ODD
            long = lines.line_stops - lines.line_starts > self.reading.layout.settings.max_document_bytes
            states[long] = json_lines.ODD
            good = states == json_lines.GOOD
            states[good & ~self._usable(lines)] = json_lines.ODD
            yield from self._batch(block, first, lines)
            first += len(states)

    def _usable(self, lines: ScannedLines) -> NDArray[np.bool_]:
        """Say which lines have a text, and an id where one is needed."""
        from headwater.text import json_lines

        kinds = lines.kinds[self.needed]
        usable = (kinds == json_lines.STRING) | (kinds == json_lines.ESCAPED)
        if self.id is not None:
            kinds = lines.kinds[self.id]
            string = (kinds == json_lines.STRING) | (kinds == json_lines.ESCAPED)
            filled = lines.stops[self.id] - lines.starts[self.id] > 2
            usable &= (string & filled) | (kinds == json_lines.INTEGER)
        return usable

    def _batch(self, block: Block, first: int, lines: ScannedLines) -> Iterator[pa.RecordBatch]:
        from headwater.text import json_lines

        self.reading.counts.empty += int(np.count_nonzero(lines.states == json_lines.EMPTY))
        good = np.flatnonzero(lines.states == json_lines.GOOD)
        numbers = good + first
        mended: list[bytes] = []
        mended_rows: list[int] = []
        for row in np.flatnonzero(lines.states == json_lines.ODD):
            found = self._second_look(block, first, int(row), lines)
            if isinstance(found, Reject):
                self.reading.set_aside(found)
            elif found is None:
                self.reading.counts.empty += 1
            else:
                mended.append(found)
                mended_rows.append(first + int(row))
        if not len(good) and not mended:
            return
        columns = self._columns(lines, good)
        if mended:
            # The room of the scan is used again, so the columns of the good lines had to be made first.
            again = [
                self._columns(each, np.arange(len(each.states)))
                for each in self.scanner.lines(b"\n".join(mended), escaped_names=True)
            ]
            parts = [columns, *again]
            columns = [pa.concat_arrays([part[place] for part in parts]) for place in range(len(columns))]
            numbers = np.concatenate([numbers, np.array(mended_rows, dtype=np.int64)])
            order = np.argsort(numbers)
            columns = [column.take(pa.array(order)) for column in columns]
            numbers = numbers[order]
        yield from self.reading.finish(columns, numbers)

    def _second_look(self, block: Block, first: int, row: int, lines: ScannedLines) -> bytes | Reject | None:
        """Return an odd line as JSON that the scan takes, the reject it is, or None for white space."""
        begin, end = int(lines.line_starts[row]), int(lines.line_stops[row])
        number = first + row
        line = Line(number, 0 if number == 1 else block.offset + begin, block.data[begin:end])
        settings, file = self.reading.layout.settings, self.reading.file.path
        line.too_long = end - begin > settings.max_document_bytes
        found = json_row(file, line, settings.max_document_bytes)
        if found is None or isinstance(found, Reject):
            return found
        try:
            _check_text(found.values.get(settings.needed), settings.needed)
            if settings.id is not None:
                _check_id(found.values.get(settings.id), settings.id)
            return self._mended(found.values)
        except RowError as error:
            return Reject(file, line.number, line.offset, error.kind, str(error), sample_of(line.data))

    def _mended(self, values: Any) -> bytes:
        from headwater.text import json_lines

        try:
            text = json.dumps(values, ensure_ascii=False)
        except RecursionError:
            raise RowError(RejectKind.INVALID_JSON, "nested too deeply") from None
        data = _HALVES.sub(lambda half: f"\\u{ord(half.group()):04x}", text).encode()
        if any((each.states != json_lines.GOOD).any() for each in self._one_line.lines(data, escaped_names=True)):
            depth, digits = json_lines.MAX_DEPTH, json_lines.MAX_DIGITS
            raise RowError(RejectKind.INVALID_JSON, f"nested over {depth} deep, or a number of over {digits} digits")
        return data

    @cached_property
    def _one_line(self) -> Scanner:
        """A scanner for single lines, which leaves alone what was noted of the others."""
        return Scanner(self.names, rows=1, size_bytes=self.reading.batch_bytes)

    def _columns(self, lines: ScannedLines, rows: NDArray[np.int64]) -> list[pa.Array]:
        columns, rest = columns_of(lines, rows, self.fields, self.names, self.id)
        if self.reading.layout.rest is not None:
            columns.insert(self.reading.layout.schema.get_field_index(self.reading.layout.rest), rest)
        return columns


def _check_text(value: object, column: str) -> None:
    if not encodable(text_value(value, column)):
        raise RowError(RejectKind.INVALID_UTF8, f"{column} holds half a character (a lone surrogate)")


def _check_id(value: object, column: str) -> None:
    if value is None or value == "":
        raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds no id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError(RejectKind.WRONG_TYPE, f"column {column!r} holds {value!r:.80}, not text or an integer")
    if isinstance(value, str) and not encodable(value):
        raise RowError(RejectKind.INVALID_UTF8, f"{column} holds half a character (a lone surrogate)")
