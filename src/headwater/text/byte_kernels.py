"""Small compiled functions over bytes given by address: white space, hashes, comparison, search.

Addresses and bounds are int64; ``end`` is the address behind what belongs to a text, ``last`` the one behind what may
be read at all, which lies at ``end`` or beyond it.
"""

import numba as nb
import numpy as np

from headwater.text.instructions import byte_at, first_bytes, mixed, word_at, zeros_below

_FIRST_SECRET = np.uint64(0xA0761D6478BD642F)  # odd numbers with as many ones as zeros, from wyhash
_SECOND_SECRET = np.uint64(0xE7037ED1A0B428DB)
_HIGH_BITS = np.uint64(0x8080808080808080)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES = np.uint64(0x0101010101010101)
_ABOVE_SPACE = np.uint64(0x5F5F5F5F5F5F5F5F)  # added to seven bits: the eighth is set from 0x21 on
_NONE = np.uint64(0)

# Numba infers the types of the functions' arguments, so they carry no annotations. Comparisons stand one by one: a set
# would be built at every call.
# ruff: noqa: ANN001, ANN201, PLR1714


@nb.njit(cache=True, nogil=True)
def space_bytes(at, end):  # type: ignore[no-untyped-def]
    """Return how many bytes the white space character at an address has; 0 if there is none (as ``str.isspace``)."""
    byte = byte_at(at)
    if byte <= 0x20:
        return 1 if byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F else 0
    if byte == 0xC2 and at + 1 < end:
        second = byte_at(at + 1)
        return 2 if second == 0x85 or second == 0xA0 else 0
    if 0xE1 <= byte <= 0xE3 and at + 2 < end:
        second, third = byte_at(at + 1), byte_at(at + 2)
        if byte == 0xE2:
            if second == 0x80:
                return 3 if third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF else 0
            return 3 if second == 0x81 and third == 0x9F else 0
        if byte == 0xE1:
            return 3 if second == 0x9A and third == 0x80 else 0
        return 3 if second == 0x80 and third == 0x80 else 0
    return 0


@nb.njit(cache=True, nogil=True)
def skip_spaces(at, end):  # type: ignore[no-untyped-def]
    """Return where the white space from address ``at`` on ends."""
    while at < end:
        size = space_bytes(at, end)
        if size == 0:
            break
        at += size
    return at


@nb.njit(cache=True, nogil=True)
def chunk_end(at, end, last):  # type: ignore[no-untyped-def]
    """Return where the characters from address ``at`` on that are no white space end; ``last`` bounds what is read."""
    while at < end:
        if at + 8 <= last:
            word = word_at(at)
            # Bytes up to the space, and bytes beyond ASCII: only they can begin white space.
            special = (~((word & _LOW_BITS) + _ABOVE_SPACE) | word) & _HIGH_BITS
            at += zeros_below(special) >> 3
            if special == _NONE:
                continue
            if at >= end:
                return end
        byte = byte_at(at)
        if byte == 0x20:
            return at
        if (byte < 0x20 or byte == 0xC2 or 0xE1 <= byte <= 0xE3) and space_bytes(at, end):
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True)
def hash_bytes(at, length, first):  # type: ignore[no-untyped-def]
    """Return 64 bits of hash of some bytes; ``first`` are the first eight of them."""
    value = np.uint64(length) ^ _SECOND_SECRET
    if length <= 8:
        return mixed(first ^ _FIRST_SECRET, value)
    last = at + length - 8
    while at < last:
        value = mixed(word_at(at) ^ _FIRST_SECRET, value) ^ _SECOND_SECRET
        at += 8
    return mixed(word_at(last) ^ _FIRST_SECRET, value)


@nb.njit(cache=True, nogil=True)
def same_bytes(left, right, length):  # type: ignore[no-untyped-def]
    """Return whether two stretches of at least eight bytes are equal."""
    for i in range(0, length - 8, 8):
        if word_at(left + i) != word_at(right + i):
            return False
    return word_at(left + length - 8) == word_at(right + length - 8)


@nb.njit(cache=True, nogil=True)
def equal_bytes(left, right, length, last):  # type: ignore[no-untyped-def]
    """Return whether two stretches of any length are equal."""
    if length < 8:
        return first_bytes(left, length, last) == first_bytes(right, length, last)
    return same_bytes(left, right, length)


@nb.njit(cache=True, nogil=True)
def spaces_before(at, end):  # type: ignore[no-untyped-def]
    """Return where the white space that ends a stretch begins."""
    while at < end:
        byte = byte_at(end - 1)
        if byte <= 0x20:
            size = space_bytes(end - 1, end)
        elif byte & 0xC0 == 0x80:
            # The white space beyond ASCII has two or three bytes.
            size = 0
            if end - at >= 2 and space_bytes(end - 2, end) == 2:
                size = 2
            elif end - at >= 3 and space_bytes(end - 3, end) == 3:
                size = 3
        else:
            size = 0
        if size == 0:
            break
        end -= size
    return end


@nb.njit(cache=True, nogil=True)
def find_byte(byte, at, end, last):  # type: ignore[no-untyped-def]
    """Return where a byte first stands, or ``end``."""
    wanted = _ONES * np.uint64(byte)
    while at + 8 <= last:
        word = word_at(at) ^ wanted
        # The lowest byte that is zero has its high bit set; higher ones may have it for nothing.
        zero = (word - _ONES) & ~word & _HIGH_BITS
        if zero != _NONE:
            return min(at + (zeros_below(zero) >> 3), end)
        at += 8
        if at >= end:
            return end
    while at < end and byte_at(at) != byte:
        at += 1
    return min(at, end)


@nb.njit(cache=True, nogil=True)
def characters_in(at, end):  # type: ignore[no-untyped-def]
    """Return the number of characters of a stretch."""
    count = 0
    while at + 8 <= end:
        word = word_at(at)
        # Of each byte one bit: it continues a character (10 in its two highest bits).
        more = (word >> np.uint64(7)) & ~(word >> np.uint64(6)) & _ONES
        count += 8 - int((more * _ONES) >> np.uint64(56))
        at += 8
    while at < end:
        count += (byte_at(at) & 0xC0) != 0x80
        at += 1
    return count
