"""Folded words: what counts when texts are compared, and that nothing depends on how the bytes stand in memory."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text.fingerprints import NOTHING, SINGLE, WORD, character_classes
from headwater.text.folding import folded_texts, folding, folding_digest

CLASSES = character_classes()


def _folded(text: str) -> str:
    return folded_texts(pa.array([text]))[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP—now!", "dont stop now "),
        ("don\u2019t stop now", "dont stop now "),
        ("Café, cafe\u0301; CAFÉ", "cafe cafe cafe "),
        ("Straße STRASSE", "strasse strasse "),
        ("ﬁne Ｆｉｎｅ ①", "fine fine 1 "),
        ("12.5 per cent of 1,000", "12 5 per cent of 1 000 "),
        ("İstanbul ISTANBUL", "istanbul istanbul "),
        ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen "),
        ("well-known e-mail", "well known e mail "),
        ("你好 world", "你 好 world "),
        ("ｶﾞラス ガラス か\u3099", "カ ラ ス カ ラ ス か "),
        ("Ångström \u212b", "angstrom a "),
        ("… --- \n\t", ""),
        ("", ""),
    ],
)
def test_what_of_a_text_counts(text: str, words: str) -> None:
    assert _folded(text) == words


def test_a_null_is_an_empty_text_and_a_slice_keeps_its_place() -> None:
    texts = pa.array(["one", None, "Two three", "four"])
    assert folded_texts(texts) == ["one ", "", "two three ", "four "]
    assert folded_texts(texts.slice(2, 1)) == ["two three "]
    assert folded_texts(pa.chunked_array([texts[:1], texts[1:]])) == folded_texts(texts)


def test_folding_twice_changes_nothing() -> None:
    # Every character of every table: folded texts are folded again when they are listed.
    every = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000]
    once = folded_texts(pa.array(every))
    assert folded_texts(pa.array(once)) == once


def test_no_character_grows_beyond_its_room() -> None:
    _, several = folding()
    at = 0
    longest = 0
    while at < len(several):
        longest = max(longest, int(several[at]))
        at += int(several[at]) + 1
    assert 3 < longest <= 20


def test_the_digest_names_the_table() -> None:
    assert len(folding_digest()) == 16
    assert folding_digest() == folding_digest()


def _letters(character: str) -> str:
    """Fold one character with the string functions of Python."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    apart = unicodedata.normalize("NFD", folded)
    return unicodedata.normalize("NFC", "".join(one for one in apart if unicodedata.category(one) not in {"Mn", "Me"}))


def _oracle(text: str) -> str:
    words = [""]
    for character in text:
        letters = _letters(character)
        kinds = {int(CLASSES[ord(one)]) for one in letters}
        if SINGLE in kinds and len(letters) > 1:  # several words in one character: left as it is
            letters, kinds = character, {int(CLASSES[ord(character)])}
        if not letters or kinds == {NOTHING}:
            continue
        letters = "".join(one for one in letters if CLASSES[ord(one)] in {WORD, SINGLE})
        if not letters:
            words.append("")
        elif kinds & {SINGLE}:
            words += [letters, ""]
        else:
            words[-1] += letters
    return "".join(word + " " for word in words if word)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_words_are_those_of_the_string_functions(text: str) -> None:
    assert _folded(text) == _oracle(text)


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("aÄ é漢か\u0301\u3099.'12 \n\u202eﬃ가"), max_size=80))
def test_words_of_awkward_characters(text: str) -> None:
    assert _folded(text) == _oracle(text)


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    rows = [rng.integers(0, 256, size).astype(np.uint8).tobytes() for size in range(200)]
    data = b"".join(rows)
    offsets = pa.array(np.cumsum([0, *map(len, rows)]).astype(np.int32))
    texts = pa.Array.from_buffers(pa.string(), len(rows), [None, offsets.buffers()[1], pa.py_buffer(data)])
    from headwater.text.folding import fold_texts
    from headwater.text.utf8 import utf8_bytes

    words, places = fold_texts(*utf8_bytes(texts), *folding())
    assert len(places) == 201
    assert places[-1] == len(words)
