"""Splitting text into the tokens of the language models, and putting tokens together to readable text."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

# Scripts written without spaces between words, as code point ranges: Thai, Lao, Tibetan, Myanmar, Khmer, Hiragana and
# Katakana (with extensions and half-width forms), Han (radicals, numerals, all extensions and compatibility forms).
_UNSPACED_RANGES = (
    (0x0E01, 0x0E3A), (0x0E40, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x19E0, 0x19FF),
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B), (0x3041, 0x30FF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F),
    (0x1AFF0, 0x1B16F), (0x20000, 0x323AF),
)  # fmt: skip
# Punctuation of East Asian text, which carries its own white space.
_WIDE_PUNCTUATION_RANGES = ((0x3001, 0x3004), (0x3008, 0x3020), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40))

# What a token does to the spaces around it (flags of ``spacing``).
NO_SPACE_BEFORE = 1
NO_SPACE_AFTER = 2
UNSPACED = 4
ENDS_SENTENCE = 8
IS_WORD = 16

_CLOSING = frozenset(".,;:!?%)]}\u201d\u2019»…")
_OPENING = frozenset("([{\u201c\u2018«¿¡$£€#@")
# Apostrophes and hyphens that may stand inside a word (typewriter and typographic forms).
_INNER = "['\u2019\u2010\u2011-]"
_SENTENCE_END = frozenset(".!?…")


def _class_body(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


@cache
def _mark_ranges() -> tuple[tuple[int, int], ...]:
    """Return the ranges of combining marks and joiners, which a regular expression's word class leaves out."""
    unspaced = [code for low, high in _UNSPACED_RANGES for code in (low, high)]
    ranges: list[list[int]] = [[0x200C, 0x200D]]
    for code in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if unicodedata.category(chr(code))[0] != "M":
            continue
        if any(low <= code <= high for low, high in zip(unspaced[::2], unspaced[1::2], strict=True)):
            continue
        if ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return tuple((low, high) for low, high in ranges)


@cache
def _word_class() -> tuple[str, str]:
    """Return the bodies of two character classes: combining marks, and characters of unspaced scripts."""
    return _class_body(_mark_ranges()), _class_body(_UNSPACED_RANGES)


@cache
def _is_special(character: str) -> bool:
    """Say whether a character is a combining mark or of an unspaced script."""
    return _in_ranges(character, _mark_ranges() + _UNSPACED_RANGES)


@cache
def _pattern(special: bool, punctuation: bool) -> re.Pattern[str]:
    """Return the pattern of a token; without marks and unspaced scripts in the text a shorter one does the same."""
    if special:
        marks, unspaced = _word_class()
        letters = rf"[^\W_{unspaced}]"
        word = rf"{letters}+(?:{_INNER}{letters}+|[{marks}]+{letters}*)*|[{unspaced}]"
    else:
        word = rf"[^\W_]+(?:{_INNER}[^\W_]+)*"
    return re.compile(word + (r"|\S" if punctuation else ""))


def split_words(text: str, *, lower: bool = True, punctuation: bool = True) -> list[str]:
    """Return the tokens of a text, in order.

    A token is a word (letters, digits and combining marks, with inner apostrophes and hyphens), a single character of a
    script written without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar, Tibetan), or any other single
    character that is no space. No token contains white space.

    Args:
        text: any text.
        lower: lower-case the text first.
        punctuation: keep the tokens that are neither words nor characters of unspaced scripts.
    """
    if lower:
        text = text.lower()
    # Asked once per distinct character: to search a text with curly quotes for so many ranges costs thrice the split.
    special = not text.isascii() and any(map(_is_special, set(text)))
    return _pattern(special, punctuation).findall(text)


def _in_ranges(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    code = ord(character)
    return any(low <= code <= high for low, high in ranges)


def spacing(word: str) -> int:
    """Return what a token does to the spaces around it, as the sum of this module's flags."""
    first = word[:1]
    flags = 0
    if word in _CLOSING:
        flags |= NO_SPACE_BEFORE
    if word in _OPENING:
        flags |= NO_SPACE_AFTER
    if word in _SENTENCE_END:
        flags |= ENDS_SENTENCE
    if first and first > "\u0e00" and (_in_ranges(first, _UNSPACED_RANGES + _WIDE_PUNCTUATION_RANGES)):
        flags |= UNSPACED
    if first.isalnum():
        flags |= IS_WORD
    return flags


def capitalised(word: str) -> str:
    """Return the word with an upper-case first letter, where lower-casing gives the word back."""
    upper = word[:1].upper() + word[1:]
    return upper if upper.lower() == word else word


def join_words(words: Iterable[str]) -> str:
    """Return readable text: spaces where written text has them, sentences beginning with a capital letter.

    ``split_words(join_words(words)) == words`` for every list that ``split_words`` returned.
    """
    pieces: list[str] = []
    before = NO_SPACE_AFTER
    sentence_starts = True
    for word in words:
        flags = spacing(word)
        if not (flags & NO_SPACE_BEFORE or before & NO_SPACE_AFTER or flags & before & UNSPACED):
            pieces.append(" ")
        pieces.append(capitalised(word) if sentence_starts else word)
        sentence_starts = bool(flags & ENDS_SENTENCE) or (sentence_starts and not flags & IS_WORD)
        before = flags
    return "".join(pieces)
