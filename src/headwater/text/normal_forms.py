"""What a character becomes before texts are compared for near copies, as tables for compiled code.

The normal form of a text is that of the field's reference implementation (datatrove 0.10.1): lower case, every number
one ``0``, punctuation a space, characters decomposed (NFD) and their combining marks dropped. Its words are the tokens
that spaCy's English tokenizer makes of it. After normalising, little is left of that tokenizer's rules: symbols that
stand alone, a unit after a number (``0km``) and 152 words such as ``cannot`` or ``dont``.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from headwater.text.english_cases import special_cases
from headwater.text.english_characters import CURRENCIES, ICONS, MARKS, QUOTES, UNITS
from headwater.text.punctuation import PUNCTUATION

# What an entry of the folding table is beside a character.
SEPARATOR = 0
NOTHING = -1
DIGIT = 0x30  # only digits become "0"
CLASS_SHIFT = 21  # the bits above the code point say how a symbol is cut off

# How the tokenizer cuts off symbols: everywhere; at both ends of a chunk; at its beginning and after a number at its
# end; at its beginning only.
EVERYWHERE, BOTH_ENDS, CURRENCY, BEGINNING = range(1, 5)

NUMBER_SEPARATORS = ".,\u060c\u066b\u2396\u2397\u2398"
"""Between two runs of digits one of these makes them one number."""

UNIT_FLAG = 1 << 30
WHOLE_FLAG = 1 << 29
WHOLE_WORD = "‘s"
"""The only word that stays whole though it begins with a symbol."""


@cache
def cut_words() -> dict[str, int]:
    """Return the words in normal form that are more than one token, the units, and how they are cut.

    The value holds the lengths of a word's first tokens in bytes, four bits each from the lowest; a unit has
    ``UNIT_FLAG``, a word that stays whole though it begins with a symbol ``WHOLE_FLAG``.
    """
    fold, _ = folding()
    words = {unit: UNIT_FLAG for unit in UNITS if _is_normal(unit, fold)}
    for word, tokens in special_cases().items():
        if _is_normal(word, fold):
            if len(tokens) > 1:
                words[word] = sum(len(token.encode()) << 4 * i for i, token in enumerate(tokens[:-1]))
            elif word == WHOLE_WORD:
                words[word] = WHOLE_FLAG
    return words


def _is_normal(word: str, fold: NDArray[np.int32]) -> bool:
    """Say whether a text's normal form is the text itself."""
    return all(fold[ord(c)] & ((1 << CLASS_SHIFT) - 1) == ord(c) for c in word)


@cache
def folding() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return what every code point becomes, and the sequences of those that become more than one.

    Follows the Unicode database of the Python that runs it. The context rule of lower-casing (a capital sigma at the
    end of a word) is left out.

    Returns:
        The table, shape (0x110000,): a code point with the class of a symbol above ``CLASS_SHIFT``; ``SEPARATOR``;
        ``NOTHING``; or -2 - i, where the second array holds a count at i and as many entries after it.
    """
    fold = np.arange(0x110000, dtype=np.int32)
    classes = np.zeros(0x110000, dtype=np.int32)
    for kind, characters in (
        (BEGINNING, "§"),
        (CURRENCY, CURRENCIES),
        (BOTH_ENDS, MARKS | QUOTES),
        (EVERYWHERE, ICONS),
    ):
        for character in characters:
            classes[ord(character)] = kind << CLASS_SHIFT
    pieces: list[int] = []
    for code in _changing():
        entries = _folded(chr(code), classes)
        if len(entries) == 1:
            fold[code] = entries[0]
        elif not entries:
            fold[code] = NOTHING
        else:
            fold[code] = -2 - len(pieces)
            pieces += [len(entries), *entries]
    unchanged = fold == np.arange(0x110000)
    fold[unchanged] |= classes[unchanged]
    return fold, np.array(pieces, dtype=np.int32)


def _folded(character: str, classes: NDArray[np.int32]) -> list[int]:
    entries = []
    for lower in character.lower():
        if unicodedata.category(lower) == "Nd":
            entries.append(DIGIT)
        elif lower in PUNCTUATION or lower.isspace():
            entries.append(SEPARATOR)
        else:
            for part in unicodedata.normalize("NFD", lower):
                if unicodedata.category(part) != "Mn":
                    kind = classes[ord(part)]
                    if part in PUNCTUATION:  # decomposing brings some back (= from ≠) after it was replaced
                        kind = (BEGINNING if part == "=" else BOTH_ENDS) << CLASS_SHIFT
                    entries.append(ord(part) | int(kind))
    return entries


def _changing() -> list[int]:
    """Return the code points worth asking for: all but ideographs, private use and the empty planes."""
    still = ((0x3400, 0x9FFF), (0xD800, 0xF8FF), (0x17000, 0x18CFF), (0x20000, 0x2F7FF), (0x30000, 0xDFFFF))
    limits = [0, *(limit for low, high in still for limit in (low, high + 1)), 0xE1000]
    return [code for low, high in zip(limits[::2], limits[1::2], strict=True) for code in range(low, high)]
