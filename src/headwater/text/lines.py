"""Lines and paragraphs of a text, counted as published rules define them, straight from UTF-8.

Four notions of a line are in use at once. Gopher's repetition rules split at every run of line feeds (lines) and, after
stripping, at runs of two or more (paragraphs). Its quality rules split as Python's ``splitlines`` does, at further
characters too. FineWeb splits at each line feed and leaves out lines of nothing but white space.
"""

from functools import cache
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.byte_kernels import characters_in, equal_bytes, find_byte, hash_bytes, skip_spaces, spaces_before
from headwater.text.instructions import address_of, byte_at, first_bytes
from headwater.text.punctuation import TERMINAL

SHORT_LINE = 30
"""Characters a line has at most to count as short (FineWeb)."""


class LineCounts(NamedTuple):
    """Whole numbers, one per text, int64."""

    characters: NDArray[np.int64]
    """Code points of the text."""
    line_feeds: NDArray[np.int64]
    hashes: NDArray[np.int64]
    """Number signs."""
    ellipses: NDArray[np.int64]
    """Three full stops, counted from the left without overlap, and the character U+2026."""
    paragraphs: NDArray[np.int64]
    """Parts of the stripped text between two or more line feeds."""
    repeated_paragraphs: NDArray[np.int64]
    """Second and later occurrences."""
    repeated_paragraph_characters: NDArray[np.int64]
    lines: NDArray[np.int64]
    """Parts of the text between one or more line feeds, with the empty ones at its ends."""
    repeated_lines: NDArray[np.int64]
    repeated_line_characters: NDArray[np.int64]
    split_lines: NDArray[np.int64]
    """Lines as ``str.splitlines``."""
    bullet_lines: NDArray[np.int64]
    """Of these, lines beginning with U+2022 or a hyphen."""
    ellipsis_lines: NDArray[np.int64]
    """Of these, lines ending in three full stops or U+2026."""
    filled_lines: NDArray[np.int64]
    """Parts between single line feeds that are more than white space."""
    ended_lines: NDArray[np.int64]
    """Of these, lines whose last character is terminal punctuation."""
    short_lines: NDArray[np.int64]
    """Of these, lines of at most ``SHORT_LINE`` characters."""
    repeated_filled_characters: NDArray[np.int64]
    """Characters of second and later occurrences of these lines."""


(
    _CHARACTERS, _LINE_FEEDS, _HASHES, _ELLIPSES, _PARAGRAPHS, _REPEATED_PARAGRAPHS, _REPEATED_PARAGRAPH_CHARACTERS,
    _LINES, _REPEATED_LINES, _REPEATED_LINE_CHARACTERS, _SPLIT_LINES, _BULLET_LINES, _ELLIPSIS_LINES, _FILLED_LINES,
    _ENDED_LINES, _SHORT_LINES, _REPEATED_FILLED_CHARACTERS,
) = range(len(LineCounts._fields))  # fmt: skip


def line_counts(data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> LineCounts:
    """Return the counts of lines, paragraphs and characters of texts.

    Args:
        data: UTF-8, uint8, read-only.
        begins: where each text begins, int64.
        ends: where each text ends, int64.
    """
    counts = np.zeros((len(begins), len(LineCounts._fields)), dtype=np.int64)
    _count(data, begins, ends, _terminal(), counts)
    return LineCounts(*np.ascontiguousarray(counts.T))


@cache
def _terminal() -> NDArray[np.int32]:
    """Return the code points of terminal punctuation, sorted."""
    return np.array(sorted(map(ord, TERMINAL)), dtype=np.int32)


# Numba infers the types of the kernels' arguments, so they carry no annotations. Comparisons stand one by one: a set
# would be built at every call.
# ruff: noqa: ANN001, ANN201, ANN202, PLR1714, SIM109

_ELLIPSIS, _BULLET, _THREE_DOTS = 0xE280A6, 0xE280A2, 0x2E2E2E  # as UTF-8
_DOT, _HASH, _HYPHEN = 0x2E, 0x23, 0x2D
_NONE = np.uint64(0)


@nb.njit(cache=True, nogil=True)
def three_bytes(at, end):  # type: ignore[no-untyped-def]
    """Return three bytes as a number, the first one highest; 0 if there are fewer."""
    return byte_at(at) << 16 | byte_at(at + 1) << 8 | byte_at(at + 2) if at + 3 <= end else 0


@nb.njit(cache=True, nogil=True)
def break_bytes(at, end):  # type: ignore[no-untyped-def]
    """Return how many bytes the line break at ``at`` has, one that ``str.splitlines`` knows; 0 if there is none."""
    byte = byte_at(at)
    if byte < 0x1F:
        if byte == 0x0D:
            return 2 if at + 1 < end and byte_at(at + 1) == 0x0A else 1
        return 1 if 0x0A <= byte <= 0x0C or byte >= 0x1C else 0
    if byte == 0xC2:
        return 2 if at + 1 < end and byte_at(at + 1) == 0x85 else 0
    if byte == 0xE2:
        code = three_bytes(at, end)
        return 3 if code == 0xE280A8 or code == 0xE280A9 else 0
    return 0


@nb.njit(cache=True, nogil=True)
def _last_character(begin, end):  # type: ignore[no-untyped-def]
    """Return the code point of the last character of a text that is not empty."""
    at = end - 1
    while at > begin and byte_at(at) & 0xC0 == 0x80:
        at -= 1
    byte = byte_at(at)
    if byte < 0x80:
        return byte
    code = byte & (0x1F if byte < 0xE0 else 0x0F if byte < 0xF0 else 0x07)
    for i in range(at + 1, end):
        code = code << 6 | (byte_at(i) & 0x3F)
    return code


@nb.njit(cache=True, nogil=True)
def _is_terminal(code, terminal):  # type: ignore[no-untyped-def]
    if code < 0x80:
        return code == 0x2E or code == 0x3F or code == 0x21
    place = np.searchsorted(terminal, code)
    return place < len(terminal) and terminal[place] == code


@nb.njit(cache=True, nogil=True)
def _known(begin, end, last, table, where, mask, base):  # type: ignore[no-untyped-def]
    """Return whether the stretch is in the table; enter it if not. Stretches are compared in full."""
    length = end - begin
    value = hash_bytes(begin, length, first_bytes(begin, length, last))
    slot = np.int64(value & np.uint64(mask))
    tag = value | np.uint64(1)
    while True:
        held = table[slot]
        if held == _NONE:
            table[slot] = tag
            where[slot, 0], where[slot, 1] = begin - base, length
            return False
        if held == tag and where[slot, 1] == length and equal_bytes(base + where[slot, 0], begin, length, last):
            return True
        slot = (slot + 1) & mask


@nb.njit(cache=True, nogil=True)
def _note_line(begin, end, counts):  # type: ignore[no-untyped-def]
    """Count one line of ``str.splitlines``."""
    counts[_SPLIT_LINES] += 1
    first = skip_spaces(begin, end)
    if first < end:
        counts[_BULLET_LINES] += byte_at(first) == _HYPHEN or three_bytes(first, end) == _BULLET
        final = spaces_before(first, end)
        if final - first >= 3:
            code = three_bytes(final - 3, final)
            counts[_ELLIPSIS_LINES] += code == _ELLIPSIS or code == _THREE_DOTS


@nb.njit(cache=True, nogil=True)
def _note_parts(begin, end, line_feed, counts):  # type: ignore[no-untyped-def]
    """Count the lines that other breaks make of the stretch before a line feed, or before the end of the text."""
    start = at = begin
    closed = False
    while at < end:
        size = break_bytes(at, end)
        if size:
            # A carriage return just before the line feed is one break with it.
            closed = line_feed and at + 1 == end and byte_at(at) == 0x0D
            _note_line(start, at, counts)
            start = at + size
        at += max(size, 1)
    if start < end or (line_feed and not closed):
        _note_line(start, end, counts)


@nb.njit(cache=True, nogil=True)
def _paragraphs(begin, end, last, table, where, mask, base, is_ascii, counts):  # type: ignore[no-untyped-def]
    """Count the paragraphs of a stripped text."""
    start = at = begin
    while True:
        at = find_byte(0x0A, at, end, last)
        after = at
        while after < end and byte_at(after) == 0x0A:
            after += 1
        if at == end or after - at > 1:
            counts[_PARAGRAPHS] += 1
            if _known(start, at, last, table, where, mask, base):
                counts[_REPEATED_PARAGRAPHS] += 1
                counts[_REPEATED_PARAGRAPH_CHARACTERS] += at - start if is_ascii else characters_in(start, at)
            start = after
        if at == end:
            return
        at = after


@nb.njit(cache=True, nogil=True)
def _lines(begin, end, last, table, where, mask, base, is_ascii, other_breaks, terminal, counts):  # type: ignore[no-untyped-def]
    """Count the lines of a text."""
    start = begin
    while True:
        at = find_byte(0x0A, start, end, last)
        line_feed = at < end
        if other_breaks:
            _note_parts(start, at, line_feed, counts)
        elif line_feed or start < at:
            _note_line(start, at, counts)
        if start < at:
            counts[_LINES] += 1
            filled = skip_spaces(start, at) < at
            size = at - start if is_ascii else characters_in(start, at)
            if filled:
                counts[_FILLED_LINES] += 1
                counts[_SHORT_LINES] += size <= SHORT_LINE
                counts[_ENDED_LINES] += _is_terminal(_last_character(start, at), terminal)
            if _known(start, at, last, table, where, mask, base):
                counts[_REPEATED_LINES] += 1
                counts[_REPEATED_LINE_CHARACTERS] += size
                if filled:
                    counts[_REPEATED_FILLED_CHARACTERS] += size
        elif start == begin or not line_feed:
            # The empty lines at the beginning and the end, which splitting at runs of line feeds leaves.
            counts[_LINES] += 1
        if not line_feed:
            return
        start = at + 1


@nb.njit(cache=True, nogil=True)
def _marks(data, begin, end, counts):  # type: ignore[no-untyped-def]
    """Count characters, line feeds, number signs and ellipses; return whether there are breaks beside line feeds."""
    characters = line_feeds = hashes = controls = leads = dots = 0
    for i in range(begin, end):
        byte = data[i]
        characters += (byte & 0xC0) != 0x80
        line_feeds += byte == 0x0A
        hashes += byte == _HASH
        dots += byte == _DOT
        leads += byte == 0xE2 or byte == 0xC2
        controls += (0x0B <= byte <= 0x0D) or (0x1C <= byte <= 0x1E)
    counts[_CHARACTERS], counts[_LINE_FEEDS], counts[_HASHES] = characters, line_feeds, hashes
    ellipses = 0
    breaks = controls > 0
    if dots >= 3:
        run = 0
        for i in range(begin, end):
            if data[i] == _DOT:
                run += 1
                if run == 3:
                    ellipses += 1
                    run = 0
            else:
                run = 0
    if leads:
        for i in range(begin, end - 1):
            if data[i] == 0xE2 and data[i + 1] == 0x80 and i + 2 < end:
                ellipses += data[i + 2] == 0xA6
                breaks |= data[i + 2] == 0xA8 or data[i + 2] == 0xA9
            breaks |= data[i] == 0xC2 and data[i + 1] == 0x85
    counts[_ELLIPSES] = ellipses
    return breaks


@nb.njit(cache=True, nogil=True)
def _count(data, begins, ends, terminal, counts):  # type: ignore[no-untyped-def]
    base = address_of(data)
    last = base + len(data)
    table = np.empty(256, dtype=np.uint64)
    where = np.empty((256, 2), dtype=np.int64)
    for row in range(len(begins)):
        mine = counts[row]
        begin, end = base + begins[row], base + ends[row]
        other_breaks = _marks(data, begins[row], ends[row], mine)
        is_ascii = mine[_CHARACTERS] == end - begin
        size = 16
        while size < 2 * mine[_LINE_FEEDS] + 2:
            size *= 2
        if size > len(table):
            table = np.empty(size, dtype=np.uint64)
            where = np.empty((size, 2), dtype=np.int64)
        table[:size] = 0
        if begin < end:
            _lines(begin, end, last, table, where, size - 1, base, is_ascii, other_breaks, terminal, mine)
            # The empty line at the end repeats the one at the beginning.
            mine[_REPEATED_LINES] += byte_at(begin) == 0x0A and byte_at(end - 1) == 0x0A
        table[:size] = 0
        first = skip_spaces(begin, end)
        _paragraphs(first, spaces_before(first, end), last, table, where, size - 1, base, is_ascii, mine)
