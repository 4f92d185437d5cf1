"""Personal data in text: found in one pass over the UTF-8 of a whole batch, and replaced.

The pass stops at the bytes that personal data have (``@``, digits, ``:``, ``+``, the first letters of keys) and leaves
the decision to a kernel per kind. What is found are places: bytes from and to, never overlapping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.personal_addresses import email_begin, email_end, ipv4_end, ipv6_end
from headwater.text.personal_characters import digits_end
from headwater.text.personal_numbers import card_end, iban_end, phone_end, social_security_end
from headwater.text.personal_secrets import TOKEN_PAIRS, private_key_end, token_end


class PersonalKind(IntEnum):
    """What can be found."""

    EMAIL = 0
    IP_ADDRESS = 1
    PHONE_NUMBER = 2
    CARD_NUMBER = 3
    IBAN = 4
    SOCIAL_SECURITY_NUMBER = 5
    SECRET = 6


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where personal data stand, by text and place."""

    rows: NDArray[np.int64]
    """Index of the text."""
    begins: NDArray[np.int64]
    """First byte in the data."""
    ends: NDArray[np.int64]
    """Byte behind the last."""
    kinds: NDArray[np.int8]
    """A ``PersonalKind`` each."""

    def __len__(self) -> int:
        return len(self.rows)


def find_personal(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], kinds: Sequence[PersonalKind] = tuple(PersonalKind)
) -> Places:
    """Return where texts hold personal data.

    Args:
        data: UTF-8 of the texts, as :func:`~headwater.text.utf8.utf8_bytes` returns it.
        offsets: where each begins.
        kinds: what to look for.
    """
    wanted = np.zeros(len(PersonalKind), dtype=np.bool_)
    wanted[list(kinds)] = True
    return Places(*_find(data, offsets, wanted, _stops(wanted)))


def replace_personal(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], places: Places, placeholders: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the texts with a placeholder at each place, and their offsets.

    Args:
        data: UTF-8 of the texts.
        offsets: where each begins.
        places: what is replaced.
        placeholders: one per ``PersonalKind``.
    """
    encoded = [placeholder.encode() for placeholder in placeholders]
    begins = np.cumsum([0, *map(len, encoded)])
    pieces = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return _replace(data, offsets, places.rows, places.begins, places.ends, places.kinds, pieces, begins)


_SKIP, _ON_AT, _ON_DIGIT, _ON_PLUS, _ON_COLON, _ON_LETTER, _ON_HYPHEN = range(7)


def _stops(wanted: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return what to do at each byte."""
    stops = np.full(256, _SKIP, dtype=np.uint8)
    kind = PersonalKind
    if wanted[kind.EMAIL]:
        stops[ord("@")] = _ON_AT
    if wanted[kind.IP_ADDRESS]:
        stops[ord(":")] = _ON_COLON
    if wanted[[kind.IP_ADDRESS, kind.PHONE_NUMBER, kind.CARD_NUMBER, kind.IBAN, kind.SOCIAL_SECURITY_NUMBER]].any():
        stops[ord("0") : ord("9") + 1] = _ON_DIGIT
    if wanted[kind.PHONE_NUMBER]:
        stops[[ord("+"), ord("(")]] = _ON_PLUS
    if wanted[kind.SECRET]:
        stops[ord("-")] = _ON_HYPHEN
        stops[:128][TOKEN_PAIRS.any(axis=1)] = _ON_LETTER
    return stops


_EMAIL, _IP, _PHONE, _CARD, _IBAN, _SOCIAL, _SECRET = (int(kind) for kind in PersonalKind)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _number_end(data, begin, end, at, stop, wanted):  # type: ignore[no-untyped-def]
    """Return kind and end of what begins at a run of digits, or -1 and 0. An IBAN begins two bytes before."""
    size = stop - at
    if wanted[_IBAN] and size >= 2 and at - 2 >= begin:
        last = iban_end(data, begin, end, at)
        if last > 0:
            return _IBAN, last
    if wanted[_IP] and size <= 3 and stop < end and data[stop] == 46:
        last = ipv4_end(data, begin, end, at)
        if last > 0:
            return _IP, last
    if wanted[_CARD] and size >= 4:
        last = card_end(data, begin, end, at, stop)
        if last > 0:
            return _CARD, last
    if wanted[_SOCIAL] and size == 3:
        last = social_security_end(data, begin, end, at, stop)
        if last > 0:
            return _SOCIAL, last
    if wanted[_PHONE]:
        last = phone_end(data, begin, end, at)
        if last > 0:
            return _PHONE, last
    return -1, np.int64(0)


@nb.njit(cache=True, nogil=True)
def _next_stop(data, at, end, stops):  # type: ignore[no-untyped-def]
    """Return the next byte something may begin at: the loop that most of the time is spent in."""
    while at < end:
        stop = stops[data[at]]
        if stop != _SKIP and (stop != _ON_LETTER or _may_be_token(data, at, end)):
            break
        at += 1
    return at


@nb.njit(cache=True, nogil=True)
def _may_be_token(data, at, end):  # type: ignore[no-untyped-def]
    return at + 1 < end and data[at + 1] < 128 and TOKEN_PAIRS[data[at], data[at + 1]]


@nb.njit(cache=True, nogil=True)
def _more(values):  # type: ignore[no-untyped-def]
    larger = np.empty(2 * len(values), dtype=values.dtype)
    larger[: len(values)] = values
    return larger


@nb.njit(cache=True, nogil=True)
def _find(data, offsets, wanted, stops):  # type: ignore[no-untyped-def]
    rows = np.empty(256, dtype=np.int64)
    begins = np.empty(256, dtype=np.int64)
    ends = np.empty(256, dtype=np.int64)
    kinds = np.empty(256, dtype=np.int8)
    count = 0
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        row_first = count
        free = begin  # addresses may not begin before
        at = begin
        while True:
            at = _next_stop(data, at, end, stops)
            if at >= end:
                break
            stop = stops[data[at]]
            kind = -1
            first = last = at
            if stop == _ON_DIGIT:
                after = digits_end(data, at, end)
                kind, last = _number_end(data, begin, end, at, after, wanted)
                if kind == _IBAN:
                    first = at - 2
                elif kind < 0:
                    at = after
                    continue
            elif stop == _ON_LETTER:
                last = token_end(data, begin, end, at)
                kind = _SECRET
            elif stop == _ON_COLON:
                last = ipv6_end(data, begin, end, at)
                first = at - 4
                kind = _IP
            elif stop == _ON_PLUS:
                last = phone_end(data, begin, end, at)
                kind = _PHONE
            elif stop == _ON_HYPHEN:
                last = private_key_end(data, end, at)
                kind = _SECRET
                if last < 0:
                    while at + 1 < end and data[at + 1] == 45:  # a line of hyphens is looked at once
                        at += 1
            else:
                first = email_begin(data, begin, free, at)
                last = email_end(data, at + 1, end) if first >= 0 else -1
                kind = _EMAIL
                if last > 0:
                    # A number in an address is part of it; a key is more than an address.
                    while count > row_first and ends[count - 1] > first and kinds[count - 1] != _SECRET:
                        count -= 1
                    if count > row_first and ends[count - 1] > first:
                        last = -1
            if last < 0 or (count > row_first and ends[count - 1] > first):
                at += 1
                continue
            if count == len(rows):
                rows, begins, ends, kinds = _more(rows), _more(begins), _more(ends), _more(kinds)
            rows[count], begins[count], ends[count], kinds[count] = row, first, last, kind
            count += 1
            if kind == _EMAIL:
                free = last
            at = last
    return rows[:count].copy(), begins[:count].copy(), ends[:count].copy(), kinds[:count].copy()


@nb.njit(cache=True, nogil=True)
def _replace(data, offsets, rows, begins, ends, kinds, pieces, piece_begins):  # type: ignore[no-untyped-def]
    size = offsets[-1] - offsets[0]
    for i in range(len(rows)):
        size += piece_begins[kinds[i] + 1] - piece_begins[kinds[i]] - (ends[i] - begins[i])
    out = np.empty(size, dtype=np.uint8)
    starts = np.zeros(len(offsets), dtype=np.int64)
    written = place = 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while place < len(rows) and rows[place] == row:
            length = begins[place] - at
            out[written : written + length] = data[at : begins[place]]
            written += length
            first, stop = piece_begins[kinds[place]], piece_begins[kinds[place] + 1]
            out[written : written + stop - first] = pieces[first:stop]
            written += stop - first
            at = ends[place]
            place += 1
        length = offsets[row + 1] - at
        out[written : written + length] = data[at : offsets[row + 1]]
        written += length
        starts[row + 1] = written
    return out, starts
