"""Bytes and characters of UTF-8 text, for the compiled kernels."""

import numba as nb
import numpy as np

TAB, NEWLINE, RETURN, BLANK = b"\t\n\r "
BANG, QUOTE, HASH, AMPERSAND, APOSTROPHE = b"!\"#&'"
OPEN, CLOSE, STAR, PLUS, COMMA, HYPHEN, STOP, SLASH = b"()*+,-./"
COLON, SEMICOLON, LESS, EQUALS, GREATER, QUESTION = b":;<=>?"
OPEN_SQUARE, BACKSLASH, CLOSE_SQUARE, UNDERSCORE, BACKTICK, BAR, TILDE = b"[\\]_`|~"

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201


@nb.njit(cache=True, nogil=True)
def decode(data, i, end):  # type: ignore[no-untyped-def]
    """Return the code point at ``i`` and its width; U+FFFD of width 1 where the bytes are not UTF-8."""
    c = data[i]
    if c < 0x80:
        return np.int64(c), 1
    if c < 0xC2 or c > 0xF4:
        return np.int64(0xFFFD), 1
    width = 2 if c < 0xE0 else 3 if c < 0xF0 else 4
    if i + width > end:
        return np.int64(0xFFFD), 1
    code = np.int64(c) & (0x7F >> width)
    for k in range(1, width):
        if data[i + k] & 0xC0 != 0x80:
            return np.int64(0xFFFD), 1
        code = (code << 6) | (np.int64(data[i + k]) & 0x3F)
    if code > 0x10FFFF:
        return np.int64(0xFFFD), 1
    return code, width


@nb.njit(cache=True, nogil=True)
def is_blank(c):  # type: ignore[no-untyped-def]
    """Return whether the byte or code point is an ASCII blank or line break."""
    return c == 32 or 9 <= c <= 13


@nb.njit(cache=True, nogil=True)
def is_letter(c):  # type: ignore[no-untyped-def]
    """Return whether the byte or code point is an ASCII letter."""
    return 97 <= (c | 32) <= 122 and c < 128


@nb.njit(cache=True, nogil=True)
def is_lower(c):  # type: ignore[no-untyped-def]
    """Return whether the byte or code point is a small ASCII letter."""
    return 97 <= c <= 122


@nb.njit(cache=True, nogil=True)
def is_upper(c):  # type: ignore[no-untyped-def]
    """Return whether the byte or code point is a capital ASCII letter."""
    return 65 <= c <= 90
