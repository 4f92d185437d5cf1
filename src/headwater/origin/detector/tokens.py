"""Words, numbers and punctuation of normalised texts, as hashes.

A token is a word (with its inner apostrophes, "don't", and underscores), a number, a run of one punctuation mark, a
web address, a Han or Kana character, or another symbol. Hashes are those of the lower-cased characters, the same in
every process and on every platform. Two things are folded, so that they do not give a topic away: every digit counts
as 0 and every web address as the same token. A hyphen with blanks on both sides is a dash and hashes as one.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.characters import (
    APOSTROPHE,
    BANG,
    BLANK,
    CLOSE,
    CLOSE_SQUARE,
    COLON,
    COMMA,
    GREATER,
    HYPHEN,
    LESS,
    QUESTION,
    QUOTE,
    SEMICOLON,
    SLASH,
    STOP,
    UNDERSCORE,
    decode,
)
from headwater.origin.detector.normalise import Normalised


class TokenKind(IntEnum):
    """What a token looks like."""

    LOWER = 0
    """A Latin word in small letters."""
    CAPITALISED = 1
    """A Latin word whose first letter alone is a capital."""
    UPPER = 2
    """A Latin word of at least two letters, all capitals."""
    MIXED = 3
    """A Latin word with capitals inside, with digits or underscores."""
    NUMBER = 4
    """Digits, with points, commas and colons inside."""
    PUNCTUATION = 5
    """One mark, or a run of the same."""
    FOREIGN = 6
    """A word, or for Han and Kana a character, of a script other than Latin."""
    SYMBOL = 7
    """Anything else, such as an emoji."""
    LINK = 8
    """A web address."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Tokens of normalised texts, all texts one after the other."""

    hashes: NDArray[np.uint64]
    """Hash of the token's lower-cased characters, digits as 0."""
    kinds: NDArray[np.uint8]
    """A :class:`TokenKind`."""
    starts: NDArray[np.int64]
    """Where the token begins in the texts' bytes."""
    lengths: NDArray[np.int32]
    """Its bytes."""
    offsets: NDArray[np.int64]
    """Where each text begins; one entry more than there are texts."""

    def __len__(self) -> int:
        return len(self.offsets) - 1


def tokenise(normalised: Normalised) -> Tokens:
    """Return the tokens of normalised texts."""
    return Tokens(*_tokenise(normalised.data, normalised.offsets, *_tables()))


def token_hash(token: str) -> int:
    """Return the hash that a token has in :class:`Tokens`; a run of punctuation longer than three counts as three."""
    value = _SEED
    for char in token.lower():
        value = ((value ^ (ord("0") if char.isdigit() else ord(char))) * _PRIME) & (2**64 - 1)
    return value


# FNV-1a over code points (Fowler, Noll, Vo; public domain).
_SEED = 0xCBF29CE484222325
_PRIME = 0x100000001B3
DASH = token_hash("—")
"""Hash of a hyphen with blanks on both sides."""
LINK = token_hash("http://")
"""Hash of every web address."""

# Closed classes and adverbs of degree and connection: what is left of English when the topic is taken out.
FUNCTION_WORDS: tuple[str, ...] = tuple(dict.fromkeys(
    """
    a an the this that these those each every either neither both all any some no none such same other another much
    many more most few fewer less least several enough own
    i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself it its
    itself they them their theirs themselves one someone anyone everyone nobody something anything everything nothing
    who whom whose which what whatever where when why how whether
    am is are was were be been being have has had having do does did doing done can could may might must shall should
    will would ought cannot get gets got getting let make makes made
    not don't doesn't didn't isn't aren't wasn't weren't can't couldn't won't wouldn't shouldn't haven't hasn't
    hadn't i'm i've i'd i'll you're you've it's that's there's they're we're we've he's she's what's let's
    and or but nor so yet for if because since although though while whereas unless until as than once
    of in on at by to from with without within into onto upon over under above below between among amongst through
    throughout during before after about against along across around behind beside besides beyond despite down except
    inside near off out outside past per toward towards up via like unlike including regarding according
    also too very just only even still again already always almost often sometimes never ever now then here there
    today soon later perhaps maybe quite rather really actually simply well away back far else instead otherwise
    however therefore thus hence moreover furthermore additionally consequently nevertheless nonetheless meanwhile
    overall finally first second third last next further indeed especially particularly specifically generally
    typically usually likely
    """.split()
))  # fmt: skip
"""English function words, contractions included."""


def hash_table(words: Sequence[str]) -> NDArray[np.uint64]:
    """Return an open-addressing table of the words' hashes for :func:`lookup`: rows of (hash, index + 1)."""
    table = np.zeros((1 << (4 * len(words)).bit_length(), 2), dtype=np.uint64)
    for index, word in enumerate(words):
        value = token_hash(word)
        place = value % len(table)
        while table[place, 1]:
            place = (place + 1) % len(table)
        table[place] = value, index + 1
    return table


_OTHER, _BLANK, _LATIN, _SCRIPT, _DIGIT, _MARK, _ALONE, _PUNCTUATION = range(8)
_CODES = 0x20000


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.bool_]]:
    """Return, by code point: class, small letter, whether it is a capital."""
    classes = np.zeros(_CODES, dtype=np.uint8)
    small = np.arange(_CODES, dtype=np.int32)
    capital = np.zeros(_CODES, dtype=np.bool_)
    for code in range(_CODES):
        char = chr(code)
        category = unicodedata.category(char)
        classes[code] = _class(code, category)
        lowered = char.lower()
        if len(lowered) == 1 and lowered != char:
            small[code] = ord(lowered)
            capital[code] = True
    return classes, small, capital


def _class(code: int, category: str) -> int:
    if 0x3041 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF:
        return _ALONE
    if category[0] == "L":
        latin = code < 0x250 or 0x1E00 <= code <= 0x1EFF or 0x2C60 <= code <= 0x2C7F or 0xA720 <= code <= 0xA7FF
        return _LATIN if latin else _SCRIPT
    if category == "Nd":
        return _DIGIT
    if category[0] == "M":
        return _MARK
    if category[0] == "Z" or category == "Cc":
        return _BLANK
    return _PUNCTUATION if category[0] == "P" or 32 < code < 127 else _OTHER


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202, SIM905

_KIND_LOWER, _KIND_CAPITALISED, _KIND_UPPER, _KIND_MIXED, _KIND_NUMBER = range(5)
_KIND_PUNCTUATION, _KIND_FOREIGN, _KIND_SYMBOL, _KIND_LINK = range(5, 9)
_HTTP = np.frombuffer(b"http", dtype=np.uint8)
_S = ord("s")
_FIRST_OF_LINK = tuple(b"hwHW")
_WWW = np.frombuffer(b"www.", dtype=np.uint8)


@nb.njit(cache=True, nogil=True)
def lookup(table, value):  # type: ignore[no-untyped-def]
    """Return the index of the word with this hash in a :func:`hash_table`, or -1."""
    mask = np.uint64(len(table) - 1)
    place = value & mask
    while table[place, 1]:
        if table[place, 0] == value:
            return np.int64(table[place, 1]) - 1
        place = (place + np.uint64(1)) & mask
    return np.int64(-1)


@nb.njit(cache=True, nogil=True)
def _hashed(value, code):  # type: ignore[no-untyped-def]
    return (value ^ np.uint64(code)) * np.uint64(_PRIME)


@nb.njit(cache=True, nogil=True)
def _link_end(data, i, end):  # type: ignore[no-untyped-def]
    """Return where the web address that begins at ``i`` ends, or ``i``."""
    if end - i < 8:
        return i
    http = True
    www = True
    for k in range(4):
        http &= data[i + k] | 32 == _HTTP[k]
        www &= data[i + k] | 32 == _WWW[k] or data[i + k] == _WWW[k]
    if http:
        j = i + 5 if data[i + 4] | 32 == _S else i + 4
        http = j + 2 < end and data[j] == COLON and data[j + 1] == SLASH and data[j + 2] == SLASH
    if not (http or www):
        return i
    j = i
    while j < end and data[j] not in (BLANK, QUOTE, LESS, GREATER):
        j += 1
    # Punctuation after the address belongs to the sentence.
    while j > i and (
        data[j - 1] in (COMMA, STOP, COLON, SEMICOLON, BANG, QUESTION, CLOSE, APOSTROPHE, CLOSE_SQUARE)
    ):  # fmt: skip
        j -= 1
    return j


@nb.njit(cache=True, nogil=True)
def _class_at(data, i, end, classes):  # type: ignore[no-untyped-def]
    """Return code point, width and class of the character at ``i``."""
    code, width = decode(data, i, end)
    if code < _CODES:
        return code, width, classes[code]
    return code, width, np.uint8(_ALONE if code < 0x40000 else _OTHER)


@nb.njit(cache=True, nogil=True)
def _word_end(data, first, end, classes, small, capital):  # type: ignore[no-untyped-def]
    """Return end, hash and kind of the word or number that begins at ``first``."""
    i = first
    value = np.uint64(_SEED)
    letters = capitals = digits = foreign = others = 0
    first_capital = False
    previous = np.uint8(_OTHER)
    while i < end:
        code, width, kind = _class_at(data, i, end, classes)
        if kind in (_LATIN, _SCRIPT):
            if capital[code]:
                capitals += 1
                first_capital |= letters == 0
            letters += 1
            foreign += kind == _SCRIPT
            code = np.int64(small[code])
        elif kind == _DIGIT:
            digits += 1
            code = np.int64(48)
        elif kind == _MARK:
            pass
        elif i + 1 < end and code in (APOSTROPHE, UNDERSCORE, STOP, COMMA, COLON):
            _, _, following = _class_at(data, i + 1, end, classes)
            if code == APOSTROPHE:
                if not (previous in (_LATIN, _SCRIPT) and following in (_LATIN, _SCRIPT)):
                    break
            elif code == UNDERSCORE:
                if following not in (_LATIN, _DIGIT):
                    break
                others += 1
            elif not (letters == 0 and previous == _DIGIT and following == _DIGIT):
                break
        else:
            break
        value = _hashed(value, code)
        previous = kind
        i += width
    if letters == 0:
        return i, value, np.uint8(_KIND_NUMBER if digits else _KIND_SYMBOL)
    if foreign:
        return i, value, np.uint8(_KIND_FOREIGN)
    if digits or others:
        return i, value, np.uint8(_KIND_UPPER if capitals == letters and letters > 1 and not digits else _KIND_MIXED)
    if capitals == 0:
        return i, value, np.uint8(_KIND_LOWER)
    if capitals == 1 and first_capital:
        return i, value, np.uint8(_KIND_CAPITALISED)
    return i, value, np.uint8(_KIND_UPPER if capitals == letters else _KIND_MIXED)


@nb.njit(cache=True, nogil=True)
def _tokenise(data, offsets, classes, small, capital):  # type: ignore[no-untyped-def]
    """Go through every text once."""
    count = len(offsets) - 1
    size = len(data) // 3 + 1024
    hashes = np.empty(size, dtype=np.uint64)
    kinds = np.empty(size, dtype=np.uint8)
    starts = np.empty(size, dtype=np.int64)
    lengths = np.empty(size, dtype=np.int32)
    token_offsets = np.zeros(count + 1, dtype=np.int64)
    at = np.int64(0)
    for row in range(count):
        i, end = offsets[row], offsets[row + 1]
        while i < end:
            code, width, kind = _class_at(data, i, end, classes)
            first = i
            i += width
            if kind == _BLANK:
                continue
            if at == size:
                size *= 2
                hashes = _grown(hashes, size)
                kinds = _grown(kinds, size)
                starts = _grown(starts, size)
                lengths = _grown(lengths, size)
            value = np.uint64(_SEED)
            if kind in (_LATIN, _SCRIPT, _DIGIT, _MARK):
                link = _link_end(data, first, end) if code in _FIRST_OF_LINK else first
                if link > first:
                    i, value, shape = link, np.uint64(LINK), np.uint8(_KIND_LINK)
                else:
                    i, value, shape = _word_end(data, first, end, classes, small, capital)
            elif kind == _PUNCTUATION:
                shape = np.uint8(_KIND_PUNCTUATION)
                if (
                    code == HYPHEN
                    and first > offsets[row]
                    and data[first - 1] == BLANK
                    and i < end
                    and data[i] == BLANK
                ):
                    value = np.uint64(DASH)
                else:
                    run = 1
                    value = _hashed(value, code)
                    while code < 128 and i < end and data[i] == code:
                        run += 1
                        if run <= 3:
                            value = _hashed(value, code)
                        i += 1
            else:
                value = _hashed(value, code)
                shape = np.uint8(_KIND_FOREIGN if kind == _ALONE else _KIND_SYMBOL)
            hashes[at] = value
            kinds[at] = shape
            starts[at] = first
            lengths[at] = i - first
            at += 1
        token_offsets[row + 1] = at
    return hashes[:at].copy(), kinds[:at].copy(), starts[:at].copy(), lengths[:at].copy(), token_offsets


@nb.njit(cache=True, nogil=True)
def _grown(array, size):  # type: ignore[no-untyped-def]
    out = np.empty(size, dtype=array.dtype)
    out[: len(array)] = array
    return out
