"""Which documents the detector can judge: English prose.

Everything else is refused by name where the name can be told: by its script, or as prose of another language in Latin
letters, or as no prose (code, tables, lists of links). Human text in another language is never machine-like to a
detector of English; it is nothing to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.normalise import Normalised
from headwater.origin.detector.tokens import TokenKind, Tokens, token_hash

SUPPORTED = ("English",)
"""Languages the shipped detector was trained on."""

# The most frequent English words that are frequent words of no other language in Latin letters ("in", "die", "me",
# "on", "no", "a" are left out).
_COMMON = tuple(
    """
    the of and to that is was for with as it his he be by not at but this had from they which you were are her she or
    their we there have been has who would when will if them what so said more one my our its than your could then
    these those because into about out up some other over only also after such can does did how where while very
    should through between each both being many most it's don't i'm
    """.split()  # noqa: SIM905  (to be read)
)
_LEAST_COMMON = 0.14
"""Least share of common English words among the Latin words."""
_LEAST_WORDS = 0.5
"""Least share of Latin words in small or capitalised letters among all tokens."""
_LEAST_LATIN = 0.7
"""Least share of Latin words among the words of any script."""

# Script names by code point ranges, for the documents that are refused.
_SCRIPTS = (
    (0x0370, 0x03FF, "Greek"), (0x1F00, 0x1FFF, "Greek"), (0x0400, 0x052F, "Cyrillic"), (0x0530, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"), (0x0600, 0x06FF, "Arabic"), (0x0750, 0x077F, "Arabic"), (0x0700, 0x074F, "Syriac"),
    (0x0780, 0x07BF, "Thaana"), (0x0900, 0x097F, "Devanagari"), (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"), (0x0A80, 0x0AFF, "Gujarati"), (0x0B00, 0x0B7F, "Odia"), (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"), (0x0C80, 0x0CFF, "Kannada"), (0x0D00, 0x0D7F, "Malayalam"), (0x0D80, 0x0DFF, "Sinhala"),
    (0x0E00, 0x0E7F, "Thai"), (0x0E80, 0x0EFF, "Lao"), (0x0F00, 0x0FFF, "Tibetan"), (0x1000, 0x109F, "Burmese"),
    (0x10A0, 0x10FF, "Georgian"), (0x1200, 0x137F, "Ethiopic"), (0x1780, 0x17FF, "Khmer"),
    (0x1800, 0x18AF, "Mongolian"),
    (0x3040, 0x30FF, "Japanese (Kana)"), (0x3400, 0x9FFF, "Chinese (Han)"), (0xF900, 0xFAFF, "Chinese (Han)"),
    (0x20000, 0x323AF, "Chinese (Han)"), (0xAC00, 0xD7AF, "Korean (Hangul)"), (0x1100, 0x11FF, "Korean (Hangul)"),
    (0x2D30, 0x2D7F, "Tifinagh"), (0x07C0, 0x07FF, "N'Ko"), (0xABC0, 0xABFF, "Meitei"), (0x1C50, 0x1C7F, "Ol Chiki"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Supported:
    """Which texts can be judged."""

    english: NDArray[np.bool_]
    """Whether each text is English prose, shape (n,). A text without words is not."""
    common: NDArray[np.float64]
    """Share of common English words among its Latin words, 0 to 1."""
    latin: NDArray[np.float64]
    """Share of Latin words among its words of any script, 0 to 1."""
    prose: NDArray[np.float64]
    """Share of Latin words in small or capitalised letters among its tokens, 0 to 1."""

    def refusal(self, row: int, normalised: Normalised) -> str | None:
        """Return the name of what a text is instead, or None if it can be judged.

        Names a script (``Chinese (Han)``), ``not English`` for another language in Latin letters, ``not prose`` for
        code, tables and lists, ``no words``.
        """
        if self.english[row]:
            return None
        if self.latin[row] < _LEAST_LATIN:
            return _script(normalised.text(row)) or "no words"
        if self.prose[row] < _LEAST_WORDS:
            return "not prose"
        return "not English"


def supported(tokens: Tokens) -> Supported:
    """Return which texts are English prose.

    At least 14% of the Latin words are common English words, at least 70% of all words are Latin, and at least 50% of
    all tokens are words in small or capitalised letters.
    """
    common = np.isin(tokens.hashes, np.array([token_hash(word) for word in _COMMON], dtype=np.uint64))
    kinds = tokens.kinds
    plain = (kinds == TokenKind.LOWER) | (kinds == TokenKind.CAPITALISED)
    latin = plain | (kinds == TokenKind.UPPER) | (kinds == TokenKind.MIXED)
    rows = np.repeat(np.arange(len(tokens)), np.diff(tokens.offsets))

    def count(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(rows[mask], minlength=len(tokens)).astype(np.float64)

    words = count(latin)
    any_script = words + count(kinds == TokenKind.FOREIGN)
    share_common = count(common & latin) / np.maximum(words, 1)
    share_latin = words / np.maximum(any_script, 1)
    share_prose = count(plain) / np.maximum(np.diff(tokens.offsets), 1)
    english = (share_common >= _LEAST_COMMON) & (share_latin >= _LEAST_LATIN) & (share_prose >= _LEAST_WORDS)
    return Supported(english, share_common, share_latin, share_prose)


def _script(text: str) -> str | None:
    """Return the name of the script most letters of a text are in, or None without letters."""
    counts: dict[str, int] = {}
    for char in text:
        if char.isalpha():
            name = _script_of(ord(char))
            counts[name] = counts.get(name, 0) + 1
    if "Japanese (Kana)" in counts and counts.get("Chinese (Han)", 0) < 20 * counts["Japanese (Kana)"]:
        return "Japanese"
    foreign = {name: count for name, count in counts.items() if name != "Latin"}
    return max(foreign, key=lambda name: foreign[name]) if foreign else None


def _script_of(code: int) -> str:
    for low, high, name in _SCRIPTS:
        if low <= code <= high:
            return name
    return "Latin" if code < 0x250 or 0x1E00 <= code <= 0x1EFF else "another script"
