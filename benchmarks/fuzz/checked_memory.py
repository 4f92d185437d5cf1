"""Compiled kernels as plain Python over memory that is checked: whatever reads or writes outside its arrays raises.

Import this before anything of Headwater. Kernels are then not compiled, so that coverage can be traced line by line
(atheris) and an index outside an array is an error. What works on addresses (``headwater.text.instructions``), which
no compiler would check, is looked up among the arrays whose addresses were asked for.

A negative index is a legal one for NumPy; kernels that count down past the start are found by what they return only.
"""

import bisect
import ctypes
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numba
import numba.extending
import numpy as np

warnings.simplefilter("ignore", RuntimeWarning)  # NumPy warns where unsigned integers wrap, as they are meant to

_KEPT = 4096
"""Arrays that are remembered; a kernel asks for a few, and holds them."""


class OutOfBoundsError(Exception):
    """Memory was touched that belongs to none of the arrays whose address was asked for."""


class _Arrays:
    """The arrays that may be touched, by address."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._starts: list[int] = []
        self._ends: dict[int, int] = {}

    def address(self, array: np.ndarray) -> int:
        start, end = array.ctypes.data, array.ctypes.data + array.nbytes
        self._held[start, end] = array
        self._held.move_to_end((start, end))
        if len(self._held) > _KEPT:
            self._held.popitem(last=False)
            self._starts = sorted({low for low, _ in self._held})
            self._ends = {}
            for low, high in self._held:
                self._ends[low] = max(high, self._ends.get(low, 0))
        elif start not in self._ends:
            bisect.insort(self._starts, start)
            self._ends[start] = end
        else:
            self._ends[start] = max(end, self._ends[start])
        return start

    def check(self, address: int, size: int) -> None:
        at = bisect.bisect_right(self._starts, address) - 1
        while at >= 0:
            start = self._starts[at]
            if address + size <= self._ends[start]:
                return
            if address - start > 1 << 32:
                break
            at -= 1
        raise OutOfBoundsError(f"{size} bytes at {address:#x}")


_ARRAYS = _Arrays()


def _read(address: int, kind: Any) -> int:
    address = int(address)
    _ARRAYS.check(address, ctypes.sizeof(kind))
    return int(kind.from_address(address).value)


def _write(address: int, value: int, kind: Any) -> None:
    address = int(address)
    _ARRAYS.check(address, ctypes.sizeof(kind))
    kind.from_address(address).value = int(value)


def _load(array: np.ndarray, index: int, size: int) -> bytes:
    index = int(index)
    if index < 0 or index + size > len(array):
        raise OutOfBoundsError(f"{size} bytes at {index} of {len(array)}")
    return array[index : index + size].tobytes()


_INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "byte_at": lambda address: np.int64(_read(address, ctypes.c_uint8)),
    "half_at": lambda address: np.int64(_read(address, ctypes.c_int32)),
    "word_at": lambda address: np.uint64(_read(address, ctypes.c_uint64)),
    "put_word": lambda address, word: _write(address, word, ctypes.c_uint64),
    "put_byte": lambda address, byte: _write(address, int(byte) & 255, ctypes.c_uint8),
    "high_product": lambda left, right: np.uint64((int(left) * int(right)) >> 64),
    "zeros_below": lambda word: np.int64((int(word) & -int(word)).bit_length() - 1 if int(word) else 64),
    "load64": lambda array, index: np.uint64(int.from_bytes(_load(array, index, 8), "little")),
    "load32": lambda array, index: np.uint32(int.from_bytes(_load(array, index, 4), "little")),
}


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    return _INSTRUCTIONS[function.__name__]


def _njit(*given: Any, **_: Any) -> Any:
    def plain(function: Callable[..., Any]) -> Callable[..., Any]:
        if function.__name__ == "address_of":
            return lambda array: np.int64(_ARRAYS.address(array))
        return function

    return plain(given[0]) if len(given) == 1 and callable(given[0]) and not isinstance(given[0], type) else plain


numba.extending.intrinsic = _intrinsic
numba.njit = _njit
