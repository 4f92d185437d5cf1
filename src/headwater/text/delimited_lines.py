"""Where each field of each record of delimited text stands (RFC 4180), and fields as Arrow text.

Like :mod:`headwater.text.json_lines` this only takes what is plainly good: at anything else the scan stops, and a more
patient reader goes on from there.
"""

import numba as nb
import numpy as np

from headwater.text.instructions import address_of, byte_at, put_byte, word_at, zeros_below
from headwater.text.json_columns import copied
from headwater.text.json_lines import QUOTES, zeros

BARE, QUOTED, DOUBLED = range(3)
"""What a field is: without quotation marks, with them, with doubled ones inside."""

MORE, ODD = 0, 1
"""Why a scan stopped: it came to the end of what is there, or to a record that is not plainly good."""

_ONES = np.uint64(0x0101010101010101)
_NEWLINES = _ONES * np.uint64(10)
_RETURNS = _ONES * np.uint64(13)

# Helpers take addresses, not arrays: see headwater.text.instructions. Numba infers the types of the kernels' arguments,
# so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202, PLR1714


@nb.njit(cache=True, nogil=True)
def _next_end(at, end, delimiter, delimiters):  # type: ignore[no-untyped-def]
    """Return the address of the next delimiter or line end."""
    while at + 8 <= end:
        word = word_at(at)
        found = zeros(word ^ delimiters) | zeros(word ^ _NEWLINES) | zeros(word ^ _RETURNS)
        if found:
            return at + (zeros_below(found) >> 3)
        at += 8
    while at < end:
        code = byte_at(at)
        if code == delimiter or code == 10 or code == 13:
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True)
def _next_quote(at, end):  # type: ignore[no-untyped-def]
    while at + 8 <= end:
        found = zeros(word_at(at) ^ QUOTES)
        if found:
            return at + (zeros_below(found) >> 3)
        at += 8
    while at < end and byte_at(at) != 34:
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def _newlines(at, end):  # type: ignore[no-untyped-def]
    count = 0
    while at < end:
        count += 1 if byte_at(at) == 10 else 0
        at += 1
    return count


@nb.njit(cache=True, nogil=True)
def scan_delimited(data, begin, end, delimiter, columns, final, line, limit, kinds, starts, stops, lines):  # type: ignore[no-untyped-def]
    """Note where the fields of the records from ``begin`` on stand, as far as there is room.

    Args:
        data: uint8, the block.
        begin: where the first record starts.
        end: where the last one ends, if it ends there.
        delimiter: the byte between fields.
        columns: fields that every record has; 0 when the first one may have any number.
        final: the block ends the file.
        line: number of the first line.
        limit: most bytes of a record.
        kinds: uint8 (column, record), what each field is.
        starts: int64 (column, record), where it begins, without its quotation mark.
        stops: int64 (column, record), where it ends.
        lines: int64 (record), number of the line it starts at.

    Returns:
        Number of records noted, number of empty lines, number of the next line, where that starts, ``MORE`` or ``ODD``,
        fields of the last record.
    """
    base = address_of(data)
    delimiters = _ONES * np.uint64(delimiter)
    at = base + begin
    end += base
    rows = len(lines)
    row = empty = column = 0
    while at < end and row < rows:
        first = at
        code = byte_at(at)
        if code == 10 or (code == 13 and at + 1 < end and byte_at(at + 1) == 10):
            at += 1 if code == 10 else 2
            line += 1
            empty += 1
            continue
        if code == 13 and at + 1 == end:
            if final:
                return row, empty + 1, line + 1, end - base, MORE, column
            return row, empty, line, first - base, MORE, column
        column = inside = 0
        whole = False
        while True:
            if column == len(kinds) or (columns and column == columns):
                return row, empty, line, first - base, ODD, column
            kind = BARE
            start = at
            if at < end and byte_at(at) == 34:
                kind = QUOTED
                start = at + 1
                stop = _next_quote(start, end)
                while stop + 1 < end and byte_at(stop + 1) == 34:
                    kind = DOUBLED
                    stop = _next_quote(stop + 2, end)
                if stop >= end:  # not closed, or closed further on
                    return row, empty, line, first - base, ODD if final else MORE, column
                if stop + 1 == end and not final:  # perhaps the first of a doubled one
                    return row, empty, line, first - base, MORE, column
                inside += _newlines(start, stop)
                at = stop + 1
            else:
                stop = _next_end(at, end, delimiter, delimiters)
                at = stop
            kinds[column, row] = kind
            starts[column, row] = start - base
            stops[column, row] = stop - base
            column += 1
            if at >= end:
                whole = final
                break
            code = byte_at(at)
            at += 1
            if code == delimiter:
                continue
            if code == 13:
                if at >= end:
                    whole = final
                    break
                code = byte_at(at)
                at += 1
            if code != 10:
                return row, empty, line, first - base, ODD, column
            whole = True
            break
        if not whole:
            return row, empty, line, first - base, MORE, column
        if at - first > limit or (columns and column != columns):
            return row, empty, line, first - base, ODD, column
        lines[row] = line
        line += 1 + inside
        row += 1
    return row, empty, line, min(at, end) - base, MORE, column


@nb.njit(cache=True, nogil=True)
def fill_fields(data, kinds, starts, stops, out, offsets):  # type: ignore[no-untyped-def]
    """Write one column of text and return its size in bytes.

    Args:
        data: the block.
        kinds: uint8 (record), the column's row of what ``scan_delimited`` noted.
        starts: int64 (record), likewise.
        stops: int64 (record), likewise.
        out: uint8, room for all fields as they stand, and eight bytes.
        offsets: int32 (records + 1), Arrow's offsets.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    first = address_of(out)
    to = first
    offsets[0] = 0
    for row in range(len(kinds)):
        at, stop = base + starts[row], base + stops[row]
        if kinds[row] == DOUBLED:
            while at < stop:
                quote = _next_quote(at, stop)
                to = copied(at, quote, to, limit)
                at = quote + 2
                if quote < stop:
                    put_byte(to, 34)
                    to += 1
        else:
            to = copied(at, stop, to, limit)
        offsets[row + 1] = to - first
    return to - first
