"""Hash functions for compiled code, over slices of a buffer: XXH64, XXH32, SHA-1; a mixer; reading at any address."""

from typing import Any

import numba as nb
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# The primes of XXH64 (Collet, xxHash specification 0.1.1).
_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)
# And those of XXH32.
_PRIME32_1 = np.uint32(0x9E3779B1)
_PRIME32_2 = np.uint32(0x85EBCA77)
_PRIME32_3 = np.uint32(0xC2B2AE3D)
_PRIME32_4 = np.uint32(0x27D4EB2F)
_PRIME32_5 = np.uint32(0x165667B1)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@intrinsic
def load64(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001  (numba passes it)
    """Return the eight bytes of a uint8 array from an index on as a uint64, lowest first; bounds are not checked."""
    return _loading(types.uint64, array, index)


@intrinsic
def load32(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Return the four bytes of a uint8 array from an index on as a uint32, lowest first; bounds are not checked."""
    return _loading(types.uint32, array, index)


def _loading(result: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0]).data
        place = builder.gep(data, [arguments[1]])
        loaded = builder.load(builder.bitcast(place, context.get_value_type(result).as_pointer()))
        loaded.align = 1
        return loaded

    return result(array, index), generate


@nb.njit(cache=True, nogil=True, inline="always")
def mixed(value):  # type: ignore[no-untyped-def]
    """Return all bits depending on all bits, one to one: the finaliser of MurmurHash3 (public domain)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@nb.njit(cache=True, nogil=True, inline="always")
def _turned(value, bits):  # type: ignore[no-untyped-def]
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@nb.njit(cache=True, nogil=True, inline="always")
def _round(state, lane):  # type: ignore[no-untyped-def]
    return _turned(state + lane * _PRIME_2, 31) * _PRIME_1


@nb.njit(cache=True, nogil=True)
def xxhash64(data, begin, end, seed):  # type: ignore[no-untyped-def]
    """Return the XXH64 hash of a slice of a uint8 array; the seed is a uint64."""
    length = end - begin
    if length >= 32:
        first, second = seed + _PRIME_1 + _PRIME_2, seed + _PRIME_2
        third, fourth = seed, seed - _PRIME_1
        while end - begin >= 32:
            first = _round(first, load64(data, begin))
            second = _round(second, load64(data, begin + 8))
            third = _round(third, load64(data, begin + 16))
            fourth = _round(fourth, load64(data, begin + 24))
            begin += 32
        state = _turned(first, 1) + _turned(second, 7) + _turned(third, 12) + _turned(fourth, 18)
        for lane in (first, second, third, fourth):
            state = (state ^ _round(np.uint64(0), lane)) * _PRIME_1 + _PRIME_4
    else:
        state = seed + _PRIME_5
    state += np.uint64(length)
    while end - begin >= 8:
        state = _turned(state ^ _round(np.uint64(0), load64(data, begin)), 27) * _PRIME_1 + _PRIME_4
        begin += 8
    if end - begin >= 4:
        state = _turned(state ^ (np.uint64(load32(data, begin)) * _PRIME_1), 23) * _PRIME_2 + _PRIME_3
        begin += 4
    while begin < end:
        state = _turned(state ^ (np.uint64(data[begin]) * _PRIME_5), 11) * _PRIME_1
        begin += 1
    state = (state ^ (state >> np.uint64(33))) * _PRIME_2
    state = (state ^ (state >> np.uint64(29))) * _PRIME_3
    return state ^ (state >> np.uint64(32))


@nb.njit(cache=True, nogil=True, inline="always")
def _turned32(value, bits):  # type: ignore[no-untyped-def]
    return np.uint32(value << np.uint32(bits)) | np.uint32(value >> np.uint32(32 - bits))


@nb.njit(cache=True, nogil=True, inline="always")
def _round32(state, lane):  # type: ignore[no-untyped-def]
    return np.uint32(_turned32(np.uint32(state + np.uint32(lane * _PRIME32_2)), 13) * _PRIME32_1)


@nb.njit(cache=True, nogil=True)
def xxhash32(data, begin, end, seed):  # type: ignore[no-untyped-def]
    """Return the XXH32 hash of a slice of a uint8 array; the seed is a uint32."""
    length = end - begin
    if length >= 16:
        first, second = np.uint32(seed + _PRIME32_1 + _PRIME32_2), np.uint32(seed + _PRIME32_2)
        third, fourth = np.uint32(seed), np.uint32(seed - _PRIME32_1)
        while end - begin >= 16:
            first = _round32(first, load32(data, begin))
            second = _round32(second, load32(data, begin + 4))
            third = _round32(third, load32(data, begin + 8))
            fourth = _round32(fourth, load32(data, begin + 12))
            begin += 16
        state = np.uint32(_turned32(first, 1) + _turned32(second, 7) + _turned32(third, 12) + _turned32(fourth, 18))
    else:
        state = np.uint32(seed + _PRIME32_5)
    state = np.uint32(state + np.uint32(length))
    while end - begin >= 4:
        state = np.uint32(state + np.uint32(load32(data, begin) * _PRIME32_3))
        state = np.uint32(_turned32(state, 17) * _PRIME32_4)
        begin += 4
    while begin < end:
        state = np.uint32(state + np.uint32(np.uint32(data[begin]) * _PRIME32_5))
        state = np.uint32(_turned32(state, 11) * _PRIME32_1)
        begin += 1
    state = np.uint32((state ^ (state >> np.uint32(15))) * _PRIME32_2)
    state = np.uint32((state ^ (state >> np.uint32(13))) * _PRIME32_3)
    return np.uint32(state ^ (state >> np.uint32(16)))


@nb.njit(cache=True, nogil=True)
def sha1_start(data, begin, end):  # type: ignore[no-untyped-def]
    """Return the first eight bytes of the SHA-1 of a slice of a uint8 array, lowest first (FIPS 180-4)."""
    length = end - begin
    h0, h1, h2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    h3, h4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    words = np.empty(80, dtype=np.uint32)
    for block in range((length + 8) // 64 + 1):
        for i in range(16):
            word = np.uint32(0)
            for j in range(4):
                place = block * 64 + 4 * i + j
                byte = np.uint32(data[begin + place]) if place < length else np.uint32(0x80 * (place == length))
                word = np.uint32(word << np.uint32(8)) | byte
            words[i] = word
        if (length + 8) // 64 == block:
            words[14] = np.uint32(length >> 29)
            words[15] = np.uint32(length << 3)
        for i in range(16, 80):
            words[i] = _turned32(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)
        a, b, c, d, e = h0, h1, h2, h3, h4
        for i in range(80):
            if i < 20:
                mixture, constant = (b & c) | (~b & d), np.uint32(0x5A827999)
            elif i < 40:
                mixture, constant = b ^ c ^ d, np.uint32(0x6ED9EBA1)
            elif i < 60:
                mixture, constant = (b & c) | (b & d) | (c & d), np.uint32(0x8F1BBCDC)
            else:
                mixture, constant = b ^ c ^ d, np.uint32(0xCA62C1D6)
            total = np.uint32(_turned32(a, 5) + np.uint32(mixture) + e + constant + words[i])
            a, b, c, d, e = total, a, _turned32(b, 30), c, d
        h0, h1, h2 = np.uint32(h0 + a), np.uint32(h1 + b), np.uint32(h2 + c)
        h3, h4 = np.uint32(h3 + d), np.uint32(h4 + e)
    return _reversed32(h0) | (_reversed32(h1) << np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _reversed32(value):  # type: ignore[no-untyped-def]
    """Return a uint64 of the four bytes of a uint32, the other way round."""
    out = np.uint64(0)
    for i in range(4):
        out |= np.uint64((value >> np.uint32(8 * i)) & np.uint32(255)) << np.uint64(24 - 8 * i)
    return out
