"""Compiled search for the passages that texts share with a table of word sequences."""

import numba as nb
import numpy as np

from headwater.text.folding import MOST_BYTES, fold_words, mixed, same_words
from headwater.text.gram_kernels import (
    MULTIPLIER,
    ONE,
    SPACE,
    WHOLE,
    halves_of,
    high_bits,
    log2,
    maybe,
    multiplier_power,
    window_hash,
)

_BLOCK = 8192  # words; their notes take 200 kB

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def _entry(key, words, keys, places, counts, buckets, shift, at, data, starts, ends, text, entries, several, character):  # type: ignore[no-untyped-def]
    """Return the entry that the words from ``at`` on are, and the place after it in the folded texts; or -1."""
    bucket = key >> shift
    for i in range(buckets[bucket], buckets[bucket + ONE]):
        if keys[i] == key and counts[i] == words:
            after = same_words(data, starts, ends, at, abs(words), text, places[i], entries, several, character)
            if after >= 0:
                return i, after
    return -1, -1


@nb.njit(cache=True, nogil=True)
def _next_entry(  # type: ignore[no-untyped-def]
    key,
    words,
    keys,
    places,
    counts,
    buckets,
    shift,
    at,
    data,
    starts,
    ends,
    text,
    entries,
    several,
    character,
    place,
    after,
):
    """As ``_entry``, where all words but the last are known to stand from the word after ``place`` up to ``after``."""
    while text[place] != SPACE:
        place += 1
    bucket = key >> shift
    for i in range(buckets[bucket], buckets[bucket + ONE]):
        if keys[i] == key and counts[i] == words and places[i] == place + 1:
            after = same_words(data, starts, ends, at + words - 1, 1, text, after, entries, several, character)
            return (i, after) if after >= 0 else (-1, -1)
    return -1, -1


@nb.njit(cache=True, nogil=True)
def find_passages(  # type: ignore[no-untyped-def]
    data,
    offsets,
    entries,
    several,
    text,
    keys,
    places,
    counts,
    spread,
    buckets,
    blocks,
    anchors,
    lengths,
    n,
    shortest,
    bits,
):
    """Return what ``Passages`` holds of every text; see ``GramTable`` for the rest.

    A text is worked on in blocks of words, so that what is noted of them stays in the cache and memory is bounded.
    """
    rows = len(offsets) - 1
    words, sequences = np.zeros(rows, dtype=np.int32), np.zeros(rows, dtype=np.int32)
    shared, longest = np.zeros(rows, dtype=np.int32), np.zeros(rows, dtype=np.int32)
    best, begins, stops = (
        np.full(rows, -1, dtype=np.int64),
        np.zeros(rows, dtype=np.int64),
        np.zeros(rows, dtype=np.int64),
    )
    if len(keys) == 0:
        n = 1
    bucket_shift = np.uint64(64 - log2(len(buckets) - 1))
    block_shift = np.uint64(64 - log2(len(blocks)))
    anchor_shift = np.uint64(64 - log2(max(len(anchors), 2)))
    reach = max(n, lengths[-1]) if len(lengths) else n
    room = _BLOCK + reach + 2
    hashes, starts = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    ends, halves = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint8)
    candidates, candidate_keys = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.uint64)
    character = np.empty(MOST_BYTES, dtype=np.uint8)
    hits, wholes = np.empty((room, 6), dtype=np.int64), np.empty((room, 6), dtype=np.int64)
    out_power, anchor_power = multiplier_power(n - 1), multiplier_power(shortest - 1)
    for row in range(rows):
        rest, end = offsets[row], offsets[row + 1]
        base = carried = n_hits = n_wholes = 0
        found = after = previous = -1
        while rest < end:
            got, rest = fold_words(
                data, rest, end, entries, several, _BLOCK,
                hashes[carried:], starts[carried:], ends[carried:], halves[carried:],
            )  # fmt: skip
            count = carried + got
            # The last words of a block wait for those that follow.
            stop = count if rest >= end else max(count - reach + 1, 0)
            last = min(stop, count - n + 1)
            n_candidates = 0
            if last > 0:
                value = window_hash(hashes, 0, n)
                for i in range(last):
                    key = high_bits(mixed(value), bits)
                    candidates[n_candidates] = i
                    candidate_keys[n_candidates] = key
                    n_candidates += maybe(blocks, block_shift, key)
                    value = (value - hashes[i] * out_power) * MULTIPLIER + hashes[i + n]
            if n_hits + n_candidates > len(hits):
                hits = _grown(hits, n_hits, n_candidates)
            for k in range(n_candidates):
                i = candidates[k]
                if after >= 0 and base + i == previous + 1:
                    # Where the copy goes on, only its next word has to be compared.
                    found, after = _next_entry(
                        candidate_keys[k], n, keys, places, counts, buckets, bucket_shift, i, data, starts, ends, text,
                        entries, several, character, places[found], after,
                    )  # fmt: skip
                else:
                    found = -1
                if found < 0:
                    found, after = _entry(
                        candidate_keys[k], n, keys, places, counts, buckets, bucket_shift, i, data, starts, ends, text,
                        entries, several, character,
                    )  # fmt: skip
                if found >= 0:
                    previous = base + i
                    hits[n_hits, 0], hits[n_hits, 1], hits[n_hits, 2] = base + i, starts[i], ends[i + n - 1]
                    hits[n_hits, 3], hits[n_hits, 4] = found, halves_of(halves, i, i + n)
                    hits[n_hits, 5] = halves[i + n - 1]
                    n_hits += 1
            last = min(stop, count - shortest + 1) if len(lengths) else 0
            if last > 0:
                value = window_hash(hashes, 0, shortest)
                for i in range(last):
                    if maybe(anchors, anchor_shift, high_bits(mixed(value), bits)):
                        longer, width = value, shortest
                        for length in lengths:
                            if i + length > count:
                                break
                            while width < length:
                                longer = longer * MULTIPLIER + hashes[i + width]
                                width += 1
                            key = high_bits(mixed(longer ^ WHOLE), bits)
                            if not maybe(blocks, block_shift, key):
                                continue
                            one, _ = _entry(
                                key, -length, keys, places, counts, buckets, bucket_shift, i, data, starts, ends, text,
                                entries, several, character,
                            )  # fmt: skip
                            if one >= 0:
                                if n_wholes == len(wholes):
                                    wholes = _grown(wholes, n_wholes, room)
                                wholes[n_wholes, 0], wholes[n_wholes, 1] = base + i, starts[i]
                                wholes[n_wholes, 2], wholes[n_wholes, 3] = ends[i + length - 1], one
                                wholes[n_wholes, 4], wholes[n_wholes, 5] = halves_of(halves, i, i + length), length
                                n_wholes += 1
                    value = (value - hashes[i] * anchor_power) * MULTIPLIER + hashes[i + shortest]
            carried = count - stop
            for i in range(carried):
                hashes[i], starts[i], ends[i], halves[i] = (
                    hashes[stop + i], starts[stop + i], ends[stop + i], halves[stop + i]
                )  # fmt: skip
            base += stop
        words[row] = base
        if n_hits or n_wholes:
            _judge(row, hits[:n_hits], wholes[:n_wholes], n, spread, sequences, shared, longest, best, begins, stops)
            if best[row] >= 0:
                begins[row] -= offsets[row]
                stops[row] -= offsets[row]
    return words, sequences, shared, longest, best, begins, stops


@nb.njit(cache=True, nogil=True)
def _judge(row, hits, wholes, n, spread, sequences, shared, longest, best, begins, stops):  # type: ignore[no-untyped-def]
    """Put finds together to passages, and write down what they come to.

    Args:
        row: the text.
        hits: sequences of ``n`` words that were found: first word, first byte, last byte, entry, halves of its words,
            halves of its last word; ascending by word.
        wholes: texts found as a whole: first word, first byte, last byte, entry, halves of its words, words.
        n: words of a sequence.
        spread: of the entries.
        sequences: written, as are the following: see ``Passages``.
        shared: written.
        longest: written.
        best: written.
        begins: written; absolute.
        stops: written; absolute.
    """
    # Passages as first word, word after the last: of runs of sequences first, then of whole texts.
    passages = np.empty((len(hits) + len(wholes), 2), dtype=np.int64)
    count = 0
    halves = 0
    low = 0
    while low < len(hits):
        high = low
        weight = hits[low, 4]
        rarest = hits[low, 3]
        while high + 1 < len(hits) and hits[high + 1, 0] == hits[high, 0] + 1:
            high += 1
            weight += hits[high, 5]
            if spread[hits[high, 3]] < spread[rarest]:
                rarest = hits[high, 3]
        if weight >= 2 * n:
            sequences[row] += high - low + 1
            passages[count, 0], passages[count, 1] = hits[low, 0], hits[high, 0] + n
            count += 1
            if weight > halves:
                halves, best[row], begins[row], stops[row] = weight, rarest, hits[low, 1], hits[high, 2]
        low = high + 1
    runs = count
    for i in range(len(wholes)):
        sequences[row] += 1
        passages[count, 0], passages[count, 1] = wholes[i, 0], wholes[i, 0] + wholes[i, 5]
        count += 1
        if wholes[i, 4] > halves:
            halves, best[row], begins[row], stops[row] = wholes[i, 4], wholes[i, 3], wholes[i, 1], wholes[i, 2]
    longest[row] = halves // 2
    # Both kinds are in order of their first word: merged, their words are counted once.
    i, j = 0, runs
    reached = 0
    while i < runs or j < count:
        if j == count or (i < runs and passages[i, 0] <= passages[j, 0]):
            first, last = passages[i, 0], passages[i, 1]
            i += 1
        else:
            first, last = passages[j, 0], passages[j, 1]
            j += 1
        if last > reached:
            shared[row] += last - max(first, reached)
            reached = last


@nb.njit(cache=True, nogil=True)
def _grown(rows, used, more):  # type: ignore[no-untyped-def]
    out = np.empty((2 * len(rows) + more, rows.shape[1]), dtype=rows.dtype)
    for row in range(used):
        for column in range(rows.shape[1]):
            out[row, column] = rows[row, column]
    return out


@nb.njit(cache=True, nogil=True)
def cut_out(data, offsets, begins, stops, most):  # type: ignore[no-untyped-def]
    """Return a piece of each text, of at most ``most`` characters, one after the other, and where each begins."""
    rows = len(begins)
    places = np.zeros(rows + 1, dtype=np.int64)
    for row in range(rows):
        at, stop = offsets[row] + begins[row], offsets[row] + stops[row]
        left = most
        while at < stop:
            if data[at] & 0xC0 != 0x80:
                if left == 0:
                    break
                left -= 1
            at += 1
        places[row + 1] = places[row] + at - offsets[row] - begins[row]
    out = np.empty(places[rows], dtype=np.uint8)
    for row in range(rows):
        begin = offsets[row] + begins[row]
        for i in range(places[row + 1] - places[row]):
            out[places[row] + i] = data[begin + i]
    return out, places
