"""Where sentences, lines and paragraphs of a text begin, found in its UTF-8 bytes.

A sentence ends

- at a line end, always;
- after a sentence ender and the closing quotes and brackets behind it, where white space follows or the text ends.
  The enders of East Asian text need no white space.

A full stop ends none after a single letter (``J. Smith``), after a word with a full stop inside (``e.g.``, ``U.S.``),
after a title or another abbreviation that goes on (``Dr.``; ``Fig.`` before a number), after a number that begins the
sentence (``1. Open the lid``). No ender of these ends one before a small letter of ASCII (``"Why?" he asked.``). These
are the cheap rules of English; in other languages more sentences are cut in two, in the same places of the same words.

spaCy's rule-based splitter, which datatrove uses, differs: it does not end a sentence at a line end, ends one at every
full stop that is a token of its own, and splits text by a word list first.

Pieces without a word belong to the piece before them, so that every piece has words.
"""

from functools import cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.folding import code_point
from headwater.text.punctuation import ENDERS

SENTENCES, LINES, PARAGRAPHS = range(3)
"""Kinds of pieces: paragraphs are separated by empty lines."""

# What a character means here.
_ENDER, _ENDER_ALONE, _CLOSER, _SPACE, _LINE_END = 1, 2, 3, 4, 5
_ALONE = "。！？．｡"
_CLOSERS = "\"')]}»›”’」』）］｝】〉》〕"
_SPACES = " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_LINE_ENDS = "\n\r\v\f\x85\u2028\u2029"
_ABBREVIATIONS = """
    mr mrs ms mx dr prof st ste mt ft gen col maj capt lt cmdr sgt cpl adm rev hon sen rep gov pres supt messrs mme
    mlle vs cf approx dept
"""
_BEFORE_NUMBERS = """
    no nos nr fig figs vol vols p pp ch chap sec sect art arts par eq eqs ref refs tab ed eds jan feb mar apr jun jul
    aug sep sept oct nov dec ca
"""
_LETTERS = 8  # of an abbreviation: as many as are packed into a number


@cache
def sentence_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint64]]:
    """Return what each code point means, and the abbreviations that go on: always, and before a number."""
    meanings = np.zeros(0x110000, dtype=np.uint8)
    for characters, meaning in (
        (ENDERS, _ENDER), (_ALONE, _ENDER_ALONE), (_CLOSERS, _CLOSER), (_SPACES, _SPACE), (_LINE_ENDS, _LINE_END),
    ):  # fmt: skip
        for character in characters:
            meanings[ord(character)] = meaning
    return meanings, _packed(_ABBREVIATIONS), _packed(_BEFORE_NUMBERS)


def _packed(words: str) -> NDArray[np.uint64]:
    return np.sort(np.array([int.from_bytes(word.encode(), "big") for word in words.split()], dtype=np.uint64))


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202


@nb.njit(cache=True, nogil=True)
def next_piece(data, begin, end, kind, meanings, abbreviations, before_numbers):  # type: ignore[no-untyped-def]
    """Return where the piece after the one that begins at ``begin`` begins; ``end`` where there is none.

    Args:
        data: UTF-8 bytes.
        begin: where the piece begins.
        end: where the text ends.
        kind: ``SENTENCES``, ``LINES`` or ``PARAGRAPHS``.
        meanings: from ``sentence_tables``.
        abbreviations: from ``sentence_tables``.
        before_numbers: from ``sentence_tables``.
    """
    at = begin
    while at < end:
        first = at
        meaning = meanings[data[at]] if data[at] < 0x80 else np.uint8(255)
        if meaning == 0:
            at += 1
            continue
        if meaning == 255:
            code, at = code_point(data, at, end)
            meaning = meanings[code]
        else:
            at += 1
        if meaning == _LINE_END:
            at, line_ends, line = _after_spaces(data, first, end, meanings)
            if kind != PARAGRAPHS or line_ends > 1:
                return line
        elif kind == SENTENCES and meaning in (_ENDER, _ENDER_ALONE):
            only_stop = data[first] == 46
            alone = meaning == _ENDER_ALONE
            while at < end:
                code, after = code_point(data, at, end)
                meaning = meanings[code]
                if meaning not in (_ENDER, _ENDER_ALONE, _CLOSER):
                    break
                only_stop = only_stop and meaning == _CLOSER
                alone = alone or meaning == _ENDER_ALONE
                at = after
            after, line_ends, line = _after_spaces(data, at, end, meanings)
            if line_ends or after == end:
                return line
            if after == at and not alone:
                continue
            if not alone and 97 <= data[after] <= 122:
                continue
            if only_stop and _goes_on(data, begin, first, after, end, abbreviations, before_numbers):
                continue
            return after
    return end


@nb.njit(cache=True, nogil=True)
def _after_spaces(data, at, end, meanings):  # type: ignore[no-untyped-def]
    """Return where white space ends, the number of line ends in it, and where the piece behind it begins.

    That is after the last line end, where there is one, for what indents a line belongs to it. A pair of 0x0D and 0x0A
    is one line end.
    """
    line_ends = 0
    line = at
    while at < end:
        code, after = code_point(data, at, end)
        meaning = meanings[code]
        if meaning not in (_SPACE, _LINE_END):
            break
        if meaning == _LINE_END:
            line_ends += not (code == 10 and line_ends and data[at - 1] == 13)
            line = after
        at = after
    return at, line_ends, line if line_ends and at < end else at


@nb.njit(cache=True, nogil=True)
def _goes_on(data, begin, stop, after, end, abbreviations, before_numbers):  # type: ignore[no-untyped-def]
    """Say whether a sentence goes on after a full stop, by the word before it and what follows.

    Args:
        data: UTF-8 bytes.
        begin: where the sentence begins.
        stop: where the full stop is.
        after: where the text goes on, behind white space.
        end: where the text ends.
        abbreviations: from ``sentence_tables``.
        before_numbers: from ``sentence_tables``.
    """
    letters = digits = stops = 0
    packed = np.uint64(0)
    at = stop - 1
    while at >= begin:
        byte = data[at]
        small = byte | 0x20
        if 97 <= small <= 122:
            if letters < _LETTERS:
                packed |= np.uint64(small) << np.uint64(8 * letters)
            letters += 1
        elif 48 <= byte <= 57:
            digits += 1
        elif byte == 46:
            stops += 1
        else:
            break
        at -= 1
    if at >= begin and data[at] >= 0x80:
        while at > begin and data[at] & 0xC0 == 0x80:
            at -= 1
        code, _ = code_point(data, at, stop)
        if code >= 0xC0 and not 0x2000 <= code < 0x3040:  # the word begins with a letter beyond ASCII
            return False
    while at >= begin and data[at] in (9, 10, 13, 32):
        at -= 1
    if letters == 0:
        return digits and not stops and digits <= 3 and at < begin
    if digits:
        return False
    if stops:
        return True
    if letters > _LETTERS:
        return False
    return (
        letters == 1
        or _is_in(packed, abbreviations)
        or (after < end and 48 <= data[after] <= 57 and _is_in(packed, before_numbers))
    )


@nb.njit(cache=True, nogil=True)
def _is_in(value, values):  # type: ignore[no-untyped-def]
    for one in values:
        if one >= value:
            return one == value
    return False
