"""Pieces of byte-pair encodings: those of the published expressions, and counts that do not depend on how they are made."""

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headwater.curate.token_files import SPLITS
from headwater.text.piece_counts import PieceCounts
from headwater.text.pieces import Cut, character_kinds, piece_ends
from headwater.text.utf8 import utf8_bytes

regex = pytest.importorskip("regex")

PATTERNS = {
    Cut.GPT2: regex.compile(SPLITS["gpt2"]),
    Cut.CL100K: regex.compile(SPLITS["cl100k"]),
    Cut.DIGITS: regex.compile(SPLITS["cl100k"].replace("{1,3}", "")),
    Cut.O200K: regex.compile(SPLITS["o200k"]),
}
known = st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0x2FFFF)
letters = st.sampled_from(" \n\r\t'sStTreRElLvVmMdDaAzZ019.,!?/-_é中ญ\u0301ǅʰ\u00a0\u2028\u017f½Ⅷ😀\u200d\x1c\x85")
texts = st.one_of(st.text(letters, max_size=16), st.text(known, max_size=10))


def pieces(text: str, cut: Cut) -> list[str]:
    raw = text.encode()
    ends = piece_ends(np.frombuffer(raw, dtype=np.uint8), 0, len(raw), character_kinds(), int(cut)).tolist()
    return [raw[begin:end].decode() for begin, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize("cut", Cut)
@given(text=texts)
@example(text="I'LL we've 'ſ a'B'SELF x's1'")
@example(text="  \n \r\n\t x  ")
@example(text="HTTPServer iPhone ǅ ǅu ʰʰ\u0301a A\u0301b 中文字abc中ABC")
@settings(max_examples=600, deadline=None)
def test_pieces_are_those_of_the_expression(cut: Cut, text: str) -> None:
    assert pieces(text, cut) == PATTERNS[cut].findall(text)


def byte_counts(parts: list[str]) -> list[int]:
    """A made-up encoding: what a piece counts depends on all of it."""
    return [1 + sum(part.encode()) % 7 for part in parts]


@given(st.lists(texts, max_size=5), st.sampled_from(Cut))
@settings(max_examples=200, deadline=None)
def test_counts_are_sums_over_pieces_however_often_they_are_asked_for(batch: list[str], cut: Cut) -> None:
    asked: list[str] = []

    def count(parts: list[str]) -> list[int]:
        asked.extend(parts)
        return byte_counts(parts)

    counts = PieceCounts(cut, count)
    data, offsets = utf8_bytes(pa.array(batch, pa.string()))
    expected = [sum(byte_counts(PATTERNS[cut].findall(text))) for text in batch]
    for _ in range(2):
        assert counts.count(data, offsets).tolist() == expected
    assert len(asked) == len(set(asked))  # each piece once


@pytest.mark.parametrize("cut", Cut)
def test_long_texts_and_long_pieces(cut: Cut) -> None:
    words = "The committee's bridge,\n\n 12345 was CLOSED — über alles 漢字 didn't \t\t re-open. "
    long = [
        words * 4000,
        "a" * 200_000 + " b",
        " " * 150_000 + "x",
        "\n" * 70_000,
        words * 900 + "é" * 90_000 + "'s",
        "x" * 65_535 + "'ll be",
    ]
    counts = PieceCounts(cut, byte_counts)
    found = counts.count(*utf8_bytes(pa.array(long, pa.large_string())))
    assert found.tolist() == [sum(byte_counts(PATTERNS[cut].findall(text))) for text in long]


def test_many_pieces_outgrow_the_table() -> None:
    counts = PieceCounts(Cut.GPT2, byte_counts)
    text = " ".join("".join("abcdefghij"[int(digit)] for digit in str(number)) for number in range(60_000))
    expected = sum(byte_counts(PATTERNS[Cut.GPT2].findall(text)))
    for _ in range(2):
        assert counts.count(*utf8_bytes(pa.array([text]))).tolist() == [expected]
    assert counts.remembered > 50_000
    assert 2 * counts.remembered <= len(counts.keys)


def test_a_text_with_a_character_nobody_knows_is_left_to_others() -> None:
    unknown = next(
        chr(code)
        for code in range(0x2FE0, 0x10000)
        if unicodedata.category(chr(code)) == "Cn" and not 0xFDD0 <= code <= 0xFDEF
    )
    counts = PieceCounts(Cut.CL100K, byte_counts)
    texts = ["new words here", f"other words {unknown} there", "new words"]
    assert (counts.count(*utf8_bytes(pa.array(texts))) < 0).tolist() == [False, True, False]
    # What was seen of it is not counted anywhere.
    assert counts.count(*utf8_bytes(pa.array(["new words"]))).tolist() == [sum(byte_counts(["new", " words"]))]


def test_kinds_are_those_of_the_unicode_database() -> None:
    kinds = character_kinds()
    assert kinds.shape == (0x110000,)
    for code in (*range(0x3000), *range(0xE0000, 0x110000, 997), 0xE0100, 0xE01EF, 0x2A6DF):
        category = unicodedata.category(chr(code))
        expected = {"L": (1, 2, 3), "N": (5,), "M": (4,)}.get(category[0], (0, 6, 7, 8, 9))
        if category != "Cn":
            assert kinds[code] in expected, hex(code)
