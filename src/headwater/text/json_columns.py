"""Columns in Arrow's layout out of the values that ``headwater.text.json_lines.scan`` found, one kernel per type."""

import numba as nb
import numpy as np

from headwater.text.instructions import address_of, byte_at, put_byte, put_word, word_at
from headwater.text.json_lines import ESCAPED, INTEGER, NULL, NUMBER, STRING, hex_number, next_special

SPARE = 8
"""Bytes behind what a kernel writes that must be there as well: eight are written at once."""

# The powers of ten a double holds exactly: with a mantissa below 2^53 one multiplication or division rounds right
# (Clinger 1990).
_POWERS = 10.0 ** np.arange(23)
_NULL = (110, 117, 108, 108)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def copied(begin, end, out, limit):  # type: ignore[no-untyped-def]
    """Copy bytes from one address to another and return the address behind them.

    Args:
        begin: of the first byte.
        end: behind the last byte.
        out: where to, with ``SPARE`` bytes of room more than are copied.
        limit: behind the last byte that may be read.
    """
    last = min(end, limit - 7)
    while begin < last:
        put_word(out, word_at(begin))
        begin += 8
        out += 8
    while begin < end:
        put_byte(out, byte_at(begin))
        begin += 1
        out += 1
    return out + end - begin


@nb.njit(cache=True, nogil=True)
def _put_code(out, code):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 and return the address behind it."""
    if code < 0x80:
        put_byte(out, code)
        return out + 1
    if code < 0x800:
        put_byte(out, 0xC0 | code >> 6)
        put_byte(out + 1, 0x80 | code & 0x3F)
        return out + 2
    if code < 0x10000:
        put_byte(out, 0xE0 | code >> 12)
        put_byte(out + 1, 0x80 | code >> 6 & 0x3F)
        put_byte(out + 2, 0x80 | code & 0x3F)
        return out + 3
    put_byte(out, 0xF0 | code >> 18)
    put_byte(out + 1, 0x80 | code >> 12 & 0x3F)
    put_byte(out + 2, 0x80 | code >> 6 & 0x3F)
    put_byte(out + 3, 0x80 | code & 0x3F)
    return out + 4


@nb.njit(cache=True, nogil=True)
def _put_string(begin, end, out, limit):  # type: ignore[no-untyped-def]
    """Write what a string (given without its quotation marks) stands for, and return the address behind it."""
    while begin < end:
        stop = next_special(begin, end)
        out = copied(begin, stop, out, limit)
        if stop >= end:
            break
        code = byte_at(stop + 1)
        begin = stop + 2
        if code == 117:
            value = hex_number(stop + 2)
            begin = stop + 6
            if 0xD800 <= value < 0xDC00:
                value = 0x10000 + ((value - 0xD800) << 10) + (hex_number(stop + 8) - 0xDC00)
                begin = stop + 12
            out = _put_code(out, value)
            continue
        if code == 110:
            code = 10
        elif code == 116:
            code = 9
        elif code == 114:
            code = 13
        elif code == 98:
            code = 8
        elif code == 102:
            code = 12
        put_byte(out, code)
        out += 1
    return out


@nb.njit(cache=True, nogil=True)
def fill_text(data, kinds, starts, stops, rows, as_written, raw_strings, out, offsets, valid):  # type: ignore[no-untyped-def]
    """Write one column of text and return the size of the text in bytes.

    Args:
        data: the block, as for ``scan``.
        kinds: uint8 (line), the column's row of what ``scan`` noted.
        starts: int64 (line), likewise.
        stops: int64 (line), likewise.
        rows: int64, the lines that are wanted.
        as_written: uint8 (10), by kind: 1 where a value other than a string is written as the JSON that stands there.
        raw_strings: strings are written as JSON too, with quotation marks and escapes.
        out: uint8, room for all values as they stand, and ``SPARE`` bytes.
        offsets: int32 (rows + 1), Arrow's offsets.
        valid: uint8 (row), 1 where there is a value; other kinds give none.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    first = address_of(out)
    at = first
    offsets[0] = 0
    for number in range(len(rows)):
        row = rows[number]
        kind = kinds[row]
        valid[number] = 1
        begin, end = base + starts[row], base + stops[row]
        if not raw_strings and kind == STRING:
            at = copied(begin + 1, end - 1, at, limit)
        elif not raw_strings and kind == ESCAPED:
            at = _put_string(begin + 1, end - 1, at, limit)
        elif as_written[kind]:
            at = copied(begin, end, at, limit)
        else:
            valid[number] = 0
        offsets[number + 1] = at - first
    return at - first


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
        name_offsets: int32, where each begins.
        rows: number of rows.
        out: uint8, room for everything and ``SPARE`` bytes.
        offsets: int32 (rows + 1).
        valid: uint8 (row), 0 where a row has no member.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    known, known_limit = address_of(names), address_of(names) + len(names)
    first = address_of(out)
    at = first
    offsets[0] = 0
    member = 0
    for row in range(rows):
        valid[row] = 0
        while member < len(members) and members[member, 0] == row:
            put_byte(at, 44 if valid[row] else 123)
            at += 1
            begin = members[member, 1]
            if begin < 0:
                at = copied(known + name_offsets[-begin - 1], known + name_offsets[-begin], at, known_limit)
            else:
                at = copied(base + begin, base + members[member, 2], at, limit)
            put_byte(at, 58)
            at = copied(base + members[member, 3], base + members[member, 4], at + 1, limit)
            valid[row] = 1
            member += 1
        if valid[row]:
            put_byte(at, 125)
            at += 1
        offsets[row + 1] = at - first
    return at - first


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
        out: uint8, room for everything and ``SPARE`` bytes.
    """
    base, limit = address_of(data), address_of(data) + len(data)
    start, start_limit = address_of(before), address_of(before) + len(before)
    first = address_of(out)
    at = first
    for row in rows:
        at = copied(start, start_limit, at, start_limit)
        if kinds[row] <= NULL:
            for code in _NULL:
                put_byte(at, code)
                at += 1
        else:
            at = copied(base + starts[row], base + stops[row], at, limit)
        put_byte(at, 125)
        put_byte(at + 1, 10)
        at += 2
    return at - first
