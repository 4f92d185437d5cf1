"""The phrases by which C4 knows lines that are no prose: filler, scripts, policies; looked for in one pass.

In any case of letters. Only at a rare letter of each phrase is anything compared: j, p, f, v and k.
"""

from functools import cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.instructions import byte_at
from headwater.text.lines import three_bytes

IS_LOREM, IS_SCRIPT, IS_POLICY = 1, 2, 4
"""Which kinds of phrases a line has, as bits."""

_PARTS = (
    "javascript",
    "lorem ipsum",
    "terms of use",
    "privacy policy",
    "coo",
    "ie",
    " policy",
    "s",
    "use of ",
    "uses ",
    "use ",
)
_PHRASES = "".join(_PARTS).encode()


def _span(number: int) -> tuple[int, int]:
    """Return where a part begins and ends in the phrases."""
    begin = sum(map(len, _PARTS[:number]))
    return begin, begin + len(_PARTS[number])


_JAVASCRIPT, _LOREM, _TERMS, _PRIVACY, _COO, _IE, _POLICY, _S, _USE_OF, _USES, _USE = map(_span, range(len(_PARTS)))
# The letters that call for a look, and where each stands in its phrase; the k is between "coo" and "ie".
_TRIGGERS = b"jpfvk"
_BEFORE_P, _BEFORE_F, _BEFORE_V = "lorem ipsum".index("p"), "terms of use".index("f"), "privacy".index("v")
_KELVIN = 0xE284AA  # U+212A as UTF-8: in lower case it is the letter k


@cache
def phrases() -> NDArray[np.uint8]:
    """Return the phrases, as ``find_phrases`` takes them."""
    return np.frombuffer(_PHRASES, dtype=np.uint8)


@cache
def triggers() -> NDArray[np.uint8]:
    """Return for each byte which phrase may be there, from 1: for letters, in either case, and the Kelvin sign."""
    table = np.zeros(256, dtype=np.uint8)
    for number, letter in enumerate(_TRIGGERS, 1):
        table[letter] = table[letter - 0x20] = number
    table[_KELVIN >> 16] = 6
    return table


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _is_at(at, begin, end, words, span):  # type: ignore[no-untyped-def]
    """Return whether the part ``span`` of the phrases stands at an address, in any case."""
    first, after = span
    if at < begin or at + (after - first) > end:
        return False
    for i in range(after - first):
        byte, wanted = byte_at(at + i), words[first + i]
        if byte != wanted and (byte | 0x20 != wanted or wanted == 0x20):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _is_cookie_phrase(at, size, begin, end, words):  # type: ignore[no-untyped-def]
    """Return whether the letter k at ``at``, of ``size`` bytes, is in a phrase about cookies."""
    first, after = at - 3, at + size + 2
    if not (_is_at(first, begin, end, words, _COO) and _is_at(at + size, begin, end, words, _IE)):
        return False
    if _is_at(after, begin, end, words, _POLICY):
        return True
    if not _is_at(after, begin, end, words, _S):
        return False
    return (
        _is_at(first - 7, begin, end, words, _USE_OF)
        or _is_at(first - 5, begin, end, words, _USES)
        or _is_at(first - 4, begin, end, words, _USE)
    )


@nb.njit(cache=True, nogil=True)
def find_phrases(begin, end, words, looked_for):  # type: ignore[no-untyped-def]
    """Return which kinds of phrases a line has, as bits."""
    found = 0
    for at in range(begin, end):
        trigger = looked_for[byte_at(at)]
        if trigger == 0:
            continue
        if trigger == 1:
            found |= IS_SCRIPT * _is_at(at, begin, end, words, _JAVASCRIPT)
        elif trigger == 2:
            found |= IS_LOREM * _is_at(at - _BEFORE_P, begin, end, words, _LOREM)
        elif trigger == 3:
            found |= IS_POLICY * _is_at(at - _BEFORE_F, begin, end, words, _TERMS)
        elif trigger == 4:
            found |= IS_POLICY * _is_at(at - _BEFORE_V, begin, end, words, _PRIVACY)
        elif trigger == 5:
            found |= IS_POLICY * _is_cookie_phrase(at, 1, begin, end, words)
        elif three_bytes(at, end) == _KELVIN:
            found |= IS_POLICY * _is_cookie_phrase(at, 3, begin, end, words)
    return found
