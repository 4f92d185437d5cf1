"""A small character model that spells words a vocabulary does not contain.

A language model over a closed vocabulary pays nothing for *which* unknown word stands in the text. Adding the nats that
spell it makes the sum the length of a complete code for the text, so that bits per byte can be compared between
vocabularies.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_CODE_POINTS = 0x110000
_START = ""
_END = "end"
_ESCAPE = "escape"


@dataclass(frozen=True, slots=True)
class Spelling:
    """Character bigrams with add-half smoothing over the characters seen, an end symbol and an escape.

    P(c | b) = (n(bc) + 1/2) / (n(b) + A/2) with A the number of characters seen plus 2; a character never seen costs
    the escape and a uniform choice among all code points.
    """

    pairs: Counter[tuple[str, str]]
    """How often a character (or the end) followed a character (or the start)."""
    firsts: Counter[str]
    """How often a character (or the start) was followed by anything."""
    characters: frozenset[str]
    """All characters seen."""

    def nats(self, word: str) -> float:
        """Return the nats that spell the word, end symbol included."""
        half = 0.5 * (len(self.characters) + 2)
        total = 0.0
        before = _START
        for character in word:
            symbol = character
            if character not in self.characters:
                symbol = _ESCAPE
                total += math.log(_CODE_POINTS)
            total += math.log((self.firsts[before] + half) / (self.pairs[before, symbol] + 0.5))
            before = symbol
        return total + math.log((self.firsts[before] + half) / (self.pairs[before, _END] + 0.5))


def fit_spelling(words: Iterable[str]) -> Spelling:
    """Return the character model of a list of words, each counted once."""
    pairs: Counter[tuple[str, str]] = Counter()
    for word in words:
        pairs.update(zip((_START, *word), (*word, _END), strict=True))
    firsts: Counter[str] = Counter()
    for (first, _), count in pairs.items():
        firsts[first] += count
    return Spelling(pairs, firsts, frozenset(firsts) - {_START})
