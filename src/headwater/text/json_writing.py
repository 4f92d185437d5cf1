"""JSON text of Arrow columns, one kernel per kind of value: strings with their escapes, lists, objects.

Every value of a column is a cell: a slice of bytes. Cells of parts are put together to cells of what holds them.
"""

import numba as nb
import numpy as np

from headwater.text.json_lines import BACKSLASHES, HIGHS, QUOTES, SPACES, zeros

_E2S = np.uint64(0xE2E2E2E2E2E2E2E2)
_C2S = np.uint64(0xC2C2C2C2C2C2C2C2)
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
# The letter behind the backslash for control characters that have one; 0 for those written in four digits.
_SHORT = np.zeros(32, dtype=np.uint8)
_SHORT[[8, 9, 10, 12, 13]] = np.frombuffer(b"btnfr", dtype=np.uint8)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202, PLR1714


@nb.njit(cache=True, nogil=True)
def _next_odd(data, words, at, end):  # type: ignore[no-untyped-def]
    """Return the place of the next byte that may have to be escaped."""
    while at < end:
        if at & 7 == 0:
            while at + 8 <= end:
                word = words[at >> 3]
                control = (word - SPACES) & ~word & HIGHS
                special = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | control
                if special | zeros(word ^ _E2S) | zeros(word ^ _C2S):
                    break
                at += 8
            if at >= end:
                break
        code = data[at]
        if code == 34 or code == 92 or code < 32 or code == 0xE2 or code == 0xC2:
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True)
def _separator(data, at, end):  # type: ignore[no-untyped-def]
    """Return the code point of the line separator that begins here (U+0085, U+2028, U+2029), or 0."""
    if data[at] == 0xC2:
        return 0x85 if at + 1 < end and data[at + 1] == 0x85 else 0
    if data[at] == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and data[at + 2] & 0xFE == 0xA8:
        return 0x2000 | data[at + 2] - 0x80
    return 0


@nb.njit(cache=True, nogil=True)
def quoted_sizes(data, words, offsets, valid, sizes):  # type: ignore[no-untyped-def]
    """Write how many bytes each string takes as JSON, and return how many all take; a null takes none.

    Args:
        data: uint8, the strings in UTF-8, one after the other.
        words: the same bytes as little-endian uint64, as many as there are whole ones.
        offsets: int32 (strings + 1).
        valid: uint8 (string).
        sizes: int64 (string), written.
    """
    total = 0
    for row in range(len(valid)):
        size = 0
        if valid[row]:
            at, end = offsets[row], offsets[row + 1]
            size = 2 + end - at
            while True:
                at = _next_odd(data, words, at, end)
                if at >= end:
                    break
                code = data[at]
                if code == 34 or code == 92:
                    size += 1
                elif code < 32:
                    size += 1 if _SHORT[code] else 5
                elif _separator(data, at, end):
                    size += 4 if code == 0xC2 else 3
                at += 1
        sizes[row] = size
        total += size
    return total


@nb.njit(cache=True, nogil=True)
def _put_code(out, at, code):  # type: ignore[no-untyped-def]
    out[at] = 92
    out[at + 1] = 117
    for place in range(4):
        out[at + 2 + place] = _HEX[code >> (12 - 4 * place) & 15]
    return at + 6


@nb.njit(cache=True, nogil=True)
def quote(data, words, offsets, valid, out):  # type: ignore[no-untyped-def]
    """Write strings as JSON, one after the other; arguments as for :func:`quoted_sizes`.

    What JSON demands is escaped, and the line separators U+0085, U+2028 and U+2029: many readers split lines at them.
    """
    to = 0
    for row in range(len(valid)):
        if not valid[row]:
            continue
        at, end = offsets[row], offsets[row + 1]
        out[to] = 34
        to += 1
        while True:
            stop = _next_odd(data, words, at, end)
            for place in range(stop - at):
                out[to + place] = data[at + place]
            to += stop - at
            if stop >= end:
                break
            code = data[stop]
            at = stop + 1
            if code == 34 or code == 92:
                out[to] = 92
                out[to + 1] = code
                to += 2
            elif code < 32:
                if _SHORT[code]:
                    out[to] = 92
                    out[to + 1] = _SHORT[code]
                    to += 2
                else:
                    to = _put_code(out, to, np.int64(code))
            else:
                separator = _separator(data, stop, end)
                if separator:
                    to = _put_code(out, to, np.int64(separator))
                    at = stop + (2 if code == 0xC2 else 3)
                else:
                    out[to] = code
                    to += 1
        out[to] = 34
        to += 1


@nb.njit(cache=True, nogil=True)
def _put(data, begin, end, out, at):  # type: ignore[no-untyped-def]
    for place in range(end - begin):
        out[at + place] = data[begin + place]
    return at + end - begin


@nb.njit(cache=True, nogil=True)
def _put_null(out, at):  # type: ignore[no-untyped-def]
    out[at] = 110
    out[at + 1] = 117
    out[at + 2] = 108
    out[at + 3] = 108
    return at + 4


@nb.njit(cache=True, nogil=True)
def write_lists(data, starts, stops, lengths, out, offsets):  # type: ignore[no-untyped-def]
    """Write lists of cells and return the size of all.

    Args:
        data: uint8, the cells of the elements.
        starts: int64 (element), where each begins.
        stops: int64 (element), where it ends; before its start for a null.
        lengths: int64 (list), how many elements each has; -1 for a null list, which becomes an empty cell.
        out: uint8, room for everything.
        offsets: int64 (lists + 1), written.
    """
    at = 0
    element = 0
    offsets[0] = 0
    for row in range(len(lengths)):
        if lengths[row] >= 0:
            out[at] = 91
            at += 1
            for place in range(lengths[row]):
                if place:
                    out[at] = 44
                    at += 1
                if stops[element] < starts[element]:
                    at = _put_null(out, at)
                else:
                    at = _put(data, starts[element], stops[element], out, at)
                element += 1
            out[at] = 93
            at += 1
        offsets[row + 1] = at
    return at


@nb.njit(cache=True, nogil=True)
def write_objects(data, starts, stops, names, name_offsets, valid, leave_out, line_end, out, offsets):  # type: ignore[no-untyped-def]
    """Write objects whose members are cells and return the size of all.

    Args:
        data: uint8, the cells.
        starts: int64 (member, object), where each begins.
        stops: int64 (member, object), where it ends; before its start for a null.
        names: uint8, the members' names as JSON with a colon behind each, one after the other.
        name_offsets: int64 (members + 1).
        valid: uint8 (object); one that is not becomes an empty cell.
        leave_out: members that are null are not written.
        line_end: a line end is written behind each.
        out: uint8, room for everything.
        offsets: int64 (objects + 1), written.
    """
    at = 0
    offsets[0] = 0
    for row in range(len(valid)):
        if valid[row]:
            out[at] = 123
            at += 1
            first = True
            for member in range(len(starts)):
                missing = stops[member, row] < starts[member, row]
                if missing and leave_out:
                    continue
                if not first:
                    out[at] = 44
                    at += 1
                first = False
                at = _put(names, name_offsets[member], name_offsets[member + 1], out, at)
                begin, end = starts[member, row], stops[member, row]
                at = _put_null(out, at) if missing else _put(data, begin, end, out, at)
            out[at] = 125
            at += 1
            if line_end:
                out[at] = 10
                at += 1
        offsets[row + 1] = at
    return at
