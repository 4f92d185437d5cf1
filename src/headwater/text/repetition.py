"""Repetition inside a text: its most frequent word sequences and its duplicated ones (Rae et al. 2021, table A1).

Both are defined over the tokens of the English word rules. The most frequent n-gram (n = 2, 3, 4) is the one seen most
often, of several the one seen first; what counts is its length, words joined by a space, times its number. Duplicated
n-grams (n = 5 to 10) are found from left to right: a sequence whose characters, joined without spaces, were seen before
counts with its length and is stepped over; any other is remembered and the next one begins a word later.

How one pass over the words replaces nine. An n-gram cannot be more frequent than the (n-1)-grams in it, so only
sequences whose parts occur twice are counted beyond n = 2. Two n-grams with equal characters begin with the same
``PREFIX`` bytes, spaces left out, so only positions whose prefix occurs twice, and sequences shorter than that, can
hold a duplicate of any length: for all others neither looking up nor remembering can change a result. Keys are
compared in full everywhere; no collision of hashes can change a number.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.byte_kernels import equal_bytes, hash_bytes, skip_spaces
from headwater.text.chunk_kernels import BYTES, COUNT, FIRST
from headwater.text.chunks import ChunkedTexts
from headwater.text.instructions import address_of, byte_at, first_bytes, half_at, mixed, put_word, word_at

FREQUENT = (2, 3, 4)
"""Lengths of the frequent sequences, in words."""
DUPLICATED = (5, 6, 7, 8, 9, 10)
"""Lengths of the duplicated sequences, in words."""

PREFIX = 14
"""Bytes two equal sequences of five words or more are compared by first. Measured on posts, novels and encyclopaedia:
with 14 bytes 0.58 sequences a word are looked up, over all six lengths; with 10 it is 0.82 (chance repeats), with 20
it is 1.07 (sequences shorter than that)."""

_SECRET = np.uint64(0x8EBC6AF09C88C6E3)
_OTHER_SECRET = np.uint64(0x589965CC75374CC3)
_LOW_HALF, _HALF, _NONE = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(0)


def repeated_sequences(texts: ChunkedTexts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the characters that frequent and duplicated sequences take in each text.

    Returns:
        Characters of the most frequent sequence times its number, int64, shape (texts, 3); characters of duplicated
        sequences, int64, shape (texts, 6). Texts with fewer words than a sequence has have 0.
    """
    frequent = np.zeros((len(texts.begins), len(FREQUENT)), dtype=np.int64)
    duplicated = np.zeros((len(texts.begins), len(DUPLICATED)), dtype=np.int64)
    _repetition(*texts[:-1], frequent, duplicated)
    return frequent, duplicated


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _slot_bits(entries):  # type: ignore[no-untyped-def]
    """Return the binary logarithm of the size of a table for so many entries, at most half of it used."""
    bits = 4
    while (1 << bits) < 2 * entries:
        bits += 1
    return bits


@nb.njit(cache=True, nogil=True)
def _divide(at, end, last, chunks, facts, slices, token_ends, tokens, starts, joined):  # type: ignore[no-untyped-def]
    """Write the tokens of one text, where each begins in the text without spaces, and that text; return their number.

    Token numbers are written from 1. ``at``, ``end`` and ``last`` are addresses: of the text, behind it, and behind
    the last byte that may be read.
    """
    count = size = 0
    rows = address_of(facts)
    out = address_of(joined)
    for chunk in chunks:
        if byte_at(at) <= 0x20 or byte_at(at) >= 0x80:
            at = skip_spaces(at, end)
        row = rows + 32 * np.int64(chunk)
        length = half_at(row + 4 * BYTES)
        if at + 8 * ((length + 7) >> 3) <= last:
            for i in range(0, length, 8):
                put_word(out + size + i, word_at(at + i))
        else:
            for i in range(length):
                joined[size + i] = byte_at(at + i)
        at += length + (at + length < end and byte_at(at + length) == 0x20)
        first = half_at(row + 4 * FIRST)
        several = half_at(row + 4 * COUNT)
        if several == 1:
            tokens[count] = first + 1
            starts[count] = size
            count += 1
        else:
            part = size
            for i in range(first, first + several):
                token = slices[i]
                tokens[count] = token + 1
                starts[count] = part
                part += token_ends[token + 1] - token_ends[token]
                count += 1
        size += length
    starts[count] = size
    return count


@nb.njit(cache=True, nogil=True)
def _count_pairs(count, left, right, step, table, numbers, slots):  # type: ignore[no-untyped-def]
    """Count sequences, each made of a part ``left`` at ``i`` and a part ``right`` at ``i + step``.

    A ``left`` of 0 is not counted. ``slots[i]`` becomes the table's slot of the sequence at ``i``, from 1, or 0.

    Returns:
        The largest count and the first position of a sequence with that count; 0 and 0 if none was counted.
    """
    bits = _slot_bits(count)
    mask = (1 << bits) - 1
    table[: mask + 1] = 0
    shift = np.uint64(64 - bits)
    for i in range(count):
        if left[i] == 0:
            slots[i] = 0
            continue
        key = (np.uint64(left[i]) << _HALF) | np.uint64(right[i + step])
        slot = np.int64((key * _SECRET) >> shift)
        while True:
            held = table[slot]
            if held == key:
                numbers[slot] += 1
                break
            if held == _NONE:
                table[slot] = key
                numbers[slot] = 1
                break
            slot = (slot + 1) & mask
        slots[i] = slot + 1
    best = at = 0
    for i in range(count):
        if slots[i] > 0 and numbers[slots[i] - 1] > best:
            best, at = numbers[slots[i] - 1], i
    return best, at


@nb.njit(cache=True, nogil=True)
def _joined_length(tokens, first, n, token_characters):  # type: ignore[no-untyped-def]
    """Return the characters of ``n`` words joined by single spaces."""
    length = n - 1
    for token in tokens[first : first + n]:
        length += token_characters[token - 1]
    return length


@nb.njit(cache=True, nogil=True)
def _frequent(count, tokens, token_characters, table, numbers, slots, left, out):  # type: ignore[no-untyped-def]
    """Write characters times number of the most frequent sequence of 2, 3 and 4 words."""
    if count < 2:
        return
    best, at = _count_pairs(count - 1, tokens, tokens, 1, table, numbers, slots)
    out[0] = best * _joined_length(tokens, at, 2, token_characters)
    for n in (3, 4):
        if count < n:
            return
        # The slot of a sequence stands for it as the left part of one that is a word longer.
        candidates = 0
        before = slots[0] > 0 and numbers[slots[0] - 1] > 1
        for i in range(count - n + 1):
            after = slots[i + 1] > 0 and numbers[slots[i + 1] - 1] > 1
            left[i] = slots[i] if before and after else 0
            candidates += before and after
            before = after
        best = at = 0
        if candidates:
            best, at = _count_pairs(count - n + 1, left, tokens, n - 1, table, numbers, slots)
        if best < 2:
            # No sequence of this length occurs twice: the first one is the most frequent, and so for longer ones.
            best, at = 1, 0
            slots[: count - n + 1] = 0
        out[n - 2] = best * _joined_length(tokens, at, n, token_characters)


@nb.njit(cache=True, nogil=True)
def _mark_prefixes(count, starts, joined, table, twice):  # type: ignore[no-untyped-def]
    """Mark the tokens from which on the same ``PREFIX`` bytes stand twice; return the first without so many bytes."""
    base = address_of(joined)
    bits = _slot_bits(count)
    mask = (1 << bits) - 1
    table[: mask + 1] = 0
    size = starts[count]
    for i in range(count):
        twice[i] = False
    for i in range(count):
        if starts[i] + PREFIX > size:
            return i
        at = base + starts[i]
        value = mixed(word_at(at) ^ _SECRET, word_at(at + PREFIX - 8) ^ _OTHER_SECRET)
        slot = np.int64(value & np.uint64(mask))
        tag = (value >> _HALF) << _HALF
        while True:
            held = table[slot]
            if held == _NONE:
                table[slot] = tag | np.uint64(i + 1)
                break
            # Equal tags of different bytes mark a token for nothing, which changes no result.
            if (held >> _HALF) << _HALF == tag:
                twice[i] = True
                twice[np.int64(held & _LOW_HALF) - 1] = True
                break
            slot = (slot + 1) & mask
    return count


@nb.njit(cache=True, nogil=True)
def _first_candidates(n, count, complete, starts, twice, candidates):  # type: ignore[no-untyped-def]
    """Write the tokens that can begin a duplicated sequence of ``n`` words or more; return their number."""
    found = 0
    for i in range(count - n + 1):
        candidates[found] = i
        # No branch: whether it is one cannot be guessed, and a wrong guess costs more than the arithmetic.
        found += twice[i] | (i >= complete) | (starts[i + n] - starts[i] < PREFIX)
    return found


@nb.njit(cache=True, nogil=True)
def _fewer_candidates(n, count, complete, starts, twice, candidates, found):  # type: ignore[no-untyped-def]
    """Keep the candidates that can begin a duplicated sequence of ``n`` words; return their number."""
    kept = 0
    for j in range(found):
        i = candidates[j]
        if i + n > count:
            break
        candidates[kept] = i
        kept += twice[i] | (i >= complete) | (starts[i + n] - starts[i] < PREFIX)
    return kept


@nb.njit(cache=True, nogil=True)
def _duplicated(n, starts, joined, candidates, table, places):  # type: ignore[no-untyped-def]
    """Return the characters of duplicated sequences of ``n`` words."""
    base = address_of(joined)
    last = base + len(joined)
    bits = _slot_bits(len(candidates))
    mask = (1 << bits) - 1
    table[: mask + 1] = 0
    total = 0
    after = 0
    for i in candidates:
        if i < after:
            continue
        at = base + starts[i]
        length = np.int64(starts[i + n] - starts[i])
        value = hash_bytes(at, length, first_bytes(at, length, last))
        slot = np.int64(value & np.uint64(mask))
        tag = value | np.uint64(1)
        while True:
            held = table[slot]
            if held == _NONE:
                table[slot] = tag
                places[slot] = i
                break
            if held == tag:
                seen = places[slot]
                if starts[seen + n] - starts[seen] == length and equal_bytes(at, base + starts[seen], length, last):
                    for position in range(starts[i], starts[i + n]):
                        total += (joined[position] & 0xC0) != 0x80
                    after = i + n
                    break
            slot = (slot + 1) & mask
    return total


@nb.njit(cache=True, nogil=True)
def _repetition(  # type: ignore[no-untyped-def]
    data, begins, ends, chunks, offsets, facts, slices, token_characters, token_ends, frequent, duplicated
):
    most = longest = 0
    for row in range(len(begins)):
        count = 0
        for i in range(offsets[row], offsets[row + 1]):
            count += facts[chunks[i], COUNT]
        most = max(most, count)
        longest = max(longest, ends[row] - begins[row])
    size = 1 << _slot_bits(most)
    table = np.empty(size, dtype=np.uint64)
    numbers = np.empty(size, dtype=np.int32)
    tokens = np.empty(most + 1, dtype=np.int32)
    starts = np.empty(most + 1, dtype=np.int32)
    slots = np.empty(most + 1, dtype=np.int32)
    places = np.empty(most + 1, dtype=np.int32)
    twice = np.empty(most + 1, dtype=np.bool_)
    joined = np.empty(longest + 8, dtype=np.uint8)
    base = address_of(data)
    for row in range(len(begins)):
        mine = chunks[offsets[row] : offsets[row + 1]]
        count = _divide(
            base + begins[row],
            base + ends[row],
            base + len(data),
            mine,
            facts,
            slices,
            token_ends,
            tokens,
            starts,
            joined,
        )
        _frequent(count, tokens, token_characters, table, numbers, slots, places, frequent[row])
        if count < DUPLICATED[0]:
            continue
        complete = _mark_prefixes(count, starts, joined, table, twice)
        found = _first_candidates(DUPLICATED[0], count, complete, starts, twice, places)
        for column in range(len(DUPLICATED)):
            n = DUPLICATED[column]
            found = _fewer_candidates(n, count, complete, starts, twice, places, found)
            if found > 1:
                duplicated[row, column] = _duplicated(n, starts, joined, places[:found], table, numbers)


LARGEST_KERNEL = _repetition
"""The kernel that takes longest to compile: where its cache is there, so are the others'."""
