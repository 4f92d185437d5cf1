"""Texts in normal form, cut into words, straight from UTF-8 buffers.

See ``normal_forms`` for what the normal form is. A document's words are written one after the other with single spaces
between them; so any n consecutive words, joined by spaces, are one slice of the buffer.
"""

from dataclasses import dataclass
from functools import cache

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.hashing import load64, mixed
from headwater.text.normal_forms import (
    BEGINNING,
    BOTH_ENDS,
    CLASS_SHIFT,
    CURRENCY,
    DIGIT,
    EVERYWHERE,
    NOTHING,
    NUMBER_SEPARATORS,
    SEPARATOR,
    UNIT_FLAG,
    WHOLE_WORD,
    cut_words,
    folding,
)
from headwater.text.utf8 import utf8_bytes

_SLOT_BITS = 10  # of the table of cut words; 230 entries
_LONGEST_CUT = max(len(word.encode()) for word in cut_words())
_CODE = (1 << CLASS_SHIFT) - 1
_SLACK = 64  # more bytes than one character becomes, and eight to read beyond the last word
_EQUALS = ord("=")
_QUOTE, _S = map(ord, WHOLE_WORD)
_RELATIONS = tuple(map(ord, "<=>"))
# What ``write_words`` remembers.
_BYTE, _USED, _COUNT, _OPEN, _NUMBER, _TAIL, _SYMBOLS, _STATES = range(8)
_SEPARATORS = tuple(map(ord, NUMBER_SEPARATORS))


@dataclass(frozen=True, slots=True, eq=False)
class NormalWords:
    """The words of texts in normal form."""

    data: NDArray[np.uint8]
    """UTF-8; every word is followed by one space."""
    starts: NDArray[np.int64]
    """Where each word begins in ``data``, and one entry more: the end."""
    offsets: NDArray[np.int64]
    """The first word of each text, as an index of ``starts``; one entry more than there are texts."""

    def words(self, text: int) -> list[str]:
        """Return the words of one text, by its number."""
        begin, end = self.starts[self.offsets[text]], self.starts[self.offsets[text + 1]]
        return self.data[begin:end].tobytes().decode().split()


def normal_words(texts: pa.Array) -> NormalWords:
    """Return the words of texts after lower-casing, with numbers as ``0``, without punctuation and combining marks.

    The words are those of spaCy's English tokenizer. Bytes that are no UTF-8 separate words; a null counts as empty.
    """
    data, offsets = utf8_bytes(texts)
    return NormalWords(*_all_words(data, offsets, *tables()))


Tables = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64]]


@cache
def tables() -> Tables:
    """Return the tables of ``document_words``: the folding, its sequences, and the hash table of cut words."""
    keys = np.zeros(1 << _SLOT_BITS, dtype=np.uint64)
    cuts = np.zeros(1 << _SLOT_BITS, dtype=np.int64)
    for word, cut in cut_words().items():
        data = np.frombuffer(word.encode() + bytes(8), dtype=np.uint8)
        key = _word_hash(data, 0, len(word.encode()))
        slot = int(key) >> (64 - _SLOT_BITS)
        while keys[slot]:
            slot = (slot + 1) % len(keys)
        keys[slot], cuts[slot] = key, cut
    return *folding(), keys, cuts


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _word_hash(data, begin, end):  # type: ignore[no-untyped-def]
    """Return a hash of a word; words of up to eight bytes never share one. Reads up to seven bytes beyond the end."""
    state = np.uint64(0)
    while end - begin > 8:
        state = mixed(state ^ load64(data, begin))
        begin += 8
    rest = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * (end - begin))
    return mixed(state ^ (load64(data, begin) & rest))


@nb.njit(cache=True, nogil=True)
def _found(keys, cuts, key):  # type: ignore[no-untyped-def]
    """Return how a word is cut, by its hash; 0 where it is in no table."""
    slot = np.int64(key >> np.uint64(64 - _SLOT_BITS))
    while keys[slot] != np.uint64(0):
        if keys[slot] == key:
            return cuts[slot]
        slot = (slot + 1) & (len(keys) - 1)
    return np.int64(0)


@nb.njit(cache=True, nogil=True)
def _decoded(data, at, end):  # type: ignore[no-untyped-def]
    """Return the character at a place and where the next one begins. What is no UTF-8 counts as a space."""
    code = np.int64(data[at])
    at += 1
    if code < 0x80:
        return code, at
    more = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
    if code < 0xC0 or code > 0xF7 or at + more > end:
        return np.int64(0x20), at
    code &= 0x3F >> more
    for place in range(at, at + more):
        if data[place] & 0xC0 != 0x80:
            return np.int64(0x20), at
        code = (code << 6) | np.int64(data[place] & 0x3F)
    return (code if code < 0x110000 else np.int64(0x20)), at + more


@nb.njit(cache=True, nogil=True)
def _encoded(out, at, code):  # type: ignore[no-untyped-def]
    """Write a character as UTF-8 and return where the next one goes."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
    else:
        if code < 0x10000:
            out[at] = 0xE0 | (code >> 12)
        else:
            out[at] = 0xF0 | (code >> 18)
            at += 1
            out[at] = 0x80 | ((code >> 12) & 0x3F)
        at += 1
        out[at] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 1] = 0x80 | (code & 0x3F)
    return at + 2


@nb.njit(cache=True, nogil=True)
def _grown(array, used, needed):  # type: ignore[no-untyped-def]
    """Return an array of at least the needed length that begins as the given one does."""
    larger = np.empty(max(2 * len(array), needed), dtype=array.dtype)
    larger[:used] = array[:used]
    return larger


@nb.njit(cache=True, nogil=True)
def _symbol(fold, code):  # type: ignore[no-untyped-def]
    """Return the class of a character that is in normal form."""
    entry = fold[code]
    if entry == SEPARATOR:  # punctuation that only decomposing brought about
        return BEGINNING if code == _EQUALS else BOTH_ENDS
    return entry >> CLASS_SHIFT if entry > 0 else 0


@nb.njit(cache=True, nogil=True)
def _letter(codes, classes, i):  # type: ignore[no-untyped-def]
    """Say whether a character is a letter; beyond ASCII whatever is no symbol counts as one."""
    return classes[i] == 0 and (codes[i] >= 0x61)


@nb.njit(cache=True, nogil=True)
def _suffix(codes, places, classes, word, low, high, keys, cuts):  # type: ignore[no-untyped-def]
    """Return how many characters the tokenizer cuts off at the end of a chunk."""
    if high <= low:
        return 0
    digit = high - 1
    while digit >= low and codes[digit] != DIGIT:
        digit -= 1
    if low <= digit < high - 1:
        key = _word_hash(word, places[digit + 1], places[high])
        if _found(keys, cuts, key) & UNIT_FLAG:
            return high - 1 - digit
    kind = classes[high - 1]
    if kind in (EVERYWHERE, BOTH_ENDS) or (kind == CURRENCY and digit == high - 2 and digit >= low):
        return 1
    return 0


@nb.njit(cache=True, nogil=True)
def _special(places, word, low, high, keys, cuts):  # type: ignore[no-untyped-def]
    """Return how a chunk is cut that is a word of the table, 0 for others."""
    if high <= low or places[high] - places[low] > _LONGEST_CUT:
        return np.int64(0)
    return _found(keys, cuts, _word_hash(word, places[low], places[high])) & ~np.int64(UNIT_FLAG)


@nb.njit(cache=True, nogil=True)
def _cut_places(word, length, fold, keys, cuts):  # type: ignore[no-untyped-def]
    """Return the places, in bytes and in order, at which the tokenizer cuts a chunk in normal form, ends included."""
    codes = np.empty(length, dtype=np.int64)
    classes = np.empty(length, dtype=np.int64)
    places = np.empty(length + 1, dtype=np.int64)
    high, at = 0, 0
    while at < length:
        places[high] = at
        codes[high], at = _decoded(word, at, length)
        classes[high] = _symbol(fold, codes[high])
        high += 1
    places[high] = length
    count = high
    cut = np.zeros(length + 1, dtype=np.bool_)
    cut[0] = cut[length] = True
    low = 0
    special = np.int64(0)
    # Prefixes and suffixes go one by one, from both ends at once, until what is left is a word of the table.
    while low < high:
        special = _special(places, word, low, high, keys, cuts)
        if special:
            break
        prefix = 1 if classes[low] else 0
        if prefix and _special(places, word, low + 1, high, keys, cuts):
            suffix = 0
        else:
            suffix = _suffix(codes, places, classes, word, low + prefix, high, keys, cuts)
            if suffix and _special(places, word, low, high - suffix, keys, cuts):
                prefix = 0
        if prefix + suffix == 0:
            break
        low += prefix
        high -= suffix
        cut[places[low]] = cut[places[high]] = True
    if special:
        at = places[low]
        while special & 15:
            at += special & 15
            cut[at] = True
            special >>= 4
    else:
        for i in range(low, high):
            inner = low < i < high - 1 and codes[i] in _RELATIONS  # of ≠, ≮ and ≯
            if classes[i] == EVERYWHERE or (
                inner and _letter(codes, classes, i - 1) and _letter(codes, classes, i + 1)
            ):
                cut[places[i]] = cut[places[i + 1]] = True
    # Neighbouring tokens that spell a word kept whole are joined again.
    for i in range(count - 1):
        if codes[i] == _QUOTE and codes[i + 1] == _S and cut[places[i]] and cut[places[i + 2]]:
            cut[places[i + 1]] = False
    return np.flatnonzero(cut)


@nb.njit(cache=True, nogil=True)
def _cut(out, word, at, fold, keys, cuts, starts, hashes, count):  # type: ignore[no-untyped-def]
    """Write the tokens of the last chunk of the buffer in its place; there is room for them and their spaces."""
    length = at - word
    chunk = np.zeros(length + 8, dtype=np.uint8)
    chunk[:length] = out[word:at]
    places = _cut_places(chunk, length, fold, keys, cuts)
    for i in range(len(places) - 1):
        starts[count] = word
        hashes[count] = _word_hash(chunk, places[i], places[i + 1])
        count += 1
        for place in range(places[i], places[i + 1]):
            out[word] = chunk[place]
            word += 1
        out[word] = 0x20
        word += 1
    return word, count


@nb.njit(cache=True, nogil=True)
def begin_text(begin):  # type: ignore[no-untyped-def]
    """Return the state of ``write_words`` before a text that begins at a byte, the buffers being empty."""
    state = np.zeros(_STATES, dtype=np.int64)
    state[_BYTE] = begin
    return state


@nb.njit(cache=True, nogil=True)
def words_written(state):  # type: ignore[no-untyped-def]
    """Return how many words ``write_words`` has written."""
    return state[_COUNT]


@nb.njit(cache=True, nogil=True)
def more_room(out, starts, hashes, state, end):  # type: ignore[no-untyped-def]
    """Return larger buffers for ``write_words``, which said that it has no room for the rest of a text."""
    used, count = state[_USED], state[_COUNT]
    left = end - state[_BYTE] + 2 * state[_OPEN] + 2 * _SLACK
    if len(out) - used < left:
        out = _grown(out, used, used + 2 * left)
    if len(starts) - count <= state[_OPEN]:
        starts = _grown(starts, count, count + state[_OPEN] + _SLACK)
        hashes = _grown(hashes, count, count + state[_OPEN] + _SLACK)
    return out, starts, hashes


@nb.njit(cache=True, nogil=True)
def write_words(data, end, fold, pieces, keys, cuts, out, starts, hashes, state):  # type: ignore[no-untyped-def]
    """Write the words of one text, each followed by a space, until the text ends or there is no room.

    Arrays that grow inside this loop would cost more than half of its speed, so growing is left to the caller.

    Args:
        data: UTF-8.
        end: the byte after the last of the text.
        fold: as ``tables`` gives it, like the next three.
        pieces: see there.
        keys: see there.
        cuts: see there.
        out: the buffer of the words.
        starts: where each word begins in the buffer.
        hashes: a 64-bit hash of every word.
        state: how far it came, shape (7,): byte of the text, byte and word of the buffer, and four that are zero at
            the beginning of a text. Changed in place.

    Returns:
        Whether the text is done. Otherwise call it again with larger buffers: they begin as the old ones, and ``out``
        has twice as many bytes as are left of the text.
    """
    i, at, count = state[_BYTE], state[_USED], state[_COUNT]
    word = at - state[_OPEN]
    number = state[_NUMBER]  # 0: not in a number; 1: in its first digits; 2: in those after its separator
    tail = state[_TAIL]  # place after the last digit of this chunk; 0 for none
    symbols = state[_SYMBOLS]
    done = len(out) - at >= end - i + _SLACK
    while done:
        before = i
        if i < end:
            code = np.int64(data[i])
            if code < 0x80:
                i += 1
            else:
                if len(out) - at < end - i + _SLACK:
                    done = False
                    break
                code, i = _decoded(data, i, end)
            entry = np.int64(fold[code])
        else:
            code, entry = np.int64(0x20), np.int64(SEPARATOR)
        if entry > DIGIT and entry < 0x80:  # nearly always
            number = 0
            out[at] = entry
            at += 1
            continue
        if entry == DIGIT:
            if number == 0:
                out[at] = DIGIT
                at += 1
                tail = at
                number = 1
            continue
        if number == 1 and i < end and code in _SEPARATORS:
            following, _ = _decoded(data, i, end)
            if fold[following] == DIGIT:
                number = 2
                continue
        number = 0
        if entry != SEPARATOR:
            if entry > 0:
                symbols |= entry >> CLASS_SHIFT
                at = _encoded(out, at, entry & _CODE)
            elif entry != NOTHING:
                place = -2 - entry
                for j in range(place + 1, place + 1 + pieces[place]):
                    symbols |= pieces[j] >> CLASS_SHIFT
                    at = _encoded(out, at, np.int64(pieces[j]) & _CODE)
            continue
        if at > word:
            length = at - word
            if count + length >= len(starts) or len(out) - at < end - i + length + _SLACK:
                i = before
                done = False
                break
            key = _word_hash(out, word, at)
            whole = symbols == 0
            if whole and length <= _LONGEST_CUT:
                cut = _found(keys, cuts, key)
                whole = cut == 0 or cut >= UNIT_FLAG
            if whole and word < tail < at:
                whole = not _found(keys, cuts, _word_hash(out, tail, at)) & UNIT_FLAG
            if whole:
                starts[count] = word
                hashes[count] = key
                count += 1
                out[at] = 0x20
                at += 1
            else:
                at, count = _cut(out, word, at, fold, keys, cuts, starts, hashes, count)
            word = at
            symbols = tail = 0
        if i >= end:
            break
    state[_BYTE], state[_USED], state[_COUNT] = i, at, count
    state[_OPEN], state[_NUMBER], state[_TAIL], state[_SYMBOLS] = at - word, number, tail, symbols
    return done


@nb.njit(cache=True, nogil=True)
def _all_words(data, offsets, fold, pieces, keys, cuts):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    out = np.empty(offsets[texts] - offsets[0] + 2 * _SLACK, dtype=np.uint8)
    starts = np.empty(64 + len(out) // 4, dtype=np.int64)
    hashes = np.empty(len(starts), dtype=np.uint64)
    first = np.zeros(texts + 1, dtype=np.int64)
    state = np.zeros(_STATES, dtype=np.int64)
    for row in range(texts):
        end = offsets[row + 1]
        state[_BYTE] = offsets[row]
        state[_OPEN:] = 0
        while not write_words(data, end, fold, pieces, keys, cuts, out, starts, hashes, state):
            out, starts, hashes = more_room(out, starts, hashes, state, end)
        first[row + 1] = state[_COUNT]
    count, used = state[_COUNT], state[_USED]
    starts = _grown(starts, count, count + 1)
    starts[count] = used
    return out[:used].copy(), starts[: count + 1].copy(), first
