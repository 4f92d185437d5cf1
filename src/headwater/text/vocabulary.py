"""Closed vocabularies, and the encoding of a text column that is done once and then carried along with the table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.schema import digest
from headwater.text.spelling import Spelling, fit_spelling
from headwater.text.words import (
    ENDS_SENTENCE,
    IS_WORD,
    NO_SPACE_AFTER,
    NO_SPACE_BEFORE,
    UNSPACED,
    capitalised,
    join_words,
    spacing,
    split_words,
)

UNKNOWN = 0
"""Token of every word outside the vocabulary."""
END = 1
"""Token that ends a document."""
_SPECIAL = ("<unk>", "</s>")
_METADATA_KEY = b"headwater.vocabulary"


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Documents as tokens. Document ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``; no end token is stored."""

    tokens: NDArray[np.int32]
    """Tokens of all documents, one after the other."""
    offsets: NDArray[np.int64]
    """Where each document begins; one entry more than there are documents."""
    spelling_nats: NDArray[np.float64]
    """Nats that spell the unknown words of each document."""
    coded_bytes: NDArray[np.int64]
    """UTF-8 bytes of each document's tokens plus one separator per token."""


class _Ids(dict[str, int]):
    """Word to token; a word that is missing is the unknown token."""

    def __missing__(self, word: str) -> int:
        return UNKNOWN


class _Forms(NamedTuple):
    """How every word is written: inside a sentence (even rows) and at its beginning (odd rows)."""

    data: NDArray[np.uint8]
    """UTF-8 of all forms, one after the other."""
    offsets: NDArray[np.int64]
    """Where each form begins, shape (2 len(vocabulary) + 1,)."""
    spacing: NDArray[np.uint8]
    """Flags of each word, shape (len(vocabulary),)."""


@dataclass(frozen=True)
class Vocabulary:
    """An ordered list of words; the position of a word is its token.

    Raises:
        InputError: the list does not begin with the two special words, or a word occurs twice.
    """

    words: tuple[str, ...]
    """Token 0 is ``<unk>``, token 1 ``</s>`` (end of document); the others by falling count, then alphabetically."""

    def __post_init__(self) -> None:
        if self.words[:2] != _SPECIAL or len(set(self.words)) != len(self.words):
            raise InputError(
                f"Not a vocabulary: it begins with {self.words[:2]!r} and has {len(self.words)} words, "
                f"{len(set(self.words))} of them distinct. It must begin with {_SPECIAL!r} and hold each word once. "
                "Build one with Vocabulary.from_texts(texts)."
            )

    @classmethod
    def from_texts(cls, texts: Iterable[str], min_count: int = 2, max_size: int | None = None) -> "Vocabulary":
        """Return the vocabulary of lower-cased words of the texts.

        Args:
            texts: training texts.
            min_count: words that occur less often stay unknown. The default leaves the words seen once to estimate how
                often a new text brings an unknown word.
            max_size: number of words at most, the two special ones included; the most frequent are kept.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split_words(text))
        kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
        if max_size is not None:
            kept = kept[: max(max_size - len(_SPECIAL), 0)]
        return cls((*_SPECIAL, *(word for _, word in kept)))

    def __len__(self) -> int:
        return len(self.words)

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits that name the list of words."""
        return digest(self.words)

    @cached_property
    def spelling(self) -> Spelling:
        """The character model, fitted to the words of the vocabulary, that spells unknown words."""
        return fit_spelling(self.words[len(_SPECIAL) :])

    @cached_property
    def word_bytes(self) -> NDArray[np.int64]:
        """UTF-8 length of each word, shape (len(self),)."""
        return np.array([len(_utf8(word)) for word in self.words], dtype=np.int64)

    @cached_property
    def _ids(self) -> Mapping[str, int]:
        # The special words are names, not words of the language: the splitter never returns them.
        return _Ids((word, token) for token, word in enumerate(self.words) if token >= len(_SPECIAL))

    @cached_property
    def _forms(self) -> _Forms:
        forms = [_utf8(form) for word in self.words for form in (word, capitalised(word))]
        offsets = np.concatenate([[0], np.cumsum([len(form) for form in forms])]).astype(np.int64)
        data = np.frombuffer(b"".join(forms), dtype=np.uint8)
        return _Forms(data, offsets, np.array([spacing(word) for word in self.words], dtype=np.uint8))

    def encode(self, texts: Sequence[str | None] | pa.ChunkedArray | pa.Array) -> Encoded:
        """Return the texts as tokens; a null is an empty document."""
        plain = texts.to_pylist() if isinstance(texts, pa.ChunkedArray | pa.Array) else texts
        token_of = self._ids.__getitem__
        parts: list[NDArray[np.int32]] = []
        lengths = np.zeros(len(plain), dtype=np.int64)
        spelling_nats = np.zeros(len(plain))
        coded_bytes = np.zeros(len(plain), dtype=np.int64)
        spelled: dict[str, tuple[float, int]] = {}
        for row, text in enumerate(plain):
            words = split_words(text) if text else []
            tokens = np.fromiter(map(token_of, words), dtype=np.int32, count=len(words))
            parts.append(tokens)
            lengths[row] = len(words)
            unknown = np.flatnonzero(tokens == UNKNOWN)
            coded_bytes[row] = self.word_bytes[tokens].sum() + len(words) - len(unknown) * self.word_bytes[UNKNOWN]
            for position in unknown:
                word = words[position]
                if word not in spelled:
                    spelled[word] = (self.spelling.nats(word), len(_utf8(word)))
                nats, size = spelled[word]
                spelling_nats[row] += nats
                coded_bytes[row] += size
        tokens = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        return Encoded(tokens, offsets, spelling_nats, coded_bytes)

    def encoded(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Encoded:
        """Return tokens that never were text as encoded documents; an unknown word counts as the word ``<unk>``."""
        running = np.zeros((2, len(tokens) + 1), dtype=np.int64)
        np.cumsum(self.word_bytes[tokens] + 1, out=running[0, 1:])
        np.cumsum(tokens == UNKNOWN, out=running[1, 1:])
        coded_bytes, unknown = np.diff(running[:, offsets], axis=1)
        return Encoded(tokens, offsets, unknown * self.spelling.nats(self.words[UNKNOWN]), coded_bytes)

    def decode(self, tokens: Sequence[int] | NDArray[np.integer]) -> str:
        """Return readable text; unknown words stand as ``<unk>``, end tokens are left out."""
        return join_words(self.words[token] for token in tokens if token != END)

    def decode_all(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> pa.StringArray:
        """Return the readable text of many documents (as ``decode``, compiled).

        Args:
            tokens: tokens of all documents, without end tokens.
            offsets: where each document begins, one entry more than there are documents. All texts together may take
                up to 2 GiB, the limit of an Arrow string array.
        """
        forms = self._forms
        longest = np.diff(forms.offsets).reshape(-1, 2).max(axis=1) + 1
        data = np.empty(longest[tokens].sum(), dtype=np.uint8)
        text_offsets = _write_texts(tokens, offsets, forms, data)
        if text_offsets[-1] > np.iinfo(np.int32).max:
            raise InputError(
                f"{text_offsets[-1]} bytes of text do not fit into one array (2 GiB). Decode fewer documents at a time."
            )
        text_buffer = pa.py_buffer(data[: text_offsets[-1]])
        return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(text_offsets.astype(np.int32)), text_buffer)


def _utf8(word: str) -> bytes:
    # A lone surrogate out of a damaged file must not stop a run; Arrow could not hold it either.
    return word.encode("utf-8", "replace")


def token_columns(encoded: Encoded, vocabulary: Vocabulary) -> list[tuple[pa.Field, pa.Array]]:
    """Return the columns ``tokens``, ``spelling_nats`` and ``coded_bytes`` of encoded documents, with their fields."""
    tokens = pa.ListArray.from_arrays(pa.array(encoded.offsets.astype(np.int32)), pa.array(encoded.tokens))
    metadata = {_METADATA_KEY: vocabulary.id.encode()}
    return [
        (
            pa.field("tokens", tokens.type, metadata={**metadata, b"meaning": b"tokens of the text, without end"}),
            tokens,
        ),
        (
            pa.field(
                "spelling_nats", pa.float64(), metadata={**metadata, b"meaning": b"nats that spell unknown words"}
            ),
            pa.array(encoded.spelling_nats),
        ),
        (
            pa.field("coded_bytes", pa.int64(), metadata={**metadata, b"meaning": b"UTF-8 bytes plus one per token"}),
            pa.array(encoded.coded_bytes),
        ),
    ]


def is_encoded(table: pa.Table, vocabulary: Vocabulary) -> bool:
    """Return whether the table carries the tokens of this vocabulary."""
    if "tokens" not in table.column_names:
        return False
    return ((table.schema.field("tokens").metadata or {}).get(_METADATA_KEY, b"")) == vocabulary.id.encode()


def encode_table(table: pa.Table, vocabulary: Vocabulary) -> pa.Table:
    """Return the table with the columns ``tokens`` (list of int32), ``spelling_nats`` and ``coded_bytes``.

    The vocabulary's id is kept in the fields' metadata: a table that carries tokens of the same vocabulary is returned
    as it is, tokens of another one are replaced. Concatenate only tables that were encoded with the same vocabulary.

    Raises:
        InputError: the table has no ``text`` column.
    """
    if is_encoded(table, vocabulary):
        return table
    if "text" not in table.column_names:
        raise InputError(
            f"The table has no column 'text' to encode. Its columns are: {', '.join(table.column_names) or 'none'}. "
            "Rename the column that holds the text."
        )
    # Chunk by chunk, so that list offsets stay below 2^31 for a column of any size.
    chunks = [token_columns(vocabulary.encode(chunk), vocabulary) for chunk in table["text"].chunks]
    chunks = chunks or [token_columns(vocabulary.encode([]), vocabulary)]
    for column in range(len(chunks[0])):
        field = chunks[0][column][0]
        values = pa.chunked_array([chunk[column][1] for chunk in chunks], type=field.type)
        if field.name in table.column_names:
            table = table.set_column(table.column_names.index(field.name), field, values)
        else:
            table = table.append_column(field, values)
    return table


def token_arrays(table: pa.Table, vocabulary: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return tokens and offsets of the table's documents, encoding the ``text`` column where that is not done yet."""
    column = encode_table(table, vocabulary)["tokens"]
    tokens = [chunk.flatten().to_numpy() for chunk in column.chunks]
    lengths = [chunk.value_lengths().fill_null(0).to_numpy() for chunk in column.chunks]
    offsets = np.zeros(len(column) + 1, dtype=np.int64)
    if lengths:
        np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return (np.concatenate(tokens) if tokens else np.zeros(0, dtype=np.int32)), offsets


# Numba infers the types of the kernel's arguments, so it carries no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _write_texts(tokens, offsets, forms, out):  # type: ignore[no-untyped-def]
    """Write the documents as ``join_words`` would, and return where each text begins."""
    text_offsets = np.zeros(len(offsets), dtype=np.int64)
    at = 0
    for row in range(len(offsets) - 1):
        before = NO_SPACE_AFTER
        sentence_starts = True
        for position in range(offsets[row], offsets[row + 1]):
            token = tokens[position]
            flags = int(forms.spacing[token])
            if not ((flags & NO_SPACE_BEFORE) or (before & NO_SPACE_AFTER) or (flags & before & UNSPACED)):
                out[at] = ord(" ")
                at += 1
            form = 2 * token + (1 if sentence_starts else 0)
            for byte in range(forms.offsets[form], forms.offsets[form + 1]):
                out[at] = forms.data[byte]
                at += 1
            sentence_starts = (flags & ENDS_SENTENCE) != 0 or (sentence_starts and (flags & IS_WORD) == 0)
            before = flags
        text_offsets[row + 1] = at
    return text_offsets
