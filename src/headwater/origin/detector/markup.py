"""Markup in texts as they come: HTML tags and references, markdown, the line with which an assistant hands over.

Every search is bounded, so that a text made of opening marks alone is read in linear time.
"""

import numba as nb
import numpy as np

from headwater.origin.detector.characters import (
    BAR,
    BLANK,
    CLOSE,
    CLOSE_SQUARE,
    COLON,
    EQUALS,
    GREATER,
    HASH,
    HYPHEN,
    LESS,
    NEWLINE,
    OPEN,
    OPEN_SQUARE,
    PLUS,
    RETURN,
    SEMICOLON,
    SLASH,
    STAR,
    STOP,
    TAB,
    TILDE,
    UNDERSCORE,
    is_blank,
    is_letter,
    is_upper,
)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201


@nb.njit(cache=True, nogil=True)
def line_mark(data, i, end):  # type: ignore[no-untyped-def]
    """Return where the text goes on after a heading, quote, bullet, number or rule at the start of a line, else i."""
    c = data[i]
    if c == HASH:  # '#'
        j = i
        while j < end and data[j] == HASH and j - i < 7:
            j += 1
        if j - i <= 6 and (j == end or is_blank(data[j])):
            return j
        return i
    if c == GREATER:  # '>'
        return i + 1
    if 48 <= c <= 57:
        j = i
        while j < end and 48 <= data[j] <= 57 and j - i < 4:
            j += 1
        if j - i <= 3 and j + 1 < end and data[j] in (STOP, CLOSE) and is_blank(data[j + 1]):
            return j + 1
        return i
    if c == 0xE2 and i + 3 < end and data[i + 1] == 0x80 and data[i + 2] == 0x93 and is_blank(data[i + 3]):
        return i + 3  # en dash as a bullet
    rule = 0
    j = i
    while j < end and j - i < 200:  # bounded: a line of many bullets is scanned at each
        d = data[j]
        if d in (NEWLINE, RETURN):
            break
        if d in (HYPHEN, STAR, UNDERSCORE, EQUALS, TILDE, PLUS, BAR, COLON):  # -*_=~+|:
            rule += 1
        elif d not in (BLANK, TAB):
            rule = -1
            break
        j += 1
    if rule >= 3 and (j == end or data[j] in (NEWLINE, RETURN)):
        return j
    if c in (HYPHEN, STAR, PLUS) and (i + 1 == end or is_blank(data[i + 1])):
        return i + 1
    return i


_OPENINGS = np.frombuffer(b"here is here's here are sure certainly of course absolutely ", dtype=np.uint8)
_OPENING_STARTS = np.array([0, 8, 15, 24, 29, 39, 49, 60])


@nb.njit(cache=True, nogil=True)
def opening_end(data, i, end):  # type: ignore[no-untyped-def]
    """Return the end of a first line like "Sure! Here is the text:", with which an assistant hands over; else i."""
    for k in range(len(_OPENING_STARTS) - 1):
        a, b = _OPENING_STARTS[k], _OPENING_STARTS[k + 1] - 1
        j = i
        while j < end and j - i < b - a and data[j] | 32 == _OPENINGS[a + j - i]:
            j += 1
        if j - i == b - a and not (j < end and is_letter(data[j])):
            most = min(end, i + 160)
            while j < most and data[j] not in (NEWLINE, RETURN):
                j += 1
            colon = j - 1
            while colon > i and data[colon] in (BLANK, STAR):  # blanks, emphasis
                colon -= 1
            return j if j < most and data[colon] == COLON else i
    return i


@nb.njit(cache=True, nogil=True)
def tag_end(data, i, end):  # type: ignore[no-untyped-def]
    """Return where the tag that begins at ``i`` ends and the number of its name's letters; ``i`` if there is none."""
    j = i + 1
    if j < end and data[j] == SLASH:
        j += 1
    if j >= end or not is_letter(data[j]):
        return i, np.uint64(0)
    name = np.uint64(0)
    size = 0
    while j < end and size < 20 and (is_letter(data[j]) or 48 <= data[j] <= 57 or data[j] in (HYPHEN, UNDERSCORE)):
        name = (name << np.uint64(8)) | np.uint64(data[j] | 32)
        size += 1
        j += 1
    if j >= end or not (data[j] in (GREATER, SLASH) or is_blank(data[j])):
        return i, np.uint64(0)
    most = min(end, i + 400)
    while j < most and data[j] not in (GREATER, LESS):
        j += 1
    if j < most and data[j] == GREATER:
        return j + 1, name if size <= 8 else np.uint64(0)
    return i, np.uint64(0)


@nb.njit(cache=True, nogil=True)
def find(data, i, end, pattern):  # type: ignore[no-untyped-def]
    """Return where the lower-case ASCII pattern, in whatever case, next begins at or after ``i``, or -1."""
    size = len(pattern)
    for j in range(i, end - size + 1):
        k = 0
        while k < size and (data[j + k] == pattern[k] or (is_upper(data[j + k]) and data[j + k] | 32 == pattern[k])):
            k += 1
        if k == size:
            return j
    return -1


@nb.njit(cache=True, nogil=True)
def is_entity(data, i, end):  # type: ignore[no-untyped-def]
    """Return whether a character reference stands at ``i``."""
    j = i + 1
    if j < end and data[j] == HASH:
        j += 1
    first = j
    while j < end and j - first < 32 and (is_letter(data[j]) or 48 <= data[j] <= 57):
        j += 1
    return j - first >= 2 and j < end and data[j] == SEMICOLON


@nb.njit(cache=True, nogil=True)
def target_end(data, i, end):  # type: ignore[no-untyped-def]
    """Return where ``](target)`` at ``i`` ends, or -1."""
    j = i + 2
    if j >= end or data[i + 1] != OPEN:
        return -1
    most = min(end, j + 500)
    while j < most and data[j] not in (CLOSE, OPEN, NEWLINE):
        j += 1
    return j + 1 if j < most and data[j] == CLOSE else -1


@nb.njit(cache=True, nogil=True)
def opens_link(data, i, end):  # type: ignore[no-untyped-def]
    """Return whether ``[text](target)`` stands at ``i``."""
    j = i + 1
    most = min(end, i + 300)
    while j < most and data[j] not in (CLOSE_SQUARE, OPEN_SQUARE, NEWLINE):
        j += 1
    return j < most and data[j] == CLOSE_SQUARE and target_end(data, j, end) >= 0
