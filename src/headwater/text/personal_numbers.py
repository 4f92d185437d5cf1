"""Numbers that belong to a person: kernels that check one candidate each.

- Phone numbers: international ones (``+``, a country code of ITU-T E.164, 8 to 15 digits; 11 for codes 1 and 7), North
  American ones written (NXX) NXX-XXXX, NXX-NXX-XXXX or NXX.NXX.XXXX, and others of 7 to 15 digits behind a word such
  as "tel" or "fax".
- Payment cards: 14 to 19 digits, an issuer's range and its length, the check digit of ISO/IEC 7812-1 (Luhn).
- Bank accounts: IBAN, ISO 13616: a country's length, remainder 1 modulo 97.
- US social security numbers: AAA-GG-SSSS, no area 000, 666 or 900 and above, no group 00, no serial 0000; or behind
  "SSN" with spaces.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.personal_characters import (
    ALNUM,
    DIGIT,
    UPPER,
    WORD,
    digits_end,
    is_kind,
    is_one_of,
    separator,
    separator_sign,
    stands_alone,
    word_before,
    word_hashes,
)

_SPACE, _PLUS, _HYPHEN, _DOT, _SLASH, _OPEN, _CLOSE, _COMMA = 32, 43, 45, 46, 47, 40, 41, 44
_MOST_DIGITS, _MOST_GROUPS = 24, 12

_PHONES = word_hashes((
    "tel", "telephone", "phone", "phones", "fax", "telefax", "mobile", "cell", "cellphone", "gsm", "whatsapp", "ph",
    "telefon", "telephon", "mobil", "handy", "tlf", "tfn", "telefoon", "telefono", "tel\u00e9fono", "m\u00f3vil",
    "celular", "telefone", "telem\u00f3vel", "t\u00e9l\u00e9phone", "t\u00e9l", "\u0442\u0435\u043b",
    "\u0442\u0435\u043b\u0435\u0444\u043e\u043d", "\u0444\u0430\u043a\u0441",
    "\u0422\u0435\u043b", "\u0422\u0435\u043b\u0435\u0444\u043e\u043d", "\u0424\u0430\u043a\u0441", "\u7535\u8bdd",
    "\u624b\u673a", "\u96fb\u8a71", "\u624b\u6a5f",
))  # fmt: skip
_SOCIAL = word_hashes(("ssn", "security"))

# Country codes of E.164 in use (ITU-T list of assigned codes): a code is a prefix of no other.
_CODES = """
    1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86
    90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237
    238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267
    268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382
    383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670
    672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878
    880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996
    998
"""
# Length of an IBAN by country (SWIFT's registry of national formats).
_IBANS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""


def _codes() -> NDArray[np.bool_]:
    codes = np.zeros(1000, dtype=np.bool_)
    codes[[int(code) for code in _CODES.split()]] = True
    return codes


def _lengths() -> NDArray[np.uint8]:
    lengths = np.zeros((26, 26), dtype=np.uint8)
    for country in _IBANS.split():
        lengths[ord(country[0]) - 65, ord(country[1]) - 65] = int(country[2:])
    return lengths


_COUNTRY_CODES = _codes()
_IBAN_LENGTHS = _lengths()


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _read_groups(data, at, end, digits, ends, counts, signs):  # type: ignore[no-untyped-def]
    """Read groups of digits with at most three separators or parentheses between them.

    Writes the digits, and per group its end, the digits up to there and the first sign before it; returns the number of
    groups.
    """
    groups = count = 0
    opened = False
    sign = np.uint8(0)
    if data[at] == _PLUS:
        at += 1
        sign = np.uint8(_PLUS)
    while at < end and groups < _MOST_GROUPS:
        place = at
        units = 0
        while place < end and units < 3 and not is_kind(data[place], DIGIT):
            byte = data[place]
            if (byte == _OPEN and not opened) or (byte == _CLOSE and opened):
                opened = not opened
                size = 1
                found = byte
            else:
                size = separator(data, place, end)
                if size == 0:
                    break
                found = separator_sign(data, place)
            if units == 0 and sign != _PLUS:
                sign = found
            units += 1
            place += size
        if place >= end or not is_kind(data[place], DIGIT):
            break
        while place < end and is_kind(data[place], DIGIT):
            if count == _MOST_DIGITS:
                return groups
            digits[count] = data[place] - 48
            count += 1
            place += 1
        ends[groups], counts[groups], signs[groups] = place, count, sign
        groups += 1
        sign = np.uint8(0)
        at = place
        if units and opened and place < end and data[place] != _CLOSE and separator(data, place, end) == 0:
            return 0  # a parenthesis that is not closed
    return groups


@nb.njit(cache=True, nogil=True)
def _clear_after(data, stop, end):  # type: ignore[no-untyped-def]
    return stop >= end or not is_kind(data[stop], WORD)


@nb.njit(cache=True, nogil=True)
def phone_end(data, begin, end, at):  # type: ignore[no-untyped-def]
    """Return where the phone number that begins at ``at`` with ``+``, ``(`` or a digit ends, or -1."""
    if at > begin and (is_kind(data[at - 1], WORD) or data[at - 1] == _PLUS):
        return -1
    if data[at] == _OPEN:
        place = digits_end(data, at + 1, end)
        if place >= end or data[place] != _CLOSE:
            return -1  # a number in parentheses begins with its digits
    digits = np.empty(_MOST_DIGITS, dtype=np.uint8)
    ends = np.empty(_MOST_GROUPS, dtype=np.int64)
    counts = np.empty(_MOST_GROUPS, dtype=np.int64)
    signs = np.empty(_MOST_GROUPS, dtype=np.uint8)
    groups = _read_groups(data, at, end, digits, ends, counts, signs)
    if groups == 0:
        return -1
    if data[at] == _PLUS:
        return _international_end(data, end, digits, ends, counts, signs, groups)
    if at > begin:
        before = data[at - 1]
        if before in (_HYPHEN, _DOT, _SLASH, _COMMA) and (at - 2 >= begin and is_kind(data[at - 2], ALNUM)):
            return -1
    stop = _north_american_end(data, end, digits, ends, counts, signs, groups)
    if stop > 0:
        return stop
    if not is_one_of(word_before(data, begin, at), _PHONES):
        return -1
    return _national_end(data, end, digits, ends, counts, groups)


@nb.njit(cache=True, nogil=True)
def _international_end(data, end, digits, ends, counts, signs, groups):  # type: ignore[no-untyped-def]
    first = np.int64(digits[0])
    size = 1
    if not _COUNTRY_CODES[first]:
        if counts[groups - 1] < 8:
            return -1
        first = first * 10 + digits[1]
        size = 2
        if first < 10:
            return -1
        if not _COUNTRY_CODES[first]:
            first = first * 10 + digits[2]
            size = 3
            if not _COUNTRY_CODES[first]:
                return -1
    # A decimal number: the one separator is a full stop, and not behind the country code.
    if groups == 2 and signs[1] == _DOT and counts[0] != size:
        return -1
    group = groups - 1
    if size == 1:
        while group >= 0 and counts[group] > 11:
            group -= 1
        if group < 0 or counts[group] != 11:
            return -1
        if first == 1 and (digits[1] < 2 or digits[4] < 2):
            return -1
    else:
        while group >= 0 and counts[group] > 15:
            group -= 1
        if group < 0 or counts[group] < 8:
            return -1
    zeros = 0
    while zeros < counts[group] and digits[counts[group] - 1 - zeros] == 0:
        zeros += 1
    if zeros >= 6:  # millions, rather than somebody's number
        return -1
    # In text out of tables and pages the next word often follows without a space.
    if not _clear_after(data, ends[group], end) and (group == 0 or counts[group] < 10):
        return -1
    return ends[group]


@nb.njit(cache=True, nogil=True)
def _north_american_end(data, end, digits, ends, counts, signs, groups):  # type: ignore[no-untyped-def]
    """Return where a number of three, three and four digits ends, a 1 before it or not, or -1."""
    area = 1 if digits[0] == 1 and counts[0] == 1 else 0
    if groups < area + 3 or counts[area] != area + 3 or counts[area + 1] != area + 6 or counts[area + 2] != area + 10:
        return -1
    if digits[area] < 2 or digits[area + 3] < 2:
        return -1
    in_parentheses = signs[area] == _OPEN or signs[area + 1] == _CLOSE
    first, second = signs[area + 1], signs[area + 2]
    if second == _HYPHEN:
        if not (in_parentheses or first in (_HYPHEN, _SPACE)):
            return -1
    elif second == _DOT:
        if not (in_parentheses or first == _DOT):
            return -1
    elif not (second == _SPACE and in_parentheses):
        return -1
    stop = ends[area + 2]
    if groups > area + 3 and signs[area + 3] != _SPACE and signs[area + 3] != _OPEN:
        return -1  # a longer number
    return stop if _clear_after(data, stop, end) else -1


@nb.njit(cache=True, nogil=True)
def _national_end(data, end, digits, ends, counts, groups):  # type: ignore[no-untyped-def]
    """Return where a number behind "tel" or the like ends, or -1: 7 to 15 digits that are no date."""
    group = groups - 1
    while group >= 0 and counts[group] > 15:
        group -= 1
    if group < 0 or counts[group] < 7:
        return -1
    if group == 0 and digits[0] != 0 and counts[0] < 9:
        return -1
    if group == 2 and counts[2] == 8:
        size = counts[0]
        if (size == 4 and counts[1] == 6) or (size == 2 and counts[1] == 4):
            return -1
    return ends[group] if _clear_after(data, ends[group], end) else -1


@nb.njit(cache=True, nogil=True)
def card_end(data, begin, end, at, stop):  # type: ignore[no-untyped-def]
    """Return where the payment card's number whose first run of digits is ``at`` to ``stop`` ends, or -1.

    The digits stand together, or in the groups printed on cards, joined by spaces or hyphens.
    """
    digits = np.empty(20, dtype=np.uint8)
    size = stop - at
    count = 0
    if 14 <= size <= 19:
        for place in range(at, stop):
            digits[count] = data[place] - 48
            count += 1
    elif size == 4 and stop < end:
        sign = data[stop]
        if sign not in (_SPACE, _HYPHEN):
            return -1
        # A group of four before or behind makes it a table of numbers.
        if (
            at - 5 >= begin
            and data[at - 1] == sign
            and digits_end(data, at - 5, end) == at - 1
            and (at - 5 == begin or not is_kind(data[at - 6], DIGIT))
        ):
            return -1
        place = at
        groups = 4
        for group in range(4):
            if group == groups:
                break
            if group:
                if stop >= end or data[stop] != sign:
                    return -1
                place = stop + 1
            stop = digits_end(data, place, min(end, place + 7))
            length = stop - place
            if group == 1 and length == 6:  # printed 4 6 5 and 4 6 4
                groups = 3
            elif not (length == 4 or (length == 5 and group == 2 and groups == 3)):
                return -1
            for inner in range(place, stop):
                digits[count] = data[inner] - 48
                count += 1
        if stop + 5 <= end and data[stop] == sign and digits_end(data, stop + 1, min(end, stop + 6)) == stop + 5:
            return -1
    else:
        return -1
    if not stands_alone(data, begin, end, at, stop) or not _is_card(digits, count):
        return -1
    return stop


@nb.njit(cache=True, nogil=True)
def _is_card(digits, count):  # type: ignore[no-untyped-def]
    """Return whether an issuer gives out numbers of this beginning and length, and the check digit is right."""
    two = np.int64(digits[0]) * 10 + digits[1]
    four = two * 100 + np.int64(digits[2]) * 10 + digits[3]
    if two in (34, 37):  # American Express
        known = count == 15
    elif two in (36, 38, 39) or 3000 <= four <= 3059 or four == 3095:  # Diners Club
        known = count == 14
    elif two == 62:  # UnionPay
        known = 16 <= count <= 19
    else:
        # Visa, Mastercard, Discover, JCB
        known = count == 16 and (
            digits[0] == 4
            or 51 <= two <= 55
            or 2221 <= four <= 2720
            or four == 6011
            or 6440 <= four <= 6599
            or 3528 <= four <= 3589
        )
    if not known:
        return False
    total = np.int64(0)
    for i in range(count):
        digit = np.int64(digits[count - 1 - i])
        total += digit if i % 2 == 0 else 2 * digit if digit < 5 else 2 * digit - 9
    return total % 10 == 0


@nb.njit(cache=True, nogil=True)
def iban_end(data, begin, end, at):  # type: ignore[no-untyped-def]
    """Return where the IBAN whose check digits begin at ``at``, behind two capitals, ends, or -1.

    Written together, or in groups of four with spaces or hyphens between.
    """
    first = at - 2
    if first < begin or not is_kind(data[first], UPPER) or not is_kind(data[first + 1], UPPER):
        return -1
    if first > begin and is_kind(data[first - 1], WORD):
        return -1
    length = np.int64(_IBAN_LENGTHS[data[first] - 65, data[first + 1] - 65])
    if length == 0:
        return -1
    # The first four characters count last: their remainder is put behind the others'.
    head = np.int64(0)
    rest = np.int64(0)
    place = first
    grouped = False
    for count in range(length):
        if count and count % 4 == 0 and place < end and (count == 4 or grouped):
            byte = data[place]
            if byte in (_SPACE, _HYPHEN):
                grouped = True
                place += 1
            elif grouped:
                return -1
        if place >= end:
            return -1
        byte = data[place]
        if is_kind(byte, DIGIT):
            value = np.int64(byte - 48)
            size = 10
        elif is_kind(byte, UPPER):
            value = np.int64(byte - 55)
            size = 100
        else:
            return -1
        if count < 4:
            head = head * size + value
        else:
            rest = (rest * size + value) % 97
        place += 1
    if not _clear_after(data, place, end):
        return -1
    return place if (rest * 1_000_000 + head) % 97 == 1 else -1


@nb.njit(cache=True, nogil=True)
def social_security_end(data, begin, end, at, stop):  # type: ignore[no-untyped-def]
    """Return where the US social security number whose first run of digits is ``at`` to ``stop`` ends, or -1."""
    if stop - at != 3 or stop + 8 > end:
        return -1
    sign = data[stop]
    if sign not in (_SPACE, _HYPHEN) or data[stop + 3] != sign:
        return -1
    last = stop + 8
    if digits_end(data, stop + 1, end) != stop + 3 or digits_end(data, stop + 4, end) != last:
        return -1
    if sign == _SPACE and not is_one_of(word_before(data, begin, at), _SOCIAL):
        return -1
    area = _number(data, at, stop)
    group = _number(data, stop + 1, stop + 3)
    serial = _number(data, stop + 4, last)
    if area in (0, 666) or area >= 900 or group == 0 or serial == 0:
        return -1
    # Two numbers that were printed in advertisements and never given out again.
    if (area, group, serial) == (78, 5, 1120) or (area, group, serial) == (219, 9, 9999):
        return -1
    return last if stands_alone(data, begin, end, at, last) else -1


@nb.njit(cache=True, nogil=True)
def _number(data, first, stop):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    for at in range(first, stop):
        value = value * 10 + (data[at] - 48)
    return value
