"""Secrets in UTF-8 text: kernels that know keys and tokens by the beginnings their issuers gave them.

The beginnings are what issuers document so that leaked keys can be found: Amazon, GitHub, GitLab, Slack, Stripe,
Google, OpenAI, Anthropic, Hugging Face, npm, PyPI, DigitalOcean, SendGrid; private keys in PEM (RFC 7468), signed web
tokens (RFC 7519). Keys that are drawn from too few characters to be random, and Amazon's example keys, are none.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.personal_characters import ALNUM, DIGIT, HEX, LETTER, UPPER, WORD, is_kind

_CAPITALS, _ALNUM, _WORD, _URL, _HEX, _URL_DOT = range(6)
_ANY = 512
"""Longest key that is looked for: what is longer is data in base64, and each of its parts might be a beginning."""
_LONGEST_PARTS = (1 << 10, 1 << 14, 1 << 10)  # of a web token: header, payload, signature
_HYPHEN, _DOT = 45, 46
_FEWEST_DISTINCT = 6
"""Distinct characters a random key has at least; one of 16 characters from 32 has fewer in one of 10^8 cases."""
_SHORTEST_PART = 8
_SHORTEST_LINE = 40

# Beginning, characters of what follows, fewest and most of them; in the order of the beginnings.
_TOKENS = (
    ("AIza", _URL, 35, 35),
    ("AKIA", _CAPITALS, 16, 16),
    ("ASIA", _CAPITALS, 16, 16),
    ("SG.", _URL_DOT, 66, 66),
    ("dop_v1_", _HEX, 64, 64),
    ("ghp_", _ALNUM, 36, _ANY),
    ("gho_", _ALNUM, 36, _ANY),
    ("ghu_", _ALNUM, 36, _ANY),
    ("ghs_", _ALNUM, 36, _ANY),
    ("ghr_", _ALNUM, 36, _ANY),
    ("github_pat_", _WORD, 50, _ANY),
    ("glpat-", _URL, 20, _ANY),
    ("hf_", _ALNUM, 34, 40),
    ("npm_", _ALNUM, 36, 36),
    ("pypi-AgEI", _URL, 50, _ANY),
    ("rk_live_", _ALNUM, 16, _ANY),
    ("sk_live_", _ALNUM, 16, _ANY),
    ("sk-", _URL, 40, _ANY),
    ("xoxa-", _URL, 20, _ANY),
    ("xoxb-", _URL, 20, _ANY),
    ("xoxp-", _URL, 20, _ANY),
    ("xoxr-", _URL, 20, _ANY),
    ("xoxs-", _URL, 20, _ANY),
)  # fmt: skip


def _packed() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    data = np.frombuffer("".join(row[0] for row in _TOKENS).encode(), dtype=np.uint8).copy()
    offsets = np.cumsum([0, *(len(row[0]) for row in _TOKENS)])
    return data, offsets, np.array([row[1:] for row in _TOKENS])


def _pairs() -> NDArray[np.bool_]:
    """Return which two bytes tokens begin with."""
    pairs = np.zeros((128, 128), dtype=np.bool_)
    for beginning in (*(row[0] for row in _TOKENS), _JSON):
        pairs[ord(beginning[0]), ord(beginning[1])] = True
    return pairs


_JSON = "eyJ"  # base64 of an object's beginning, {"
_BEGINNINGS, _OFFSETS, _FORMS = _packed()
TOKEN_PAIRS = _pairs()
"""Whether tokens begin with two ASCII characters, by their codes: what is worth a call of :func:`token_end`."""
_EXAMPLE = np.frombuffer(b"EXAMPLE", dtype=np.uint8).copy()
_BEGIN = np.frombuffer(b"-----BEGIN ", dtype=np.uint8).copy()
_END = np.frombuffer(b"-----END ", dtype=np.uint8).copy()
_PRIVATE = np.frombuffer(b"PRIVATE KEY", dtype=np.uint8).copy()

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _is_at(data, at, end, wanted):  # type: ignore[no-untyped-def]
    if at + len(wanted) > end:
        return False
    for i in range(len(wanted)):  # noqa: SIM110  (a loop is what compiles)
        if data[at + i] != wanted[i]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _is_of(byte, form):  # type: ignore[no-untyped-def]
    if form == _CAPITALS:
        return is_kind(byte, UPPER | DIGIT)
    if form == _ALNUM:
        return is_kind(byte, ALNUM)
    if form == _WORD:
        return is_kind(byte, WORD)
    if form == _HEX:
        return is_kind(byte, HEX)
    return is_kind(byte, WORD) or byte == _HYPHEN or (form == _URL_DOT and byte == _DOT)


@nb.njit(cache=True, nogil=True)
def token_end(data, begin, end, at):  # type: ignore[no-untyped-def]
    """Return where the key or token that begins at ``at`` ends, or -1."""
    if at > begin and (is_kind(data[at - 1], WORD) or at + 16 > end):
        return -1
    if data[at] == 101:
        return _web_token_end(data, end, at)
    for token in range(len(_FORMS)):
        first = at
        same = True
        for place in range(_OFFSETS[token], _OFFSETS[token + 1]):
            if first >= end or data[first] != _BEGINNINGS[place]:
                same = False
                break
            first += 1
        if not same:
            continue
        form, fewest, most = _FORMS[token]
        stop = first
        while stop < end and stop - first <= most and _is_of(data[stop], form):
            stop += 1
        if fewest <= stop - first <= most and _is_random(data, first, stop, form):
            return stop
        return -1
    return -1


@nb.njit(cache=True, nogil=True)
def _is_random(data, first, stop, form):  # type: ignore[no-untyped-def]
    """Return whether characters look drawn rather than written: enough distinct ones, and digits among letters."""
    seen = np.zeros(128, dtype=np.bool_)
    distinct = 0
    digits = letters = capitals = 0
    for at in range(first, stop):
        byte = data[at]
        if not seen[byte]:
            seen[byte] = True
            distinct += 1
        digits += is_kind(byte, DIGIT)
        letters += is_kind(byte, LETTER)
        capitals += is_kind(byte, UPPER)
    if distinct < _FEWEST_DISTINCT or (digits == 0 and stop - first >= 30) or _is_at(data, stop - 7, stop, _EXAMPLE):
        return False
    # Hyphenated names (of classes, files) have no capitals and few digits.
    return form != _URL or (digits >= 2 and capitals >= 2 and letters > capitals) or stop - first < 40


@nb.njit(cache=True, nogil=True)
def _web_token_end(data, end, at):  # type: ignore[no-untyped-def]
    """Return where a signed web token ends: header and payload, each a JSON object in base64url, and a signature."""
    place = at
    for part in range(3):
        first = place
        if part < 2 and not (
            place + 3 <= end and data[place] == 101 and data[place + 1] == 121 and data[place + 2] == 74
        ):
            return -1
        stop = min(end, first + _LONGEST_PARTS[part] + 1)
        while place < stop and (is_kind(data[place], WORD) or data[place] == _HYPHEN):
            place += 1
        if not _SHORTEST_PART <= place - first <= _LONGEST_PARTS[part]:
            return -1
        if part < 2:
            if place >= end or data[place] != _DOT:
                return -1
            place += 1
    return place


@nb.njit(cache=True, nogil=True)
def private_key_end(data, end, at):  # type: ignore[no-untyped-def]
    """Return where the private key in PEM whose first hyphen is at ``at`` ends, or -1.

    A key without its last line ends with the last long line of base64.
    """
    if not _is_at(data, at, end, _BEGIN):
        return -1
    place = at + len(_BEGIN)
    found = False
    while place < end and (is_kind(data[place], UPPER) or data[place] == 32):
        found = found or _is_at(data, place, end, _PRIVATE)
        place += 1
    if not found or not _is_at(data, place, end, _BEGIN[:5]):
        return -1
    place += 5
    last = -1
    run = 0
    while place < end:
        byte = data[place]
        if is_kind(byte, ALNUM) or byte in (43, 47, 61):
            run += 1
            if run >= _SHORTEST_LINE:
                last = place + 1
        elif byte == _HYPHEN and _is_at(data, place, end, _END):
            stop = place + len(_END)
            while stop < end and (is_kind(data[stop], UPPER) or data[stop] == 32):
                stop += 1
            if last > 0 and _is_at(data, stop, end, _BEGIN[:5]):
                return stop + 5
            break
        else:
            # Line ends, also as written in program text (\n), and lines of a header (Proc-Type: 4,ENCRYPTED).
            if not (9 <= byte <= 13 or byte in (32, 92, 58, 44, _HYPHEN)):
                break
            if byte == _HYPHEN and place + 1 < end and data[place + 1] == _HYPHEN:
                break
            run = 0
        place += 1
    return last
