r"""One plain form for every text before it is scored, so that only wording and style are left to tell texts apart.

Where a text was collected leaves more traces than who wrote it: curly or straight quotes, line breaks, markdown, HTML,
encoding damage, a tokeniser's blanks before commas. A detector that sees them learns the collection (Dugan et al. 2024
and many benchmarks since show scores that collapse without them). So the normalised text is one line of NFKC text with
straight quotes, plain hyphens and single blanks:

- Unicode NFKC; invisible characters (zero width, variation selectors, soft hyphens, byte order marks, direction marks,
  private use) removed; quotes, apostrophes, dashes and ellipses folded to ASCII; UTF-8 read as Windows-1252 ("â€™") and
  bare Windows-1252 characters repaired.
- The line with which an assistant hands over ("Sure! Here is the text:").
- HTML tags, comments, scripts and entities; markdown headings, quotes, bullets, numbering, rules, tables, emphasis,
  code marks and link targets removed; their words stay.
- Words hyphenated at a line end joined; sentences glued together ("end.Next", "end.nnNext", a literal ``\\n``)
  separated; blanks before punctuation, and between the parts of a tokenised contraction ("do n't"), removed.
- **All** white space is one blank: paragraph breaks are layout, too (of one public set 1% of the human texts have any
  and 86% of the machine texts).
- An unspaced em dash and ``--`` become a spaced hyphen, so that a dash can be told from a hyphen.
- The first 250 words. Length is no evidence of origin.

Case is kept. Marks of provenance live in what is removed here: read them from the text as it came. One compiled pass
does it all; only texts with character references, combining marks or encoding damage are prepared in Python before it.
Words glued without a trace of the joint ("themodel") cannot be separated without a vocabulary and are left; see
:mod:`headwater.origin.artefacts`.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

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
    BAR,
    BLANK,
    CLOSE,
    CLOSE_SQUARE,
    COLON,
    COMMA,
    EQUALS,
    HYPHEN,
    LESS,
    NEWLINE,
    OPEN,
    OPEN_SQUARE,
    QUESTION,
    QUOTE,
    RETURN,
    SEMICOLON,
    SLASH,
    STAR,
    STOP,
    TAB,
    TILDE,
    UNDERSCORE,
    decode,
    is_blank,
    is_letter,
    is_lower,
    is_upper,
)
from headwater.origin.detector.markup import (
    find,
    is_entity,
    line_mark,
    opening_end,
    opens_link,
    tag_end,
    target_end,
)
from headwater.text.utf8 import utf8_bytes

MOST_WORDS = 250
"""Words of a document that are scored."""


@dataclass(frozen=True, slots=True, eq=False)
class Normalised:
    """Normalised texts."""

    data: NDArray[np.uint8]
    """UTF-8 of all texts one after the other."""
    offsets: NDArray[np.int64]
    """Where each text begins; one entry more than there are texts."""
    words: NDArray[np.int64]
    """Words of each whole document, before the cut: pieces between blanks that hold a letter or digit. A Han or Kana
    character counts as a word, and so does every further run of 64 characters without a blank."""

    def __len__(self) -> int:
        return len(self.words)

    def text(self, row: int) -> str:
        """Return one normalised text."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes().decode("utf-8", "replace")


def normalise(texts: Sequence[str | None] | pa.Array | pa.ChunkedArray, most_words: int = MOST_WORDS) -> Normalised:
    """Return the texts in the form that is scored; a null counts as empty.

    Normalising a normalised text changes nothing, unless removing one mark uncovers another (``&amp;lt;``, ``-*-``).

    Args:
        texts: texts, or an Arrow string array, which is read in place.
        most_words: words to keep of each text, at least 1.
    """
    data, offsets = text_buffers(texts)
    tables = _tables()
    out, out_offsets, words, unready = _normalise(data, offsets, *tables, most_words, False)
    rows = np.flatnonzero(unready)
    if len(rows):
        prepared = [_prepare(data[offsets[row] : offsets[row + 1]].tobytes()) for row in rows.tolist()]
        more, more_offsets, more_words, _ = _normalise(*text_buffers(prepared), *tables, most_words, True)
        out, out_offsets = _merge(out, out_offsets, more, more_offsets, rows)
        words[rows] = more_words
    return Normalised(out, out_offsets, words)


def text_buffers(
    texts: Sequence[str | None] | pa.Array | pa.ChunkedArray,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the texts' UTF-8 and where each begins, without copying what Arrow holds."""
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        try:
            texts = pa.array(texts, pa.large_string())
        except UnicodeEncodeError:  # half of a surrogate pair
            texts = pa.array([text and text.encode("utf-8", "ignore").decode() for text in texts], pa.large_string())
    return utf8_bytes(texts)


# --- what Python prepares ---

# A character of U+0080 to U+00BF of which the second and third byte of UTF-8 is read as Windows-1252 (or Latin-1).
_WINDOWS = {
    code: bytes([code]).decode("cp1252") if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(code)
    for code in range(0x80, 0xA0)
}
_BYTE = {chr(code): code for code in range(0x80, 0x100)} | {char: code for code, char in _WINDOWS.items()}
_TRAIL = "".join(re.escape(char) for char, code in _BYTE.items() if code < 0xC0)
# Only what damage produces: Latin-1 letters and signs, general punctuation and the euro and trade mark signs, the mark
# of a replaced character and the byte order mark. So "CAFÉ»" stays.
_DAMAGE = re.compile(f"[ÂÃ][{_TRAIL}]|â[€\x80‚\x82„\x84][{_TRAIL}]|ï[»¿][{_TRAIL}]")


def _repair(match: re.Match[str]) -> str:
    return bytes(_BYTE[char] for char in match[0]).decode("utf-8", "replace")


def _prepare(text: bytes) -> str:
    """Decode character references, repair encoding damage, compose characters."""
    plain = html.unescape(text.decode("utf-8", "replace"))
    # Twice, for text that was damaged twice. An acute accent alone would decompose into a blank and a mark.
    plain = _DAMAGE.sub(_repair, _DAMAGE.sub(_repair, plain)).replace("´", "'")
    return unicodedata.normalize("NFKC", plain)


# --- what becomes of each character ---

_COPY, _DROP, _UNREADY, _BLANK, _LINE, _FOLD, _REPLACE, _DASH, _SPECIAL = range(9)
_WORD, _ALONE = 16, 32  # flags: part of a word; a word by itself
_CODES = 0x20000

_QUOTES = {"'": "‘’‚‛′‵´ʹʻʼʽ‹›＇", '"': "“”„‟″‶«»〝〞＂", "-": "‐‑‒–−﹣－⁃", "/": "⁄∕"}
_DASHES = "—―⸺⸻﹘"
_BULLETS = "•‣◦▪▫●○■□►▸➢➤\u00b6\u2800"
_INVISIBLE = "\u034f\u115f\u1160\u3164\uffa0\ufffc\ufffd"
_INLINE = tuple("a abbr b cite code em font i mark q s small span strong sub sup tt u".split())  # noqa: SIM905


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint64]]:
    """Return, by code point: action and flags, ASCII it folds to, where its replacement begins; replacements; tags."""
    seconds = {0x1100 + code for code in range(0x100)}  # Hangul parts compose by rule
    for code in range(_CODES):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(int(parts[1], 16))  # composes with a character before it
    fold_to = {ord(char): ascii_char for ascii_char, chars in _QUOTES.items() for char in chars}
    action = np.zeros(_CODES, dtype=np.uint8)
    fold = np.zeros(_CODES, dtype=np.uint8)
    starts = np.zeros(_CODES + 1, dtype=np.int64)
    replacements = bytearray()
    for code in range(_CODES):
        char = _WINDOWS.get(code, chr(code))
        wanted = "".join(fold_to.get(ord(one), one) for one in unicodedata.normalize("NFKC", char))
        wanted = fold_to.get(ord(char), wanted)
        action[code] = _action(code, char, wanted, seconds)
        if action[code] == _FOLD:
            fold[code] = ord(wanted)
        elif action[code] == _REPLACE:
            replacements += wanted.encode()
        starts[code + 1] = len(replacements)
        if _alone(code):
            action[code] |= _WORD | _ALONE
        elif wanted[:1].isalnum():
            action[code] |= _WORD
    for char in "-*_`~[]|<&\\'!=":
        action[ord(char)] = _SPECIAL
    return action, fold, starts, np.frombuffer(bytes(replacements), dtype=np.uint8), _names_hashed(_INLINE)


def _action(code: int, char: str, wanted: str, seconds: set[int]) -> int:
    category = unicodedata.category(char)
    if char in "\n\r\v\f\u2028\u2029":
        return _LINE
    if char == "\t" or category == "Zs" or char in _BULLETS:
        return _BLANK
    if category in {"Cf", "Cc", "Co", "Cs"} or char in _INVISIBLE:
        return _DROP
    if 0xFE00 <= code <= 0xFE0F or 0x180B <= code <= 0x180F:  # variation selectors
        return _DROP
    if char in _DASHES:
        return _DASH
    if code in seconds or any(unicodedata.combining(one) or ord(one) in seconds for one in wanted):
        return _UNREADY
    if wanted == char:
        return _COPY
    if len(wanted) == 1 and wanted.isascii():
        return _FOLD
    return _REPLACE if 0 < len(wanted.encode()) <= _LONGEST else _UNREADY


_LONGEST = 40  # bytes of a replacement; U+FDFA needs 33


def _alone(code: int) -> bool:
    """Whether the character is of a script written without blanks whose characters are taken as words."""
    return 0x3041 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF


def _names_hashed(names: Sequence[str]) -> NDArray[np.uint64]:
    """Return each tag name as the number of its lower-case ASCII bytes; names have at most 8 letters."""
    return np.array([int.from_bytes(name.encode(), "big") for name in names], dtype=np.uint64)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202

_D, _E, _L, _M, _N, _R, _S, _T, _V = b"delmnrstv"


@nb.njit(cache=True, nogil=True)
def _sticks(data, i, end, c, previous):  # type: ignore[no-untyped-def]
    """Return whether the blank before ``c`` at ``i`` is a tokeniser's or typist's, and goes."""
    if previous in (OPEN, OPEN_SQUARE):  # after an opening bracket
        return True
    if c in (COMMA, SEMICOLON, BANG, QUESTION, CLOSE, CLOSE_SQUARE):  # ,;!?)]
        return True
    if c == 0x2026:  # an ellipsis
        return True
    if c in (STOP, COLON):  # '.' and ':' not before a word: ".5", ":)"
        return i + 1 >= end or is_blank(data[i + 1]) or data[i + 1] == QUOTE or (c == STOP and data[i + 1] == STOP)
    if not is_letter(previous):
        return False
    j = i + 1
    if c == _N:  # n't
        return (
            i + 2 < end and data[j] == APOSTROPHE and data[j + 1] == _T and (j + 2 == end or not is_letter(data[j + 2]))
        )
    if c == APOSTROPHE and j < end:
        d = data[j]
        if d in (_S, _M, _D):  # 's 'm 'd
            j += 1
        elif j + 1 < end and ((data[j + 1] == _E and d in (_R, _V)) or (d == _L and data[j + 1] == _L)):
            j += 2  # 're 've 'll
        else:
            return False
        return j == end or not (is_letter(data[j]) or data[j] == APOSTROPHE or data[j] >= 128)
    return False


_COMMENT = np.frombuffer(b"-->", dtype=np.uint8)
_SCRIPT = np.frombuffer(b"</script", dtype=np.uint8)
_STYLE = np.frombuffer(b"</style", dtype=np.uint8)
_SCRIPT_NAME, _STYLE_NAME = _names_hashed(["script", "style"])

_EMIT, _SKIP, _GAP, _EMIT_DASH, _EMIT_QUOTE, _ASK, _SKIP_ENDLESS = range(7)


@nb.njit(cache=True, nogil=True)
def _special(data, i, end, c, width, joined, before, new_line, ready, endless, inline):  # type: ignore[no-untyped-def]
    """Return what becomes of an ASCII character that may be markup, and where the text goes on.

    ``before`` is the character written last, if it is of the same word (``joined``).
    """
    j = i + width
    after = data[j] if j < end else np.uint8(32)
    run = j
    # Only of characters whose runs are taken whole: looking along all others would be quadratic.
    if c in (HYPHEN, STAR, TILDE, BAR, EQUALS, UNDERSCORE, BACKTICK):
        while run < end and data[run] == c:
            run += 1
    size = 1 + run - j
    if c == HYPHEN:  # '-'
        if size > 1:
            return _EMIT_DASH, run
        if joined and is_letter(before):
            while j < end and data[j] in (BLANK, TAB, RETURN):
                j += 1
            if j < end and data[j] == NEWLINE:
                j += 1
                while j < end and data[j] in (BLANK, TAB, RETURN):
                    j += 1
                if j < end and is_lower(data[j]):
                    return _SKIP, j
        return _EMIT, i + width
    if c == STAR or (c == TILDE and size > 1):  # '*', '~~'
        return _SKIP, run
    if c == BAR or (c == EQUALS and size > 2) or (c == UNDERSCORE and size > 1):  # '|', '===', '__'
        return _GAP, run
    if c == UNDERSCORE:  # '_' stays inside a word
        inside = joined and (is_letter(before) or 48 <= before <= 57 or before >= 128)
        inside &= is_letter(after) or 48 <= after <= 57 or after >= 128
        return (_EMIT if inside else _SKIP), j
    if c == BACKTICK:  # '`'
        if size == 2:
            return _EMIT_QUOTE, run
        if size > 2 and new_line:  # the language named after a fence
            j = run
            while j < end and j - run < 20 and not is_blank(data[j]):
                j += 1
            if j == end or data[j] in (NEWLINE, RETURN):
                return _GAP, j
        return _SKIP, run
    if c == APOSTROPHE:  # "'"
        return (_EMIT_QUOTE, j + 1) if after == APOSTROPHE else (_EMIT, j)
    if c == BANG:  # '!'
        return (_SKIP if after == OPEN_SQUARE and opens_link(data, j, end) else _EMIT), j
    if c == OPEN_SQUARE:  # '['
        return (_SKIP if opens_link(data, i, end) else _EMIT), j
    if c == CLOSE_SQUARE:  # ']'
        j = target_end(data, i, end)
        return (_SKIP, j) if j >= 0 else (_EMIT, i + width)
    if c == AMPERSAND:  # '&'
        return (_ASK if not ready and is_entity(data, i, end) else _EMIT), j
    if c == BACKSLASH:  # a backslash
        if after in (_N, _R, _T) and (
            j + 1 == end or is_blank(data[j + 1]) or is_upper(data[j + 1]) or data[j + 1] in (BACKSLASH, QUOTE)
        ):
            return _GAP, j + 1
        marks = 33 <= after <= 47 or 58 <= after <= 64 or 91 <= after <= 96 or 123 <= after <= 126
        return (_SKIP if marks else _EMIT), j
    if c == LESS:  # '<'
        if not endless and j + 2 < end and data[j] == BANG and data[j + 1] == HYPHEN and data[j + 2] == HYPHEN:
            j = find(data, j + 3, end, _COMMENT)
            return (_GAP, j + 3) if j >= 0 else (_SKIP_ENDLESS, i + 4)
        j, name = tag_end(data, i, end)
        if j == i:
            return _EMIT, i + width
        if not endless and after != SLASH and name in (_SCRIPT_NAME, _STYLE_NAME):
            close = find(data, j, end, _SCRIPT if name == _SCRIPT_NAME else _STYLE)
            return (_GAP, close) if close >= 0 else (_SKIP_ENDLESS, j)
        for one in inline:
            if one == name:
                return _SKIP, j
        return _GAP, j
    return _EMIT, i + width


@nb.njit(cache=True, nogil=True)
def _glued(out, begin, at, data, i, end):  # type: ignore[no-untyped-def]
    """Return whether the capital at ``i`` begins a sentence that is glued to the one before: "end.Next"."""
    return (
        at - begin >= 3
        and out[at - 1] in (STOP, BANG, QUESTION)
        and is_lower(out[at - 2])
        and is_lower(out[at - 3])
        and i + 1 < end
        and (is_lower(data[i + 1]) or is_blank(data[i + 1]))
    )


@nb.njit(cache=True, nogil=True)
def _normalise(data, offsets, action, fold, starts, replacements, inline, most_words, ready):  # type: ignore[no-untyped-def]
    """Write every text in its normalised form; a text that Python must prepare first is left empty and marked."""
    count = len(offsets) - 1
    out = np.empty(min(offsets[count] - offsets[0], count * 2000) + 1024, dtype=np.uint8)
    out_offsets = np.zeros(count + 1, dtype=np.int64)
    all_words = np.zeros(count, dtype=np.int64)
    unready = np.zeros(count, dtype=np.bool_)
    at = np.int64(0)
    for row in range(count):
        i, end = offsets[row], offsets[row + 1]
        begin = at
        words = 0
        cut = np.int64(-1)  # where the kept words end; what follows is written over and over, only to be counted
        space = False  # a blank is due before the next character
        new_line = True  # only blanks so far on this line
        counted = False  # the present word is
        length = 0  # characters of it since it was last counted
        endless = False  # a comment or script without end was met: do not search again
        while i < end:
            if at + 64 > len(out):
                grown = np.empty(2 * len(out), dtype=np.uint8)
                grown[:at] = out[:at]
                out = grown
            code, width = decode(data, i, end)
            if code < _CODES:
                act = action[code]
            elif code >= 0xE0000:
                act = np.uint8(_DROP)
            elif 0x2F800 <= code <= 0x2FA1F:
                act = np.uint8(_UNREADY)
            else:
                act = np.uint8(_COPY | _WORD | _ALONE)
            if act & 15 == _FOLD:
                code = np.int64(fold[code])
                act = action[code]
            flags = act & (_WORD | _ALONE)
            act &= 15
            if act == _DROP:
                i += width
                continue
            if act in (_BLANK, _LINE):
                space = True
                new_line |= act == _LINE
                i += width
                continue
            if new_line:
                j = line_mark(data, i, end)
                if at == begin and j == i:
                    j = opening_end(data, i, end)
                if j > i:
                    i = j
                    space = True
                    continue
            goes_on = i + width
            dash = act == _DASH
            if act == _UNREADY and not ready:
                unready[row] = True
                break
            # A letter that UTF-8 read as Windows-1252 begins with, before another character beyond ASCII.
            begins_damage = act == _COPY and code in (0xC2, 0xC3, 0xE2, 0xEF)
            if begins_damage and not ready and goes_on < end and data[goes_on] >= 128:
                unready[row] = True
                break
            if act == _SPECIAL:
                joined = not space and at > begin
                before = out[at - 1] if joined else np.uint8(32)
                verdict, goes_on = _special(data, i, end, code, width, joined, before, new_line, ready, endless, inline)
                if verdict == _ASK:
                    unready[row] = True
                    break
                if verdict in (_SKIP, _GAP, _SKIP_ENDLESS):
                    endless |= verdict == _SKIP_ENDLESS
                    space |= verdict == _GAP
                    i = goes_on
                    continue
                dash = verdict == _EMIT_DASH
                if verdict == _EMIT_QUOTE:
                    code = np.int64(34)
                elif code == APOSTROPHE and joined and before == APOSTROPHE:
                    out[at - 1] = 34
                    i = goes_on
                    continue
            if dash:
                code = np.int64(45)
                space = True
                if at == begin:
                    i = goes_on
                    continue
            new_line = False
            if at > begin:
                if space:
                    space = dash or not _sticks(data, i, end, code, out[at - 1])
                elif is_upper(code):
                    space = _glued(out, begin, at, data, i, end)
                elif code == _N and i + 2 < end and data[i + 1] == _N and is_upper(data[i + 2]):
                    before = out[at - 1]
                    if before in (STOP, BANG, QUESTION, QUOTE):  # "end.nnNext"
                        space = True
                        i += 2
                        continue
                if space:
                    if cut >= 0:
                        at = cut
                    elif words >= most_words:
                        cut = at
                    out[at] = 32
                    at += 1
                    counted = False
                    length = 0
            space = dash
            if flags and (flags & _ALONE or not counted or length >= 64):
                if words >= most_words and cut < 0:
                    cut = at
                words += 1
                counted = True
                length = 0
            length += 1
            if act == _REPLACE:
                for k in range(starts[code], starts[code + 1]):
                    out[at] = replacements[k]
                    at += 1
            elif code < 128:
                out[at] = np.uint8(code)
                at += 1
            else:
                for k in range(i, goes_on):
                    out[at] = data[k]
                    at += 1
            i = goes_on
        if unready[row]:
            at = begin
        elif cut >= 0:
            at = cut
        out_offsets[row + 1] = at
        all_words[row] = words
    return out[:at].copy(), out_offsets, all_words, unready


@nb.njit(cache=True, nogil=True)
def _merge(data, offsets, more, more_offsets, rows):  # type: ignore[no-untyped-def]
    """Put the texts of ``more`` in place of the empty ``rows``."""
    out = np.empty(len(data) + len(more), dtype=np.uint8)
    out_offsets = np.zeros_like(offsets)
    at = np.int64(0)
    following = 0
    for row in range(len(offsets) - 1):
        if following < len(rows) and rows[following] == row:
            part = more[more_offsets[following] : more_offsets[following + 1]]
            following += 1
        else:
            part = data[offsets[row] : offsets[row + 1]]
        out[at : at + len(part)] = part
        at += len(part)
        out_offsets[row + 1] = at
    return out, out_offsets
