"""JSON text of Arrow columns, one kernel per kind of value: strings with their escapes, lists, objects.

Every value of a column is a cell: a slice of bytes. Cells of parts are put together to cells of what holds them.
"""

import numba as nb
import numpy as np

from headwater.text.instructions import address_of, byte_at, put_byte, word_at, zeros_below
from headwater.text.json_columns import copied
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
def _next_odd(at, end):  # type: ignore[no-untyped-def]
    """Return the address of the next byte that may have to be escaped; ``end`` when there is none."""
    while at + 8 <= end:
        word = word_at(at)
        control = (word - SPACES) & ~word & HIGHS
        found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | control
        found |= zeros(word ^ _E2S) | zeros(word ^ _C2S)
        if found:
            return at + (zeros_below(found) >> 3)
        at += 8
    while at < end:
        code = byte_at(at)
        if code == 34 or code == 92 or code < 32 or code == 0xE2 or code == 0xC2:
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True)
def _separator(at, end):  # type: ignore[no-untyped-def]
    """Return the code point of the line separator that begins here (U+0085, U+2028, U+2029), or 0."""
    if byte_at(at) == 0xC2:
        return 0x85 if at + 1 < end and byte_at(at + 1) == 0x85 else 0
    if byte_at(at) == 0xE2 and at + 2 < end and byte_at(at + 1) == 0x80 and byte_at(at + 2) & 0xFE == 0xA8:
        return 0x1F80 + byte_at(at + 2)
    return 0


@nb.njit(cache=True, nogil=True)
def quoted_size(data, offsets, valid):  # type: ignore[no-untyped-def]
    """Return how many bytes strings take as JSON, at most.

    Args:
        data: uint8, the strings in UTF-8, one after the other.
        offsets: int32 (strings + 1).
        valid: uint8 (string); a null takes none.
    """
    base = address_of(data)
    total = 0
    for row in range(len(valid)):
        if valid[row]:
            at, end = base + offsets[row], base + offsets[row + 1]
            total += 2 + end - at
            while True:
                at = _next_odd(at, end)
                if at >= end:
                    break
                code = byte_at(at)
                total += 1 if code == 34 or code == 92 or (code < 32 and _SHORT[code]) else 0 if code > 92 else 5
                total += 4 if code > 92 and _separator(at, end) else 0
                at += 1
    return total


@nb.njit(cache=True, nogil=True)
def _put_escape(out, code):  # type: ignore[no-untyped-def]
    put_byte(out, 92)
    put_byte(out + 1, 117)
    for place in range(4):
        put_byte(out + 2 + place, np.int64(_HEX[code >> (12 - 4 * place) & 15]))
    return out + 6


@nb.njit(cache=True, nogil=True)
def quote(data, offsets, valid, out, ends):  # type: ignore[no-untyped-def]
    """Write strings as JSON, one after the other.

    What JSON demands is escaped, and the line separators U+0085, U+2028 and U+2029: many readers split lines at them.

    Args:
        data: as for :func:`quoted_size`.
        offsets: likewise.
        valid: likewise.
        out: uint8, room for everything and ``SPARE`` bytes.
        ends: int64 (strings + 1), where each ends; the first entry is 0.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    first = address_of(out)
    to = first
    ends[0] = 0
    for row in range(len(valid)):
        if valid[row]:
            at, end = base + offsets[row], base + offsets[row + 1]
            put_byte(to, 34)
            to += 1
            while True:
                stop = _next_odd(at, end)
                to = copied(at, stop, to, limit)
                if stop >= end:
                    break
                code = byte_at(stop)
                at = stop + 1
                if code == 34 or code == 92:
                    put_byte(to, 92)
                    put_byte(to + 1, code)
                    to += 2
                elif code < 32:
                    if _SHORT[code]:
                        put_byte(to, 92)
                        put_byte(to + 1, np.int64(_SHORT[code]))
                        to += 2
                    else:
                        to = _put_escape(to, code)
                else:
                    separator = _separator(stop, end)
                    if separator:
                        to = _put_escape(to, separator)
                        at = stop + (2 if code == 0xC2 else 3)
                    else:
                        put_byte(to, code)
                        to += 1
            put_byte(to, 34)
            to += 1
        ends[row + 1] = to - first


@nb.njit(cache=True, nogil=True)
def _put_null(out):  # type: ignore[no-untyped-def]
    put_byte(out, 110)
    put_byte(out + 1, 117)
    put_byte(out + 2, 108)
    put_byte(out + 3, 108)
    return out + 4


@nb.njit(cache=True, nogil=True)
def write_lists(data, starts, stops, lengths, out, offsets):  # type: ignore[no-untyped-def]
    """Write lists of cells and return the size of all.

    Args:
        data: uint8, the cells of the elements.
        starts: int64 (element), where each begins.
        stops: int64 (element), where it ends; before its start for a null.
        lengths: int64 (list), how many elements each has; -1 for a null list, which becomes an empty cell.
        out: uint8, room for everything and ``SPARE`` bytes.
        offsets: int64 (lists + 1), written.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    first = address_of(out)
    at = first
    element = 0
    offsets[0] = 0
    for row in range(len(lengths)):
        if lengths[row] >= 0:
            put_byte(at, 91)
            at += 1
            for place in range(lengths[row]):
                if place:
                    put_byte(at, 44)
                    at += 1
                if stops[element] < starts[element]:
                    at = _put_null(at)
                else:
                    at = copied(base + starts[element], base + stops[element], at, limit)
                element += 1
            put_byte(at, 93)
            at += 1
        offsets[row + 1] = at - first
    return at - first


@nb.njit(cache=True, nogil=True)
def write_objects(data, starts, stops, names, name_offsets, valid, leave_out, line_end, out, offsets):  # type: ignore[no-untyped-def]
    """Write objects whose members are cells and return the size of all.

    Args:
        data: uint8, the cells.
        starts: int64 (member, object), where each begins.
        stops: int64 (member, object), where it ends; before its start for a null.
        names: uint8, the members' names as JSON with a colon behind each, one after the other.
        name_offsets: int32 (members + 1).
        valid: uint8 (object); one that is not becomes an empty cell.
        leave_out: members that are null are not written.
        line_end: a line end is written behind each.
        out: uint8, room for everything and ``SPARE`` bytes.
        offsets: int64 (objects + 1), written.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    known, known_limit = address_of(names), address_of(names) + len(names)
    first = address_of(out)
    at = first
    offsets[0] = 0
    for row in range(len(valid)):
        if valid[row]:
            put_byte(at, 123)
            at += 1
            written = 0
            for member in range(len(starts)):
                begin, end = starts[member, row], stops[member, row]
                if end < begin and leave_out:
                    continue
                if written:
                    put_byte(at, 44)
                    at += 1
                written += 1
                at = copied(known + name_offsets[member], known + name_offsets[member + 1], at, known_limit)
                at = _put_null(at) if end < begin else copied(base + begin, base + end, at, limit)
            put_byte(at, 125)
            at += 1
            if line_end:
                put_byte(at, 10)
                at += 1
        offsets[row + 1] = at - first
    return at - first
