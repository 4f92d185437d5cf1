"""Compiled parts of the generation ledger: merging sorted postings, and looking many texts up in them.

A posting is a key (a fingerprint, or the first half of a content hash) and a code: twice the number of the document in
its segment, plus one where the document took that word sequence over from a source.
"""

import numba as nb
import numpy as np

import headwater.kernel_cache  # noqa: F401  (before the first kernel)

# Of one text. Measured with benchmarks/own_output.py on a million documents: more postings or documents find no more
# copies, fewer lose copies of texts that were put together from the same sentences.
_POSTINGS_READ = 1024
_LISTS_READ = 8
_FEWEST_READ = 2
_MOST_DOCUMENTS = 64

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def merge(keys_a, codes_a, keys_b, codes_b, shift, keys, codes):  # type: ignore[no-untyped-def]
    """Write two sorted lists of postings as one; of a key those of ``a`` come first.

    Args:
        keys_a: keys of the first list, ascending; its documents come first.
        codes_a: their codes.
        keys_b: keys of the second list.
        codes_b: their codes.
        shift: added to the codes of the second list.
        keys: written; as long as both together.
        codes: written.
    """
    i = j = 0
    for at in range(len(keys)):
        if j == len(keys_b) or (i < len(keys_a) and keys_a[i] <= keys_b[j]):
            keys[at], codes[at] = keys_a[i], codes_a[i]
            i += 1
        else:
            keys[at], codes[at] = keys_b[j], codes_b[j] + shift
            j += 1


@nb.njit(cache=True, nogil=True)
def bucket_starts(keys, bits):  # type: ignore[no-untyped-def]
    """Return where the keys of each value of their first ``bits`` bits begin, and their number at the end."""
    starts = np.zeros((1 << bits) + 1, dtype=np.uint32)
    for i in range(len(keys)):
        starts[(keys[i] >> np.uint64(64 - bits)) + 1] += 1
    for bucket in range(1 << bits):
        starts[bucket + 1] += starts[bucket]
    return starts


@nb.njit(cache=True, nogil=True)
def _first_place(keys, starts, shift, key):  # type: ignore[no-untyped-def]
    """Return where the key stands first, or the number of keys where it is missing."""
    bucket = key >> shift
    low, high = np.int64(starts[bucket]), np.int64(starts[bucket + 1])
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else np.int64(len(keys))


@nb.njit(cache=True, nogil=True)
def _end(keys, first):  # type: ignore[no-untyped-def]
    """Return where the keys equal to the one at ``first`` end."""
    step = 1
    while first + step < len(keys) and keys[first + step] == keys[first]:
        step *= 2
    low, high = first + step // 2, min(first + step, len(keys))
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] == keys[first]:
            low = middle + 1
        else:
            high = middle
    return low


@nb.njit(cache=True, nogil=True)
def _code_of(codes, low, high, document):  # type: ignore[no-untyped-def]
    """Return the code of a document among codes in ascending order, -1 where it is missing."""
    end = high
    while low < high:
        middle = (low + high) >> 1
        if codes[middle] >> 1 < document:
            low = middle + 1
        else:
            high = middle
    return np.int64(codes[low]) if low < end and codes[low] >> 1 == document else np.int64(-1)


@nb.njit(cache=True, nogil=True)
def _candidates(codes, firsts, ends, order, least, slots, counts, out):  # type: ignore[no-untyped-def]
    """Write the documents that can share ``least`` sequences with a text into ``out`` and return their number.

    The sequences' postings are read, rarest first, until ``_POSTINGS_READ`` were: a common phrase in a hundred
    thousand documents tells nothing that rarer ones do not. Where even the rarest are in more documents than that, the
    earliest documents of each are taken: what is generated over and over is recognised by its first copies.
    """
    found = read = scanned = 0
    mask = np.int64(len(slots) - 1)
    used = np.empty(_POSTINGS_READ, dtype=np.int64)
    for place in order:
        length = ends[place] - firsts[place]
        room = _POSTINGS_READ - read
        if length > room:
            if scanned >= _LISTS_READ or room == 0:
                break
            length = max(room // (_LISTS_READ - scanned), 1)
        else:
            scanned += 1
        for at in range(firsts[place], firsts[place] + length):
            document = np.int64(codes[at] >> 1)
            slot = (document * 0x9E3779B1) & mask
            while slots[slot] >= 0 and slots[slot] != document:
                slot = (slot + 1) & mask
            if slots[slot] < 0:
                slots[slot] = document
                used[found] = slot
                found += 1
            counts[slot] += 1
        read += length
    # The others may be in any of the sequences that were not read whole.
    needed = max(least - (len(order) - scanned), min(least, _FEWEST_READ))
    highest = 0
    for i in range(found):
        highest = max(highest, counts[used[i]])
    chosen = 0
    for wanted in range(highest, needed - 1, -1):
        for i in range(found):
            if chosen < len(out) and counts[used[i]] == wanted:
                out[chosen] = slots[used[i]]
                chosen += 1
    for i in range(found):
        slots[used[i]] = -1
        counts[used[i]] = 0
    return chosen


@nb.njit(cache=True, nogil=True)
def look_up(keys, codes, starts, bits, contents, hashes, offsets, wanted, least):  # type: ignore[no-untyped-def]
    """Return the documents of a segment that share fingerprints with texts.

    Args:
        keys: of the postings, ascending.
        codes: of the postings, ascending within a key.
        starts: from ``bucket_starts``.
        bits: its bits.
        contents: content hashes of the segment's documents, two halves each.
        hashes: fingerprints of the texts, all texts one after the other.
        offsets: where each text begins.
        wanted: content hashes of the texts, two halves each.
        least: fingerprints that must be shared.

    Returns:
        Per text the document of the same content or -1; then the pairs of a text and a document that share enough, of
        a text at most ``_MOST_DOCUMENTS``: text, document, and where the pair's shared fingerprints begin; then those,
        as places in ``hashes`` (twice, plus one where the document took the sequence over from a source).
    """
    texts = len(offsets) - 1
    shift = np.uint64(64 - bits)
    exact = np.full(texts, -1, dtype=np.int64)
    pair_text = np.empty(64, dtype=np.int64)
    pair_document = np.empty(64, dtype=np.int64)
    pair_start = np.zeros(65, dtype=np.int64)
    shared = np.empty(1024, dtype=np.int64)
    slots = np.full(4 * _POSTINGS_READ, -1, dtype=np.int64)
    counts = np.zeros(len(slots), dtype=np.int64)
    candidates = np.empty(_MOST_DOCUMENTS, dtype=np.int64)
    longest = 0
    for text in range(texts):
        longest = max(longest, offsets[text + 1] - offsets[text])
    known = np.empty(longest, dtype=np.int64)
    firsts = np.empty(longest, dtype=np.int64)
    ends = np.empty(longest, dtype=np.int64)
    pairs = places = 0
    for text in range(texts):
        at = _first_place(keys, starts, shift, wanted[text, 0])
        while at < len(keys) and keys[at] == wanted[text, 0]:
            document = np.int64(codes[at] >> 1)
            if document < len(contents) and np.all(contents[document] == wanted[text]):
                exact[text] = document
            at += 1
        begin, end = offsets[text], offsets[text + 1]
        count = 0
        for place in range(begin, end):
            if count + end - place < least:
                break
            at = _first_place(keys, starts, shift, hashes[place])
            if at < len(keys):
                known[count], firsts[count], ends[count] = place, at, _end(keys, at)
                count += 1
        if count < least:
            continue
        order = np.argsort(ends[:count] - firsts[:count])
        for i in range(_candidates(codes, firsts, ends, order, least, slots, counts, candidates)):
            document = candidates[i]
            if document >= len(contents):
                continue
            while places + count > len(shared):
                shared = np.append(shared, np.empty(len(shared), dtype=np.int64))
            found = 0
            for j in range(count):
                if found + count - j < least:
                    break
                code = _code_of(codes, firsts[j], ends[j], document)
                if code >= 0:
                    shared[places + found] = 2 * known[j] + (code & 1)
                    found += 1
            if found < least:
                continue
            if pairs == len(pair_text):
                pair_text = np.append(pair_text, np.empty(pairs, dtype=np.int64))
                pair_document = np.append(pair_document, np.empty(pairs, dtype=np.int64))
                pair_start = np.append(pair_start, np.empty(pairs, dtype=np.int64))
            pair_text[pairs] = text
            pair_document[pairs] = document
            pairs += 1
            places += found
            pair_start[pairs] = places
    return (
        exact,
        pair_text[:pairs].copy(),
        pair_document[:pairs].copy(),
        pair_start[: pairs + 1].copy(),
        shared[:places].copy(),
    )


@nb.njit(cache=True, nogil=True)
def forward(keys, codes, contents, first, last):  # type: ignore[no-untyped-def]
    """Return the fingerprints of the documents ``first`` up to ``last`` of a segment, sorted within each.

    Sequences taken over from a source are left out, and so are content hashes.

    Returns:
        Fingerprints, and where each document's begin (one entry more than there are documents).
    """
    starts = np.zeros(last - first + 1, dtype=np.int64)
    for i in range(len(keys)):
        document = codes[i] >> 1
        if first <= document < last and not codes[i] & 1 and contents[document, 0] != keys[i]:
            starts[document - first + 1] += 1
    for document in range(last - first):
        starts[document + 1] += starts[document]
    out = np.empty(starts[-1], dtype=np.uint64)
    at = starts.copy()
    for i in range(len(keys)):
        document = codes[i] >> 1
        if first <= document < last and not codes[i] & 1 and contents[document, 0] != keys[i]:
            out[at[document - first]] = keys[i]
            at[document - first] += 1
    return out, starts
