"""Fingerprints of texts: a sample of their sequences of three and four words, by which a copy is known again.

The share of a text's sequences that another text holds (containment, Broder 1997) survives light edits: after every
tenth word was changed, about 0.7 of them are left, where the Jaccard index of 5-word shingles has fallen to about 0.4.
It also finds a part of a text in a longer one, which no symmetric index does.

Of each text only the sequences of lowest rank are kept, the rank being half of the bits of their hash: all below a
fixed rank (one in twelve), and at least the ``FEWEST`` lowest, so that short texts keep enough (bottom-k sketches with
a threshold: Cohen and Kaplan 2007; Dasgupta, Lang, Rhodes and Thaler 2016). Two texts sample alike: below the smaller
of their two bounds each has kept every sequence it has.

The hashes go to disk and to other organisations, so they are the same in every process, on every platform and with
every Unicode database, and carry a version: any change of what counts as a word is a new version.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

FINGERPRINT_VERSION = 1
"""Version of the hashes; fingerprints of different versions have nothing in common."""

FEWEST = 32
"""Sequences kept of every text that has so many."""

ALL = 1 << 62
"""As ``fewest``: every sequence is kept."""

_ONE_IN = 12
_BOUND = (1 << 32) // _ONE_IN - 1  # the highest rank that is kept of every text
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio: keeps the order of the words in the hash

# What a character beyond ASCII is. The lists are part of the format and independent of any Unicode database; what is
# in none of them belongs to a word.
SEPARATOR, WORD, SINGLE, NOTHING = range(4)
"""What a character is to the words: between them, part of one, one by itself, or not there."""

# Invisible characters and apostrophes: a word with one inside is the same word, so that hidden marks, joiners and
# typographic quotes change nothing.
_NOTHING_RANGES = (
    (0x27, 0x27), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x180B, 0x180F), (0x200B, 0x200F), (0x2018, 0x201B),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x2BC, 0x2BC), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Control characters, punctuation, symbols, private use.
_SEPARATOR_RANGES = (
    (0x00, 0x26), (0x28, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0xA9), (0xAB, 0xAC), (0xAE, 0xB1), (0xB4, 0xB4),
    (0xB6, 0xB8), (0xBB, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x2010, 0x2017), (0x201C, 0x2029), (0x202F, 0x205F),
    (0x20A0, 0x20CF), (0x2190, 0x245F), (0x2500, 0x2BFF), (0x2E00, 0x2E7F), (0x3000, 0x3004), (0x3008, 0x3020),
    (0x3030, 0x3030), (0x30FB, 0x30FB), (0xE000, 0xF8FF), (0xFE10, 0xFE6F), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40), (0xFF5B, 0xFF65), (0xFFF9, 0xFFFF), (0x1F000, 0x1FAFF), (0xF0000, 0x10FFFF),
)  # fmt: skip
# Scripts written without spaces: Thai, Lao, Tibetan, Myanmar, Khmer, Kana, Han. Every character is a word.
_SINGLE_RANGES = (
    (0xE01, 0xE3A), (0xE40, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B), (0x3041, 0x30FA), (0x30FC, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """The sampled word sequences of texts, all texts one after the other, in the order they stand in the text."""

    hashes: NDArray[np.uint64]
    """The fingerprints; distinct within a text. The low 32 bits are the rank by which they were chosen."""
    positions: NDArray[np.int32]
    """The word each sequence begins at, counted from 0; its first occurrence."""
    offsets: NDArray[np.int64]
    """Where each text begins; one entry more than there are texts."""
    bounds: NDArray[np.uint32]
    """Per text: of the sequences up to this rank all are kept, of the others none."""
    words: NDArray[np.int32]
    """Words of each text. A text of fewer than three has no fingerprints."""

    def __len__(self) -> int:
        return len(self.bounds)


def fingerprints(texts: Iterable[str | None], *, fewest: int = FEWEST) -> Fingerprints:
    """Return the fingerprints of texts.

    Case, punctuation, spaces, apostrophes and invisible characters do not count; compatibility forms (NFKC) and cases
    beyond ASCII are folded. Two different sequences share a hash with probability 2^-64.

    Args:
        texts: the texts; a null counts as empty.
        fewest: sequences kept of every text that has so many; ``ALL`` keeps all.
    """
    folded = [_folded(text) if text else b"" for text in texts]
    offsets = np.zeros(len(folded) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, folded), dtype=np.int64, count=len(folded)), out=offsets[1:])
    data = np.frombuffer(b"".join(folded), dtype=np.uint8)
    return Fingerprints(*_fingerprints(data, offsets, character_classes(), fewest, np.uint32(_BOUND), _MULTIPLIER))


def keyed(hashes: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    """Return fingerprints under a secret key: SipHash-2-4 of their eight bytes (Aumasson and Bernstein 2012).

    Without the key nobody can tell which word sequence a keyed fingerprint stands for, nor compute one from a text.

    Args:
        hashes: fingerprints, uint64.
        key: 16 bytes.

    Raises:
        ValueError: the key has another length.
    """
    if len(key) != 16:
        raise ValueError(f"the key of fingerprints has 16 bytes, not {len(key)}")
    low, high = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    return _siphash(np.ascontiguousarray(hashes), low, high)


def _folded(text: str) -> bytes:
    if text.isascii():
        return text.encode()
    # The two commonest compatibility characters are folded here: most texts are then in normal form already.
    text = text.replace("\u00a0", " ").replace("…", " ")
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return text.encode("utf-8", "surrogatepass")


@cache
def character_classes() -> NDArray[np.uint8]:
    """Return for every code point what it is: ``SEPARATOR``, ``WORD``, ``SINGLE`` or ``NOTHING``."""
    classes = np.full(0x110000, WORD, dtype=np.uint8)
    for kind, ranges in (
        (SEPARATOR, _SEPARATOR_RANGES),
        (SINGLE, _SINGLE_RANGES),
        (NOTHING, _NOTHING_RANGES),
    ):
        for low, high in ranges:
            classes[low : high + 1] = kind
    return classes


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True, inline="always")
def _mixed(value):  # type: ignore[no-untyped-def]
    """Return all bits depending on all bits: the finaliser of MurmurHash3 (public domain)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@nb.njit(cache=True, nogil=True)
def _words(data, begin, end, classes, out):  # type: ignore[no-untyped-def]
    """Write a hash of every word of one text into ``out`` and return their number.

    FNV-1a over the characters of a word, ASCII in lower case, then mixed.
    """
    count = 0
    empty = np.uint64(0xCBF29CE484222325)
    value = empty
    at = begin
    while at < end:
        code = np.uint32(data[at])
        at += 1
        if code >= 0x80:
            more = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
            code &= np.uint32(0x3F >> more)
            for _ in range(more):
                code = (code << np.uint32(6)) | np.uint32(data[at] & 0x3F)
                at += 1
        elif 65 <= code <= 90:
            code |= np.uint32(0x20)
        kind = classes[code]
        if kind == NOTHING:
            continue
        if kind != WORD and value != empty:
            out[count] = _mixed(value)
            count += 1
            value = empty
        if kind != SEPARATOR:
            value = (value ^ np.uint64(code)) * np.uint64(0x100000001B3)
            if kind == SINGLE:
                out[count] = _mixed(value)
                count += 1
                value = empty
    if value != empty:
        out[count] = _mixed(value)
        count += 1
    return count


@nb.njit(cache=True, nogil=True)
def _grams(words, count, multiplier, out):  # type: ignore[no-untyped-def]
    """Write the hashes of all sequences of three and four words into ``out``: two per word, the shorter first."""
    written = 0
    for first in range(count - 2):
        value = np.uint64(3)
        for position in range(first, first + 3):
            value = value * multiplier + words[position]
        out[written] = _mixed(value)
        written += 1
        if first + 4 <= count:
            value = np.uint64(4)
            for position in range(first, first + 4):
                value = value * multiplier + words[position]
            out[written] = _mixed(value)
            written += 1
    return written


@nb.njit(cache=True, nogil=True)
def _turned(value):  # type: ignore[no-untyped-def]
    """Return the hash with its halves exchanged: in this order hashes stand by rank."""
    return (value << np.uint64(32)) | (value >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _lowest(grams, count, fewest, bound):  # type: ignore[no-untyped-def]
    """Return the distinct hashes to keep, sorted by rank, and the rank up to which all are kept."""
    highest = np.uint64(0xFFFFFFFF)
    # The bound is doubled until it holds enough: sorting all sequences to keep a twelfth costs more than the rest.
    reach = np.uint64(bound)
    while True:
        near = 0
        for i in range(count):
            near += (grams[i] & highest) <= reach
        if reach >= highest or near >= fewest:
            chosen = np.empty(near, dtype=np.uint64)
            near = 0
            for i in range(count):
                if (grams[i] & highest) <= reach:
                    chosen[near] = _turned(grams[i])
                    near += 1
            chosen.sort()
            distinct = 0
            for i in range(near):
                if i == 0 or chosen[i] != chosen[i - 1]:
                    chosen[distinct] = chosen[i]
                    distinct += 1
            if reach >= highest or distinct >= fewest:
                break
        reach = min(2 * reach, highest)
    if distinct <= fewest:
        last = reach if distinct < fewest else chosen[distinct - 1] >> np.uint64(32)
    else:
        last = max(chosen[fewest - 1] >> np.uint64(32), np.uint64(bound))
    kept = 0
    while kept < distinct and chosen[kept] >> np.uint64(32) <= last:
        kept += 1
    return chosen[:kept], max(last, np.uint64(bound))


@nb.njit(cache=True, nogil=True)
def _fingerprints(data, offsets, classes, fewest, bound, multiplier):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    longest = 0
    for row in range(texts):
        longest = max(longest, offsets[row + 1] - offsets[row])
    words = np.empty(longest, dtype=np.uint64)
    grams = np.empty(2 * longest, dtype=np.uint64)
    hashes = np.empty(64 + 40 * texts, dtype=np.uint64)
    positions = np.empty(len(hashes), dtype=np.int32)
    starts = np.zeros(texts + 1, dtype=np.int64)
    bounds = np.empty(texts, dtype=np.uint32)
    lengths = np.empty(texts, dtype=np.int32)
    at = 0
    for row in range(texts):
        length = _words(data, offsets[row], offsets[row + 1], classes, words)
        count = _grams(words, length, multiplier, grams)
        kept, last = _lowest(grams, count, fewest, bound)
        lengths[row] = length
        bounds[row] = last
        if at + len(kept) > len(hashes):
            more = 2 * len(hashes) + len(kept)
            hashes, old = np.empty(more, dtype=np.uint64), hashes
            hashes[:at] = old[:at]
            positions, old_positions = np.empty(more, dtype=np.int32), positions
            positions[:at] = old_positions[:at]
        seen = np.zeros(len(kept), dtype=np.bool_)
        for i in range(count):
            if (grams[i] & np.uint64(0xFFFFFFFF)) <= last:
                place = np.searchsorted(kept, _turned(grams[i]))
                if not seen[place]:
                    seen[place] = True
                    hashes[at] = grams[i]
                    # All but the last sequence of three words are followed by the one of four at the same word.
                    positions[at] = i // 2
                    at += 1
        starts[row + 1] = at
    return hashes[:at].copy(), positions[:at].copy(), starts, bounds, lengths


@nb.njit(cache=True, nogil=True, inline="always")
def _rotated(value, bits):  # type: ignore[no-untyped-def]
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@nb.njit(cache=True, nogil=True)
def siphash(value, low, high):  # type: ignore[no-untyped-def]
    """Return SipHash-2-4 of the eight bytes of a number under the two halves of a key."""
    v0 = low ^ np.uint64(0x736F6D6570736575)
    v1 = high ^ np.uint64(0x646F72616E646F6D)
    v2 = low ^ np.uint64(0x6C7967656E657261)
    v3 = high ^ np.uint64(0x7465646279746573)
    for stage in range(3):  # the eight bytes, the length, the end
        block = value if stage == 0 else np.uint64(8) << np.uint64(56)
        if stage < 2:
            v3 ^= block
        else:
            v2 ^= np.uint64(0xFF)
        for _ in range(2 if stage < 2 else 4):
            v0 += v1
            v1 = _rotated(v1, 13) ^ v0
            v0 = _rotated(v0, 32)
            v2 += v3
            v3 = _rotated(v3, 16) ^ v2
            v0 += v3
            v3 = _rotated(v3, 21) ^ v0
            v2 += v1
            v1 = _rotated(v1, 17) ^ v2
            v2 = _rotated(v2, 32)
        if stage < 2:
            v0 ^= block
    return v0 ^ v1 ^ v2 ^ v3


@nb.njit(cache=True, nogil=True)
def _siphash(hashes, low, high):  # type: ignore[no-untyped-def]
    out = np.empty_like(hashes)
    for i in range(len(hashes)):
        out[i] = siphash(hashes[i], low, high)
    return out
