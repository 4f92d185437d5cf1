"""The word sequences of a set of texts in a table, and which passages of other texts are in it, word for word.

Sequences of ``n`` words are found by a rolling hash, a filter and a sorted list of hashes; a find is then compared
character by character with the words themselves, so no accident of hashing ever counts. A text of fewer than ``n``
words has no such sequence: it is found as a whole, where it has at least ``shortest`` words.

A passage is as long as its words, and two characters of a script without spaces make a word: sequences of ``n``
characters only count where they add up to a passage of ``n`` words. What a word is, ``folding.py`` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.text.folding import fold_texts, folding
from headwater.text.gram_kernels import (
    anchor_keys,
    bucket_starts,
    distinct,
    fill_filter,
    list_ignored,
    list_sequences,
    word_table,
)
from headwater.text.gram_passages import cut_out, find_passages
from headwater.text.utf8 import text_array, utf8_bytes

_KEYS_PER_BUCKET = 8  # one cache line
_KEYS_PER_BLOCK = 4  # of the filter: 16 bits a key, three of them set, lets 1 of 100 foreign sequences through


@dataclass(frozen=True, slots=True, eq=False)
class GramTable:
    """Word sequences, sorted by hash. All arrays can be memory-mapped."""

    n: int
    """Words of a sequence."""
    shortest: int
    """Words of the shortest text that is found as a whole."""
    bits: int
    """Bits of the hashes that are used: 64; fewer only where accidents of hashing are wanted."""
    text: NDArray[np.uint8]
    """The folded words of all texts, each followed by a space."""
    keys: NDArray[np.uint64]
    """Hashes, ascending; different sequences may share one."""
    places: NDArray[np.int64]
    """Where each sequence begins in ``text``."""
    words: NDArray[np.int32]
    """Words of each: ``n``; the negative number of those of a text that is found as a whole."""
    items: NDArray[np.int32]
    """The first item each occurs in."""
    spread: NDArray[np.int32]
    """In how many items it occurs."""
    buckets: NDArray[np.int64]
    """Where the keys of each prefix begin, and their number at the end."""
    filter: NDArray[np.uint64]
    """Blocked Bloom filter of the keys."""
    anchors: NDArray[np.uint64]
    """Blocked Bloom filter of the first ``shortest`` words of texts that are found as a whole."""
    lengths: NDArray[np.int32]
    """The numbers of words of texts that are found as a whole, ascending."""

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, texts: pa.Array | pa.ChunkedArray) -> "Passages":
        """Return what each text shares with the table."""
        data, offsets = utf8_bytes(texts)
        arrays = (self.text, self.keys, self.places, self.words, self.spread, self.buckets, self.filter)
        rest = (self.anchors, self.lengths, self.n, self.shortest, self.bits)
        return Passages(*find_passages(data, offsets, *folding(), *arrays, *rest))


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """What texts share with a table; an entry per text."""

    words: NDArray[np.int32]
    """Words of the text."""
    sequences: NDArray[np.int32]
    """Its word sequences that the table holds, at every place they occur."""
    shared: NDArray[np.int32]
    """Its words that are part of one."""
    longest: NDArray[np.int32]
    """Words of its longest shared passage, 0 without one; two characters of scripts without spaces are a word."""
    entries: NDArray[np.int64]
    """The rarest sequence of that passage, as a place in the table; -1 without one."""
    begins: NDArray[np.int64]
    """Where that passage begins, in bytes of the text."""
    ends: NDArray[np.int64]
    """Where it ends."""

    def shown(self, texts: pa.Array | pa.ChunkedArray, most_characters: int) -> pa.Array:
        """Return the beginning of the longest passage of each text, as it is written there; null without one."""
        data, offsets = utf8_bytes(texts)
        pieces, places = cut_out(data, offsets, self.begins, self.ends, most_characters)
        shown = text_array(pieces, places, pa.string())
        return pc.if_else(pa.array(self.entries >= 0), shown, pa.scalar(None, pa.string()))


@dataclass(frozen=True, slots=True, eq=False)
class BuiltTable:
    """A table, and what did not get into it."""

    table: GramTable
    too_short: NDArray[np.int32]
    """Items without a sequence: they have too few words."""
    common: int
    """Sequences left out because too many items have them."""
    ignored: int
    """Sequences left out because an ignored text has them."""


def build_gram_table(
    parts: pa.Array,
    items: NDArray[np.int32],
    context: NDArray[np.bool_],
    *,
    n: int = 12,
    shortest: int = 8,
    most_items: int | None = None,
    ignored: Sequence[str] = (),
    bits: int = 64,
) -> BuiltTable:
    """Return the table of the sequences of some items, each of one or several texts that are read one after the other.

    Args:
        parts: the texts, those of an item together.
        items: the item each part is of, ascending from 0.
        context: parts that only matter to what follows them: a sequence that lies wholly in them is not listed. They
            are the first of their item.
        n: words per sequence.
        shortest: words of the shortest part, or item, that is listed as a whole where it has fewer than ``n``.
        most_items: a sequence that more items have is left out; none is by default.
        ignored: texts whose sequences are left out.
        bits: bits of the hashes to use.
    """
    given = pa.concat_arrays([parts.cast(pa.large_string()), pa.array(list(ignored), pa.large_string())])
    text, folded = fold_texts(*utf8_bytes(given), *folding())
    text.flags.writeable = False  # one type for the kernels, whether it is mapped from a file or not
    hashes, starts, halves, firsts = word_table(text, folded, *folding())
    keys, places, words, owners, listed = list_sequences(
        hashes, starts, halves, firsts[: len(parts) + 1], items, context, n, shortest, bits
    )
    lengths = np.unique(-words[words < 0])
    unwanted = list_ignored(hashes, starts, firsts, len(parts), n, lengths, bits)
    # The ignored ones come first: items ascend within a key, and theirs is -1.
    keys, places, words = (np.concatenate(both) for both in zip(unwanted, (keys, places, words), strict=True))
    owners = np.concatenate([np.full(len(unwanted[0]), -1, dtype=np.int32), owners])
    order = np.argsort(keys, kind="stable")
    keys, places, words, owners = keys[order], places[order], words[order], owners[order]
    first, spread = distinct(keys, places, words, owners, text)
    ignored_ones = first & (owners == -1)
    common = first & (owners >= 0) & (spread > (len(items) if most_items is None else most_items))
    kept = first & ~ignored_ones & ~common
    keys, places, words, owners = keys[kept], places[kept], words[kept], owners[kept]
    whole = words < 0
    anchors = anchor_keys(hashes, starts, places[whole], shortest, bits)
    arrays = (
        text[: folded[len(parts)]], keys, places, words, owners, spread[kept],
        bucket_starts(keys, _bits_for(len(keys) // _KEYS_PER_BUCKET)),
        fill_filter(keys, _bits_for(len(keys) // _KEYS_PER_BLOCK)),
        fill_filter(anchors, _bits_for(len(anchors) // _KEYS_PER_BLOCK)),
        np.unique(-words[whole]),
    )  # fmt: skip
    for array in arrays:
        array.flags.writeable = False
    table = GramTable(n, shortest, bits, *arrays)
    too_short = np.flatnonzero(listed == 0).astype(np.int32)
    return BuiltTable(table, too_short, int(common.sum()), int((ignored_ones & (spread > 0)).sum()))


def _bits_for(buckets: int) -> int:
    return max(1, buckets.bit_length())
