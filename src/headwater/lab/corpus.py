"""Human text for the experiments on language: words as numbers, in their order.

Words are what stands between white space, as in the n-gram experiments of the literature, so that a file gives the same
tokens everywhere. Documents follow each other without a mark.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError, NotEnoughData
from headwater.models.chain import Text
from headwater.sources import Columns, collect_documentation, expand_paths, format_of, read_documents
from headwater.sources.documentation import PACKAGES
from headwater.sources.stream import DamagedFileError, pieces

_LONGEST_WORD = 1 << 16
"""Characters. Longer than any word of a text; found in binary files and in texts without spaces."""

_MOST_NAMES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """A human text as tokens. Made by :func:`read_corpus`."""

    tokens: NDArray[np.int32]
    """Ids in the order of the text, shape (tokens,)."""
    words: tuple[str, ...]
    """The word of each id; ids are given by first occurrence."""
    name: str
    """What was read, for people."""

    @property
    def types(self) -> int:
        """Number of different words."""
        return len(self.words)

    def counts(self, items: int | None = None) -> NDArray[np.int64]:
        """Return how often each word occurs among the first ``items`` tokens (all by default), shape (types,)."""
        return np.bincount(self.tokens[:items], minlength=self.types)

    def text(self, tokens: Iterable[int]) -> str:
        """Return the words of tokens, with a space between them."""
        return " ".join(self.words[token] for token in tokens)

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Text]:  # noqa: ARG002  (order counts)
        """Return a function that gives the next tokens of the text, the same to every replicate.

        Replicates then differ in what models do to a text, not in the text.

        Raises:
            NotEnoughData: (the function) fewer tokens are left than were asked for.
        """
        used = 0

        def take(items: int) -> Text:
            nonlocal used
            if used + items > len(self.tokens):
                raise NotEnoughData(
                    f"{items:,} more human tokens were asked for, and {len(self.tokens) - used:,} of "
                    f"{len(self.tokens):,} in {self.name} are left. Give more text, fewer generations or fewer tokens "
                    "per generation."
                )
            part = self.tokens[used : used + items]
            used += items
            return Text(np.broadcast_to(part, (replicates, items)))

        return take


def read_corpus(paths: Sequence[str | Path] = (), *, max_tokens: int, column: str = "text") -> Corpus:
    """Return the first ``max_tokens`` tokens of human text, or all where there are fewer.

    Reading stops as soon as there are enough. Memory: 4 bytes per token kept, the different words, and a piece of a
    file (text) or a batch of documents (tables).

    Args:
        paths: files, folders and glob patterns, in this order; text (``.txt``, ``.md``, also compressed) is read as it
            is, tables (JSON lines, CSV, Parquet) document by document, repeated documents once. None: the documentation
            installed with Python, package by package.
        max_tokens: most tokens to keep, from 1.
        column: where tables have their text.

    Raises:
        InputError: ``max_tokens`` is below 1, a path cannot be used, a text file is binary or damaged, or there are no
            words.
    """
    if max_tokens < 1:
        raise InputError(f"max_tokens = {max_tokens}: allowed are 1 and more.")
    numbers: dict[str, int] = {}
    read: list[str] = []
    words = _words(paths, column, read) if paths else _documentation_words(read)
    ids = (numbers.setdefault(word, len(numbers)) for word in islice(words, max_tokens))
    tokens = np.fromiter(ids, dtype=np.int32)
    name = ", ".join(read) if len(read) <= _MOST_NAMES else f"{len(read)} files from {read[0]} to {read[-1]}"
    if not paths:
        name = f"the documentation of {name}"
    if not len(tokens):
        raise InputError(f"there are no words in {name}. Give a text with words between white space.")
    return Corpus(tokens, tuple(numbers), name)


def _words(paths: Sequence[str | Path], column: str, read: list[str]) -> Iterator[str]:
    for path in expand_paths(paths):
        read.append(path.name)
        if format_of(path) == "text":
            yield from _words_of_text(path)
        else:
            for batch in read_documents(path, Columns(text=column), batch_rows=64):
                for text in batch["text"].to_pylist():
                    yield from text.split()


def _words_of_text(path: Path) -> Iterator[str]:
    """Yield the words of a text file, whatever the length of its lines."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    try:
        for piece in pieces(path):
            text = rest + decoder.decode(piece)
            if "\0" in text:
                raise InputError(f"{path} is not text: it holds zero bytes. Give text in UTF-8.")
            words = text.split()
            rest = words.pop() if words and not text[-1].isspace() else ""
            if len(rest) > _LONGEST_WORD:
                raise InputError(
                    f"{path} holds a word of more than {_LONGEST_WORD:,} characters. Give text whose words stand "
                    "between white space."
                )
            yield from words
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: {error.reason}. Convert it, for example with iconv.") from error
    except DamagedFileError as error:
        raise InputError(f"{path} is damaged: {error}. Fetch it again, or cut it off before the damage.") from error
    if rest:
        yield rest


def _documentation_words(read: list[str]) -> Iterator[str]:
    """Yield the words of the installed documentation; a package is only read when those before were not enough."""
    for package in PACKAGES:
        corpus = collect_documentation((package,))
        name = "Python" if package == "stdlib" else package
        read.append(f"{name} {corpus.packages[package]}")
        for text in corpus.table["text"].to_pylist():
            yield from text.split()
