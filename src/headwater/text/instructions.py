"""Machine instructions that compiled kernels want and Numba does not offer: memory by address, wide products, bits.

Kernels work on addresses where small functions are called once per word or byte: handing an array to such a function
makes Numba count references to it, which costs more than the function. A kernel takes arrays, keeps them alive, and
hands ``address_of(array)`` to its helpers. Nothing checks bounds: the caller sees to it that what is read lies within
the array. Only little-endian machines are supported, as by Arrow's own files.
"""

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

# Numba calls what stands here with its own compiler's objects; the functions have no types Python could check.
# ruff: noqa: ANN001, ANN201, ANN202, ARG001

_BYTE, _HALF, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


@intrinsic
def byte_at(typing_context, address):  # type: ignore[no-untyped-def]
    """Return the byte at an address, as int64."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.zext(_load(builder, arguments[0], _BYTE), _WORD)

    return types.int64(types.int64), codegen


@intrinsic
def half_at(typing_context, address):  # type: ignore[no-untyped-def]
    """Return the int32 at an address, as int64."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.sext(_load(builder, arguments[0], _HALF), _WORD)

    return types.int64(types.int64), codegen


@intrinsic
def word_at(typing_context, address):  # type: ignore[no-untyped-def]
    """Return the eight bytes at an address as uint64, the first one in the lowest bits."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _load(builder, arguments[0], _WORD)

    return types.uint64(types.int64), codegen


@intrinsic
def put_word(typing_context, address, word):  # type: ignore[no-untyped-def]
    """Write the eight bytes of a uint64 to an address, the lowest bits first."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        address, word = arguments
        builder.store(word, builder.inttoptr(address, _WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), codegen


@intrinsic
def put_byte(typing_context, address, byte):  # type: ignore[no-untyped-def]
    """Write the lowest byte of an int64 to an address."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        address, byte = arguments
        builder.store(builder.trunc(byte, _BYTE), builder.inttoptr(address, _BYTE.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def high_product(typing_context, left, right):  # type: ignore[no-untyped-def]
    """Return the upper 64 bits of the product of two uint64."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        wide = ir.IntType(128)
        left, right = (builder.zext(one, wide) for one in arguments)
        product = builder.mul(left, right)
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), _WORD)

    return types.uint64(types.uint64, types.uint64), codegen


@intrinsic
def zeros_below(typing_context, word):  # type: ignore[no-untyped-def]
    """Return the number of zero bits of a uint64 below the lowest bit that is set; 64 for zero."""

    def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@nb.njit(cache=True, nogil=True)
def address_of(array):  # type: ignore[no-untyped-def]
    """Return where an array's data lie, as int64: sums of int64 and uint64 would be floating-point numbers."""
    return np.int64(array.ctypes.data)


@nb.njit(cache=True, nogil=True)
def mixed(left, right):  # type: ignore[no-untyped-def]
    """Return 64 bits that depend on all bits of two uint64: both halves of their product (as in wyhash, Wang Yi)."""
    return high_product(left, right) ^ (left * right)


@nb.njit(cache=True, nogil=True)
def first_bytes(address, length, end):  # type: ignore[no-untyped-def]
    """Return up to eight bytes at an address as one uint64, the bytes beyond ``length`` zero.

    Args:
        address: of the first byte.
        length: bytes that count.
        end: the address behind the last byte that may be read.
    """
    if address + 8 <= end:
        word = word_at(address)
        if length >= 8:
            return word
        return word & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))
    word = np.uint64(0)
    for i in range(min(length, 8)):
        word |= np.uint64(byte_at(address + i)) << np.uint64(8 * i)
    return word
