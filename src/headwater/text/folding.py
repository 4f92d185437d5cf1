"""Folded words: what is left of a text when only its words count, computed from the UTF-8 bytes.

Case, accents and other combining marks, compatibility forms, punctuation, white space, apostrophes and invisible
characters do not count; numbers do. A character of a script written without spaces (Han, Kana, Thai and their like) is
a word by itself, and worth half of one where words are counted, for a word of these scripts has about two characters.
Hangul that is written in separate letters is not put together.

Every code point has an entry in one table: what it is, and the character it is folded to. Two thirds of the entries
follow from lists of ``fingerprints.py``, the others from the Unicode database of Python.
"""

import hashlib
import unicodedata
from functools import cache
from itertools import pairwise

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.fingerprints import NOTHING, SEPARATOR, SINGLE, WORD, character_classes
from headwater.text.utf8 import utf8_bytes

# An entry: what the character is in bits 22 and 23, bit 21 for one that becomes several, and below that the character
# it is folded to, or where in the list of the others they begin.
_KIND = np.uint32(22)
_SEVERAL = np.uint32(1 << 21)
_CODE = np.uint32((1 << 21) - 1)
_SEPARATOR, _WORD, _SINGLE, _NOTHING = (np.uint32(kind) for kind in (SEPARATOR, WORD, SINGLE, NOTHING))
# Beyond these code points no character has a case or a decomposition, and Han and Hangul in between have none either.
_FOLDED_RANGES = ((0x80, 0x3400), (0xA000, 0xAC00), (0xF900, 0x20000), (0x2F800, 0x2FA20))
_SPACE = 32
_BLOCK = 4096
MOST_BYTES = 80
"""Bytes that one character can be folded to, at most."""
_EMPTY = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)


@cache
def folding() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the entry of every code point, and the lists of those that become several: a length, then code points."""
    classes = character_classes()
    entries = (classes.astype(np.uint32) << _KIND) | np.arange(len(classes), dtype=np.uint32)
    several: list[int] = []
    for code in range(ord("A"), ord("Z") + 1):
        entries[code] += 32
    for low, high in _FOLDED_RANGES:
        for code in range(low, high):
            character = chr(code)
            mark = unicodedata.category(character) in {"Mn", "Me"}
            if mark or unicodedata.decomposition(character) or character.casefold() != character:
                entries[code] = _entry(code, classes, several)
    return entries, np.array(several, dtype=np.uint32)


@cache
def folding_digest() -> str:
    """Return 16 hexadecimal digits that change with the table: texts folded by different tables are not compared."""
    entries, several = folding()
    return hashlib.blake2b(entries.tobytes() + several.tobytes(), digest_size=8).hexdigest()


def _entry(code: int, classes: NDArray[np.uint8], several: list[int]) -> int:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", chr(code)).casefold())
    letters = "".join(
        one for one in unicodedata.normalize("NFD", folded) if unicodedata.category(one) not in {"Mn", "Me"}
    )
    codes = [ord(one) for one in unicodedata.normalize("NFC", letters)]
    if not codes:
        return NOTHING << 22
    kept = [one for one in codes if classes[one] not in {SEPARATOR, NOTHING}]
    if not kept:
        return (NOTHING if all(classes[one] == NOTHING for one in codes) else SEPARATOR) << 22
    if len(kept) == 1:
        return int(classes[kept[0]]) << 22 | kept[0]
    if any(classes[one] == SINGLE for one in kept):  # several words in one character, such as squared Kana
        return int(classes[code]) << 22 | code
    assert len(kept) * 4 <= MOST_BYTES
    several += [len(kept), *kept]
    return WORD << 22 | int(_SEVERAL) | (len(several) - len(kept) - 1)


def folded_texts(texts: pa.Array | pa.ChunkedArray) -> list[str]:
    """Return the words of texts as they are compared, each followed by a space."""
    folded, places = fold_texts(*utf8_bytes(texts), *folding())
    packed = folded.tobytes()
    return [packed[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(places.tolist())]


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def mixed(value):  # type: ignore[no-untyped-def]
    """Return all bits depending on all bits: the finaliser of MurmurHash3 (public domain)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@nb.njit(cache=True, nogil=True)
def code_point(data, at, end):  # type: ignore[no-untyped-def]
    """Return the code point at a byte and where the next one begins; never reads beyond the end, whatever is there."""
    code = np.uint32(data[at])
    at += 1
    if code >= 0x80:
        more = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
        code &= np.uint32(0x3F >> more)
        for _ in range(more):
            if at < end:
                code = (code << np.uint32(6)) | np.uint32(data[at] & 0x3F)
                at += 1
        if code > 0x10FFFF:
            code = np.uint32(0xFFFF)
    return code, at


@nb.njit(cache=True, nogil=True)
def fold_words(data, begin, end, entries, several, limit, hashes, starts, ends, halves):  # type: ignore[no-untyped-def]
    """Find the words of a text, or its first ones, and return their number and where the rest of the text begins.

    Args:
        data: UTF-8 bytes.
        begin: where the text begins.
        end: where it ends.
        entries: from ``folding``.
        several: from ``folding``.
        limit: words after which to stop; there may be one more. What is written needs room for two more.
        hashes: written; uint64, FNV-1a over the folded characters of each word, then mixed.
        starts: written; where each word begins in ``data``.
        ends: written; where it ends, with the combining marks on its last letter.
        halves: written; 2 for a word, 1 for a character of a script without spaces.
    """
    count = 0
    value = _EMPTY
    inside = False
    at = begin
    while at < end:
        if count >= limit and not inside:
            break
        code = np.uint32(data[at])
        if code < 0x80:  # apart from the rest: three times as fast
            entry = entries[code]
            kind = entry >> _KIND
            if kind == _WORD:
                if not inside:
                    inside = True
                    value = _EMPTY
                    starts[count] = at
                value = (value ^ np.uint64(entry & _CODE)) * _PRIME
                ends[count] = at + 1
            elif inside and kind == _SEPARATOR:
                inside = False
                hashes[count] = mixed(value)
                halves[count] = 2
                count += 1
            at += 1
            continue
        first = at
        code, at = code_point(data, at, end)
        entry = entries[code]
        kind = entry >> _KIND
        if kind == _WORD:
            if not inside:
                inside = True
                value = _EMPTY
                starts[count] = first
            if entry & _SEVERAL:
                place = entry & _CODE
                for other in range(several[place]):
                    value = (value ^ np.uint64(several[place + np.uint32(other + 1)])) * _PRIME
            else:
                value = (value ^ np.uint64(entry & _CODE)) * _PRIME
            ends[count] = at
        elif kind == _NOTHING:
            if inside:
                ends[count] = at
            elif count and ends[count - 1] == first and halves[count - 1] == 1:
                ends[count - 1] = at
        else:
            if inside:
                hashes[count] = mixed(value)
                halves[count] = 2
                count += 1
                inside = False
            if kind == _SINGLE:
                hashes[count] = mixed((_EMPTY ^ np.uint64(entry & _CODE)) * _PRIME)
                starts[count] = first
                ends[count] = at
                halves[count] = 1
                count += 1
    if inside:
        hashes[count] = mixed(value)
        halves[count] = 2
        count += 1
    return count, at


@nb.njit(cache=True, nogil=True)
def _written(code, out, at):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 and return where the next one goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> np.uint32(6))
        out[at + 1] = 0x80 | (code & np.uint32(0x3F))
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | (code >> np.uint32(12))
        out[at + 1] = 0x80 | ((code >> np.uint32(6)) & np.uint32(0x3F))
        out[at + 2] = 0x80 | (code & np.uint32(0x3F))
        return at + 3
    out[at] = 0xF0 | (code >> np.uint32(18))
    out[at + 1] = 0x80 | ((code >> np.uint32(12)) & np.uint32(0x3F))
    out[at + 2] = 0x80 | ((code >> np.uint32(6)) & np.uint32(0x3F))
    out[at + 3] = 0x80 | (code & np.uint32(0x3F))
    return at + 4


@nb.njit(cache=True, nogil=True)
def _folded_character(code, entries, several, out):  # type: ignore[no-untyped-def]
    """Write what a character of a word is folded to as UTF-8, at most ``MOST_BYTES``, and return its length."""
    entry = entries[code]
    if entry >> _KIND == _NOTHING:
        return 0
    if not entry & _SEVERAL:
        return _written(entry & _CODE, out, 0)
    place = entry & _CODE
    length = 0
    for other in range(several[place]):
        length = _written(several[place + np.uint32(other + 1)], out, length)
    return length


@nb.njit(cache=True, nogil=True)
def fold_texts(data, offsets, entries, several):  # type: ignore[no-untyped-def]
    """Return the words of texts as they are compared, each followed by a space, and where each text begins."""
    hashes, starts = np.empty(_BLOCK + 2, dtype=np.uint64), np.empty(_BLOCK + 2, dtype=np.int64)
    ends, halves = np.empty(_BLOCK + 2, dtype=np.int64), np.empty(_BLOCK + 2, dtype=np.uint8)
    character = np.empty(MOST_BYTES, dtype=np.uint8)
    out = np.empty(offsets[-1] - offsets[0] + MOST_BYTES, dtype=np.uint8)
    places = np.zeros(len(offsets), dtype=np.int64)
    written = 0
    for row in range(len(offsets) - 1):
        rest = offsets[row]
        while rest < offsets[row + 1]:
            count, rest = fold_words(
                data, rest, offsets[row + 1], entries, several, _BLOCK, hashes, starts, ends, halves
            )
            for i in range(count):
                at = starts[i]
                while at < ends[i]:
                    code, at = code_point(data, at, ends[i])
                    length = _folded_character(code, entries, several, character)
                    if written + MOST_BYTES + 1 > len(out):
                        out, old = np.empty(2 * len(out) + MOST_BYTES, dtype=np.uint8), out
                        for j in range(written):
                            out[j] = old[j]
                    for j in range(length):
                        out[written + j] = character[j]
                    written += length
                out[written] = _SPACE
                written += 1
        places[row + 1] = written
    return out[:written].copy(), places


@nb.njit(cache=True, nogil=True)
def same_words(data, starts, ends, first, count, text, place, entries, several, character):  # type: ignore[no-untyped-def]
    """Return the place after words of a text in folded texts where they stand, character by character; -1 elsewhere.

    Args:
        data: UTF-8 bytes of the text.
        starts: where its words begin.
        ends: where they end.
        first: the first word.
        count: the number of words.
        text: folded texts.
        place: where in them.
        entries: from ``folding``.
        several: from ``folding``.
        character: scratch of ``MOST_BYTES``.
    """
    for i in range(first, first + count):
        at = starts[i]
        while at < ends[i]:
            code = np.uint32(data[at])
            if code < 0x80:
                at += 1
                entry = entries[code]
                if entry >> _KIND == _NOTHING:
                    continue
                if place >= len(text) or text[place] != entry & _CODE:
                    return -1
                place += 1
                continue
            code, at = code_point(data, at, ends[i])
            length = _folded_character(code, entries, several, character)
            if place + length > len(text):
                return -1
            for j in range(length):
                if text[place + j] != character[j]:
                    return -1
            place += length
        if place >= len(text) or text[place] != _SPACE:
            return -1
        place += 1
    return place
