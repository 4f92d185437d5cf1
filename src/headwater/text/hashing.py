"""Hash functions for compiled code: XXH64 over slices of a buffer, a mixer, and reading eight bytes at any address."""

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
