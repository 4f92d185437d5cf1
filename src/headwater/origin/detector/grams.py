"""Hashed word and character n-grams: counts as a sparse matrix, or a linear score without the matrix.

Every n-gram falls into one of ``2**bits`` columns by its hash (feature hashing, Weinberger et al. 2009, without the
random signs: counts stay counts, so that logarithms and document frequencies make sense). Values are those of the
usual TF-IDF: 1 + log(count), times an inverse document frequency, divided by the Euclidean norm of the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.normalise import Normalised
from headwater.origin.detector.tokens import FUNCTION_WORDS, Tokens, hash_table, lookup

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class GramSpec:
    """Which n-grams are counted, into how many columns."""

    words: tuple[int, ...] = (1, 2, 3)
    """Lengths of word n-grams, over all tokens, punctuation included."""
    characters: tuple[int, ...] = ()
    """Lengths of character n-grams, 1 to 8, over the bytes of the text in small letters, blanks included, digits as
    0."""
    shapes: tuple[int, ...] = ()
    """Lengths of n-grams over the tokens with every content word replaced by its kind and ending: sentence
    construction without topic."""
    bits: int = 18
    """Columns are ``2**bits``; 8 to 26."""

    def __post_init__(self) -> None:
        if not 8 <= self.bits <= 26:
            raise ValueError(f"bits must be 8 to 26, not {self.bits}")
        if any(not 1 <= n <= 8 for n in (*self.words, *self.characters, *self.shapes)):
            raise ValueError("n-grams must have lengths of 1 to 8")

    @property
    def columns(self) -> int:
        """Number of columns."""
        return 1 << self.bits


def hashed_counts(normalised: Normalised, tokens: Tokens, spec: GramSpec) -> "csr_array":
    """Return how often each text has the n-grams of each column: float32, indices sorted, duplicates summed."""
    from scipy.sparse import csr_array

    values, columns, starts = _counts(*_arguments(normalised, tokens, spec))
    return csr_array((values, columns, starts), shape=(len(tokens), spec.columns))


def inverse_document_frequency(counts: "csr_array") -> NDArray[np.float32]:
    """Return log((1 + n) / (1 + texts with the column)) + 1 for every column; shape (columns,)."""
    rows, columns = counts.shape
    having = np.bincount(counts.indices, minlength=columns)
    return (np.log((1 + rows) / (1 + having)) + 1).astype(np.float32)


def weighted(
    counts: "csr_array", *, idf: NDArray[np.float32] | None = None, sublinear: bool = True, l2: bool = True
) -> "csr_array":
    """Return counts as features: 1 + log(count) if ``sublinear``, times ``idf``, rows of norm 1 if ``l2``."""
    from scipy.sparse import csr_array

    values = 1 + np.log(counts.data) if sublinear else counts.data.copy()
    if idf is not None:
        values *= idf[counts.indices]
    if l2:
        # Sums of each row; a row without entries has none to divide.
        squares = np.concatenate([[0.0], np.cumsum(values.astype(np.float64) ** 2)])
        norms = np.sqrt(np.diff(squares[counts.indptr]))
        values = values / np.repeat(norms, np.diff(counts.indptr))
    return csr_array((values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)


def gram_scores(
    normalised: Normalised,
    tokens: Tokens,
    spec: GramSpec,
    weights: NDArray[np.float32],
    *,
    idf: NDArray[np.float32] | None = None,
    sublinear: bool = True,
    l2: bool = True,
) -> NDArray[np.float64]:
    """Return ``weighted(hashed_counts(...)) @ weights`` without making the matrix; shape (texts, k).

    Args:
        normalised: the texts.
        tokens: their tokens.
        spec: the n-grams the weights were learnt on.
        weights: shape (columns, k).
        idf: inverse document frequency by column.
        sublinear: whether values are 1 + log(count) instead of the count.
        l2: whether each text is divided by its norm.
    """
    weights = np.ascontiguousarray(weights, dtype=np.float32)
    factors = np.zeros(0, dtype=np.float32) if idf is None else np.ascontiguousarray(idf, dtype=np.float32)
    return _scores(*_arguments(normalised, tokens, spec), weights, factors, sublinear, l2)


# Endings of English words that tell their part of speech; the first that fits counts.
_ENDINGS = (
    "ation ition sion tion ment ness ship ances ence ance ities ity ism ist ings ing edly ally ingly ly ful less able "
    "ible ical ic ous ive al ary ory est ers er ors or ies ied ed es ss s en ize ise ify ate y e"
).split()  # fmt: skip


def token_shapes(normalised: Normalised, tokens: Tokens) -> NDArray[np.uint64]:
    """Return a hash of every token that keeps function words and punctuation and only the form of the rest."""
    return _shape_hashes(
        normalised.data,
        tokens.hashes,
        tokens.kinds,
        tokens.starts,
        tokens.lengths,
        hash_table(FUNCTION_WORDS),
        np.frombuffer("".join(_ENDINGS).encode(), dtype=np.uint8),
        np.concatenate([[0], np.cumsum([len(ending) for ending in _ENDINGS])]),
    )


def _arguments(normalised: Normalised, tokens: Tokens, spec: GramSpec) -> tuple[object, ...]:
    shapes = token_shapes(normalised, tokens) if spec.shapes else np.zeros(0, dtype=np.uint64)
    return (
        normalised.data,
        normalised.offsets,
        tokens.hashes,
        tokens.offsets,
        shapes,
        _sizes(spec.words),
        _sizes(spec.characters),
        _sizes(spec.shapes),
        spec.bits,
    )


def _sizes(sizes: Sequence[int]) -> NDArray[np.int64]:
    return np.array(sizes, dtype=np.int64)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202, E501, SIM905

_ODD = np.uint64(0x9E3779B97F4A7C15)  # from the golden ratio: keeps the order of the words in the hash
_WORD_SALT, _CHARACTER_SALT, _SHAPE_SALT = 0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0  # digits of pi


@nb.njit(cache=True, nogil=True)
def _column(value, shift):  # type: ignore[no-untyped-def]
    """Return the column of a hash: finaliser of MurmurHash3 (public domain), highest bits."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return np.int64((value ^ (value >> np.uint64(33))) >> shift)


@nb.njit(cache=True, nogil=True)
def _tally(column, keys, counts, touched, size):  # type: ignore[no-untyped-def]
    """Count a column in the table of one text; ``touched`` lists the places in use. Return how many there are."""
    mask = len(keys) - 1
    place = column & mask
    while keys[place] != column:
        if keys[place] < 0:
            keys[place] = column
            counts[place] = 0
            touched[size] = place
            size += 1
            break
        place = (place + 1) & mask
    counts[place] += 1
    return size


@nb.njit(cache=True, nogil=True)
def _tally_tokens(hashes, first, last, wanted, salt, shift, keys, counts, touched, size):  # type: ignore[no-untyped-def]
    longest = len(wanted) - 1
    for p in range(first, last):
        value = np.uint64(salt)
        for n in range(1, min(longest, last - p) + 1):
            value = value * _ODD + hashes[p + n - 1]
            if wanted[n]:
                size = _tally(_column(value + np.uint64(n), shift), keys, counts, touched, size)
    return size


@nb.njit(cache=True, nogil=True)
def _tally_characters(data, first, last, wanted, shift, keys, counts, touched, size):  # type: ignore[no-untyped-def]
    longest = len(wanted) - 1
    window = np.uint64(0)  # the last eight bytes
    for p in range(first, last):
        c = data[p]
        if 65 <= c <= 90:
            c |= 32
        elif 49 <= c <= 57:
            c = np.uint8(48)
        window = (window << np.uint64(8)) | np.uint64(c)
        for n in range(1, min(longest, p - first + 1) + 1):
            if wanted[n]:
                value = (window << np.uint64(64 - 8 * n)) * _ODD + np.uint64(_CHARACTER_SALT) + np.uint64(n)
                size = _tally(_column(value, shift), keys, counts, touched, size)
    return size


@nb.njit(cache=True, nogil=True)
def _wanted(sizes):  # type: ignore[no-untyped-def]
    """Return by length whether n-grams of it are wanted, up to the longest."""
    wanted = np.zeros(1 + (np.max(sizes) if len(sizes) else 0), dtype=np.bool_)
    for n in sizes:
        wanted[n] = True
    return wanted


@nb.njit(cache=True, nogil=True)
def _table_size(grams, bits):  # type: ignore[no-untyped-def]
    """Return a power of two at least twice as large as the columns a text can touch."""
    size = 1024
    while size < 2 * min(grams, 1 << bits):
        size *= 2
    return size


@nb.njit(cache=True, nogil=True)
def _tally_text(row, data, offsets, hashes, token_offsets, shapes, words, characters, forms, shift, keys, counts, touched):  # type: ignore[no-untyped-def]  # fmt: skip
    """Count all n-grams of one text; return the number of distinct columns."""
    first, last = token_offsets[row], token_offsets[row + 1]
    size = 0
    if len(words) > 1:
        size = _tally_tokens(hashes, first, last, words, _WORD_SALT, shift, keys, counts, touched, size)
    if len(characters) > 1:
        size = _tally_characters(data, offsets[row], offsets[row + 1], characters, shift, keys, counts, touched, size)
    if len(forms) > 1:
        size = _tally_tokens(shapes, first, last, forms, _SHAPE_SALT, shift, keys, counts, touched, size)
    return size


@nb.njit(cache=True, nogil=True)
def _most_grams(row, offsets, token_offsets, words, characters, forms):  # type: ignore[no-untyped-def]
    """Return an upper bound of the n-grams of one text."""
    tokens = token_offsets[row + 1] - token_offsets[row]
    return tokens * (len(words) + len(forms)) + (offsets[row + 1] - offsets[row]) * len(characters)


@nb.njit(cache=True, nogil=True)
def _counts(data, offsets, hashes, token_offsets, shapes, word_sizes, character_sizes, shape_sizes, bits):  # type: ignore[no-untyped-def]
    """Return values, columns and row starts of the sparse matrix of counts."""
    words, characters, forms = _wanted(word_sizes), _wanted(character_sizes), _wanted(shape_sizes)
    shift = np.uint64(64 - bits)
    count = len(offsets) - 1
    starts = np.zeros(count + 1, dtype=np.int64)
    values = np.empty(1024, dtype=np.float32)
    columns = np.empty(1024, dtype=np.int32)
    keys = np.full(1024, -1, dtype=np.int32)
    tallies = np.zeros(1024, dtype=np.int32)
    touched = np.empty(1024, dtype=np.int32)
    at = 0
    for row in range(count):
        size = _table_size(_most_grams(row, offsets, token_offsets, word_sizes, character_sizes, shape_sizes), bits)
        if size > len(keys):
            keys = np.full(size, -1, dtype=np.int32)
            tallies = np.zeros(size, dtype=np.int32)
            touched = np.empty(size, dtype=np.int32)
        distinct = _tally_text(
            row, data, offsets, hashes, token_offsets, shapes, words, characters, forms, shift, keys, tallies, touched
        )
        if at + distinct > len(columns):
            larger = max(2 * len(columns), at + distinct)
            values = _grown(values, larger, at)
            columns = _grown(columns, larger, at)
        packed = np.empty(distinct, dtype=np.int64)
        for k in range(distinct):
            place = touched[k]
            packed[k] = (np.int64(keys[place]) << 32) | np.int64(tallies[place])
            keys[place] = -1
        packed.sort()
        for k in range(distinct):
            columns[at + k] = packed[k] >> 32
            values[at + k] = packed[k] & 0xFFFFFFFF
        at += distinct
        starts[row + 1] = at
    return values[:at].copy(), columns[:at].copy(), starts


@nb.njit(cache=True, nogil=True)
def _grown(array, size, used):  # type: ignore[no-untyped-def]
    out = np.empty(size, dtype=array.dtype)
    out[:used] = array[:used]
    return out


@nb.njit(cache=True, nogil=True)
def _scores(data, offsets, hashes, token_offsets, shapes, word_sizes, character_sizes, shape_sizes, bits, weights, idf, sublinear, l2):  # type: ignore[no-untyped-def]  # fmt: skip
    """Return the linear scores of every text."""
    words, characters, forms = _wanted(word_sizes), _wanted(character_sizes), _wanted(shape_sizes)
    shift = np.uint64(64 - bits)
    count, k = len(offsets) - 1, weights.shape[1]
    out = np.zeros((count, k), dtype=np.float64)
    logarithms = 1 + np.log(np.arange(1, 65).astype(np.float64))
    keys = np.full(1024, -1, dtype=np.int32)
    tallies = np.zeros(1024, dtype=np.int32)
    touched = np.empty(1024, dtype=np.int32)
    for row in range(count):
        size = _table_size(_most_grams(row, offsets, token_offsets, word_sizes, character_sizes, shape_sizes), bits)
        if size > len(keys):
            keys = np.full(size, -1, dtype=np.int32)
            tallies = np.zeros(size, dtype=np.int32)
            touched = np.empty(size, dtype=np.int32)
        distinct = _tally_text(
            row, data, offsets, hashes, token_offsets, shapes, words, characters, forms, shift, keys, tallies, touched
        )
        square = 0.0
        for t in range(distinct):
            place = touched[t]
            column = keys[place]
            keys[place] = -1
            value = np.float64(tallies[place])
            if sublinear:
                value = logarithms[tallies[place] - 1] if tallies[place] <= 64 else 1 + np.log(value)
            if len(idf):
                value *= idf[column]
            square += value * value
            for j in range(k):
                out[row, j] += value * weights[column, j]
        if l2 and square > 0:
            norm = np.sqrt(square)
            for j in range(k):
                out[row, j] /= norm
    return out


@nb.njit(cache=True, nogil=True)
def _shape_hashes(data, hashes, kinds, starts, lengths, keys, endings, ending_starts):  # type: ignore[no-untyped-def]
    """Return for each token its hash if it is a function word, punctuation or number, else that of kind and ending."""
    out = np.empty_like(hashes)
    for t in range(len(hashes)):
        kind = kinds[t]
        if kind in (4, 5, 8) or lookup(keys, hashes[t]) >= 0:
            out[t] = hashes[t] if kind != 4 else np.uint64(4)
            continue
        end = starts[t] + lengths[t]
        ending = 0
        for e in range(len(ending_starts) - 1):
            a, b = ending_starts[e], ending_starts[e + 1]
            if b - a + 2 <= lengths[t]:  # a stem of two letters at least
                same = True
                for k in range(b - a):
                    same &= data[end - (b - a) + k] | 32 == endings[a + k]
                if same:
                    ending = e + 1
                    break
        out[t] = (np.uint64(kind) + np.uint64(1)) * _ODD + np.uint64(ending)
    return out
