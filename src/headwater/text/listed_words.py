"""Words and phrases of a list, found in texts.

An entry is a sequence of words. It is found where a text has the same words and, between and beside them, the same
signs: "c++" is not "c", "f*ck" not "f ck". White space and hyphens are one another's equal, invisible characters and,
if so wanted, case do not count. Words are looked up by hash, one look-up each, however long the list; a find is then
compared letter by letter.
"""

from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.fingerprints import NOTHING
from headwater.text.folding import code_point
from headwater.text.letters import CODE, GAP, KIND, letters, next_word
from headwater.text.utf8 import utf8_bytes

_NOTHING, _GAP = np.uint32(NOTHING), np.uint32(GAP)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class WordList:
    """A list of words and phrases, ready to be looked up."""

    data: NDArray[np.uint8]
    """UTF-8 of the entries one after another."""
    offsets: NDArray[np.int64]
    keys: NDArray[np.uint64]
    """Hashes of the beginnings of all entries, word by word, with open addressing; 0 where free."""
    heads: NDArray[np.int32]
    """The first entry that ends with the beginning in the same place, -1 if none does."""
    others: NDArray[np.int32]
    """The next entry of the same words, by entry, -1 behind the last."""
    signs: NDArray[np.int32]
    """Visible characters before the first word, by entry."""
    letters: NDArray[np.uint32]

    def count(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Return per text the finds, the words in them and all its words.

        From left to right the longest entry counts, and the search goes on behind it.
        """
        return _count(
            data, offsets, self.data, self.offsets, self.keys, self.heads, self.others, self.signs, self.letters
        )


def word_list(entries: pa.Array, *, ignore_case: bool) -> tuple[WordList, NDArray[np.int64]]:
    """Return a list of words ready to be looked up, and the indices of entries that have no word at all."""
    data, offsets = utf8_bytes(entries)
    table = letters(ignore_case=ignore_case)
    keys, heads, others, signs = _build(data, offsets, table)
    return WordList(data, offsets, keys, heads, others, signs, table), np.flatnonzero(signs < 0)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _longer(key, value):  # type: ignore[no-untyped-def]
    """Return the hash of a sequence of words and one more."""
    key = (key ^ value) * _MULTIPLIER
    return max(key ^ (key >> np.uint64(29)), np.uint64(1))


@nb.njit(cache=True, nogil=True)
def _place(keys, key):  # type: ignore[no-untyped-def]
    """Return where a key is, or the free place it would be put."""
    mask = np.uint64(len(keys) - 1)
    place = key & mask
    while keys[place] != key and keys[place] != 0:
        place = (place + np.uint64(1)) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _build(data, offsets, table):  # type: ignore[no-untyped-def]
    entries = len(offsets) - 1
    words = 0
    for entry in range(entries):
        at = offsets[entry]
        while True:
            value, _, at = next_word(data, at, offsets[entry + 1], table)
            if value == 0:
                break
            words += 1
    size = 16
    while size < 2 * words:
        size *= 2
    keys = np.zeros(size, dtype=np.uint64)
    heads = np.full(size, -1, dtype=np.int32)
    others = np.full(entries, -1, dtype=np.int32)
    signs = np.full(entries, -1, dtype=np.int32)
    for entry in range(entries - 1, -1, -1):
        at = offsets[entry]
        key = np.uint64(0)
        place = np.uint64(0)
        while True:
            value, _, at = next_word(data, at, offsets[entry + 1], table)
            if value == 0:
                break
            key = _longer(key, value)
            place = _place(keys, key)
            keys[place] = key
        if key:
            others[entry] = heads[place]
            heads[place] = entry
            signs[entry] = _signs_before(data, offsets[entry], offsets[entry + 1], table)
    return keys, heads, others, signs


@nb.njit(cache=True, nogil=True)
def _signs_before(data, begin, end, table):  # type: ignore[no-untyped-def]
    """Return how many visible characters an entry has before its first word."""
    _, first, _ = next_word(data, begin, end, table)
    signs = 0
    at = begin
    while at < first:
        code, at = code_point(data, at, end)
        signs += (table[code] >> KIND) != _NOTHING
    return signs


@nb.njit(cache=True, nogil=True)
def _match_end(data, begin, end, word, signs, entry_data, entry_begin, entry_end, table):  # type: ignore[no-untyped-def]
    """Return where an entry whose first word is found at ``word`` ends in a text, or -1 if its signs differ."""
    at = word
    for _ in range(signs):
        while True:
            if at <= begin:
                return -1
            at -= 1
            while at > begin and data[at] & 0xC0 == 0x80:
                at -= 1
            code, _ = code_point(data, at, end)
            if (table[code] >> KIND) != _NOTHING:
                break
    place = entry_begin
    while True:
        gap = False
        kind = _NOTHING
        wanted = np.uint32(0)
        while place < entry_end:
            wanted, after = code_point(entry_data, place, entry_end)
            kind = table[wanted] >> KIND
            if kind not in (_NOTHING, _GAP):
                break
            gap = gap or kind == _GAP
            place = after
        ended = place >= entry_end
        if ended:
            return at
        had_gap = False
        found = np.uint32(0)
        after_found = at
        while True:
            if after_found >= end:
                return -1
            at = after_found
            found, after_found = code_point(data, at, end)
            kind = table[found] >> KIND
            if kind not in (_NOTHING, _GAP):
                break
            had_gap = had_gap or kind == _GAP
        if had_gap != gap or (table[found] & CODE) != (table[wanted] & CODE):
            return -1
        at = after_found
        _, place = code_point(entry_data, place, entry_end)


@nb.njit(cache=True, nogil=True)
def _count(data, offsets, entry_data, entry_offsets, keys, heads, others, signs, table):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    finds = np.zeros(texts, dtype=np.int32)
    inside = np.zeros(texts, dtype=np.int64)
    words = np.zeros(texts, dtype=np.int64)
    for row in range(texts):
        begin, end = offsets[row], offsets[row + 1]
        at = begin
        while True:
            value, first, at = next_word(data, at, end, table)
            if value == 0:
                break
            words[row] += 1
            key = _longer(np.uint64(0), value)
            place = _place(keys, key)
            length = 1
            best_length = 0
            best_end = at
            stop = at
            while keys[place] == key:
                entry = heads[place]
                while entry >= 0:
                    match = _match_end(
                        data, begin, end, first, signs[entry], entry_data, entry_offsets[entry],
                        entry_offsets[entry + 1], table,
                    )  # fmt: skip
                    if match >= 0 and (length > best_length or match > best_end):
                        best_length, best_end = length, max(match, stop)
                    entry = others[entry]
                value, _, stop = next_word(data, stop, end, table)
                if value == 0:
                    break
                key = _longer(key, value)
                place = _place(keys, key)
                length += 1
            if best_length:
                finds[row] += 1
                inside[row] += best_length
                words[row] += best_length - 1
                at = best_end
    return finds, inside, words
