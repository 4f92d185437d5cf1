"""Lines of a list, found in texts and removed from them.

A line is what stands between line feeds; white space at its ends does not count, nor case if so wanted. Lines are
looked up by hash and then compared letter by letter.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.letters import is_space, letters, small_letters
from headwater.text.utf8 import utf8_bytes

_PRIME = np.uint64(0x100000001B3)
_EMPTY = np.uint64(0xCBF29CE484222325)


@dataclass(frozen=True, slots=True, eq=False)
class LineList:
    """A list of lines, ready to be looked up."""

    data: NDArray[np.uint8]
    """UTF-8 of the lines one after another."""
    offsets: NDArray[np.int64]
    places: NDArray[np.int32]
    """Lines by hash with open addressing, -1 where free."""
    letters: NDArray[np.uint32]

    def count(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return per text the lines that are on the list, and all its lines that are not blank."""
        found, lines, _, _ = _scan(data, offsets, self.data, self.offsets, self.places, self.letters, False)
        return found, lines

    def cut(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the texts without lines that are on the list, and where each begins."""
        return _scan(data, offsets, self.data, self.offsets, self.places, self.letters, True)[2:]


def line_list(entries: pa.Array, *, ignore_case: bool) -> LineList:
    """Return a list of lines ready to be looked up."""
    table = letters(ignore_case=ignore_case)
    data, offsets, places = _build(*utf8_bytes(entries), table)
    return LineList(data, offsets, places, table)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _hash(data, begin, end):  # type: ignore[no-untyped-def]
    value = _EMPTY
    for at in range(begin, end):
        value = (value ^ np.uint64(data[at])) * _PRIME
    return value ^ (value >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _place(data, begin, end, lines, offsets, places):  # type: ignore[no-untyped-def]
    """Return where a line is in the table, or the free place it would be put."""
    mask = np.uint64(len(places) - 1)
    place = _hash(data, begin, end) & mask
    while places[place] >= 0:
        first = offsets[places[place]]
        if offsets[places[place] + 1] - first == end - begin:
            same = True
            for i in range(end - begin):
                if lines[first + i] != data[begin + i]:
                    same = False
                    break
            if same:
                break
        place = (place + np.uint64(1)) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _trimmed(data, begin, end):  # type: ignore[no-untyped-def]
    """Return where a line begins and ends without white space at its ends."""
    while begin < end:
        size = is_space(data, begin, end)
        if size == 0:
            break
        begin += size
    while end > begin:
        first = end - 1
        while first > begin and data[first] & 0xC0 == 0x80:
            first -= 1
        if is_space(data, first, end) == 0:
            break
        end = first
    return begin, end


@nb.njit(cache=True, nogil=True)
def _build(data, offsets, table):  # type: ignore[no-untyped-def]
    entries = len(offsets) - 1
    lines = np.empty(2 * (offsets[-1] - offsets[0]), dtype=np.uint8)
    starts = np.zeros(entries + 1, dtype=np.int64)
    size = 16
    while size < 2 * entries:
        size *= 2
    places = np.full(size, -1, dtype=np.int32)
    for entry in range(entries):
        first, last = _trimmed(data, offsets[entry], offsets[entry + 1])
        begin = starts[entry]
        starts[entry + 1] = small_letters(data, first, last, table, lines, begin)
        place = _place(lines, begin, starts[entry + 1], lines, starts, places)
        if places[place] < 0:
            places[place] = entry
    return lines[: starts[-1]].copy(), starts, places


@nb.njit(cache=True, nogil=True)
def _scan(data, offsets, entries, entry_offsets, places, table, cuts):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    found = np.zeros(texts, dtype=np.int32)
    lines = np.zeros(texts, dtype=np.int64)
    out = np.empty(offsets[-1] - offsets[0] if cuts else 0, dtype=np.uint8)
    starts = np.zeros(texts + 1, dtype=np.int64)
    longest_text = longest = 0
    for row in range(texts):
        longest_text = max(longest_text, offsets[row + 1] - offsets[row])
    for entry in range(len(entry_offsets) - 1):
        longest = max(longest, entry_offsets[entry + 1] - entry_offsets[entry])
    line = np.empty(2 * longest_text + 8, dtype=np.uint8)
    for row in range(texts):
        end = offsets[row + 1]
        at = offsets[row]
        written = starts[row]
        first_line = True
        while at <= end:
            stop = at
            while stop < end and data[stop] != 10:
                stop += 1
            first, last = _trimmed(data, at, stop)
            listed = False
            if first < last:
                lines[row] += 1
                # A small letter takes at most half as many bytes more, or a third of them, than its capital.
                if last - first <= 3 * longest:
                    size = small_letters(data, first, last, table, line, 0)
                    listed = places[_place(line, 0, size, entries, entry_offsets, places)] >= 0
                    found[row] += listed
            if cuts and not listed:
                if not first_line:
                    out[written] = 10
                    written += 1
                out[written : written + stop - at] = data[at:stop]
                written += stop - at
                first_line = False
            at = stop + 1
        starts[row + 1] = written
    return found, lines, out[: starts[-1]].copy(), starts
