"""What the search for personal data asks of bytes: kinds of characters, separators in numbers, the word before."""

import numba as nb
import numpy as np
from numpy.typing import NDArray

DIGIT, HEX, UPPER, LETTER, ALNUM, WORD, LOCAL = 1, 2, 4, 8, 16, 32, 64
"""Kinds of ASCII characters, as bits: letters, digits and the underscore are WORD; LOCAL is what may stand before the
``@`` of an address (RFC 5322, section 3.2.3: atext)."""

_FNV, _PRIME = 0xCBF29CE484222325, 0x100000001B3
_LONGEST_WORD = 40


def _kinds() -> NDArray[np.uint8]:
    kinds = np.zeros(256, dtype=np.uint8)
    for code in range(128):
        char = chr(code)
        kinds[code] = (
            DIGIT * char.isdigit()
            + HEX * (char in "0123456789abcdefABCDEF")
            + UPPER * char.isupper()
            + LETTER * char.isalpha()
            + ALNUM * char.isalnum()
            + WORD * (char.isalnum() or char == "_")
            + LOCAL * (char.isalnum() or char in "!#$%&'*+/=?^_`{|}~-")
        )
    return kinds


_KINDS = _kinds()


def word_hashes(words: tuple[str, ...]) -> NDArray[np.uint64]:
    """Return the hashes of small-letter words, as :func:`word_before` and :func:`word_hash` compute them."""
    found = np.empty(len(words), dtype=np.uint64)
    for i, word in enumerate(words):
        value = _FNV
        for byte in word.encode():
            value = (value ^ byte) * _PRIME & (2**64 - 1)
        found[i] = value
    return found


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201


@nb.njit(cache=True, nogil=True)
def is_kind(byte, kind):  # type: ignore[no-untyped-def]
    """Return whether a byte is an ASCII character of a kind."""
    return (_KINDS[byte] & kind) != 0


@nb.njit(cache=True, nogil=True)
def word_hash(data, begin, end):  # type: ignore[no-untyped-def]
    """Return a hash of bytes, ASCII letters as small ones (FNV-1a)."""
    value = np.uint64(_FNV)
    for at in range(begin, end):
        byte = data[at]
        if 65 <= byte <= 90:
            byte |= np.uint8(32)
        value = (value ^ np.uint64(byte)) * np.uint64(_PRIME)
    return value


@nb.njit(cache=True, nogil=True)
def is_one_of(value, hashes):  # type: ignore[no-untyped-def]
    """Return whether a hash is among a few."""
    for one in hashes:  # noqa: SIM110  (a loop is what compiles well)
        if one == value:
            return True
    return False


@nb.njit(cache=True, nogil=True)
def word_before(data, begin, at):  # type: ignore[no-untyped-def]
    """Return the hash of the word before ``at``, or 0: letters, behind at most four spaces and signs (``.:=#(``).

    In scripts without spaces the last two characters are the word.
    """
    end = at
    for _ in range(4):
        if end <= begin:
            return np.uint64(0)
        byte = data[end - 1]
        if byte in (32, 46, 58, 61, 35, 40):
            end -= 1
        elif end - 3 >= begin and byte == 0x9A and data[end - 2] == 0xBC and data[end - 3] == 0xEF:
            end -= 3  # full-width colon
        else:
            break
    first = end
    if end - 6 >= begin and data[end - 1] >= 0x80 and data[end - 3] >= 0xE3 and data[end - 6] >= 0xE3:
        first = end - 6
    else:
        while first > begin and end - first < _LONGEST_WORD:
            if is_kind(data[first - 1], LETTER):
                first -= 1
            elif first - 2 >= begin and data[first - 1] >= 0x80 and 0xC3 <= data[first - 2] <= 0xD4:
                first -= 2  # Latin to Cyrillic
            else:
                break
    if first == end:
        return np.uint64(0)
    return word_hash(data, first, end)


@nb.njit(cache=True, nogil=True)
def separator(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes of a separator inside a number at ``at``, or 0: space, full stop, hyphen, slash.

    No-break spaces and typographic hyphens (U+2010 to U+2013) count as well.
    """
    byte = data[at]
    if byte in (32, 46, 45, 47):
        return 1
    if byte == 0xC2 and at + 1 < end and data[at + 1] == 0xA0:
        return 2
    if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80:
        last = data[at + 2]
        if 0x90 <= last <= 0x93 or last == 0xAF:
            return 3
    return 0


@nb.njit(cache=True, nogil=True)
def separator_sign(data, at):  # type: ignore[no-untyped-def]
    """Return which separator stands at ``at`` as its ASCII form: a no-break space is a space, a U+2011 a hyphen."""
    byte = data[at]
    if byte == 0xC2:
        return np.uint8(32)
    if byte == 0xE2:
        return np.uint8(32) if data[at + 2] == 0xAF else np.uint8(45)
    return byte


@nb.njit(cache=True, nogil=True)
def digits_end(data, at, end):  # type: ignore[no-untyped-def]
    """Return where a run of digits ends."""
    while at < end and is_kind(data[at], DIGIT):
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def stands_alone(data, begin, end, first, last):  # type: ignore[no-untyped-def]
    """Return whether a number is no part of a longer word or number: letters, digits, decimals, hyphenated parts."""
    if first > begin:
        before = data[first - 1]
        if is_kind(before, WORD):
            return False
        if before in (46, 45, 44, 47) and (first - 2 >= begin and is_kind(data[first - 2], ALNUM)):
            return False
    if last < end:
        after = data[last]
        if is_kind(after, WORD):
            return False
        if after in (46, 44, 47) and (last + 1 < end and is_kind(data[last + 1], DIGIT)):
            return False
        if after == 45 and (last + 1 < end and is_kind(data[last + 1], ALNUM)):
            return False
    return True
