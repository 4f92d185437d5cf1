"""Where each value of each line of JSON stands.

``scan`` walks over the bytes of a block once and notes, for the columns that are known, where their values stand; the
others are noted as leftovers. Nothing is guessed: a line that is not plainly one good object (RFC 8259) is marked
``ODD`` and left to a slower and more patient reader, so that a kernel may be strict where Python's parser is generous
(``NaN``, escaped names), and never the other way round. :mod:`headwater.text.json_columns` makes columns of it.

The bytes are taken to be valid UTF-8; :func:`invalid_lines` tells where they are not.
"""

import numba as nb
import numpy as np

from headwater.text.instructions import address_of, byte_at, half_at, word_at, zeros_below

GOOD, EMPTY, ODD = 0, 1, 2
"""What a line is: one object, nothing but white space, something else."""

MISSING, NULL, FALSE, TRUE, INTEGER, NUMBER, STRING, ESCAPED, HALF, NESTED = range(10)
"""What a value is. A string is ``ESCAPED`` when it holds a backslash, ``HALF`` when one of its escapes spells half a
character (a lone surrogate), which UTF-8 cannot hold. An object or list is ``NESTED``."""

MAX_DEPTH = 256
"""Deeper nesting makes a line odd."""

MAX_DIGITS = 1000
"""A longer number makes a line odd: Python refuses integers of more than 4300 digits."""

_ONES = np.uint64(0x0101010101010101)
HIGHS = np.uint64(0x8080808080808080)
QUOTES = np.uint64(0x2222222222222222)
BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
SPACES = np.uint64(0x2020202020202020)

# Helpers take addresses, not arrays: see headwater.text.instructions. Numba infers the types of the kernels' arguments,
# so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202, PLR1714


@nb.njit(cache=True, nogil=True, inline="always")
def zeros(word):  # type: ignore[no-untyped-def]
    """Return a word whose lowest set bit lies in the lowest zero byte of ``word``; zero when there is none."""
    return (word - _ONES) & ~word & HIGHS


@nb.njit(cache=True, nogil=True)
def _next_newline(at, end):  # type: ignore[no-untyped-def]
    while at + 8 <= end:
        found = zeros(word_at(at) ^ _NEWLINES)
        if found:
            return at + (zeros_below(found) >> 3)
        at += 8
    while at < end and byte_at(at) != 10:
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def next_special(at, end):  # type: ignore[no-untyped-def]
    """Return the address of the next quotation mark, backslash or control character; ``end`` when there is none."""
    while at + 8 <= end:
        word = word_at(at)
        control = (word - SPACES) & ~word & HIGHS
        found = zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | control
        if found:
            return at + (zeros_below(found) >> 3)
        at += 8
    while at < end:
        code = byte_at(at)
        if code == 34 or code == 92 or code < 32:
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True, inline="always")
def _space(at, end):  # type: ignore[no-untyped-def]
    while at < end and (byte_at(at) == 32 or byte_at(at) == 9 or byte_at(at) == 13):
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def hex_number(at):  # type: ignore[no-untyped-def]
    """Return the number that four hexadecimal digits spell, or -1."""
    value = 0
    for place in range(at, at + 4):
        code = byte_at(place)
        if 48 <= code <= 57:
            value = value * 16 + (code - 48)
        elif 97 <= code <= 102:
            value = value * 16 + (code - 87)
        elif 65 <= code <= 70:
            value = value * 16 + (code - 55)
        else:
            return -1
    return value


@nb.njit(cache=True, nogil=True)
def _string(at, end):  # type: ignore[no-untyped-def]
    """Return where the string that begins at a quotation mark ends, and its kind; -1 when it is no string."""
    kind = STRING
    at += 1
    while True:
        at = next_special(at, end)
        if at >= end:
            return -1, kind
        code = byte_at(at)
        if code == 34:
            return at + 1, kind
        if code < 32 or at + 1 >= end:
            return -1, kind
        kind = max(kind, ESCAPED)
        code = byte_at(at + 1)
        if code == 117:  # u
            if at + 6 > end:
                return -1, kind
            value = hex_number(at + 2)
            if value < 0:
                return -1, kind
            at += 6
            if 0xD800 <= value < 0xDC00:
                low = hex_number(at + 2) if at + 6 <= end and byte_at(at) == 92 and byte_at(at + 1) == 117 else 0
                if 0xDC00 <= low < 0xE000:
                    at += 6
                else:
                    kind = HALF
            elif 0xDC00 <= value < 0xE000:
                kind = HALF
        elif code in (34, 92, 47, 98, 102, 110, 114, 116):  # " \ / b f n r t
            at += 2
        else:
            return -1, kind


@nb.njit(cache=True, nogil=True)
def _digits(at, end):  # type: ignore[no-untyped-def]
    while at < end and 48 <= byte_at(at) <= 57:
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def _number(at, end):  # type: ignore[no-untyped-def]
    """Return where a number ends, and its kind; -1 when it is none."""
    begin = at
    kind = INTEGER
    if byte_at(at) == 45:
        at += 1
    first = at
    at = _digits(at, end)
    if at == first or (byte_at(first) == 48 and at > first + 1):
        return -1, kind
    if at < end and byte_at(at) == 46:
        kind = NUMBER
        first = at + 1
        at = _digits(first, end)
        if at == first:
            return -1, kind
    if at < end and (byte_at(at) == 101 or byte_at(at) == 69):
        kind = NUMBER
        at += 1
        if at < end and (byte_at(at) == 43 or byte_at(at) == 45):
            at += 1
        first = at
        at = _digits(first, end)
        if at == first:
            return -1, kind
    return (at if at - begin <= MAX_DIGITS else -1), kind


@nb.njit(cache=True, nogil=True)
def _scalar(at, end):  # type: ignore[no-untyped-def]
    """Return where a value that is neither object nor list ends, and its kind; -1 when there is none."""
    code = byte_at(at)
    if code == 34:
        return _string(at, end)
    if code == 45 or 48 <= code <= 57:
        return _number(at, end)
    if code == 110 and at + 4 <= end and byte_at(at + 1) == 117 and byte_at(at + 2) == 108 and byte_at(at + 3) == 108:
        return at + 4, NULL
    if code == 116 and at + 4 <= end and byte_at(at + 1) == 114 and byte_at(at + 2) == 117 and byte_at(at + 3) == 101:
        return at + 4, TRUE
    if (
        code == 102
        and at + 5 <= end
        and byte_at(at + 1) == 97
        and byte_at(at + 2) == 108
        and byte_at(at + 3) == 115
        and byte_at(at + 4) == 101
    ):
        return at + 5, FALSE
    return -1, MISSING


@nb.njit(cache=True, nogil=True)
def _name(at, end):  # type: ignore[no-untyped-def]
    """Return where the value after a member's name begins; -1 when there is no name and colon here."""
    if at >= end or byte_at(at) != 34:
        return -1
    at, _ = _string(at, end)
    if at < 0:
        return -1
    at = _space(at, end)
    if at >= end or byte_at(at) != 58:
        return -1
    at = _space(at + 1, end)
    return at if at < end else -1


@nb.njit(cache=True, nogil=True)
def _nested(at, end, open_ones):  # type: ignore[no-untyped-def]
    """Return where the object or list that begins here ends; -1 when it is none."""
    depth = 0
    while True:
        code = byte_at(at)
        if code == 123 or code == 91:
            if depth == len(open_ones):
                return -1
            open_ones[depth] = code
            depth += 1
            at = _space(at + 1, end)
            if at >= end:
                return -1
            if byte_at(at) != code + 2:  # the closing bracket stands two places behind the opening one in ASCII
                if code == 123:
                    at = _name(at, end)
                    if at < 0:
                        return -1
                continue
        else:
            at, _ = _scalar(at, end)
            if at < 0:
                return -1
            at = _space(at, end)
        while True:  # behind a value, or at the closing bracket of an empty object or list
            if at >= end:
                return -1
            code = byte_at(at)
            if code == open_ones[depth - 1] + 2:
                depth -= 1
                at += 1
                if depth == 0:
                    return at
                at = _space(at, end)
            elif code == 44:
                at = _space(at + 1, end)
                if open_ones[depth - 1] == 123:
                    at = _name(at, end)
                if at < 0 or at >= end:
                    return -1
                break
            else:
                return -1


@nb.njit(cache=True, nogil=True)
def _column(begin, end, names, name_offsets, count, likely):  # type: ignore[no-untyped-def]
    """Return the number of the column of this name, tried first at the ``likely`` one; -1 when there is none.

    Names and their int32 offsets are given by address.
    """
    size = end - begin
    for step in range(count):
        column = likely + step
        if column >= count:
            column -= count
        first = names + half_at(name_offsets + 4 * column)
        if names + half_at(name_offsets + 4 * column + 4) - first != size:
            continue
        same = True
        for place in range(size):
            if byte_at(begin + place) != byte_at(first + place):
                same = False
                break
        if same:
            return column
    return -1


@nb.njit(cache=True, nogil=True)
def scan(  # type: ignore[no-untyped-def]
    data,
    begin,
    end,
    names,
    name_offsets,
    escaped_names,
    kinds,
    starts,
    stops,
    line_starts,
    line_stops,
    states,
    rest,
):
    """Note where the values of the lines from ``begin`` on stand, as far as there is room.

    Args:
        data: uint8, the block; a line ends at byte 0x0A or at ``end``.
        begin: where the first line starts.
        end: where the last line ends.
        names: uint8, the columns' names one after the other.
        name_offsets: int32, where each name begins; one entry more than there are columns.
        escaped_names: a name with a backslash is known to be none of the columns'; otherwise it makes its line odd.
        kinds: uint8 (column, line), what the value is; must be all ``MISSING``.
        starts: int64 (column, line), where the value begins; a string at its quotation mark.
        stops: int64 (column, line), where it ends.
        line_starts: int64 (line), where the line begins.
        line_stops: int64 (line), where it ends, without 0x0A.
        states: uint8 (line), ``GOOD``, ``EMPTY`` or ``ODD``.
        rest: int64 (member, 5), members of good lines under other names: line, begin and end of the name with its
            quotation marks, begin and end of the value.

    Returns:
        Number of lines noted, where the next line starts, number of members in ``rest``. No line is noted when the
        first has more members of other names than ``rest`` has room for.
    """
    count = len(name_offsets) - 1
    base = address_of(data)
    room = np.empty(MAX_DEPTH, dtype=np.uint8)
    known, ends = address_of(names), address_of(name_offsets)
    rows = len(states)
    row = 0
    others = 0
    line = base + begin
    end += base
    while line < end and row < rows:
        kept = others  # members of this line are dropped again when the line turns out to be odd
        state = ODD
        at = _space(line, end)
        if at >= end or byte_at(at) == 10:
            state = EMPTY
        elif byte_at(at) == 123:
            at = _space(at + 1, end)
            likely = 0
            if at < end and byte_at(at) == 125:
                state = GOOD
                at += 1
            while state == ODD:
                name = at
                at = _name(at, end)
                if at < 0:
                    break
                # The name's end: the quotation mark before the colon.
                close = at - 1
                while byte_at(close) != 58:
                    close -= 1
                close -= 1
                while byte_at(close) != 34:
                    close -= 1
                escaped = False
                for place in range(name + 1, close):
                    if byte_at(place) == 92:
                        escaped = True
                        break
                if escaped and not escaped_names:
                    break
                value = at
                kind = NESTED
                if byte_at(at) == 123 or byte_at(at) == 91:
                    at = _nested(at, end, room)
                else:
                    at, kind = _scalar(at, end)
                if at < 0:
                    break
                column = -1 if escaped else _column(name + 1, close, known, ends, count, likely)
                if column >= 0:
                    kinds[column, row] = kind
                    starts[column, row] = value - base
                    stops[column, row] = at - base
                    likely = column + 1 if column + 1 < count else 0
                else:
                    if others == len(rest):
                        for each in range(count):
                            kinds[each, row] = MISSING
                        return row, line - base, kept
                    rest[others, 0] = row
                    rest[others, 1] = name - base
                    rest[others, 2] = close + 1 - base
                    rest[others, 3] = value - base
                    rest[others, 4] = at - base
                    others += 1
                at = _space(at, end)
                if at >= end:
                    break
                if byte_at(at) == 125:
                    state = GOOD
                    at += 1
                elif byte_at(at) == 44:
                    at = _space(at + 1, end)
                else:
                    break
            if state == GOOD:
                at = _space(at, end)
                if at < end and byte_at(at) != 10:
                    state = ODD
        if state == ODD:
            at = _next_newline(line, end)
            others = kept
            for each in range(count):
                kinds[each, row] = MISSING
        line_starts[row] = line - base
        line_stops[row] = at - base
        states[row] = state
        row += 1
        line = at + 1
    return row, min(line, end) - base, others


@nb.njit(cache=True, nogil=True)
def _valid_utf8(at, end):  # type: ignore[no-untyped-def]
    """Say whether bytes are UTF-8 as Unicode defines it (version 15, table 3-7)."""
    while at < end:
        code = byte_at(at)
        at += 1
        if code < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= code <= 0xDF:
            more = 1
        elif 0xE0 <= code <= 0xEF:
            more = 2
            if code == 0xE0:
                low = 0xA0
            elif code == 0xED:
                high = 0x9F
        elif 0xF0 <= code <= 0xF4:
            more = 3
            if code == 0xF0:
                low = 0x90
            elif code == 0xF4:
                high = 0x8F
        else:
            return False
        if at + more > end or not low <= byte_at(at) <= high:
            return False
        for place in range(at + 1, at + more):
            if not 0x80 <= byte_at(place) <= 0xBF:
                return False
        at += more
    return True


@nb.njit(cache=True, nogil=True)
def invalid_lines(data, line_starts, line_stops, out):  # type: ignore[no-untyped-def]
    """Set ``out`` (uint8 per line) to 1 where a line is not UTF-8, to 0 where it is."""
    base = address_of(data)
    for line in range(len(line_starts)):
        out[line] = 0 if _valid_utf8(base + line_starts[line], base + line_stops[line]) else 1
