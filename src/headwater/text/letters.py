"""Characters as lists of words and lines see them: in small letters, and of a kind that says where words end.

Unlike :mod:`headwater.text.folding`, accents count ("ano" is not "a\u00f1o"), and an apostrophe ends a word ("he'll" is
not "hell").
"""

from functools import cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.fingerprints import NOTHING, SEPARATOR, SINGLE, WORD, character_classes
from headwater.text.folding import code_point

GAP = 4
"""Kind of what may stand between the words of a phrase: white space and hyphens. The other kinds are those of
fingerprints."""
KIND = np.uint32(21)
CODE = np.uint32((1 << 21) - 1)

_APOSTROPHES = (0x27, 0x2018, 0x2019, 0x201A, 0x201B, 0x2BC)
_HYPHENS = (0x2D, 0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015)
_SPACES = (
    *range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F,
    0x3000,
)  # fmt: skip
_CASED = ((0x80, 0x3400), (0xA000, 0xAC00), (0xFB00, 0x1F000))  # beyond them nothing has a case


@cache
def letters(*, ignore_case: bool) -> NDArray[np.uint32]:
    """Return for every code point its kind, above ``KIND`` bits, and its small letter, or itself."""
    classes = character_classes().astype(np.uint32)
    classes[list(_APOSTROPHES)] = SEPARATOR
    classes[[*_HYPHENS, *_SPACES]] = GAP
    entries = (classes << KIND) | np.arange(len(classes), dtype=np.uint32)
    if ignore_case:
        entries[ord("A") : ord("Z") + 1] += 32
        for low, high in _CASED:
            for code in range(low, high):
                small = chr(code).lower()
                if len(small) == 1 and ord(small) != code:
                    entries[code] = (entries[code] & ~CODE) | np.uint32(ord(small))
    return entries


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201

_EMPTY = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_WORD, _SINGLE, _NOTHING, _GAP = (np.uint32(kind) for kind in (WORD, SINGLE, NOTHING, GAP))


@nb.njit(cache=True, nogil=True)
def next_word(data, at, end, entries):  # type: ignore[no-untyped-def]
    """Return hash, beginning and end of the next word from a byte on; the hash is 0 if there is none.

    A word is a run of letters, digits and marks, or one character of a script without spaces; invisible characters do
    not count. The hash is FNV-1a over small letters, mixed; never 0 for a word.
    """
    value = _EMPTY
    first = stop = at
    while at < end:
        byte = data[at]
        if byte < 0x80:
            code = np.uint32(byte)
            after = at + 1
        else:
            code, after = code_point(data, at, end)
        entry = entries[code]
        kind = entry >> KIND
        if kind == _WORD:
            if value == _EMPTY:
                first = at
            value = (value ^ np.uint64(entry & CODE)) * _PRIME
            stop = after
        elif kind != _NOTHING:
            if value != _EMPTY:
                break
            if kind == _SINGLE:
                first, stop = at, after
                value = (value ^ np.uint64(entry & CODE)) * _PRIME
                break
        at = after
    if value == _EMPTY:
        return np.uint64(0), end, end
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    return max(value, np.uint64(1)), first, stop


@nb.njit(cache=True, nogil=True)
def is_space(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes of a white space character (as Python's ``str.isspace``) at a byte, 0 if there is none."""
    byte = data[at]
    if byte < 0x80:
        return 1 if 9 <= byte <= 13 or 28 <= byte <= 32 else 0
    if byte not in (0xC2, 0xE1, 0xE2, 0xE3):
        return 0
    code, after = code_point(data, at, end)
    if code in (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000) or 0x2000 <= code <= 0x200A:
        return after - at
    return 0


@nb.njit(cache=True, nogil=True)
def small_letters(data, begin, end, entries, out, written):  # type: ignore[no-untyped-def]
    """Write a text in small letters to ``out`` from ``written`` on, as UTF-8, and return where it ends there.

    ``out`` needs room for half as much again: some small letters take three bytes where the capital takes two.
    """
    at = begin
    while at < end:
        byte = data[at]
        if byte < 0x80:
            out[written] = np.uint8(entries[byte] & CODE)
            written += 1
            at += 1
            continue
        code, at = code_point(data, at, end)
        code = entries[code] & CODE
        if code < 0x80:
            out[written] = np.uint8(code)
            written += 1
        elif code < 0x800:
            out[written] = np.uint8(0xC0 | (code >> np.uint32(6)))
            out[written + 1] = np.uint8(0x80 | (code & np.uint32(0x3F)))
            written += 2
        elif code < 0x10000:
            out[written] = np.uint8(0xE0 | (code >> np.uint32(12)))
            out[written + 1] = np.uint8(0x80 | ((code >> np.uint32(6)) & np.uint32(0x3F)))
            out[written + 2] = np.uint8(0x80 | (code & np.uint32(0x3F)))
            written += 3
        else:
            out[written] = np.uint8(0xF0 | (code >> np.uint32(18)))
            out[written + 1] = np.uint8(0x80 | ((code >> np.uint32(12)) & np.uint32(0x3F)))
            out[written + 2] = np.uint8(0x80 | ((code >> np.uint32(6)) & np.uint32(0x3F)))
            out[written + 3] = np.uint8(0x80 | (code & np.uint32(0x3F)))
            written += 4
    return written


@nb.njit(cache=True, nogil=True)
def small_letter_texts(data, offsets, entries):  # type: ignore[no-untyped-def]
    """Return texts in small letters, as UTF-8, and where each begins."""
    out = np.empty(2 * (offsets[-1] - offsets[0]), dtype=np.uint8)
    starts = np.zeros(len(offsets), dtype=np.int64)
    for row in range(len(offsets) - 1):
        starts[row + 1] = small_letters(data, offsets[row], offsets[row + 1], entries, out, starts[row])
    return out[: starts[-1]].copy(), starts
