"""Compiled parts of the table of word sequences: hashing windows of words, listing them, filtering.

A window of words has a rolling hash, a polynomial in an odd multiplier modulo 2^64, mixed at the end. A text that is
found as a whole has a key of its own kind and stands with the negative number of its words.
"""

import numba as nb
import numpy as np

from headwater.text.folding import fold_words, mixed

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: keeps the order of the words in the hash
WHOLE = np.uint64(0xD6E8FEB86659FD93)  # tells the key of a whole text from that of a sequence with the same words
SPACE = 32
ONE = np.uint64(1)
_SIX = np.uint64(63)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def word_table(text, places, entries, several):  # type: ignore[no-untyped-def]
    """Return the hash, place and halves of every word of folded texts, and where the words of each text begin."""
    words = 0
    for at in range(len(text)):
        words += text[at] == SPACE
    hashes, starts = np.empty(words + 2, dtype=np.uint64), np.empty(words + 2, dtype=np.int64)
    ends, halves = np.empty(words + 2, dtype=np.int64), np.empty(words + 2, dtype=np.uint8)
    firsts = np.zeros(len(places), dtype=np.int64)
    at = 0
    for row in range(len(places) - 1):
        count, _ = fold_words(
            text, places[row], places[row + 1], entries, several, words,
            hashes[at:], starts[at:], ends[at:], halves[at:],
        )  # fmt: skip
        at += count
        firsts[row + 1] = at
    return hashes[:words], starts[:words], halves[:words], firsts


@nb.njit(cache=True, nogil=True)
def window_hash(hashes, first, count):  # type: ignore[no-untyped-def]
    """Return the polynomial of a window."""
    value = np.uint64(0)
    for i in range(first, first + count):
        value = value * MULTIPLIER + hashes[i]
    return value


@nb.njit(cache=True, nogil=True)
def multiplier_power(count):  # type: ignore[no-untyped-def]
    """Return the multiplier to the power of ``count``."""
    value = ONE
    for _ in range(count):
        value *= MULTIPLIER
    return value


@nb.njit(cache=True, nogil=True)
def high_bits(value, bits):  # type: ignore[no-untyped-def]
    """Return the highest bits of a hash."""
    shift = np.uint64(64 - bits)
    return (value >> shift) << shift


@nb.njit(cache=True, nogil=True)
def list_sequences(hashes, starts, halves, firsts, items, context, n, shortest, bits):  # type: ignore[no-untyped-def]
    """Return key, place, words and item of every sequence of the items, and how many each item has."""
    parts = len(items)
    total = items[-1] + 1 if parts else 0
    room = firsts[parts] + parts + total
    keys, places = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    words, owners = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    listed = np.zeros(total, dtype=np.int32)
    at = 0
    part = 0
    while part < parts:
        item = items[part]
        last = part
        free = part  # the first part that is no context
        while last < parts and items[last] == item:
            free += free == last and context[last]
            last += 1
        begin, end = firsts[part], firsts[last]
        before = at
        if halves_of(halves, begin, end) >= 2 * n:
            for first in range(max(begin, firsts[free] - n + 1), end - n + 1):
                keys[at] = high_bits(mixed(window_hash(hashes, first, n)), bits)
                places[at] = starts[first]
                words[at] = n
                at += 1
        # Each part, and all together, where that is too short for a sequence.
        for one in range(free, last + 1):
            low, high = (begin, end) if one == last else (firsts[one], firsts[one + 1])
            again = one == last and last - part == 1
            weight = halves_of(halves, low, high)
            if again or free == last or weight >= 2 * n or weight < 2 * shortest:
                continue
            keys[at] = high_bits(mixed(window_hash(hashes, low, high - low) ^ WHOLE), bits)
            places[at] = starts[low]
            words[at] = low - high
            at += 1
        listed[item] = at - before
        owners[before:at] = item
        part = last
    return keys[:at].copy(), places[:at].copy(), words[:at].copy(), owners[:at].copy(), listed


@nb.njit(cache=True, nogil=True)
def halves_of(halves, first, last):  # type: ignore[no-untyped-def]
    """Return how much words weigh, in halves of a word."""
    total = 0
    for i in range(first, last):
        total += halves[i]
    return total


@nb.njit(cache=True, nogil=True)
def list_ignored(hashes, starts, firsts, first_part, n, lengths, bits):  # type: ignore[no-untyped-def]
    """Return key, place and words of every sequence, of any of the lengths, of the texts from ``first_part`` on."""
    room = 0
    for part in range(first_part, len(firsts) - 1):
        for kind in range(len(lengths) + 1):
            count = n if kind == len(lengths) else lengths[kind]
            room += max(firsts[part + 1] - firsts[part] - count + 1, 0)
    keys, places, words = (
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int32),
    )
    at = 0
    for part in range(first_part, len(firsts) - 1):
        for kind in range(len(lengths) + 1):
            whole = kind < len(lengths)
            count = lengths[kind] if whole else n
            for first in range(firsts[part], firsts[part + 1] - count + 1):
                value = window_hash(hashes, first, count)
                keys[at] = high_bits(mixed(value ^ WHOLE if whole else value), bits)
                places[at] = starts[first]
                words[at] = -count if whole else count
                at += 1
    return keys, places, words


@nb.njit(cache=True, nogil=True)
def distinct(keys, places, words, owners, text):  # type: ignore[no-untyped-def]
    """Return which sequences occur for the first time, and in how many items each of them does.

    Args:
        keys: ascending.
        places: where each sequence begins in ``text``.
        words: its words.
        owners: its item; ascending within a key; -1 does not count as one.
        text: folded words.
    """
    first = np.zeros(len(keys), dtype=np.bool_)
    spread = np.zeros(len(keys), dtype=np.int32)
    latest = np.empty(len(keys), dtype=np.int32)
    low = 0
    while low < len(keys):
        high = low
        while high < len(keys) and keys[high] == keys[low]:
            same = -1
            for other in range(low, high):
                if (
                    first[other]
                    and words[other] == words[high]
                    and _same(text, places[other], places[high], words[high])
                ):
                    same = other
                    break
            if same < 0:
                same = high
                first[high] = True
                latest[high] = -1
            if owners[high] > latest[same]:
                latest[same] = owners[high]
                spread[same] += 1
            high += 1
        low = high
    return first, spread


@nb.njit(cache=True, nogil=True)
def _same(text, a, b, words):  # type: ignore[no-untyped-def]
    left = abs(words)
    i = 0
    while left:
        if text[a + i] != text[b + i]:
            return False
        left -= text[a + i] == SPACE
        i += 1
    return True


@nb.njit(cache=True, nogil=True)
def bucket_starts(keys, bits):  # type: ignore[no-untyped-def]
    """Return where the keys of each value of their first ``bits`` bits begin, and their number at the end."""
    starts = np.zeros((1 << bits) + 1, dtype=np.int64)
    for i in range(len(keys)):
        starts[(keys[i] >> np.uint64(64 - bits)) + ONE] += 1
    for bucket in range(1 << bits):
        starts[bucket + 1] += starts[bucket]
    return starts


@nb.njit(cache=True, nogil=True)
def _mask(key):  # type: ignore[no-untyped-def]
    """Return the three bits of a key in its block."""
    return (ONE << (key & _SIX)) | (ONE << ((key >> np.uint64(6)) & _SIX)) | (ONE << ((key >> np.uint64(12)) & _SIX))


@nb.njit(cache=True, nogil=True)
def fill_filter(keys, bits):  # type: ignore[no-untyped-def]
    """Return a Bloom filter of ``2 ** bits`` blocks of 64 bits, each key in one of them (Putze and others 2009)."""
    blocks = np.zeros(1 << bits, dtype=np.uint64)
    for i in range(len(keys)):
        blocks[keys[i] >> np.uint64(64 - bits)] |= _mask(keys[i])
    return blocks


@nb.njit(cache=True, nogil=True)
def maybe(blocks, shift, key):  # type: ignore[no-untyped-def]
    """Say whether a filter may hold a key: never wrongly no."""
    mask = _mask(key)
    return blocks[key >> shift] & mask == mask


@nb.njit(cache=True, nogil=True)
def anchor_keys(hashes, starts, places, shortest, bits):  # type: ignore[no-untyped-def]
    """Return the keys of the first ``shortest`` words of the sequences at some places.

    Args:
        hashes: of all words of the folded texts.
        starts: where these words begin, ascending.
        places: where the sequences begin.
        shortest: words.
        bits: bits of the hashes to use.
    """
    out = np.empty(len(places), dtype=np.uint64)
    for i in range(len(places)):
        out[i] = high_bits(mixed(window_hash(hashes, np.searchsorted(starts, places[i]), shortest)), bits)
    return out


@nb.njit(cache=True, nogil=True)
def log2(size):  # type: ignore[no-untyped-def]
    """Return the logarithm to base 2, rounded up."""
    bits = 0
    while (1 << bits) < size:
        bits += 1
    return bits
