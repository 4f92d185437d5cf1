"""Damage and layout that can give a class of texts away without being anybody's style.

Where human texts come from web pages and machine texts from an interface, line breaks, markup, encoding damage or
lengths tell them apart at once, and a detector's score on them is no evidence. So every document is looked through as
it came, what was found is counted by series (corpus, human references, machine references), and the report says in
which artefacts the series differ. Counts of batches add up.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.origin.detector.characters import (
    AMPERSAND,
    APOSTROPHE,
    BACKSLASH,
    BACKTICK,
    BANG,
    BLANK,
    CLOSE_SQUARE,
    COMMA,
    HASH,
    HYPHEN,
    LESS,
    NEWLINE,
    OPEN,
    PLUS,
    QUESTION,
    QUOTE,
    RETURN,
    SEMICOLON,
    STAR,
    STOP,
    TAB,
    UNDERSCORE,
    decode,
    is_blank,
    is_letter,
    is_lower,
    is_upper,
)
from headwater.origin.detector.markup import (
    is_entity,
    opening_end,
    tag_end,
)
from headwater.origin.detector.normalise import text_buffers
from headwater.origin.result import Artefact

ARTEFACTS: tuple[str, ...] = (
    "words glued together",
    "line breaks as characters",
    "sentences glued together",
    "encoding damage",
    "HTML",
    "markdown",
    "hard line breaks",
    "hyphens at line ends",
    "blanks before punctuation",
    "prompt or answer frame",
    "invisible characters",
    "fewer than 50 words",
    "more than 250 words",
)
"""What is looked for in each document, by column. The last two show a systematic difference in length."""

REPEATED = "identical text in another series"
"""Artefact that is counted over a whole corpus, see :func:`shared_texts`."""

SIGNIFICANCE = 0.01
"""Chance that a report without any difference names one."""


def artefact_flags(texts: Sequence[str | None] | pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which artefacts each text has: shape (texts, len(ARTEFACTS)).

    Words glued together are recognised by the words of the batch: a word of small letters that is made of one of the
    most frequent function words ("the", "and", "which" ...) and another word that is at least five times as frequent
    as the two together ("themodel"), or of two function words ("ofthe"). About every fifth word is one of these
    function words, so a text with several joints is found, whatever its words, and one with a single joint often is
    not. Words in few documents, names and other languages than English are not judged.
    """
    data, offsets = text_buffers(texts)
    out = np.zeros((len(offsets) - 1, len(ARTEFACTS)), dtype=np.bool_)
    _flags(data, offsets, out)
    _glued_words(data, offsets, out)
    return out


def shared_texts(series: Mapping[str, NDArray[np.uint64]]) -> dict[str, int]:
    """Return for each series how many of its documents have a text that another series has, too.

    Args:
        series: hashes of the contents, one per document.
    """
    found = {}
    for name, hashes in series.items():
        others = [other for label, other in series.items() if label != name]
        found[name] = int(np.isin(hashes, np.concatenate(others)).sum()) if others else 0
    return found


def texts_in_several(contents: NDArray[np.uint64], labels: NDArray[np.uint64]) -> int:
    """Return how many documents have a text that a document under another label has, too.

    Args:
        contents: hash of the content of each document, shape (documents,).
        labels: hash of the label of each, shape (documents,).
    """
    texts, text_of = np.unique(contents, return_inverse=True)
    pairs = np.unique(np.stack([text_of.astype(np.uint64), labels]), axis=1)
    several = np.bincount(pairs[0].astype(np.int64), minlength=len(texts)) > 1
    return int(several[text_of].sum())


def artefact_report(
    counts: Mapping[str, tuple[int, Mapping[str, int]]], examples: Mapping[str, str] | None = None
) -> tuple[Artefact, ...]:
    """Return the artefacts that occur, in the order of ``ARTEFACTS``, and whether the series differ in them.

    Two series differ if their shares do by a two-proportion z test with continuity correction, at 1% over all pairs of
    series and all artefacts (Bonferroni). Documents are taken as independent.

    Args:
        counts: series to number of documents and documents per artefact; a series without documents is left out.
        examples: artefact to an excerpt.
    """
    series = {name: one for name, one in counts.items() if one[0] > 0}
    names = dict.fromkeys([*ARTEFACTS, *(name for _, flagged in series.values() for name in flagged)])
    pairs = list(combinations(series.values(), 2))
    level = SIGNIFICANCE / max(len(names) * len(pairs), 1)
    report = []
    for name in names:
        share = {label: flagged.get(name, 0) / documents for label, (documents, flagged) in series.items()}
        if any(share.values()):
            differs = any(two_proportions(a[1].get(name, 0), a[0], b[1].get(name, 0), b[0]) < level for a, b in pairs)
            report.append(Artefact(name, share, differs, (examples or {}).get(name, "")))
    return tuple(report)


def two_proportions(found: int, n: int, other_found: int, other_n: int) -> float:
    """Return the two-sided p-value that two proportions are equal: pooled z test, corrected for continuity.

    Newcombe (1998), Statistics in Medicine 17:873-890. Conservative where counts are small.
    """
    pooled = (found + other_found) / (n + other_n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / other_n))
    if spread == 0:
        return 1.0
    difference = abs(found / n - other_found / other_n) - (1 / n + 1 / other_n) / 2
    return math.erfc(max(difference, 0.0) / spread / math.sqrt(2))


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202, SIM110, SIM905

_N, _R = b"nr"

(
    _GLUED_WORDS, _LINE_SIGNS, _GLUED_SENTENCES, _ENCODING, _HTML, _MARKDOWN, _HARD_BREAKS, _HYPHENS, _BLANKS, _FRAME,
    _INVISIBLE, _SHORT, _LONG,
) = range(13)  # fmt: skip


def _patterns(words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.frombuffer("".join(words).encode(), dtype=np.uint8), np.concatenate(
        [[0], np.cumsum(list(map(len, words)))]
    )


_FRAMES, _FRAME_STARTS = _patterns(
    ["[INST]", "<|", "### Instruction", "### Response", "USER:", "ASSISTANT:", "Assistant:"]
)
_GLUES, _GLUE_STARTS = _patterns("the and of that was which this from are".split())
_DOUBLES, _DOUBLE_STARTS = _patterns(
    "ofthe inthe tothe onthe andthe forthe fromthe withthe bythe atthe isthe thatthe asthe ofthis inthis tothis".split()
)
# English words that are made of two such parts.
_WORDS, _WORD_STARTS = _patterns("whichever thereof whereof hereof therefrom thistle".split())


@nb.njit(cache=True, nogil=True)
def _at(data, i, end, patterns, starts, one):  # type: ignore[no-untyped-def]
    """Return whether the pattern stands at ``i``."""
    a, b = starts[one], starts[one + 1]
    if i + b - a > end:
        return False
    for k in range(b - a):
        if data[i + k] != patterns[a + k]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _known(data, i, end, patterns, starts):  # type: ignore[no-untyped-def]
    """Return whether bytes ``i`` to ``end`` are one of the patterns."""
    for one in range(len(starts) - 1):
        if starts[one + 1] - starts[one] == end - i and _at(data, i, end, patterns, starts, one):
            return True
    return False


@nb.njit(cache=True, nogil=True)
def _damaged(data, i, end):  # type: ignore[no-untyped-def]
    """Return whether UTF-8 read as Windows-1252, a bare character of it, or a replaced character stands at ``i``."""
    c = data[i]
    if c == 0xC2:
        return i + 1 < end and 0x80 <= data[i + 1] <= 0x9F and data[i + 1] != 0x85
    if c == 0xC3 and i + 2 < end:
        if data[i + 1] in (0x82, 0x83):  # A with circumflex or tilde, and a sign
            return data[i + 2] in (0xC2, 0xE2)
        if data[i + 1] == 0xA2 and i + 4 < end:  # a with circumflex, euro sign or control
            return (data[i + 2] == 0xE2 and data[i + 3] == 0x82 and data[i + 4] == 0xAC) or (
                data[i + 2] == 0xC2 and data[i + 3] == 0x80
            )
        return data[i + 1] == 0xAF and data[i + 2] == 0xC2 and i + 3 < end and data[i + 3] == 0xBB
    return c == 0xEF and i + 2 < end and data[i + 1] == 0xBF and data[i + 2] == 0xBD


@nb.njit(cache=True, nogil=True)
def _unseen(code):  # type: ignore[no-untyped-def]
    return (
        code == 0xAD or 0x200B <= code <= 0x200F or 0x2060 <= code <= 0x2064 or code == 0xFEFF
        or 0xFE00 <= code <= 0xFE0E or 0xE0000 <= code <= 0xE01EF
    )  # fmt: skip


@nb.njit(cache=True, nogil=True)
def _line_flags(data, i, end, flags):  # type: ignore[no-untyped-def]
    """Look at the beginning of a line."""
    while i < end and data[i] in (BLANK, TAB):
        i += 1
    if i + 1 >= end:
        return
    j = i
    while j < end and data[j] == HASH and j - i < 7:
        j += 1
    flags[_MARKDOWN] |= 1 <= j - i <= 6 and j < end and data[j] == BLANK
    flags[_MARKDOWN] |= data[i] in (STAR, PLUS, HYPHEN) and data[i + 1] == BLANK
    for one in range(len(_FRAME_STARTS) - 1):
        flags[_FRAME] |= _at(data, i, end, _FRAMES, _FRAME_STARTS, one)


@nb.njit(cache=True, nogil=True)
def _flags(data, offsets, out):  # type: ignore[no-untyped-def]
    """Look through every text once for all that shows in a few bytes."""
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        flags = out[row]
        words = breaks = blanks = 0
        small = 0  # letters since the word began, while all are small; -1 where one is not
        line = begin
        inside = False
        _line_flags(data, begin, end, flags)
        first = begin
        while first < end and is_blank(data[first]):
            first += 1
        flags[_FRAME] |= opening_end(data, first, end) > first
        for i in range(begin, end):
            c = data[i]
            before = data[i - 1] if i > begin else np.uint8(10)
            after = data[i + 1] if i + 1 < end else np.uint8(10)
            if is_blank(c):
                inside = False
                if c == NEWLINE:
                    _line_flags(data, i + 1, end, flags)
                    j = i - 1
                    while j > line and data[j] in (BLANK, RETURN):
                        j -= 1
                    k = i + 1
                    while k < end and data[k] in (BLANK, TAB):
                        k += 1
                    if j > line and k < end and is_lower(data[k]):
                        breaks += (is_lower(data[j]) or data[j] == COMMA) and i - line < 120
                        flags[_HYPHENS] |= data[j] == HYPHEN and is_letter(data[j - 1])
                    line = i + 1
                elif c == BLANK and (is_letter(before) or 48 <= before <= 57):
                    sign = after in (COMMA, STOP, SEMICOLON, BANG, QUESTION)
                    blanks += sign and (i + 2 >= end or is_blank(data[i + 2]))
                small = 0
                continue
            words += not inside
            inside = True
            if is_lower(c):
                small = small + 1 if small >= 0 else -1
                if c == _N and after == _N and before in (STOP, BANG, QUESTION) and i + 2 < end:
                    flags[_LINE_SIGNS] |= is_upper(data[i + 2])
                continue
            if is_letter(c):
                small = -1
                continue
            if c in (STOP, BANG, QUESTION) and small >= 3 and is_upper(after) and i + 2 < end:
                flags[_GLUED_SENTENCES] |= is_lower(data[i + 2])
            small = 0
            if c == BACKSLASH:
                sign = after in (_N, _R)
                ends = i + 2 >= end or is_blank(data[i + 2]) or is_upper(data[i + 2]) or data[i + 2] == BACKSLASH
                flags[_LINE_SIGNS] |= sign and ends
            elif c == LESS:
                flags[_HTML] |= tag_end(data, i, end)[0] > i or (
                    after == BANG and i + 2 < end and data[i + 2] == HYPHEN
                )
            elif c == AMPERSAND:
                flags[_HTML] |= is_entity(data, i, end)
            elif c == STAR:
                flags[_MARKDOWN] |= after == STAR and i + 2 < end and is_letter(data[i + 2])
            elif c == BACKTICK:
                flags[_MARKDOWN] |= before == BACKTICK and after == BACKTICK
            elif c == CLOSE_SQUARE:
                flags[_MARKDOWN] |= after == OPEN
            elif c >= 0xC2:
                flags[_ENCODING] |= _damaged(data, i, end)
                flags[_INVISIBLE] |= _unseen(decode(data, i, end)[0])
        flags[_HARD_BREAKS] = breaks >= 2
        flags[_BLANKS] = blanks >= 2
        flags[_SHORT] = words < 50
        flags[_LONG] = words > 250


@nb.njit(cache=True, nogil=True)
def _hash(data, i, end):  # type: ignore[no-untyped-def]
    value = np.uint64(0xCBF29CE484222325)
    for k in range(i, end):
        value = (value ^ np.uint64(data[k])) * np.uint64(0x100000001B3)
    return value ^ (value >> np.uint64(32))


@nb.njit(cache=True, nogil=True)
def _place(keys, tallies, value):  # type: ignore[no-untyped-def]
    """Return where the hash is, or would be, in the table."""
    mask = np.uint64(len(keys) - 1)
    place = value & mask
    while tallies[place] and keys[place] != value:
        place = (place + np.uint64(1)) & mask
    return place


@nb.njit(cache=True, nogil=True)
def _small_word_end(data, i, end):  # type: ignore[no-untyped-def]
    """Return the end of the run of letters at ``i``, and whether all are small ASCII letters with none beside them."""
    j = i
    small = True
    while j < end and (is_letter(data[j]) or data[j] >= 128 or data[j] in (APOSTROPHE, UNDERSCORE)):
        small &= is_lower(data[j])
        j += 1
    return j, small


@nb.njit(cache=True, nogil=True)
def _glued_words(data, offsets, out):  # type: ignore[no-untyped-def]
    """Count the words of the batch, then find those that are two of them."""
    words = 0
    for row in range(len(offsets) - 1):
        for i in range(offsets[row], offsets[row + 1]):
            words += is_blank(data[i])
        words += 1
    size = 1024
    while size < 2 * min(words, _MOST_WORDS):
        size *= 2
    keys = np.zeros(size, dtype=np.uint64)
    tallies = np.zeros(size, dtype=np.int64)
    used = 0
    for judge in range(2):
        for row in range(len(offsets) - 1):
            i, end = offsets[row], offsets[row + 1]
            while i < end:
                if not (is_letter(data[i]) or data[i] >= 128):
                    i += 1
                    continue
                j, small = _small_word_end(data, i, end)
                # A hyphen, slash or point beside it: part of a name, address or compound.
                small &= i == offsets[row] or is_blank(data[i - 1]) or data[i - 1] in (QUOTE, OPEN)
                if small and 2 <= j - i <= 30:
                    if judge:
                        out[row, _GLUED_WORDS] |= _is_glued(data, i, j, keys, tallies)
                    elif 2 * used < size:  # the table is full only after millions of words
                        value = _hash(data, i, j)
                        place = _place(keys, tallies, value)
                        used += tallies[place] == 0
                        keys[place] = value
                        tallies[place] += 1
                i = j


_MOST_WORDS = 1 << 21  # distinct words counted at most: a table of 64 MB


@nb.njit(cache=True, nogil=True)
def _is_glued(data, i, j, keys, tallies):  # type: ignore[no-untyped-def]
    if _known(data, i, j, _DOUBLES, _DOUBLE_STARTS):
        return True
    found = False
    for one in range(len(_GLUE_STARTS) - 1):
        size = _GLUE_STARTS[one + 1] - _GLUE_STARTS[one]
        if j - i < size + 4:  # the other word has four letters at least
            continue
        rest = np.uint64(0)
        if _at(data, i, j, _GLUES, _GLUE_STARTS, one):
            rest = _hash(data, i + size, j)
        elif _at(data, j - size, j, _GLUES, _GLUE_STARTS, one):
            rest = _hash(data, i, j - size)
        else:
            continue
        own = tallies[_place(keys, tallies, _hash(data, i, j))]
        found |= tallies[_place(keys, tallies, rest)] >= max(3, 5 * own)
    return found and not _known(data, i, j, _WORDS, _WORD_STARTS)
