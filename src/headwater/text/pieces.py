"""The pieces that byte-pair encodings cut text into before they merge bytes within each.

Published encodings cut by a regular expression. Four of them are evaluated here, over the kinds of a text's characters:

- ``gpt2`` (Radford et al. 2019);
- ``cl100k`` (OpenAI; also Llama 3), which lets a sign lead a word, cuts numbers into threes and keeps line ends with
  what they follow;
- ``digits``: the same with single digits (Qwen 2);
- ``o200k`` (OpenAI), which also cuts words where a capital follows a small letter and keeps contractions with them.

Kinds come from Python's Unicode database. A character it does not know may be a letter to a newer one, so it is
reported, and its text is left to others.
"""

import unicodedata
from enum import IntEnum
from functools import cache

import numba as nb
import numpy as np
from numpy.typing import NDArray


class Cut(IntEnum):
    """How text is cut."""

    GPT2 = 0
    CL100K = 1
    DIGITS = 2
    O200K = 3


_OTHER, _UPPER, _LOWER, _LETTER, _MARK, _NUMBER, _SPACE, _WHITE, _BREAK, _UNKNOWN = range(10)
_KINDS = {
    "Lu": _UPPER, "Lt": _UPPER, "Ll": _LOWER, "Lm": _LETTER, "Lo": _LETTER, "Mn": _MARK, "Mc": _MARK, "Me": _MARK,
    "Nd": _NUMBER, "Nl": _NUMBER, "No": _NUMBER, "Cn": _UNKNOWN,
}  # fmt: skip
# White space of Unicode, which U+001C to U+001F are not, whatever Python says.
_WHITE_SPACE = (9, 11, 12, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_NONCHARACTERS = (*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)))


@cache
def character_kinds() -> NDArray[np.uint8]:
    """Return what each code point is to a cut."""
    kinds = np.zeros(0x110000, dtype=np.uint8)
    category = unicodedata.category
    kinds[:0xE0000] = [_KINDS.get(category(chr(code)), _OTHER) for code in range(0xE0000)]
    kinds[0xE0100:0xE01F0] = _MARK  # variation selectors; around them tags, and private use behind
    kinds[list(_NONCHARACTERS)] = _OTHER  # never to be assigned
    kinds[list(_WHITE_SPACE)] = _WHITE
    kinds[[10, 13]] = _BREAK
    kinds[32] = _SPACE
    return kinds


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def character_kinds_of(data, begin, end, table, kinds, starts):  # type: ignore[no-untyped-def]
    """Write the kind and first byte of each character of a text, and behind them its end; return their number.

    Returns -1 where a character is not known.
    """
    count = 0
    at = begin
    known = True
    while at < end:
        starts[count] = at
        byte = data[at]
        if byte < 0x80:
            kinds[count] = table[byte]
            at += 1
        else:
            code = np.uint32(byte)
            more = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
            code &= np.uint32(0x3F >> more)
            for i in range(1, more + 1):
                code = np.uint32((code << np.uint32(6)) | np.uint32(data[at + i] & 0x3F))
            kinds[count] = table[code]
            known = known and table[code] != _UNKNOWN
            at += more + 1
        count += 1
    starts[count] = end
    return count if known else -1


@nb.njit(cache=True, nogil=True)
def _is_letter(kind):  # type: ignore[no-untyped-def]
    return _UPPER <= kind <= _LETTER


@nb.njit(cache=True, nogil=True)
def _is_white(kind):  # type: ignore[no-untyped-def]
    return _SPACE <= kind <= _BREAK


@nb.njit(cache=True, nogil=True)
def _is_sign(kind):  # type: ignore[no-untyped-def]
    return kind in (_OTHER, _MARK, _UNKNOWN)


@nb.njit(cache=True, nogil=True)
def _letter_at(data, starts, at, count, fold):  # type: ignore[no-untyped-def]
    """Return the ASCII letter at a place, as a small one if so wanted, or 0; the long s is an s then."""
    if at >= count:
        return 0
    byte = data[starts[at]]
    if byte < 0x80:
        return byte | 0x20 if fold and 65 <= byte <= 90 else byte
    if fold and byte == 0xC5 and data[starts[at] + 1] == 0xBF:
        return 115
    return 0


@nb.njit(cache=True, nogil=True)
def _contraction(data, starts, at, count, fold):  # type: ignore[no-untyped-def]
    """Return the characters of an English contraction at a place (``'s``, ``'ll``), 0 if there is none."""
    if at >= count or data[starts[at]] != 39:
        return 0
    first = _letter_at(data, starts, at + 1, count, fold)
    if first in (115, 116, 109, 100):  # s t m d
        return 2
    second = _letter_at(data, starts, at + 2, count, fold)
    if (first == 114 and second == 101) or (first == 118 and second == 101) or (first == 108 and second == 108):
        return 3  # re ve ll
    return 0


@nb.njit(cache=True, nogil=True)
def _white_end(kinds, at, count):  # type: ignore[no-untyped-def]
    """Return where a piece of white space ends: before its last character if something else follows it."""
    stop = at
    while stop < count and _is_white(kinds[stop]):
        stop += 1
    return stop - 1 if stop < count and stop - at > 1 else stop


@nb.njit(cache=True, nogil=True)
def _gpt2_end(data, kinds, starts, at, count):  # type: ignore[no-untyped-def]
    size = _contraction(data, starts, at, count, False)
    if size:
        return at + size
    stop = at + 1 if kinds[at] == _SPACE and at + 1 < count and not _is_white(kinds[at + 1]) else at
    kind = kinds[stop]
    if _is_letter(kind):
        while stop < count and _is_letter(kinds[stop]):
            stop += 1
    elif kind == _NUMBER:
        while stop < count and kinds[stop] == _NUMBER:
            stop += 1
    elif _is_sign(kind):
        while stop < count and _is_sign(kinds[stop]):
            stop += 1
    else:
        stop = _white_end(kinds, at, count)
    return stop


@nb.njit(cache=True, nogil=True)
def _rest_end(data, kinds, starts, at, count, digits, slashes):  # type: ignore[no-untyped-def]
    """Return where a piece ends that is no word: a number, signs with the line ends behind them, or white space."""
    kind = kinds[at]
    stop = at
    if kind == _NUMBER:
        while stop < count and stop - at < digits and kinds[stop] == _NUMBER:
            stop += 1
        return stop
    if kind == _SPACE and at + 1 < count and _is_sign(kinds[at + 1]):
        stop += 1
    if _is_sign(kinds[stop]):
        while stop < count and _is_sign(kinds[stop]):
            stop += 1
        while stop < count and (kinds[stop] == _BREAK or (slashes and data[starts[stop]] == 47)):
            stop += 1
        return stop
    last = -1
    while stop < count and _is_white(kinds[stop]):
        if kinds[stop] == _BREAK:
            last = stop + 1
        stop += 1
    return last if last > 0 else _white_end(kinds, at, count)


@nb.njit(cache=True, nogil=True)
def _cl100k_end(data, kinds, starts, at, count, digits):  # type: ignore[no-untyped-def]
    size = _contraction(data, starts, at, count, True)
    if size:
        return at + size
    kind = kinds[at]
    stop = at
    if not _is_letter(kind) and kind not in (_NUMBER, _BREAK):
        stop += 1
    if stop < count and _is_letter(kinds[stop]):
        while stop < count and _is_letter(kinds[stop]):
            stop += 1
        return stop
    return _rest_end(data, kinds, starts, at, count, digits, False)


@nb.njit(cache=True, nogil=True)
def _is_high(kind):  # type: ignore[no-untyped-def]
    return kind in (_UPPER, _LETTER, _MARK)


@nb.njit(cache=True, nogil=True)
def _is_low(kind):  # type: ignore[no-untyped-def]
    return _LOWER <= kind <= _MARK


@nb.njit(cache=True, nogil=True)
def _word_end(kinds, first, count, capitals):  # type: ignore[no-untyped-def]
    """Return where a word ends that begins with capitals: with small letters behind them, or without; -1 if none."""
    high = first
    while high < count and _is_high(kinds[high]):
        high += 1
    stop = high
    while stop < count and _is_low(kinds[stop]):
        stop += 1
    if capitals:
        return stop if high > first else -1
    if stop > high:
        return stop
    while high > first:  # letters without case, and marks, can be the small ones
        if _is_low(kinds[high - 1]):
            return high
        high -= 1
    return -1


@nb.njit(cache=True, nogil=True)
def _o200k_end(data, kinds, starts, at, count):  # type: ignore[no-untyped-def]
    kind = kinds[at]
    leads = not _is_letter(kind) and kind not in (_NUMBER, _BREAK)
    for capitals in (False, True):
        stop = _word_end(kinds, at + 1, count, capitals) if leads else -1
        if stop < 0:
            stop = _word_end(kinds, at, count, capitals)
        if stop >= 0:
            return stop + _contraction(data, starts, stop, count, True)
    return _rest_end(data, kinds, starts, at, count, 3, True)


@nb.njit(cache=True, nogil=True)
def piece_end(data, kinds, starts, at, count, cut):  # type: ignore[no-untyped-def]
    """Return where the piece that begins with the character ``at`` ends."""
    if cut == 0:
        return _gpt2_end(data, kinds, starts, at, count)
    if cut == 3:
        return _o200k_end(data, kinds, starts, at, count)
    return _cl100k_end(data, kinds, starts, at, count, 3 if cut == 1 else 1)


@nb.njit(cache=True, nogil=True)
def piece_ends(data, begin, end, table, cut):  # type: ignore[no-untyped-def]
    """Return where each piece of a text ends, in bytes of ``data``."""
    kinds = np.empty(end - begin, dtype=np.uint8)
    starts = np.empty(end - begin + 1, dtype=np.int64)
    ends = np.empty(end - begin, dtype=np.int64)
    character_kinds_of(data, begin, end, table, kinds, starts)
    count = 0
    while starts[count] < end:
        count += 1
    pieces = at = 0
    while at < count:
        at = piece_end(data, kinds, starts, at, count, cut)
        ends[pieces] = starts[at]
        pieces += 1
    return ends[:pieces]
