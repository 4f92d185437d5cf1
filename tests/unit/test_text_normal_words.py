"""The normal form of texts and its words, against the rules written down in plain Python."""

import re
import string
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from headwater.text.english import english_tokens
from headwater.text.normal_forms import CLASS_SHIFT, NOTHING, cut_words, folding
from headwater.text.normal_words import normal_words
from headwater.text.punctuation import PUNCTUATION

NUMBER = re.compile("\\d+([.,\u060c\u066b\u2396\u2397\u2398]\\d+)?")
SPACES = str.maketrans(dict.fromkeys(PUNCTUATION, " "))


def normal_form(text: str) -> str:
    """Return the normal form as its published description reads, one step after the other."""
    text = NUMBER.sub("0", text.lower()).translate(SPACES)
    text = unicodedata.normalize("NFD", " ".join(text.split()))
    return "".join(c for c in text if unicodedata.category(c) != "Mn").strip()


def expected(text: str) -> list[str]:
    return [token for chunk in normal_form(text).split() for token in english_tokens(chunk)]


def words(text: str) -> list[str]:
    return normal_words(pa.array([text])).words(0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \n\t ", []),
        ("?! -- ...", []),
        ("The QUICK, brown\tfox", ["the", "quick", "brown", "fox"]),
        ("well-known don't U.S.A.", ["well", "known", "don", "t", "u", "s", "a"]),
        ("1 22 3.5 4,000 1.2.3 5. 6", ["0", "0", "0", "0", "0", "0", "0", "0"]),
        ("12abc a1b2 ١٢٣ ٣٫٤ ７", ["0abc", "a0b0", "0", "0", "0"]),
        ("5\u0301" + "5", ["00"]),  # a combining mark ends a number, and goes afterwards
        ("Café Ångström İstanbul naïve", ["cafe", "angstrom", "istanbul", "naive"]),
        ("\u0301 a \u0301\u0302", ["a"]),
        ("한글", ["한글"]),
        ("cannot dont gonna", ["can", "not", "do", "nt", "gon", "na"]),
        ("10km 3.5kg 7th 100µm x12mm", ["0", "km", "0", "kg", "0th", "0", "µm", "x0", "mm"]),
        ("£5 5€ a€ €a§ §a", ["£", "0", "0", "€", "a€", "€", "a§", "§", "a"]),
        ("a™b ™a b™ ‘quoted¿ ¡x!", ["a", "™", "b", "™", "a", "b", "™", "‘", "quoted", "¿", "¡", "x"]),
        ("‘s ‘cannot °cannot°", ["‘s", "‘", "can", "not", "°", "can", "not", "°"]),
        ("a≠b ≮c d≯", ["a", "=", "b", "<", "c", "d", ">"]),
        ("x\u0000y\u0085z\u00a0w\u2028v\ufeffu", ["x", "y", "z", "w", "v\ufeffu"]),
    ],
)
def test_known_answers(text: str, found: list[str]) -> None:
    # Decomposed Hangul is compared decomposed.
    assert words(text) == [unicodedata.normalize("NFD", word) for word in found]


def test_every_character_becomes_what_the_rules_say() -> None:
    fold, pieces = folding()
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    wrong = []
    for point in points:
        entry = int(fold[point])
        if entry == point and point >= 0x3400:  # most of them: nothing to ask for
            character = chr(point)
            if character.lower() != character or not unicodedata.is_normalized("NFD", character):
                wrong.append(point)
            continue
        parts = [entry] if entry >= NOTHING else pieces[-1 - entry : -1 - entry + pieces[-2 - entry]].tolist()
        text = "".join(chr(part & ((1 << CLASS_SHIFT) - 1)) for part in parts if part > 0)
        if text != normal_form(chr(point)):
            wrong.append(point)
    assert wrong == []


def test_texts_of_random_characters_are_cut_as_the_english_rules_cut_them() -> None:
    rng = np.random.default_rng(0)
    pools = [
        string.printable,
        "0123456789.,\u066b kmgx",
        "".join(map(chr, range(0xA0, 0x250))),
        "".join(map(chr, range(0x300, 0x370))),
        "".join(map(chr, range(0x2000, 0x2070))),
        "".join(map(chr, range(0x20A0, 0x2C00))),
        "".join(map(chr, range(0xAC00, 0xAC40))),
        "".join(map(chr, range(0x1F300, 0x1F700))),
        "".join(map(chr, range(0x600, 0x700))),
        "‘£°²µ§¿™ 0ab",
    ]
    # Left out: capital sigma, whose small form depends on its place, and relations, whose cutting asks for letters.
    barred = str.maketrans("", "", "Σ≠≮≯=<>")
    texts = []
    for _ in range(3000):
        chosen = rng.choice(len(pools), 3)
        characters = [pools[pool][rng.integers(len(pools[pool]))] for pool in rng.choice(chosen, 24)]
        texts.append("".join(characters).translate(barred))
    known = list(cut_words())
    for _ in range(2000):
        parts = [
            known[rng.integers(len(known))] if rng.random() < 0.4 else rng.choice(list("£°·§¿$™0 ,.5 ab"))
            for _ in range(6)
        ]
        texts.append("".join(parts))
    found = normal_words(pa.array(texts))
    wrong = [(text, found.words(i), expected(text)) for i, text in enumerate(texts) if found.words(i) != expected(text)]
    assert wrong == []


def test_any_words_joined_are_a_slice_of_the_buffer() -> None:
    texts = ["One two three.", "", "4 five? SIX"]
    found = normal_words(pa.array(texts))
    assert found.data.tobytes() == b"one two three 0 five six "
    assert found.offsets.tolist() == [0, 3, 3, 6]
    assert found.starts.tolist() == [0, 4, 8, 14, 16, 21, 25]


def test_buffers_grow_as_texts_do() -> None:
    # Hangul grows threefold, symbols get spaces, one-letter words need many places.
    texts = ["한" * 2000, "™" * 2000, "a " * 5000, "\U0001d160" * 500, "dont " * 1000, "x" * 100_000]
    for given in (texts, *([text] for text in texts)):
        found = normal_words(pa.array(given))
        for i, text in enumerate(given):
            assert found.words(i) == expected(text)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_arrow_arrays_of_every_kind(kind: pa.DataType) -> None:
    array = pa.array(["Not this", None, "Élan vital", "last"], kind)
    found = normal_words(array.slice(1, 2))
    assert [found.words(i) for i in range(2)] == [[], ["elan", "vital"]]


def test_bytes_that_are_no_text_separate_words() -> None:
    data = b"a\xffb \xc3(c d\xe2\x82 e\xf0\x9f\x98 f\xf8\x88\x80\x80\x80 g\xf7\xbf\xbf\xbf h\xc3"
    array = pa.Array.from_buffers(
        pa.large_string(), 1, [None, pa.py_buffer(np.array([0, len(data)])), pa.py_buffer(data)]
    )
    assert normal_words(array).words(0) == list("abcdefgh")
    rng = np.random.default_rng(1)
    for _ in range(300):  # no input may be read or written beyond its ends
        data = rng.integers(0, 256, rng.integers(0, 40)).astype(np.uint8).tobytes()
        ends = pa.py_buffer(np.array([0, len(data)]))
        found = normal_words(pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(data)]))
        assert len(found.data) <= 6 * len(data) + 1
