"""MinHash values bit-identical to those of datatrove 0.10.1 (Apache-2.0), for whoever has signatures of it already.

A shingle is the XXH64, or the first eight bytes of SHA-1, of the UTF-8 of consecutive words joined by spaces. Its value
under a permutation is (shingle a + b) modulo 2^61 - 1, where product and sum wrap at 2^64 first; a and b come from
NumPy's legacy generator. With 32 bits the shingle is XXH32 or four bytes of SHA-1, and the values' low halves count.

Words are those of ``normal_words``, but for what its table cannot say. Texts with a capital sigma, whose small form
depends on its place, are put in lower case first; the few with marks that are not dropped, or with signs that decompose
into punctuation, are divided in Python.
"""

import re
import unicodedata
from functools import cache
from typing import Literal

import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.text.english import tokenize
from headwater.text.hashing import sha1_start, xxhash32, xxhash64
from headwater.text.normal_forms import NUMBER_SEPARATORS
from headwater.text.normal_words import NormalWords, normal_words
from headwater.text.punctuation import PUNCTUATION
from headwater.text.signatures import Minima

HashFunction = Literal["xxhash", "sha1"]

_CAPITAL_SIGMA = "\u03a3"
_PRIME = np.uint64((1 << 61) - 1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NUMBER = re.compile(rf"\d+([{NUMBER_SEPARATORS}]\d+)?")
_SPACES = str.maketrans(dict.fromkeys(PUNCTUATION, " "))


def datatrove_minhash(
    texts: pa.Array,
    *,
    shingle: int = 5,
    permutations: int = 112,
    seed: int = 1,
    hash_function: HashFunction = "xxhash",
    bits: Literal[64, 32] = 64,
) -> Minima:
    """Return the MinHash values of texts as datatrove 0.10.1 computes them.

    Args:
        texts: an Arrow array of strings; a null counts as empty.
        shingle: words of a sequence (``n_grams``).
        permutations: values per text (``num_buckets`` times ``hashes_per_bucket``).
        seed: chooses the permutations.
        hash_function: of a sequence.
        bits: of a hash and a value.
    """
    if texts.type not in {pa.string(), pa.large_string()}:
        texts = texts.cast(pa.large_string())
    draw = np.random.RandomState(seed)
    a = draw.randint(1, int(_PRIME), permutations, dtype=np.uint64)
    b = draw.randint(0, int(_PRIME), permutations, dtype=np.uint64)
    kind = 2 * (hash_function == "sha1") + (bits == 32)
    mask = np.uint64((1 << bits) - 1)

    def values(words: NormalWords) -> tuple[NDArray[np.uint64], ...]:
        return _values(words.data, words.starts, words.offsets, shingle, a, b, kind, mask)

    found = values(normal_words(_with_small_sigmas(texts)))
    for row in np.flatnonzero(_with(texts, _rare_characters())).tolist():
        for part, one in zip(found, values(_words_in_python(texts[row].as_py())), strict=True):
            part[row] = one[0]
    minima, shingles, counts, hashes = found
    return Minima(minima, shingles.astype(np.int64), counts.astype(np.int64), hashes)


@cache
def _rare_characters() -> str:
    """Return a pattern of the characters whose texts are divided in Python."""
    found = []
    for code in (*range(0x80, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x20000)):
        character = chr(code)
        parts = unicodedata.normalize("NFD", character)
        left = [part for part in parts if unicodedata.category(part) != "Mn"]
        if any(unicodedata.combining(part) for part in left) or any(
            part in PUNCTUATION and character not in PUNCTUATION for part in left
        ):
            found.append(character)
    return "[" + "".join(map(re.escape, found)) + "]"


def _with(texts: pa.Array, characters: str) -> NDArray[np.bool_]:
    return pc.match_substring_regex(texts, characters).fill_null(False).to_numpy(False)


def _with_small_sigmas(texts: pa.Array) -> pa.Array:
    chosen = _with(texts, _CAPITAL_SIGMA)
    if not chosen.any():
        return texts
    lower = [text.lower() for text in texts.filter(pa.array(chosen)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(chosen), pa.array(lower, texts.type))


def _words_in_python(text: str) -> NormalWords:
    text = " ".join(_NUMBER.sub("0", text.lower()).translate(_SPACES).split())
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn").strip()
    words = [word.encode() + b" " for word in map(str.strip, tokenize(text)) if word]
    starts = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
    data = np.frombuffer(b"".join(words), dtype=np.uint8).copy()  # of one kind for the kernel
    return NormalWords(data, starts, np.array([0, len(words)]))


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _hashed(data, begin, end, kind):  # type: ignore[no-untyped-def]
    if kind == 0:
        return xxhash64(data, begin, end, np.uint64(0))
    if kind == 1:
        return np.uint64(xxhash32(data, begin, end, np.uint32(0)))
    start = sha1_start(data, begin, end)
    return start if kind == 2 else start & np.uint64(0xFFFFFFFF)


@nb.njit(cache=True, nogil=True)
def _values(data, starts, offsets, shingle, a, b, kind, mask):  # type: ignore[no-untyped-def]
    texts = len(offsets) - 1
    minima = np.full((texts, len(a)), mask, dtype=np.uint64)
    shingles = np.zeros(texts, dtype=np.uint64)
    counts = np.zeros(texts, dtype=np.uint64)
    hashes = np.empty((texts, 2), dtype=np.uint64)
    for text in range(texts):
        first, last = offsets[text], offsets[text + 1]
        counts[text] = last - first
        shingles[text] = max(last - first - shingle + 1, 0)
        for seed in range(2):
            hashes[text, seed] = xxhash64(data, starts[first], starts[last], np.uint64(seed))
        lowest = minima[text]
        for word in range(first, last - shingle + 1):
            value = _hashed(data, starts[word], starts[word + shingle] - 1, kind)
            for i in range(len(a)):
                product = value * a[i] + b[i]
                product = (product & _PRIME) + (product >> np.uint64(61))
                product = product if product < _PRIME else product - _PRIME
                lowest[i] = min(lowest[i], product & mask)
    return minima, shingles, counts, hashes
