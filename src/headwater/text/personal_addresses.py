"""E-mail and IP addresses in UTF-8 text: kernels that check one candidate each.

An e-mail address is what datatrove's expression finds (``PIIFormatter`` of 0.10.1), the dot-atom form of RFC 5322, but:

- the last label of its domain is a possible top-level domain (letters, two and more, or ``xn--``), which
  ``package@1.2.3`` and ``logo@2x.png`` are not;
- addresses at names reserved for documentation and tests (RFC 2606, RFC 6761, RFC 6762) belong to nobody;
- Latin letters beyond ASCII are part of it (RFC 6531), and a letter of another script directly before it, as in Chinese
  prose, does not hide it;
- what follows the top-level domain behind a hyphen is not part of it.

An IPv4 address is public, as Python's ``ipaddress`` has it, and no part of a longer dotted number, a version or a
file's name. Of IPv6 (RFC 4291, section 2.2) only global unicast addresses (2000::/3) are public, less those for
documentation and protocols.
"""

import numba as nb
import numpy as np

from headwater.text.personal_characters import (
    ALNUM,
    DIGIT,
    HEX,
    LETTER,
    LOCAL,
    WORD,
    digits_end,
    is_kind,
    is_one_of,
    word_before,
    word_hash,
    word_hashes,
)

_DOT, _COLON, _HYPHEN, _SLASH = 46, 58, 45, 47

# Last labels nobody can have an address at: special-use names, and the endings of files.
_NO_DOMAINS = word_hashes((
    "example", "test", "invalid", "localhost", "local", "localdomain", "internal", "lan",
    "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "htm", "xml", "php", "txt", "pdf",
))  # fmt: skip
_RESERVED = word_hashes(("example.com", "example.net", "example.org"))
# Words before numbers of four parts that are no address.
_VERSIONS = word_hashes((
    "version", "versions", "ver", "v", "release", "section", "sections", "sec", "chapter", "clause", "paragraph",
    "rev", "revision", "firmware", "build", "kernel", "driver",
))  # fmt: skip


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _is_latin(lead, trail):  # type: ignore[no-untyped-def]
    """Return whether two bytes are a Latin letter beyond ASCII, U+00C0 to U+024F."""
    return 0xC3 <= lead <= 0xC9 and 0x80 <= trail <= 0xBF and not (lead == 0xC3 and trail in (0x97, 0xB7))


@nb.njit(cache=True, nogil=True)
def email_begin(data, begin, free, at):  # type: ignore[no-untyped-def]
    """Return where the local part before an ``@`` at ``at`` begins, or -1: atoms joined by single dots.

    It begins at the first word boundary (between a letter, digit or underscore and anything else) of the text from
    ``begin`` on, and not before ``free``.
    """
    first = at
    while first > free:
        byte = data[first - 1]
        if is_kind(byte, LOCAL):
            first -= 1
        elif first - 2 >= free and _is_latin(data[first - 2], byte):
            first -= 2
        elif byte == _DOT and first < at and data[first] != _DOT and first - 1 > free:
            before = data[first - 2]
            if not is_kind(before, LOCAL) and not (first - 3 >= free and _is_latin(data[first - 3], before)):
                break
            first -= 1
        else:
            break
    before = first > begin and is_kind(data[first - 1], WORD)
    before = before or (first - 2 >= begin and _is_latin(data[first - 2], data[first - 1]))
    while first < at:
        byte = data[first]
        word = byte >= 0x80 or is_kind(byte, WORD)
        if byte != _DOT and before != word:
            return first
        before = word
        first += 2 if byte >= 0x80 else 1
    return -1


@nb.njit(cache=True, nogil=True)
def email_end(data, at, end):  # type: ignore[no-untyped-def]
    """Return where the domain that begins at ``at`` ends, or -1 if nobody can have an address at it."""
    if at < end and data[at] == 91:
        return _literal_end(data, at, end)
    labels = 0
    last = -1  # end of the longest domain so far
    first = at
    while first < end:
        stop = hyphen = -1
        inner = first
        while inner < end:
            if is_kind(data[inner], ALNUM):
                inner += 1
                stop = inner
            elif inner + 1 < end and _is_latin(data[inner], data[inner + 1]):
                inner += 2
                stop = inner
            elif data[inner] == _HYPHEN and inner > first:
                if hyphen < 0:
                    hyphen = inner
                inner += 1
            else:
                break
        if stop < 0:
            break
        labels += 1
        if labels > 1:
            # Behind the top-level domain may come a hyphen and more, as in name@domain.com-20050919.
            whole = hyphen < 0 or _is_top_level(data, first, stop)
            top = stop if whole else hyphen
            if _is_top_level(data, first, top) and not _is_reserved(data, at, first, top):
                last = top
        if stop != inner or stop >= end or data[stop] != _DOT:
            break
        first = stop + 1
    return last


@nb.njit(cache=True, nogil=True)
def _literal_end(data, at, end):  # type: ignore[no-untyped-def]
    """Return where an address in brackets ends (``[192.0.2.1]``), or -1."""
    first = at + 1
    for part in range(4):
        stop = digits_end(data, first, min(end, first + 4))
        if stop == first or stop - first > 3 or stop >= end or data[stop] != (93 if part == 3 else _DOT):
            return -1
        first = stop + 1
    return first


@nb.njit(cache=True, nogil=True)
def _is_top_level(data, first, stop):  # type: ignore[no-untyped-def]
    if stop - first < 2 or stop - first > 63:
        return False
    if stop - first > 4 and data[first + 2] == _HYPHEN and data[first + 3] == _HYPHEN:
        return (data[first] | 32) == 120 and (data[first + 1] | 32) == 110  # xn--
    for at in range(first, stop):
        if not is_kind(data[at], LETTER):
            return False
    return not is_one_of(word_hash(data, first, stop), _NO_DOMAINS)


@nb.njit(cache=True, nogil=True)
def _is_reserved(data, domain, first, stop):  # type: ignore[no-untyped-def]
    """Return whether the last two labels are a domain for examples."""
    if stop - first != 3 or first - domain < 8:
        return False
    second = first - 8
    if second > domain and data[second - 1] != _DOT:
        return False
    return is_one_of(word_hash(data, second, stop), _RESERVED)


@nb.njit(cache=True, nogil=True)
def ipv4_end(data, begin, end, at):  # type: ignore[no-untyped-def]
    """Return where the public IPv4 address whose digits begin at ``at`` ends, or -1."""
    value = np.int64(0)
    first = at
    stop = at
    for part in range(4):
        stop = digits_end(data, first, min(end, first + 4))
        size = stop - first
        if size == 0 or size > 3 or (size > 1 and data[first] == 48):
            return -1
        number = np.int64(0)
        for place in range(first, stop):
            number = number * 10 + (data[place] - 48)
        if number > 255:
            return -1
        value = (value << 8) | number
        if part < 3:
            if stop >= end or data[stop] != _DOT:
                return -1
            first = stop + 1
    if not _is_public(value) or not _is_address(data, begin, end, at, stop):
        return -1
    return stop


@nb.njit(cache=True, nogil=True)
def _is_address(data, begin, end, first, stop):  # type: ignore[no-untyped-def]
    """Return whether what stands around four numbers lets them be an address."""
    if stop < end:
        after = data[stop]
        if is_kind(after, WORD):
            return False
        # A fifth number, or the ending of a file (1.2.3.4.jar).
        if after == _DOT and stop + 1 < end and (is_kind(data[stop + 1], DIGIT) or 97 <= data[stop + 1] <= 122):
            return False
    if first == begin:
        return True
    before = data[first - 1]
    if is_kind(before, WORD):
        return False
    inner = first - 2 >= begin and is_kind(data[first - 2], ALNUM)
    if before == _DOT and inner:
        return False
    # Names with a version: glibc-2.3.4.5, Chrome/2.0.172.33.
    if before in (_HYPHEN, _SLASH) and first - 2 >= begin and is_kind(data[first - 2], LETTER):
        return False
    if first - 2 >= begin and before == 32 and data[first - 2] == 0xA7:  # section sign
        return False
    return before != 0xA7 and not is_one_of(word_before(data, begin, first), _VERSIONS)


@nb.njit(cache=True, nogil=True)
def _is_public(value):  # type: ignore[no-untyped-def]
    """Return whether an IPv4 address is globally reachable (IANA special-purpose registry; Python's ``is_global``)."""
    high = value >> 24
    if high in (0, 10, 127) or high >= 240:
        return False
    pair = value >> 16
    if pair in (0xA9FE, 0xC0A8) or 0xAC10 <= pair <= 0xAC1F or 0xC612 <= pair <= 0xC613 or 0x6440 <= pair <= 0x647F:
        return False
    three = value >> 8
    return three not in (0xC00000, 0xC00002, 0xC63364, 0xCB0071)


@nb.njit(cache=True, nogil=True)
def _nibble(byte):  # type: ignore[no-untyped-def]
    return np.int64(byte - 48) if byte <= 57 else np.int64((byte | 32) - 87)


@nb.njit(cache=True, nogil=True)
def ipv6_end(data, begin, end, at):  # type: ignore[no-untyped-def]
    """Return where the public IPv6 address whose first group ends before the colon at ``at`` ends, or -1.

    A public address begins with four digits from 2000 to 3fff.
    """
    first = at - 4
    if first < begin or not 50 <= data[first] <= 51 or not is_kind(data[first + 1], HEX):
        return -1
    if not is_kind(data[first + 2], HEX) or not is_kind(data[first + 3], HEX):
        return -1
    if first > begin and (is_kind(data[first - 1], WORD) or data[first - 1] == _COLON or data[first - 1] == _DOT):
        return -1
    high = np.int64(0)
    for place in range(first, at):
        high = (high << 4) | _nibble(data[place])
    second = np.int64(0)
    groups = 1
    shortened = False
    stop = at  # end of what is read
    while stop + 1 < end and data[stop] == _COLON and groups < 8:
        place = stop + 1
        if data[place] == _COLON:
            if shortened:
                return -1
            shortened = True
            stop = place + 1
            place = stop
            if place >= end or not is_kind(data[place], HEX):
                break
        elif not is_kind(data[place], HEX):
            break
        value = np.int64(0)
        group = place
        while place < end and is_kind(data[place], HEX):
            value = (value << 4) | _nibble(data[place])
            place += 1
            if place - group > 4:
                return -1
        if groups == 1 and not shortened:
            second = value
        groups += 1
        stop = place
    if groups < 8 and not shortened or groups == 8 and shortened:  # noqa: RUF021
        return -1
    if stop < end:
        after = data[stop]
        if is_kind(after, WORD):
            return -1
        if after in (_COLON, _DOT) and stop + 1 < end and is_kind(data[stop + 1], HEX):
            return -1
    if (high == 0x2001 and (second < 0x200 or second == 0xDB8)) or (high == 0x3FFF and second < 0x1000):
        return -1
    return stop
