"""Compiled part of the chunk table: finding chunks in UTF-8, looking them up, and describing new ones.

A set of byte strings is four arrays. String ``i`` is ``pool[ends[i] : ends[i + 1]]``; ``firsts[i]`` holds its first
eight bytes, so that most strings compare without the pool; ``slots`` is an open-addressing table whose entries are
the upper half of the string's hash and its number plus one, 0 where nothing is.
"""

import numba as nb
import numpy as np

from headwater.text.byte_kernels import chunk_end, hash_bytes, same_bytes, skip_spaces
from headwater.text.english import ALPHABETIC, ENDER, IS_PUNCT, STOP_WORD_SHIFT, SYMBOL
from headwater.text.instructions import address_of, first_bytes, word_at

# Columns of what is known of a chunk.
FIRST, COUNT, BYTES, WORDS, WORD_CHARACTERS, ALPHABETIC_TOKENS, MARKS, BOUNDARIES = range(8)
# Bits of the column MARKS above the eight for stop words: how the tokens work on the state of a sentence splitter.
HAS_PLAIN, ENDER_BEFORE_PLAIN, ENDS_OPEN = 1 << 8, 1 << 9, 1 << 10

# Where a scan stands.
DOCUMENT, POSITION, FOUND, STRINGS, FULL = range(5)

_NONE, _LOW_HALF, _HALF = np.uint64(0), np.uint64(0xFFFFFFFF), np.uint64(32)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201


@nb.njit(cache=True, nogil=True)
def find(at, length, last, slots, mask, firsts, ends, pool):  # type: ignore[no-untyped-def]
    """Look a string up; everything is given by address.

    Returns:
        The number of the string or -1, its first eight bytes, its tag, and the slot it has or would have.
    """
    first = first_bytes(at, length, last)
    value = hash_bytes(at, length, first)
    slot = np.int64(value & np.uint64(mask))
    tag = value >> _HALF
    while True:
        held = word_at(slots + 8 * slot)
        if held == _NONE:
            return np.int64(-1), first, tag, slot
        if held >> _HALF == tag:
            string = np.int64(held & _LOW_HALF) - 1
            begin = np.int64(word_at(ends + 8 * string))
            size = np.int64(word_at(ends + 8 * string + 8)) - begin
            same = word_at(firsts + 8 * string) == first and size == length
            if same and (length <= 8 or same_bytes(at, pool + begin, length)):
                return string, first, tag, slot
        slot = (slot + 1) & mask


@nb.njit(cache=True, nogil=True)
def fill_slots(count, slots, firsts, ends, pool):  # type: ignore[no-untyped-def]
    """Enter the first ``count`` strings into empty ``slots``."""
    data, mask = address_of(pool), len(slots) - 1
    places = address_of(slots), mask, address_of(firsts), address_of(ends), address_of(pool)
    for string in range(count):
        begin = ends[string]
        _, _, tag, slot = find(data + begin, ends[string + 1] - begin, data + len(pool), *places)
        slots[slot] = (tag << _HALF) | np.uint64(string + 1)


@nb.njit(cache=True, nogil=True)
def scan(data, begins, ends_of, state, chunks, offsets, slots, firsts, ends, pool):  # type: ignore[no-untyped-def]
    """Write the number of every chunk of every text into ``chunks``, adding chunks that are new.

    Stops where the set of chunks is full, with the length of the chunk that found no room in ``state``, and goes on
    from there when called again with larger arrays.
    """
    document, position, found, strings = state[DOCUMENT], state[POSITION], state[FOUND], state[STRINGS]
    state[FULL] = 0
    most = len(firsts)
    base, mask = address_of(data), len(slots) - 1
    last = base + len(data)
    places = address_of(slots), mask, address_of(firsts), address_of(ends), address_of(pool)
    while document < len(begins):
        end = base + ends_of[document]
        at = base + max(position, begins[document])
        while True:
            at = skip_spaces(at, end)
            if at >= end:
                break
            stop = chunk_end(at, end, last)
            length = stop - at
            chunk, first, tag, slot = find(at, length, last, *places)
            if chunk < 0:
                begin = ends[strings]
                if strings == most or begin + length > len(pool):
                    state[FULL] = length
                    state[DOCUMENT], state[POSITION], state[FOUND], state[STRINGS] = document, at - base, found, strings
                    return
                chunk = strings
                slots[slot] = (tag << _HALF) | np.uint64(strings + 1)
                firsts[strings] = first
                pool[begin : begin + length] = data[at - base : stop - base]
                ends[strings + 1] = begin + length
                strings += 1
            chunks[found] = chunk
            found += 1
            at = stop
        document += 1
        offsets[document] = found
        position = 0
    state[DOCUMENT], state[POSITION], state[FOUND], state[STRINGS] = document, 0, found, strings


@nb.njit(cache=True, nogil=True)
def number_strings(data, begin, lengths, numbers, state, slots, firsts, ends, pool):  # type: ignore[no-untyped-def]
    """Write the number of every string into ``numbers``; the strings stand one after the other from ``begin`` on.

    Stops and goes on as ``scan``.
    """
    position, strings = begin + state[POSITION], state[STRINGS]
    state[FULL] = 0
    base, mask = address_of(data), len(slots) - 1
    last = base + len(data)
    places = address_of(slots), mask, address_of(firsts), address_of(ends), address_of(pool)
    for found in range(state[FOUND], len(lengths)):
        length = np.int64(lengths[found])
        string, first, tag, slot = find(base + position, length, last, *places)
        if string < 0:
            place = ends[strings]
            if strings == len(firsts) or place + length > len(pool):
                state[FULL], state[POSITION], state[FOUND], state[STRINGS] = length, position - begin, found, strings
                return
            string = strings
            slots[slot] = (tag << _HALF) | np.uint64(strings + 1)
            firsts[strings] = first
            pool[place : place + length] = data[position : position + length]
            ends[strings + 1] = place + length
            strings += 1
        numbers[found] = string
        position += length
    state[POSITION], state[FOUND], state[STRINGS] = position - begin, len(lengths), strings


@nb.njit(cache=True, nogil=True)
def characters_of(first, last, ends, pool, out):  # type: ignore[no-untyped-def]
    """Write how many characters each of the strings from ``first`` to before ``last`` has."""
    for string in range(first, last):
        characters = 0
        for at in range(ends[string], ends[string + 1]):
            characters += (pool[at] & 0xC0) != 0x80
        out[string] = characters


@nb.njit(cache=True, nogil=True)
def describe(first, counts, numbers, characters, flags, token_ends, facts, slices, sliced):  # type: ignore[no-untyped-def]
    """Write the facts of new chunks, from number ``first`` on; return how many entries ``slices`` then has.

    Args:
        first: number of the first new chunk.
        counts: tokens of each new chunk.
        numbers: the tokens, all chunks one after the other.
        characters: length of every known token.
        flags: what every known token is.
        token_ends: where the known tokens end in their pool.
        facts: of every chunk, shape (chunks, 8); written.
        slices: tokens of the chunks that have several; written from ``sliced`` on.
        sliced: entries of ``slices`` in use.
    """
    at = 0
    for new in range(len(counts)):
        count = counts[new]
        words = letters = alphabetic = boundaries = marks = size = 0
        is_open = has_plain = early = False
        for token in numbers[at : at + count]:
            flag = flags[token]
            size += token_ends[token + 1] - token_ends[token]
            if not flag & SYMBOL:
                words += 1
                letters += characters[token]
            if flag & ALPHABETIC:
                alphabetic += 1
            marks |= flag >> STOP_WORD_SHIFT
            if flag & ENDER:
                early |= not has_plain
                is_open = True
            elif not flag & IS_PUNCT:
                has_plain = True
                boundaries += is_open
                is_open = False
        row = facts[first + new]
        row[FIRST] = numbers[at] if count == 1 else sliced
        if count != 1:
            slices[sliced : sliced + count] = numbers[at : at + count]
            sliced += count
        row[COUNT], row[BYTES], row[WORDS], row[WORD_CHARACTERS] = count, size, words, letters
        row[ALPHABETIC_TOKENS], row[BOUNDARIES] = alphabetic, boundaries
        row[MARKS] = marks | HAS_PLAIN * has_plain | ENDER_BEFORE_PLAIN * (early and has_plain) | ENDS_OPEN * is_open
        at += count
    return sliced
