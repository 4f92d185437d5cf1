"""C4's rules for lines, straight from UTF-8 (Raffel et al. 2020, JMLR 21, 20-074, section 2.2).

The rules look at one line at a time and keep, change or drop it; a text becomes what is left of its lines. Sentences
are counted from the tokens of the word rules, two bits a token, so that a line which stays as it is costs no more than
going through the numbers of its chunks.
"""

from functools import cache
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.byte_kernels import characters_in, chunk_end, find_byte, same_bytes, skip_spaces, spaces_before
from headwater.text.c4_phrases import IS_LOREM, IS_POLICY, IS_SCRIPT, find_phrases, phrases, triggers
from headwater.text.chunk_kernels import BOUNDARIES, ENDER_BEFORE_PLAIN, ENDS_OPEN, HAS_PLAIN, MARKS
from headwater.text.chunks import ChunkedTexts, ChunkTable
from headwater.text.instructions import address_of, byte_at, word_at, zeros_below
from headwater.text.lines import break_bytes


class LineRules(NamedTuple):
    """Which lines are dropped."""

    require_end_punctuation: bool
    """Drop lines that do not end in one of ``. ? ! " '``, or end in three full stops."""
    remove_citations: bool
    """Take out ``[1]``, ``[]``, ``[edit]`` and ``[citation needed]``."""
    min_words: int
    """Drop lines with fewer words, divided at white space."""
    max_word_length: int
    """Drop lines with a word of more characters."""
    remove_javascript: bool
    """Drop lines that speak of JavaScript."""
    remove_policies: bool
    """Drop lines that speak of terms of use, cookies or privacy policies."""


class LineOutcome(NamedTuple):
    """What was found in each text, int64. Lines of nothing but white space count nowhere."""

    sentences: NDArray[np.int64]
    """Sentences of the lines that are kept."""
    lorem_ipsum: NDArray[np.int64]
    """Lines with filler text that passed the rules before."""
    curly_bracket: NDArray[np.int64]
    """Lines with an opening curly bracket that passed the rules before."""
    kept: NDArray[np.int64]
    """Lines that are kept."""
    long_word: NDArray[np.int64]
    """Lines dropped for a long word; and so on, each line for the first rule it fails."""
    unended: NDArray[np.int64]
    few_words: NDArray[np.int64]
    javascript: NDArray[np.int64]
    policy: NDArray[np.int64]
    citations: NDArray[np.int64]
    """Citation marks taken out of lines that are kept."""
    third_longest_line: NDArray[np.int64]
    """Characters of the third longest line of the text as it was, divided at line feeds; 0 where there are fewer."""


def clean_lines(texts: ChunkedTexts, rules: LineRules, table: ChunkTable) -> tuple[ChunkedTexts | None, LineOutcome]:
    """Return texts with C4's rules for lines applied, and what was found.

    Args:
        texts: the texts.
        rules: which lines are dropped.
        table: what divided the texts; it divides the lines that are changed.

    Returns:
        The texts as they are now, standing one right after the other from 0 on, or None where no text has changed; and
        the counts.
    """
    outcome = np.zeros((len(texts.begins), len(LineOutcome._fields)), dtype=np.int64)
    room = int(_most_lines(texts.data, texts.begins, texts.ends))
    lines = np.empty((room, 5), dtype=np.int64)
    bounds = np.zeros(len(texts.begins) + 1, dtype=np.int64)
    kept = np.empty(int((texts.ends - texts.begins).sum()) + len(texts.begins) + 8, dtype=np.uint8)
    count, size = _clean(
        texts.data, texts.begins, texts.ends, rules, phrases(), triggers(), _digits(), kept, lines, bounds, outcome
    )
    lines, kept = lines[:count], kept[: size + 8]
    kept.flags.writeable = False  # one type for the kernels, whoever owns the memory
    changed = lines[lines[:, _WORDS] < 0]
    # Lines that have changed are divided anew; the others keep the chunks they have.
    anew = table.divide(kept, changed[:, _BEGIN].copy(), changed[:, _END].copy())
    chunks = np.empty(len(texts.chunks) + len(anew.chunks), dtype=np.int32)
    offsets = np.zeros(len(bounds), dtype=np.int64)
    places = np.zeros(len(bounds), dtype=np.int64)
    data = np.empty(size + 8, dtype=np.uint8)
    same = _finish(
        texts.data, texts.begins, texts.ends, texts.chunks, texts.offsets, texts.facts, anew.chunks, anew.offsets,
        anew.facts, kept, lines, bounds, chunks, offsets, data, places, outcome,
    )  # fmt: skip
    found = LineOutcome(*np.ascontiguousarray(outcome.T))
    if same:
        return None, found
    data.flags.writeable = False
    newer = anew if len(changed) and anew.generation == texts.generation else texts
    whole = ChunkedTexts(
        data, places[:-1].copy(), places[1:].copy(), chunks[: offsets[-1]], offsets, newer.facts, newer.slices,
        newer.token_characters, newer.token_ends, texts.generation,
    )  # fmt: skip
    if len(changed) and anew.generation != texts.generation:
        # The table began anew in between, so the chunks of old and new lines are no longer numbered alike.
        whole = table.divide(whole.data, whole.begins, whole.ends)
    return whole, found


@cache
def _digits() -> NDArray[np.bool_]:
    """Return for each code point whether it is a decimal digit, as regular expressions of Python have it."""
    points = np.arange(0x110000, dtype=np.uint32)
    return np.strings.isdecimal(points.view("U1"))


# Numba infers the types of the kernels' arguments, so they carry no annotations. Comparisons stand one by one: a set
# would be built at every call.
# ruff: noqa: ANN001, ANN202, PLR1714

# Columns of the outcome, in the order of LineOutcome.
(
    _SENTENCES, _LOREM_IPSUM, _CURLY, _KEPT, _LONG_WORD, _UNENDED, _FEW_WORDS, _SCRIPT, _POLICY, _CITATIONS, _THIRD,
) = range(len(LineOutcome._fields))  # fmt: skip
# Columns of the lines that are kept. A line that has changed has -1 for its number of words.
_ROW, _BEGIN, _END, _CHUNK, _WORDS = range(5)

_HIGH_BITS = np.uint64(0x8080808080808080)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_ABOVE_CONTROLS = np.uint64(0x6060606060606060)  # added to seven bits: the eighth is set from 0x20 on
_NONE = np.uint64(0)
_CLOSING, _OPENING, _CURLY_BRACKET = 0x5D, 0x5B, 0x7B


@nb.njit(cache=True, nogil=True)
def _most_lines(data, begins, ends):  # type: ignore[no-untyped-def]
    """Return how many lines there are at most."""
    count = len(begins)
    for row in range(len(begins)):
        for i in range(begins[row], ends[row]):
            byte = data[i]
            count += (0x0A <= byte <= 0x1E) or byte == 0xC2 or byte == 0xE2
    return count


@nb.njit(cache=True, nogil=True)
def _line_end(at, end, last):  # type: ignore[no-untyped-def]
    """Return where the line from address ``at`` on ends, as ``str.splitlines``."""
    while at < end:
        if at + 8 <= last:
            word = word_at(at)
            special = (~((word & _LOW_BITS) + _ABOVE_CONTROLS) | word) & _HIGH_BITS
            at += zeros_below(special) >> 3
            if special == _NONE:
                continue
            if at >= end:
                return end
        if break_bytes(at, end):
            return at
        at += 1
    return end


@nb.njit(cache=True, nogil=True)
def _look_at_words(at, end, last, longest):  # type: ignore[no-untyped-def]
    """Return the number of words, and whether one has more than ``longest`` characters."""
    words = 0
    is_long = False
    while True:
        at = skip_spaces(at, end)
        if at >= end:
            return words, is_long
        stop = chunk_end(at, end, last)
        if stop - at > longest and characters_in(at, stop) > longest:
            is_long = True
        words += 1
        at = stop


@nb.njit(cache=True, nogil=True)
def _is_text(at, end, text):  # type: ignore[no-untyped-def]
    """Return whether the bytes at an address are an ASCII text, which is written as a tuple of bytes."""
    if at + len(text) > end:
        return False
    for i in range(len(text)):  # noqa: SIM110
        if byte_at(at + i) != text[i]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _digit_bytes(at, end, digits):  # type: ignore[no-untyped-def]
    """Return how many bytes the decimal digit at ``at`` has; 0 if there is none."""
    byte = byte_at(at)
    if byte < 0x80:
        return 1 if 0x30 <= byte <= 0x39 else 0
    size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    if byte < 0xC2 or byte > 0xF4 or at + size > end:
        return 0
    code = byte & (0x3F >> (size - 1))
    for i in range(1, size):
        code = code << 6 | (byte_at(at + i) & 0x3F)
    return size if digits[min(code, 0x10FFFF)] else 0


@nb.njit(cache=True, nogil=True)
def _citation_bytes(at, end, digits):  # type: ignore[no-untyped-def]
    """Return how many bytes the citation mark at ``at`` has; 0 if there is none."""
    stop = at + 1
    while stop < end:
        size = _digit_bytes(stop, end, digits)
        if size == 0:
            break
        stop += size
    if stop < end and byte_at(stop) == _CLOSING:
        return stop + 1 - at
    if _is_text(at, end, _EDIT):
        return len(_EDIT)
    if _is_text(at, end, _CITATION_NEEDED):
        return len(_CITATION_NEEDED)
    return 0


_EDIT = tuple(b"[edit]")
_CITATION_NEEDED = tuple(b"[citation needed]")


@nb.njit(cache=True, nogil=True)
def _copy_without_citations(at, end, last, digits, out, size):  # type: ignore[no-untyped-def]
    """Copy a line to ``out[size:]``; return where it ends there, and how many citation marks were left out."""
    marks = 0
    while at < end:
        bracket = find_byte(_OPENING, at, end, last)
        for i in range(bracket - at):
            out[size + i] = byte_at(at + i)
        size += bracket - at
        at = bracket
        if at < end:
            mark = _citation_bytes(at, end, digits)
            if mark:
                marks += 1
                at += mark
            else:
                out[size] = _OPENING
                size += 1
                at += 1
    return size, marks


@nb.njit(cache=True, nogil=True)
def _is_ended(begin, end):  # type: ignore[no-untyped-def]
    """Return whether a line ends in terminal punctuation, but not in an ellipsis."""
    if begin >= end:
        return False
    byte = byte_at(end - 1)
    if byte == 0x2E:
        return not (end - begin >= 3 and byte_at(end - 2) == 0x2E and byte_at(end - 3) == 0x2E)
    return byte == 0x3F or byte == 0x21 or byte == 0x22 or byte == 0x27


@nb.njit(cache=True, nogil=True)
def _third_longest(begin, end, last):  # type: ignore[no-untyped-def]
    """Return the characters of the third longest line, divided at line feeds; 0 if there are fewer lines."""
    first = second = third = -1
    at = begin
    while True:
        stop = find_byte(0x0A, at, end, last)
        if stop - at > third:  # bytes are no fewer than characters
            size = characters_in(at, stop)
            if size > first:
                first, second, third = size, first, second
            elif size > second:
                second, third = size, second
            elif size > third:
                third = size
        if stop >= end:
            return max(third, 0)
        at = stop + 1


@nb.njit(cache=True, nogil=True)
def _clean(  # type: ignore[no-untyped-def]
    data, begins, ends, rules, words_of_phrases, looked_for, digits, kept, lines, bounds, outcome
):
    """Write the lines that are kept, each followed by a line feed, and where they are; return their number and size."""
    base, out = address_of(data), address_of(kept)
    last = base + len(data)
    count = size = 0
    for row in range(len(begins)):
        end = base + ends[row]
        start = base + begins[row]
        mine = outcome[row]
        mine[_THIRD] = _third_longest(start, end, last)
        chunk = 0
        while start < end:
            stop = _line_end(start, end, last)
            begin = skip_spaces(start, stop)
            after = spaces_before(begin, stop)
            start = stop + (break_bytes(stop, end) if stop < end else 0)
            if begin >= after:
                continue
            words, is_long = _look_at_words(begin, after, last, rules.max_word_length)
            first = chunk
            chunk += words
            if is_long:
                mine[_LONG_WORD] += 1
                continue
            marks = 0
            line_end = size + after - begin
            if rules.remove_citations:
                line_end, marks = _copy_without_citations(begin, after, last, digits, kept, size)
            else:
                for i in range(after - begin):
                    kept[size + i] = byte_at(begin + i)
            if rules.require_end_punctuation and not _is_ended(out + size, out + line_end):
                mine[_UNENDED] += 1
                continue
            if words < rules.min_words:
                mine[_FEW_WORDS] += 1
                continue
            phrase = find_phrases(out + size, out + line_end, words_of_phrases, looked_for)
            mine[_LOREM_IPSUM] += phrase & IS_LOREM > 0
            if rules.remove_javascript and phrase & IS_SCRIPT:
                mine[_SCRIPT] += 1
                continue
            written = out + len(kept)
            mine[_CURLY] += find_byte(_CURLY_BRACKET, out + size, out + line_end, written) < out + line_end
            if rules.remove_policies and phrase & IS_POLICY:
                mine[_POLICY] += 1
                continue
            mine[_KEPT] += 1
            mine[_CITATIONS] += marks
            lines[count, _ROW], lines[count, _BEGIN], lines[count, _END] = row, size, line_end
            lines[count, _CHUNK], lines[count, _WORDS] = first, -1 if marks else words
            count += 1
            kept[line_end] = 0x0A
            size = line_end + 1
        bounds[row + 1] = count
    return count, size


@nb.njit(cache=True, nogil=True)
def _sentences(at, end, last, chunks, facts):  # type: ignore[no-untyped-def]
    """Return the sentences of a line: as spaCy's rule-based splitter finds them, token by token.

    A sentence begins at the first token that is no punctuation after one that ends a sentence. A run of white space
    other than a single space between two words is a token, too, and no punctuation.
    """
    if at >= end:
        return 1  # an empty line counts as the reference counts it
    total = 1
    is_open = False
    at = skip_spaces(at, end)
    for chunk in chunks:
        marks = facts[chunk, MARKS]
        total += facts[chunk, BOUNDARIES]
        if marks & HAS_PLAIN:
            total += is_open and not marks & ENDER_BEFORE_PLAIN
            is_open = marks & ENDS_OPEN > 0
        else:
            is_open |= marks & ENDS_OPEN > 0
        at = chunk_end(at, end, last)
        after = skip_spaces(at, end)
        if is_open and after > at and not (after - at == 1 and byte_at(at) == 0x20):
            total += 1
            is_open = False
        at = after
    return total


@nb.njit(cache=True, nogil=True)
def _finish(  # type: ignore[no-untyped-def]
    data, begins, ends, chunks, offsets, facts, new_chunks, new_offsets, new_facts, kept, lines, bounds, out_chunks,
    out_offsets, out, places, outcome,
):  # fmt: skip
    """Count the sentences and put the texts together; return whether all are as they were."""
    base, from_kept = address_of(data), address_of(kept)
    last = from_kept + len(kept)
    changed = found = size = 0
    same = True
    for row in range(len(begins)):
        total = 0
        for line in range(bounds[row], bounds[row + 1]):
            begin, end, words = from_kept + lines[line, _BEGIN], from_kept + lines[line, _END], lines[line, _WORDS]
            if words < 0:
                mine = new_chunks[new_offsets[changed] : new_offsets[changed + 1]]
                total += _sentences(begin, end, last, mine, new_facts)
                changed += 1
            else:
                first = offsets[row] + lines[line, _CHUNK]
                mine = chunks[first : first + words]
                total += _sentences(begin, end, last, mine, facts)
            out_chunks[found : found + len(mine)] = mine
            found += len(mine)
        outcome[row, _SENTENCES] = total
        out_offsets[row + 1] = found
        begin = end = from_kept
        if bounds[row] < bounds[row + 1]:
            end = from_kept + lines[bounds[row + 1] - 1, _END]
            begin = skip_spaces(from_kept + lines[bounds[row], _BEGIN], end)
            end = spaces_before(begin, end)
        length = end - begin
        for i in range(length):
            out[size + i] = kept[begin - from_kept + i]
        if same:
            same = length == ends[row] - begins[row]
            if same and length >= 8:
                same = same_bytes(begin, base + begins[row], length)
            elif same:
                for i in range(length):
                    same &= byte_at(begin + i) == byte_at(base + begins[row] + i)
        size += length
        places[row + 1] = size
    return same
