"""English words: text divided into tokens as spaCy's English tokenizer divides it.

The published quality rules count tokens, so a rule that counts otherwise decides otherwise. These are the rules of
spaCy 3.8 (``spacy.blank("en")``; Honnibal, Montani, Van Landeghem and Boyd, MIT licence) written anew, to be equal in
every token; spaCy itself is only the oracle of the tests. A chunk, a run of characters without white space, becomes
tokens in four steps:

1. A special case (a contraction, an abbreviation, an emoticon: ``english_cases``) has its tokens listed.
2. Otherwise marks are taken off both ends, one from each side in turn, until nothing more comes off or a special case
   is left over. What may come off depends on what stands beside it: a full stop ends a sentence after lower case but
   belongs to an initial, a unit comes off a number.
3. What is left is kept whole when it is an address of the web or a mail address, and is divided at inner marks
   (hyphens between letters, ellipses, symbols) when it is not.
4. Neighbouring tokens that now spell a special case are joined to its tokens again: the last two of ``foo-a.`` are
   ``a.``, an initial. The longest run wins, then the first. A run that loses still bars the runs that overlap it, and
   one with white space inside it bars them without being joined: only here does a chunk depend on its neighbours.

Languages written without spaces have chunks that are whole sentences: their tokens say nothing.
"""

import re
from collections.abc import Set as AbstractSet
from functools import cache
from string import ascii_lowercase
from typing import Final
from unicodedata import category

from headwater.text.english_cases import Tokens, special_cases
from headwater.text.english_characters import (
    CURRENCIES,
    DIGITS,
    ICON,
    ICONS,
    LETTER,
    LOWER,
    MARKS,
    QUOTE,
    QUOTES,
    UNITS,
    UPPER,
)
from headwater.text.punctuation import ENDERS, SYMBOLS

RULES_OF: Final = "spaCy 3.8"
"""Whose rules these are; belongs into every file that keeps tokens made by them."""

SYMBOL: Final = 1
"""Flag of a token that is nothing but punctuation (:data:`headwater.text.punctuation.SYMBOLS`)."""
ALPHABETIC: Final = 2
"""Flag of a token with at least one letter (``str.isalpha``)."""
IS_PUNCT: Final = 4
"""Flag of a token of nothing but characters of the Unicode categories P: spaCy's ``is_punct``."""
ENDER: Final = 8
"""Flag of a token that is one character which ends a sentence (:data:`headwater.text.punctuation.ENDERS`)."""
STOP_WORD_SHIFT: Final = 8
"""From this bit on every stop word has a flag of its own: the bits of a document's tokens together count the distinct
ones."""
STOP_WORDS: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
"""The stop words of Gopher's quality rule (Rae et al. 2021, arXiv 2112.11446, appendix A1), in the order of their
flags."""

# What comes off an end whatever stands beside it.
_FRONT = frozenset("§%=—–") | MARKS | QUOTES | CURRENCIES | ICONS
_BACK = frozenset("—–") | MARKS | QUOTES | ICONS
_ABROAD = ("US$", "C$", "A$")  # currencies of more than one character

# What comes off a number.
_AFTER_NUMBER = UNITS | CURRENCIES | frozenset(_ABROAD)
_AFTER_NUMBER_ENDS = frozenset(entry[-1] for entry in _AFTER_NUMBER)
_LONGEST_AFTER_NUMBER = max(map(len, _AFTER_NUMBER))

# Where the inside of a chunk may be divided.
_MAYBE_INNER = re.compile(rf"[.…{ICON}+*^,~–—:<>=/-]").search


# Patterns of large classes take milliseconds to compile; it is done when they are first needed.
@cache
def _ended() -> re.Pattern[str]:
    """Return what a full stop at the end comes off, to be looked for in the two characters before it."""
    marks = re.escape("".join(sorted(MARKS)))
    return re.compile(rf"(?:[0-9{LOWER}{QUOTE}{marks}|%²+-]|[{UPPER}]{{2}}|°[FCK])\Z")


@cache
def _inner() -> re.Pattern[str]:
    """Return what divides the inside of a chunk."""
    return re.compile(
        rf"\.{{2,}}|…|[{ICON}]"
        r"|(?<=[0-9])[+*^-](?=[0-9-])"
        rf"|(?<=[{LOWER}{QUOTE}])\.(?=[{UPPER}{QUOTE}])"
        rf"|(?<=[{LETTER}]),(?=[{LETTER}])"
        rf"|(?<=[{LETTER}0-9])(?:-{{1,3}}|—{{1,2}}|[–~])(?=[{LETTER}])"
        rf"|(?<=[{LETTER}0-9])[:<>=/](?=[{LETTER}])"
    )


@cache
def _domain() -> re.Pattern[str]:
    """Return what a host's name looks like."""
    inside = r"A-Za-z0-9\u00a1-\uffff"
    return re.compile(rf"(?:[{inside}](?:[{inside}_-]{{0,62}}[{inside}])?\.)+[{LOWER}]{{2,63}}")


# Addresses. The pattern behind them (Diego Perini, MIT licence, as changed by spaCy) takes apart into: a scheme or a
# user or neither, a host, a port, and anything after a slash, question mark or hash.
_SCHEME = re.compile(r"[\w+.-]{2,}://").match
_AFTER_HOST = re.compile(r"(?::\d{2,5})?(?:[/?#].*)?", re.DOTALL).fullmatch
_HOST = re.compile(r"[^:/?#@]+").match
_PUBLIC_ADDRESS = re.compile(
    r"(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4])"
).fullmatch
_PRIVATE_ADDRESS = re.compile(r"(?:10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.").match

# White space is what `str.isspace` says; `re`'s \s is the same.
_RUNS_OF_EITHER = re.compile(r"\s+|\S+").findall

_SMALL_LETTERS = frozenset(ascii_lowercase)

_CASES: Final = special_cases()
_LONGEST_CASE = max(map(len, _CASES))


def _front(chunk: str, start: int, end: int) -> int:
    """Return how many characters come off the front of ``chunk[start:end]``, which is not empty."""
    first = chunk[start]
    if first in _FRONT:
        return 1
    if first == ".":
        after = start + 1
        while after < end and chunk[after] == ".":
            after += 1
        return after - start if after - start > 1 else 0
    if first == "+":
        return 0 if start + 1 < end and chunk[start + 1] in DIGITS else 1
    if first in "UCA":
        return next((len(sign) for sign in _ABROAD if chunk.startswith(sign, start, end)), 0)
    return 0


def _back(chunk: str, start: int, end: int) -> int:
    """Return how many characters come off the back of ``chunk[start:end]``: the most that any rule takes."""
    if start == end:
        return 0
    last = chunk[end - 1]
    if last == ".":
        before = end - 1
        while before > start and chunk[before - 1] == ".":
            before -= 1
        if end - before > 1:
            return end - before
        return 1 if _ended().search(chunk[max(start, before - 2) : before]) else 0
    if last in _AFTER_NUMBER_ENDS:
        for before in range(end - 2, max(start, end - 1 - _LONGEST_AFTER_NUMBER) - 1, -1):
            if chunk[before] in DIGITS:
                if chunk[before + 1 : end] in _AFTER_NUMBER:
                    return end - before - 1
                break
    if last in _BACK:
        return 2 if last == "…" and chunk.startswith("……", max(start, end - 2), end) else 1
    if last in "sS":
        return 2 if end - start > 1 and chunk[end - 2] in "'’" else 0
    return 1 if last == "+" and end - start > 1 and chunk[end - 2] in DIGITS else 0


def _is_address(chunk: str) -> bool:
    """Return whether ``chunk`` is an address of the web or of mail."""
    starts = [0]
    scheme = _SCHEME(chunk)
    if scheme:
        starts.append(scheme.end())
    user = chunk.find("@", 1)
    while user > 0:
        starts.append(user + 1)
        user = chunk.find("@", user + 1)
    return any(_is_host_and_rest(chunk, start) for start in starts)


def _is_host_and_rest(chunk: str, start: int) -> bool:
    host = _HOST(chunk, start)
    if host is None or not _AFTER_HOST(chunk, host.end()):
        return False
    name = host.group()
    if _PUBLIC_ADDRESS(name) and not _PRIVATE_ADDRESS(name):
        return True
    return _domain().fullmatch(name) is not None


def _inner_marks(chunk: str) -> list[tuple[int, int]]:
    """Return where the inside of a chunk is divided, unless it is an address."""
    marks = []
    # Nothing matches at the very beginning: what could has come off the front.
    maybe = _MAYBE_INNER(chunk, 1)
    match = _inner().match
    while maybe:
        mark = match(chunk, maybe.start())
        if mark:
            marks.append(mark.span())
        maybe = _MAYBE_INNER(chunk, (mark or maybe).end())
    return marks


def _inside(chunk: str) -> list[str]:
    """Return the tokens of a chunk that has nothing to take off its ends and is no special case."""
    marks = _inner_marks(chunk)
    if not marks or ("." in chunk and _is_address(chunk)):
        return [chunk]
    tokens = []
    done = 0
    for start, end in marks:
        if start > done:
            tokens.append(chunk[done:start])
        tokens.append(chunk[start:end])
        done = end
    if done < len(chunk):
        tokens.append(chunk[done:])
    return tokens


def _divide(chunk: str, cases: dict[str, Tokens]) -> list[str]:
    """Return the tokens of a chunk after steps 1 to 3, with ``cases`` as the special cases."""
    start, end = 0, len(chunk)
    fronts: list[str] = []
    backs: list[str] = []
    while start < end:
        small = end - start <= _LONGEST_CASE + 2  # nothing is cut out of a long chunk just to look it up
        if small and chunk[start:end] in cases:
            break
        front = _front(chunk, start, end)
        if front and small and chunk[start + front : end] in cases:
            fronts.append(chunk[start : start + front])
            start += front
            break
        back = _back(chunk, start + front, end)
        if back:
            backs.append(chunk[end - back : end])
            if small and chunk[start : end - back] in cases:
                end -= back
                break
        if front:
            fronts.append(chunk[start : start + front])
        if not front and not back:
            break
        start += front
        end -= back
    if start < end:
        rest = chunk[start:end]
        case = cases.get(rest)
        fronts.extend(case or _inside(rest))
    fronts.extend(reversed(backs))
    return fronts


@cache
def _runs() -> dict[str, dict[str, list[Tokens]]]:
    """Return the runs of two and more tokens that spell a special case, by their first and second token.

    Only cases that the other rules would divide are looked for again (spaCy's ``faster_heuristics``). A case that the
    rules leave in one piece needs no joining.
    """
    runs: dict[str, dict[str, list[Tokens]]] = {}
    for case in _CASES:
        tokens = tuple(_divide(case, {}))
        if len(tokens) > 1:
            runs.setdefault(tokens[0], {}).setdefault(tokens[1], []).append(tokens)
    return runs


def _matches(tokens: list[str]) -> list[tuple[int, int]]:
    """Return the runs of tokens that spell a special case and win over those they overlap, in order."""
    found = []
    by_first = _runs()
    for start in range(len(tokens) - 1):
        seconds = by_first.get(tokens[start])
        if seconds:
            for run in seconds.get(tokens[start + 1], ()):
                end = start + len(run)
                if len(run) == 2 or tuple(tokens[start:end]) == run:
                    found.append((start, end))
    if len(found) < 2:
        return found
    found.sort(key=lambda run: (run[0] - run[1], run[0]))
    taken: set[int] = set()
    winners = []
    for start, end in found:
        if start not in taken and end - 1 not in taken:
            winners.append((start, end))
        taken.update(range(start, end))
    return sorted(winners)


def _joined(tokens: list[str], spaced: AbstractSet[int]) -> list[str]:
    """Return the tokens after step 4; before those in ``spaced`` stands a space that is no token."""
    joined: list[str] = []
    done = 0
    for start, end in _matches(tokens):
        if spaced.isdisjoint(range(start + 1, end)):
            joined += tokens[done:start]
            joined += _CASES["".join(tokens[start:end])]
            done = end
    return joined + tokens[done:] if done else tokens


def _apart_from_neighbours(chunk: str) -> list[str]:
    """Return the tokens of a chunk after steps 1 to 3; most chunks are a word, or a word and a mark."""
    if chunk.isalpha():  # no rule looks into a word of letters
        case = _CASES.get(chunk)
        return list(case) if case else [chunk]
    word, last = chunk[:-1], chunk[-1:]
    if (
        (last in _BACK or (last == "." and word[-1:] in _SMALL_LETTERS))
        and word.isalpha()
        and chunk not in _CASES
        and word not in _CASES
    ):
        return [word, last]
    return _divide(chunk, _CASES)


def english_tokens(chunk: str) -> list[str]:
    """Return the tokens of one chunk, a run of characters without white space, as if it were the whole text.

    The tokens put together are the chunk. Linear in its length.
    """
    tokens = _apart_from_neighbours(chunk)
    # Two tokens that spell a case would be the chunk, and have been known in step 1.
    return _joined(tokens, frozenset()) if len(tokens) > 2 else tokens


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text, those of white space included.

    A run of white space is a token, less the space it begins with; so between two words a single space is none. At the
    beginning of a text nothing is left off.
    """
    tokens: list[str] = []
    spaced: set[int] = set()  # tokens before which a space was left off
    known: dict[str, list[str]] = {}
    for chunk in _RUNS_OF_EITHER(text):
        found = known.get(chunk)
        if found is not None:
            tokens.extend(found)
        elif not chunk.isspace():
            known[chunk] = found = _apart_from_neighbours(chunk)
            tokens.extend(found)
        elif chunk[0] == " " and tokens:
            spaced.add(len(tokens))
            if len(chunk) > 1:
                tokens.append(chunk[1:])
        else:
            tokens.append(chunk)
    return _joined(tokens, spaced)


def token_flags(token: str) -> int:
    """Return what the quality rules ask of a token, as bits that fit 16 unsigned.

    :data:`SYMBOL`, :data:`ALPHABETIC`, :data:`IS_PUNCT`, :data:`ENDER`, and one bit from :data:`STOP_WORD_SHIFT` on
    for each of :data:`STOP_WORDS`, matched with their case. Letters and punctuation are those of Python's Unicode
    database, as they are for the reference implementations.
    """
    if token.isalpha():
        return _STOP_FLAGS.get(token, ALPHABETIC)
    flags = ALPHABETIC if any(map(str.isalpha, token)) else 0
    if SYMBOLS.issuperset(token):
        flags |= SYMBOL
    if all(category(character)[0] == "P" for character in token):
        flags |= IS_PUNCT
    return flags | ENDER if token in ENDERS else flags


_STOP_FLAGS: Final = {word: ALPHABETIC | 1 << (STOP_WORD_SHIFT + i) for i, word in enumerate(STOP_WORDS)}
