"""Strings of a list, found anywhere in texts.

The strings are sorted, and a table leads from the first four bytes to those that begin with them; from there on the
range of strings that agree with the text is narrowed byte by byte. Most places of a text are dismissed by one bit.
Strings of fewer than four bytes are looked up by themselves. The cost per byte does not grow with the number of
strings, but in texts made to repeat the beginning of a long string it grows with its length.
"""

from dataclasses import dataclass
from itertools import pairwise

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.letters import letters, small_letter_texts, small_letters
from headwater.text.utf8 import utf8_bytes

_BEGINNING = 4
_MULTIPLIER = np.uint32(0x9E3779B1)
_LEAST_BITS = 12


@dataclass(frozen=True, slots=True, eq=False)
class SubstringList:
    """A list of strings, ready to be searched for."""

    data: NDArray[np.uint8]
    """UTF-8 of the strings, sorted, one after another."""
    offsets: NDArray[np.int64]
    bits: NDArray[np.uint32]
    """A bit per hash of four bytes: whether a string may begin with them."""
    beginnings: NDArray[np.int64]
    """Rows of four bytes as a number, first and last string that begins with them; open addressing, -1 where free."""
    short: NDArray[np.int64]
    """Per byte: first and last string that begins with it, if a string of fewer than four bytes does; else 0 and 0."""
    ignore_case: bool

    def count(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Return per text the finds, the characters in them and all its characters.

        From left to right the longest string counts, and the search goes on behind it.
        """
        table = letters(ignore_case=self.ignore_case)
        return _count(
            data, offsets, self.data, self.offsets, self.bits, self.beginnings, self.short, table, self.ignore_case
        )


def substring_list(entries: pa.Array, *, ignore_case: bool) -> SubstringList:
    """Return a list of strings ready to be searched for; none may be empty."""
    data, offsets = utf8_bytes(entries)
    if ignore_case:
        data, offsets = small_letter_texts(data, offsets, letters(ignore_case=True))
    raw = data.tobytes()
    strings = sorted({raw[a:b] for a, b in pairwise(offsets.tolist())})
    starts = np.zeros(len(strings) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in strings], out=starts[1:])
    joined = np.frombuffer(b"".join(strings), dtype=np.uint8)
    power = max(_LEAST_BITS, (32 * len(strings)).bit_length())
    bits, beginnings, short = _beginnings(joined, starts, power)
    return SubstringList(joined, starts, bits, beginnings, short, ignore_case)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _four(data, at):  # type: ignore[no-untyped-def]
    """Return four bytes as a number."""
    return (
        np.uint32(data[at])
        | np.uint32(data[at + 1]) << np.uint32(8)
        | np.uint32(data[at + 2]) << np.uint32(16)
        | np.uint32(data[at + 3]) << np.uint32(24)
    )


@nb.njit(cache=True, nogil=True)
def _place(beginnings, four):  # type: ignore[no-untyped-def]
    """Return where four bytes are in the table, or the free place they would be put."""
    mask = len(beginnings) - 1
    place = np.int64(np.uint32(four * _MULTIPLIER)) & mask
    while beginnings[place, 0] != np.int64(four) and beginnings[place, 0] >= 0:
        place = (place + 1) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _beginnings(data, offsets, power):  # type: ignore[no-untyped-def]
    strings = len(offsets) - 1
    size = 16
    while size < 2 * strings:
        size *= 2
    bits = np.zeros(1 << (power - 5), dtype=np.uint32)
    table = np.full((size, 3), -1, dtype=np.int64)
    short = np.zeros((256, 2), dtype=np.int64)
    has_short = np.zeros(256, dtype=np.bool_)
    for string in range(strings):
        first = offsets[string]
        byte = data[first]
        if short[byte, 1] == 0:
            short[byte, 0] = string
        short[byte, 1] = string + 1
        if offsets[string + 1] - first < _BEGINNING:
            has_short[byte] = True
            continue
        four = _four(data, first)
        key = np.uint32(four * _MULTIPLIER) >> np.uint32(32 - power)
        bits[key >> np.uint32(5)] |= np.uint32(1) << (key & np.uint32(31))
        place = _place(table, four)
        if table[place, 0] < 0:
            table[place, 0], table[place, 1] = np.int64(four), string
        table[place, 2] = string + 1
    for byte in range(256):
        if not has_short[byte]:
            short[byte, :] = 0
    return bits, table, short


@nb.njit(cache=True, nogil=True)
def _bound(data, offsets, low, high, depth, byte):  # type: ignore[no-untyped-def]
    """Return the first string of a range whose byte at ``depth`` is ``byte`` or more; all are longer than that."""
    while low < high:
        middle = (low + high) // 2
        if data[offsets[middle] + depth] < byte:
            low = middle + 1
        else:
            high = middle
    return low


@nb.njit(cache=True, nogil=True)
def _longest(text, at, end, data, offsets, low, high, depth):  # type: ignore[no-untyped-def]
    """Return the length of the longest string at a place, 0 if there is none.

    The strings from ``low`` to before ``high`` agree with the text in ``depth`` bytes.
    """
    found = 0
    while low < high:
        if offsets[low + 1] - offsets[low] == depth:  # the shortest comes first
            found = depth
            low += 1
            if low == high:
                break
        if at + depth >= end:
            break
        byte = text[at + depth]
        if high - low > 1:
            low = _bound(data, offsets, low, high, depth, byte)
            if byte < 255:
                high = _bound(data, offsets, low, high, depth, byte + 1)
        elif data[offsets[low] + depth] != byte:
            break
        depth += 1
    return found


@nb.njit(cache=True, nogil=True)
def _next_place(text, at, end, bits, shift, short):  # type: ignore[no-untyped-def]
    """Return the next place at which a string may begin: the loop that most of the time is spent in.

    A function that calls others counts references to its arrays, which costs more than looking; this one calls none.
    """
    while at < end:
        if short[text[at], 1]:
            break
        if at + _BEGINNING <= end:
            key = np.uint32(_four(text, at) * _MULTIPLIER) >> shift
            if (bits[key >> np.uint32(5)] >> (key & np.uint32(31))) & np.uint32(1):
                break
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def _length_at(text, at, end, data, offsets, beginnings, short):  # type: ignore[no-untyped-def]
    """Return the length of the longest string at a place, 0 if there is none."""
    if at + _BEGINNING <= end:
        place = _place(beginnings, _four(text, at))
        if beginnings[place, 0] >= 0:
            low, high = beginnings[place, 1], beginnings[place, 2]
            found = _longest(text, at, end, data, offsets, low, high, _BEGINNING)
            if found:
                return found
    high = short[text[at], 1]
    return _longest(text, at, end, data, offsets, short[text[at], 0], high, 1) if high else 0


@nb.njit(cache=True, nogil=True)
def _characters(data, begin, end):  # type: ignore[no-untyped-def]
    count = 0
    for at in range(begin, end):
        count += data[at] & 0xC0 != 0x80
    return count


@nb.njit(cache=True, nogil=True)
def _count_text(text, at, end, data, offsets, bits, shift, beginnings, short):  # type: ignore[no-untyped-def]
    """Return the finds in a text and the characters in them."""
    finds = inside = 0
    while True:
        at = _next_place(text, at, end, bits, shift, short)
        if at >= end:
            break
        found = _length_at(text, at, end, data, offsets, beginnings, short)
        if found:
            finds += 1
            inside += _characters(text, at, at + found)
            at += found
        else:
            at += 1
    return finds, inside


@nb.njit(cache=True, nogil=True)
def _count(data, offsets, strings, string_offsets, bits, beginnings, short, table, ignore_case):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    finds = np.zeros(texts, dtype=np.int32)
    inside = np.zeros(texts, dtype=np.int64)
    characters = np.zeros(texts, dtype=np.int64)
    shift = np.uint32(32)
    size = 32 * len(bits)
    while size > 1:
        size >>= 1
        shift -= np.uint32(1)
    longest = 0
    for row in range(texts):
        longest = max(longest, offsets[row + 1] - offsets[row])
    folded = np.empty(2 * longest if ignore_case else 0, dtype=np.uint8)
    for row in range(texts):
        begin, end = offsets[row], offsets[row + 1]
        characters[row] = _characters(data, begin, end)
        if ignore_case:
            end = small_letters(data, begin, end, table, folded, 0)
            found = _count_text(folded, 0, end, strings, string_offsets, bits, shift, beginnings, short)
        else:
            found = _count_text(data, begin, end, strings, string_offsets, bits, shift, beginnings, short)
        finds[row], inside[row] = found
    return finds, inside, characters
