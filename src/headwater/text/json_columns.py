"""Columns in Arrow's layout out of the values that ``headwater.text.json_lines.scan`` found, one kernel per type."""

import numba as nb
import numpy as np

from headwater.text.json_lines import ESCAPED, INTEGER, NULL, NUMBER, STRING, hex_number, next_special

# The powers of ten a double holds exactly: with a mantissa below 2^53 one multiplication or division rounds right
# (Clinger 1990).
_POWERS = 10.0 ** np.arange(23)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _put_code(out, at, code):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 and return where it ends."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 0x3F
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | code >> 6 & 0x3F
        out[at + 2] = 0x80 | code & 0x3F
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | code >> 12 & 0x3F
    out[at + 2] = 0x80 | code >> 6 & 0x3F
    out[at + 3] = 0x80 | code & 0x3F
    return at + 4


@nb.njit(cache=True, nogil=True)
def _copy(data, begin, end, out, at):  # type: ignore[no-untyped-def]
    for place in range(end - begin):
        out[at + place] = data[begin + place]
    return at + end - begin


@nb.njit(cache=True, nogil=True)
def _put_string(data, words, begin, end, out, at):  # type: ignore[no-untyped-def]
    """Write what a string (given without its quotation marks) stands for, and return where it ends."""
    while begin < end:
        stop = next_special(data, words, begin, end)
        at = _copy(data, begin, stop, out, at)
        if stop >= end:
            break
        code = data[stop + 1]
        begin = stop + 2
        if code == 110:
            out[at] = 10
            at += 1
        elif code == 117:
            value = hex_number(data, stop + 2)
            begin = stop + 6
            if 0xD800 <= value < 0xDC00:
                value = 0x10000 + ((value - 0xD800) << 10) + (hex_number(data, stop + 8) - 0xDC00)
                begin = stop + 12
            at = _put_code(out, at, value)
        else:
            if code == 116:
                code = 9
            elif code == 114:
                code = 13
            elif code == 98:
                code = 8
            elif code == 102:
                code = 12
            out[at] = code
            at += 1
    return at


@nb.njit(cache=True, nogil=True)
def fill_text(data, words, kinds, starts, stops, rows, as_written, raw_strings, out, offsets, valid):  # type: ignore[no-untyped-def]
    """Write one column of text and return the size of the text in bytes.

    Args:
        data: the block, as for ``scan``.
        words: the block, as for ``scan``.
        kinds: uint8 (line), the column's row of what ``scan`` noted.
        starts: int64 (line), likewise.
        stops: int64 (line), likewise.
        rows: int64, the lines that are wanted.
        as_written: uint8 (10), by kind: 1 where a value other than a string is written as the JSON that stands there.
        raw_strings: strings are written as JSON too, with quotation marks and escapes.
        out: uint8, room for all values as they stand.
        offsets: int32 (rows + 1), Arrow's offsets.
        valid: uint8 (row), 1 where there is a value; other kinds give none.
    """
    at = 0
    offsets[0] = 0
    for number in range(len(rows)):
        row = rows[number]
        kind = kinds[row]
        valid[number] = 1
        if not raw_strings and kind == STRING:
            at = _copy(data, starts[row] + 1, stops[row] - 1, out, at)
        elif not raw_strings and kind == ESCAPED:
            at = _put_string(data, words, starts[row] + 1, stops[row] - 1, out, at)
        elif as_written[kind]:
            at = _copy(data, starts[row], stops[row], out, at)
        else:
            valid[number] = 0
        offsets[number + 1] = at
    return at


@nb.njit(cache=True, nogil=True)
def fill_integers(data, kinds, starts, stops, rows, out, valid):  # type: ignore[no-untyped-def]
    """Write one column of int64; ``valid`` is 0 where there is no integer that fits."""
    for number in range(len(rows)):
        row = rows[number]
        out[number] = 0
        valid[number] = 0
        if kinds[row] != INTEGER:
            continue
        at = starts[row]
        negative = data[at] == 45
        if negative:
            at += 1
        if stops[row] - at > 18:  # the few longer ones that fit are left to the caller
            continue
        value = 0
        while at < stops[row]:
            value = value * 10 + (data[at] - 48)
            at += 1
        out[number] = -value if negative else value
        valid[number] = 1


@nb.njit(cache=True, nogil=True)
def fill_numbers(data, kinds, starts, stops, rows, out, valid):  # type: ignore[no-untyped-def]
    """Write one column of float64, correctly rounded; ``valid`` is 0 where there is none or it needs more care.

    An integer is only taken when a double holds it exactly.
    """
    for number in range(len(rows)):
        row = rows[number]
        out[number] = 0.0
        valid[number] = 0
        if kinds[row] != INTEGER and kinds[row] != NUMBER:
            continue
        at = starts[row]
        stop = stops[row]
        negative = data[at] == 45
        if negative:
            at += 1
        value = 0
        digits = 0
        power = 0
        fraction = False
        while at < stop and (data[at] == 46 or 48 <= data[at] <= 57):
            if data[at] == 46:
                fraction = True
            else:
                value = value * 10 + (data[at] - 48)
                digits += 1 if value > 0 else 0
                power -= 1 if fraction else 0
                if digits > 15:  # below 10^15 and so below 2^53
                    break
            at += 1
        if digits > 15:
            continue
        if at < stop:  # an exponent
            at += 1
            down = data[at] == 45
            if down or data[at] == 43:
                at += 1
            exponent = 0
            while at < stop and exponent < 10000:
                exponent = exponent * 10 + (data[at] - 48)
                at += 1
            power += -exponent if down else exponent
        if power > 22 or power < -22:
            continue
        result = float(value)
        result = result * _POWERS[power] if power >= 0 else result / _POWERS[-power]
        out[number] = -result if negative else result
        valid[number] = 1


@nb.njit(cache=True, nogil=True)
def fill_objects(members, data, names, name_offsets, rows, out, offsets, valid):  # type: ignore[no-untyped-def]
    """Write one column of JSON objects made of single members; returns its size in bytes.

    Args:
        members: int64 (member, 5), by row: number of the row, begin and end of the name, begin and end of the value. A
            negative begin means the name of column ``-begin - 1``.
        data: the block.
        names: uint8, the columns' names as JSON with their quotation marks, one after the other.
        name_offsets: int64, where each begins.
        rows: number of rows.
        out: uint8, room for everything.
        offsets: int32 (rows + 1).
        valid: uint8 (row), 0 where a row has no member.
    """
    at = 0
    offsets[0] = 0
    member = 0
    for row in range(rows):
        valid[row] = 0
        while member < len(members) and members[member, 0] == row:
            out[at] = 44 if valid[row] else 123
            at += 1
            begin = members[member, 1]
            if begin < 0:
                at = _copy(names, name_offsets[-begin - 1], name_offsets[-begin], out, at)
            else:
                at = _copy(data, begin, members[member, 2], out, at)
            out[at] = 58
            at = _copy(data, members[member, 3], members[member, 4], out, at + 1)
            valid[row] = 1
            member += 1
        if valid[row]:
            out[at] = 125
            at += 1
        offsets[row + 1] = at
    return at


@nb.njit(cache=True, nogil=True)
def wrap_values(data, kinds, starts, stops, rows, before, out):  # type: ignore[no-untyped-def]
    """Write each value as the only member of an object on a line of its own and return the size of it all.

    Args:
        data: the block.
        kinds: uint8 (line), as for :func:`fill_text`; a missing value is written as null.
        starts: int64 (line).
        stops: int64 (line).
        rows: int64, the lines that are wanted.
        before: uint8, what stands before the value: an opening bracket, a name and a colon.
        out: uint8, room for everything.
    """
    at = 0
    for row in rows:
        at = _copy(before, 0, len(before), out, at)
        if kinds[row] <= NULL:
            out[at] = 110
            out[at + 1] = 117
            out[at + 2] = 108
            out[at + 3] = 108
            at += 4
        else:
            at = _copy(data, starts[row], stops[row], out, at)
        out[at] = 125
        out[at + 1] = 10
        at += 2
    return at
