"""The form of a document: length, alphabet, ending, repetition."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.schema import Reason, Stage
from headwater.text import HashedWords, gram_hashes, word_hashes


@dataclass(frozen=True, slots=True)
class TooShort:
    """Fails documents with fewer words than ``least``."""

    least: int = 10
    """Fewest words a document may have."""
    reason: Reason = Reason.TOO_SHORT
    stage: Stage = Stage.CHECKS

    @property
    def threshold(self) -> float:
        """Return the negated least number of words, because larger values fail."""
        return -float(self.least)

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return minus the number of words."""
        return -np.diff(word_hashes(documents["text"].to_pylist()).offsets).astype(np.float64)


@dataclass(frozen=True, slots=True)
class NotText:
    """Fails documents most of whose visible characters are neither letters nor digits."""

    threshold: float = 0.5
    reason: Reason = Reason.NOT_TEXT
    stage: Stage = Stage.CHECKS

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return the share of visible characters that are symbols or control characters, in [0, 1]."""
        return np.array([_symbol_share(text) for text in documents["text"].to_pylist()], np.float64)


def _symbol_share(text: str) -> float:
    visible = "".join(text.split())
    letters = sum(map(str.isalnum, visible))
    if not visible.isascii():
        # Combining marks are letters' companions in many scripts (Thai, Hindi), not symbols.
        letters += sum(unicodedata.category(character)[0] == "M" for character in visible if character > "\x7f")
    return 1 - letters / len(visible) if visible else 1.0


@dataclass(frozen=True, slots=True)
class Truncated:
    """Fails documents that stop in mid-sentence."""

    threshold: float = 0.0
    reason: Reason = Reason.TRUNCATED
    stage: Stage = Stage.CHECKS

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 1 for a document whose last character is a letter, digit, comma or hyphen, else 0."""
        return np.array([stops_midway(text) for text in documents["text"].to_pylist()], np.float64)


def stops_midway(text: str) -> bool:
    """Say whether a text ends in a letter, digit, comma, hyphen or opening bracket."""
    last = text.rstrip()[-1:]
    return last.isalnum() or last in {",", "-", "\u2013", "(", "[", "{", "\u3001", "\uff0c"}


def endings_are_a_rule(texts: Sequence[str], share: float = 0.95) -> bool:
    """Say whether human documents practically always end a sentence, so that one that does not was cut off.

    Lists, poems, code and titles end anywhere; for such corpora a missing full stop means nothing.
    """
    return bool(texts) and sum(map(stops_midway, texts)) <= (1 - share) * len(texts)


@dataclass(frozen=True, slots=True)
class Repetitive:
    """Fails documents that consist mostly of their own repetitions."""

    threshold: float = 0.4
    reason: Reason = Reason.REPETITIVE
    stage: Stage = Stage.CHECKS

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return the share of 4-word sequences that occurred before in the same document, in [0, 1)."""
        return repeated_shares(word_hashes(documents["text"].to_pylist()))


def repeated_shares(words: HashedWords, n: int = 4) -> NDArray[np.float64]:
    """Return the share of each document's ``n``-word sequences that occurred before in the same document, in [0, 1)."""
    grams, offsets = gram_hashes(words, n)
    counts = np.diff(offsets)
    owner = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((grams, owner))
    again = (grams[order][1:] == grams[order][:-1]) & (owner[order][1:] == owner[order][:-1])
    return np.bincount(owner[order][1:][again], minlength=len(counts)) / np.maximum(counts, 1)
