"""Runs of sentences, lines or paragraphs as hashes of their words, by which a copied one is known; and cutting them."""

from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.folding import fold_words, folding, mixed
from headwater.text.gram_kernels import MULTIPLIER
from headwater.text.sentences import SENTENCES, next_piece, sentence_tables
from headwater.text.utf8 import text_array, utf8_bytes

_BLOCK = 4096  # words


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The pieces of texts, and a hash of every run of them, all texts one after the other."""

    hashes: NDArray[np.uint64]
    """Of the words of each run; 0 for one with too few."""
    hash_offsets: NDArray[np.int64]
    """Where the runs of each text begin; one entry more than there are texts."""
    places: NDArray[np.int32]
    """Where each piece begins, in bytes of its text, and after the last one of a text its size."""
    place_offsets: NDArray[np.int64]
    """Where the places of each text begin; one entry more than there are texts."""


def find_spans(texts: pa.Array | pa.ChunkedArray, kind: int, span: int, fewest: int) -> Spans:
    """Return the runs of ``span`` pieces of each text.

    The hash is one of the words alone: where the pieces of a run meet does not matter to it.

    Args:
        texts: the texts; one of more than 2 GiB has no pieces.
        kind: ``SENTENCES``, ``LINES`` or ``PARAGRAPHS`` of ``sentences.py``.
        span: pieces of a run.
        fewest: words of the shortest run that has a hash.
    """
    data, offsets = utf8_bytes(texts)
    return Spans(*_spans(data, offsets, *folding(), *sentence_tables(), kind, span, fewest))


def cut_spans(
    texts: pa.Array | pa.ChunkedArray, begins: NDArray[np.int64], ends: NDArray[np.int64], starts: NDArray[np.int64]
) -> pa.Array:
    """Return the texts without some of their bytes. Nothing else changes.

    Args:
        texts: the texts.
        begins: where each cut begins, in bytes of its text; those of a text together, ascending.
        ends: where it ends; cuts may overlap.
        starts: where the cuts of each text begin; one entry more than there are texts.
    """
    data, offsets = utf8_bytes(texts)
    kind = pa.string() if texts.type == pa.string() else pa.large_string()
    left, places = _cut(data, offsets, begins, ends, starts)
    return text_array(left, places, kind)


def count_pieces(texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of words and of sentences of each text; two characters of scripts without spaces are a word."""
    data, offsets = utf8_bytes(texts)
    words, sentences = _counts(data, offsets, *folding(), *sentence_tables())
    return words, sentences


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _pieces(data, begin, end, kind, entries, several, meanings, abbreviations, before_numbers, scratch, found, sums):  # type: ignore[no-untyped-def]
    """Find the pieces of one text that have words and return their number; ``found`` and ``sums`` may be new ones.

    Args:
        data: UTF-8 bytes.
        begin: where the text begins.
        end: where it ends.
        kind: what pieces.
        entries: from ``folding``.
        several: from ``folding``.
        meanings: from ``sentence_tables``.
        abbreviations: from ``sentence_tables``.
        before_numbers: from ``sentence_tables``.
        scratch: arrays for a block of words.
        found: written; begin and halves of words of each piece.
        sums: written; the polynomial of its words, and the multiplier to their number.
    """
    hashes, starts, ends, halves = scratch
    count = 0
    begun = begin  # of the piece
    border = next_piece(data, begin, end, kind, meanings, abbreviations, before_numbers)
    weight = 0
    value, power = np.uint64(0), np.uint64(1)
    rest = begin
    while rest < end:
        words, rest = fold_words(data, rest, end, entries, several, _BLOCK, hashes, starts, ends, halves)
        for i in range(words):
            while starts[i] >= border:
                if weight:
                    if count == len(found):
                        found, sums = _grown(found, count), _grown(sums, count)
                    found[count, 0], found[count, 1] = begun, weight
                    sums[count, 0], sums[count, 1] = value, power
                    count += 1
                    weight = 0
                    value, power = np.uint64(0), np.uint64(1)
                if count:
                    begun = border
                border = next_piece(data, border, end, kind, meanings, abbreviations, before_numbers)
            weight += halves[i]
            value = value * MULTIPLIER + hashes[i]
            power *= MULTIPLIER
    if weight:
        if count == len(found):
            found, sums = _grown(found, count), _grown(sums, count)
        found[count, 0], found[count, 1] = begun, weight
        sums[count, 0], sums[count, 1] = value, power
        count += 1
    return count, found, sums


@nb.njit(cache=True, nogil=True)
def _grown(rows, used):  # type: ignore[no-untyped-def]
    out = np.empty((2 * len(rows), rows.shape[1]), dtype=rows.dtype)
    for row in range(used):
        for column in range(rows.shape[1]):
            out[row, column] = rows[row, column]
    return out


@nb.njit(cache=True, nogil=True)
def _scratch():  # type: ignore[no-untyped-def]
    room = _BLOCK + 2
    return (
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.uint8),
    )


@nb.njit(cache=True, nogil=True)
def _spans(  # type: ignore[no-untyped-def]
    data, offsets, entries, several, meanings, abbreviations, before_numbers, kind, span, fewest
):
    rows = len(offsets) - 1
    scratch = _scratch()
    found, sums = np.empty((256, 2), dtype=np.int64), np.empty((256, 2), dtype=np.uint64)
    room = 16 + (offsets[rows] - offsets[0]) // 100
    hashes, places = np.empty(room, dtype=np.uint64), np.empty(room + rows, dtype=np.int32)
    hash_offsets, place_offsets = np.zeros(rows + 1, dtype=np.int64), np.zeros(rows + 1, dtype=np.int64)
    n_hashes = n_places = 0
    for row in range(rows):
        begin, end = offsets[row], offsets[row + 1]
        count = 0
        if end - begin < 1 << 31:
            count, found, sums = _pieces(
                data, begin, end, kind, entries, several, meanings, abbreviations, before_numbers, scratch, found, sums
            )
        if n_hashes + count > len(hashes):
            hashes = _longer(hashes, n_hashes, count)
        if n_places + count + 1 > len(places):
            places = _longer(places, n_places, count + 1)
        for i in range(count):
            places[n_places + i] = found[i, 0] - begin
        places[n_places + count] = end - begin if count else 0
        n_places += count + 1
        for first in range(count - span + 1):
            weight = 0
            value = np.uint64(0)
            for i in range(first, first + span):
                weight += found[i, 1]
                value = value * sums[i, 1] + sums[i, 0]
            hashes[n_hashes] = max(mixed(value), np.uint64(1)) if weight >= 2 * fewest else np.uint64(0)
            n_hashes += 1
        hash_offsets[row + 1], place_offsets[row + 1] = n_hashes, n_places
    return hashes[:n_hashes].copy(), hash_offsets, places[:n_places].copy(), place_offsets


@nb.njit(cache=True, nogil=True)
def _longer(values, used, more):  # type: ignore[no-untyped-def]
    out = np.empty(2 * len(values) + more, dtype=values.dtype)
    for i in range(used):
        out[i] = values[i]
    return out


@nb.njit(cache=True, nogil=True)
def _counts(data, offsets, entries, several, meanings, abbreviations, before_numbers):  # type: ignore[no-untyped-def]
    rows = len(offsets) - 1
    words, sentences = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    scratch = _scratch()
    found, sums = np.empty((256, 2), dtype=np.int64), np.empty((256, 2), dtype=np.uint64)
    for row in range(rows):
        sentences[row], found, sums = _pieces(
            data, offsets[row], offsets[row + 1], SENTENCES, entries, several, meanings, abbreviations, before_numbers,
            scratch, found, sums,
        )  # fmt: skip
        for i in range(sentences[row]):
            words[row] += found[i, 1]
        words[row] //= 2
    return words, sentences


@nb.njit(cache=True, nogil=True)
def _cut(data, offsets, begins, ends, starts):  # type: ignore[no-untyped-def]
    rows = len(offsets) - 1
    out = np.empty(offsets[rows] - offsets[0], dtype=np.uint8)
    places = np.zeros(rows + 1, dtype=np.int64)
    written = 0
    for row in range(rows):
        at, end = offsets[row], offsets[row + 1]
        for cut in range(starts[row], starts[row + 1]):
            while at < min(offsets[row] + begins[cut], end):
                out[written] = data[at]
                written += 1
                at += 1
            at = max(at, offsets[row] + ends[cut])
        while at < end:
            out[written] = data[at]
            written += 1
            at += 1
        places[row + 1] = written
    return out[:written].copy(), places
