"""Lines of a list, found in texts and removed from them.

A line is what stands between line feeds; white space at its ends does not count, nor case if so wanted. Lines are
looked up by hash and then compared letter by letter.
"""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.hashing import xxhash64
from headwater.text.letters import is_space, letters, small_letters
from headwater.text.utf8 import utf8_bytes

_SEED = np.uint64(0)
_SMALL_K = 107
_BEYOND = 128  # stands for all bytes beyond ASCII, which change with the case


@dataclass(frozen=True, slots=True, eq=False)
class LineList:
    """A list of lines, ready to be looked up."""

    data: NDArray[np.uint8]
    """UTF-8 of the lines one after another."""
    offsets: NDArray[np.int64]
    places: NDArray[np.int32]
    """Lines by hash with open addressing, -1 where free."""
    ends: NDArray[np.bool_]
    """Whether a line begins and ends with two bytes, both as small letters: most lines are dismissed by it."""
    longest: int
    """Bytes of the longest line."""
    letters: NDArray[np.uint32]
    folds: bool

    def count(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return per text the lines that are on the list, and all its lines that are not blank."""
        return self._scan(data, offsets, False)[:2]

    def cut(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the texts without lines that are on the list, and where each begins."""
        return self._scan(data, offsets, True)[2:]

    def _scan(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], cuts: bool) -> tuple[Any, Any, Any, Any]:
        return _scan(
            data, offsets, self.data, self.offsets, self.places, self.ends, self.longest, self.letters, self.folds, cuts
        )


def line_list(entries: pa.Array, *, ignore_case: bool) -> LineList:
    """Return a list of lines ready to be looked up."""
    table = letters(ignore_case=ignore_case)
    data, offsets, places, ends = _build(*utf8_bytes(entries), table)
    return LineList(data, offsets, places, ends, int(np.diff(offsets).max()), table, ignore_case)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _place(data, begin, end, lines, offsets, places):  # type: ignore[no-untyped-def]
    """Return where a line is in the table, or the free place it would be put."""
    mask = np.uint64(len(places) - 1)
    place = xxhash64(data, begin, end, _SEED) & mask
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
    ends = np.zeros((_BEYOND + 1, _BEYOND + 1), dtype=np.bool_)
    for entry in range(entries):
        first, last = _trimmed(data, offsets[entry], offsets[entry + 1])
        begin = starts[entry]
        starts[entry + 1] = small_letters(data, first, last, table, lines, begin)
        place = _place(lines, begin, starts[entry + 1], lines, starts, places)
        if places[place] < 0:
            places[place] = entry
        if first < last:
            left, right = _end(lines[begin]), _end(lines[starts[entry + 1] - 1])
            ends[left, right] = True
            # The Kelvin sign is the one letter beyond ASCII whose small letter is within.
            if left == _SMALL_K:
                ends[_BEYOND, right] = True
            if right == _SMALL_K:
                ends[left, _BEYOND] = True
            if left == _SMALL_K and right == _SMALL_K:
                ends[_BEYOND, _BEYOND] = True
    return lines[: starts[-1]].copy(), starts, places, ends


@nb.njit(cache=True, nogil=True)
def _end(byte):  # type: ignore[no-untyped-def]
    """Return the place of a line's first or last byte in the table of ends."""
    if byte >= _BEYOND:
        return _BEYOND
    return byte | 32 if 65 <= byte <= 90 else byte


@nb.njit(cache=True, nogil=True)
def _line_feed(data, at, end):  # type: ignore[no-untyped-def]
    while at < end and data[at] != 10:
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def _is_listed(data, first, last, entries, entry_offsets, places, table, folds, line):  # type: ignore[no-untyped-def]
    if not folds:
        return places[_place(data, first, last, entries, entry_offsets, places)] >= 0
    size = small_letters(data, first, last, table, line, 0)
    return places[_place(line, 0, size, entries, entry_offsets, places)] >= 0


@nb.njit(cache=True, nogil=True)
def _scan(  # type: ignore[no-untyped-def]
    data, offsets, entries, entry_offsets, places, ends, longest, table, folds, cuts
):  # fmt: skip
    texts = len(offsets) - 1
    found = np.zeros(texts, dtype=np.int32)
    lines = np.zeros(texts, dtype=np.int64)
    out = np.empty(offsets[-1] - offsets[0] if cuts else 0, dtype=np.uint8)
    starts = np.zeros(texts + 1, dtype=np.int64)
    # A small letter takes at most three bytes where its capital takes one, or one where it takes three.
    longest *= 3
    line = np.empty(3 * longest + 8, dtype=np.uint8)
    for row in range(texts):
        end = offsets[row + 1]
        at = offsets[row]
        written = starts[row]
        first_line = True
        while at <= end:
            stop = _line_feed(data, at, end)
            first, last = at, stop
            if first < last and (
                data[first] <= 32 or data[last - 1] <= 32 or data[first] >= 128 or data[last - 1] >= 128
            ):
                first, last = _trimmed(data, first, last)
            listed = False
            if first < last:
                lines[row] += 1
                if last - first <= longest and ends[_end(data[first]), _end(data[last - 1])]:
                    listed = _is_listed(data, first, last, entries, entry_offsets, places, table, folds, line)
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
